"""What weights make of held-out frames: ``python losses.py FOLDER NAME:MAPPING ...``, FOLDER as for learn.py.

For each liquid and mapping the loss, the mean of -ln of the density in nats an atom, by noise level, of transferable
weights and of specific ones if they are there. Only losses of the same liquid and mapping can be compared.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from backmap_plugins.generators.equivariant.generator import Equivariant, EquivariantOptions
from backmap_plugins.learning.dataset import TrainingSet
from backmap_plugins.learning.training import NOISE, Contexts, Material, Schedule
from backmap_plugins.traversals import DepthFirst
from learn import named, prepared
from measure import generators

from backmap.engine.checkpoints.library import collect
from backmap.engine.random import numpy_generator
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order

SITES, CONFORMERS, SEED = 1024, 16, 1


@torch.no_grad()
def losses(weights: str, data: TrainingSet) -> list[float]:
    """Of the held-out frames of a training set, one for each level of noise."""
    generator = Equivariant(EquivariantOptions(checkpoint=weights))
    generator.prepare(data.system, "cpu")
    tables = FragmentTable.build(data.system.types, generator.view, [resting_order(kind) for kind in data.system.types])
    frames = data.window((~data.held_out).nonzero()[0])
    library = collect(Scene.of(frames, data.system, tables, generator.view), CONFORMERS, SEED)
    rng = numpy_generator(SEED, "traversal")
    orders = [DepthFirst(DepthFirst.Options()).order(kind, rng) for kind in data.system.types]
    contexts = Contexts(Material.of(data, generator.view, orders, library, SEED, "cpu"), Schedule(), SEED)
    return [generator.watch(*contexts.validation(level, SITES))["loss"] for level in NOISE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("wanted", nargs="+", help="liquids and mappings, as phenylethanol:3")
    options = parser.parse_args()
    for one in options.wanted:
        name, mapping = one.split(":")
        liquid = named(name, options.folder)
        data = TrainingSet.load(prepared(liquid, mapping, options.folder))
        for label, generator in generators(liquid, mapping, options.folder).items():
            if isinstance(generator, dict):
                found = zip(NOISE, losses(*generator.values(), data), strict=True)
                print(f"{one} {label}: " + ", ".join(f"{level} {loss:.3f}" for level, loss in found), flush=True)


if __name__ == "__main__":
    main()
