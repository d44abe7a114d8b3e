"""Weights from the small liquids: ``python learn.py FOLDER [--boxes N] [--steps N] [--only NAME:MAPPING]``.

Transferable weights, ``FOLDER/transferable/weights.safetensors``, learn from one training set for each liquid and
mapping that is learned, and from the boxes of mixtures that are in ``FOLDER/mixtures`` (``mixtures.py``), each in
several mappings. Of every liquid that is learned one mapping is held out, another one from liquid to liquid; one box,
with molecules that no other has, is held out: the weights for which its losses are lowest are kept. ``--boxes 2``
learns from two boxes alone, and writes to ``FOLDER/transferable_2``. ``--only`` learns specific weights of one liquid
and mapping instead. Both begin anew, or ``--from`` other weights. A training that was stopped goes on where it was.
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from backmap_plugins.formats.gromacs.topology import Gromacs
from mappings import mapped
from mixtures import HELD_OUT, PERMITTIVITY, TEMPERATURES
from systems import CUTOFF, SIZES, Liquid, liquids

import backmap

NETWORK = {"channels": 32, "width": 192}
TRAINING = {"sites": 64, "frames": 1, "validate_every": 500}
VERSIONS, SEED = 5, 7  #: mappings of each box
#: Share of molecules whose rings stay whole; of bonds between beads that share an atom, in every other mapping.
WHOLE_RINGS, SHARED = 0.4, 0.35


def learned() -> list[tuple[Liquid, str]]:
    """Liquids and mappings that transferable weights learn from."""
    there = [liquid for liquid in liquids().values() if liquid.learned]
    return [(liquid, str(size)) for number, liquid in enumerate(there) for size in SIZES
            if size != SIZES[number % len(SIZES)]]


def mixture(box: int, folder: Path) -> Liquid:
    """A box of ``FOLDER/mixtures``, with mappings in which each molecule is cut by chance."""
    there, mappings = folder / "mixtures" / str(box), {}
    molecules = Gromacs(Gromacs.Options(file=there / "topol.top")).read().types
    for version in range(VERSIONS):
        output, rng = folder / "mappings" / f"{box}_{version}", np.random.default_rng([SEED, box, version])
        output.mkdir(parents=True, exist_ok=True)
        mappings[str(version)] = [output / f"{name}.xml" for name in molecules]
        for file, molecule in zip(mappings[str(version)], molecules.values(), strict=True):
            file.write_text(mapped(molecule, int(rng.choice(SIZES)), rng, bool(rng.random() < WHOLE_RINGS),
                                   SHARED if version % 2 else 0))
    return Liquid(f"mixture{box}", there / "topol.top", (there / "aa.gro", there / "aa.xtc"), mappings,
                  TEMPERATURES[box], {"cutoff": CUTOFF, "epsilon_rf": PERMITTIVITY}, True, {})


def named(name: str, folder: Path) -> Liquid:
    """A liquid, or a mixture by its name."""
    return mixture(int(name.removeprefix("mixture")), folder) if name.startswith("mixture") else liquids()[name]


def prepared(liquid: Liquid, mapping: str, folder: Path) -> Path:
    """The training set of a liquid in a mapping, made unless it is there."""
    output = folder / "sets" / f"{liquid.name}_{mapping}"
    if not (output / "training.safetensors").exists():
        backmap.run({"recipe": 1, "title": f"{liquid.name}, mapping {mapping}", "output": str(output), "steps": [
            liquid.first_step(mapping), {"prepare": {"frames": liquid.reader, "temperature": liquid.temperature}}]})
    return output / "training.safetensors"


def trained(data: list[Path], output: Path, generator: dict[str, Any], **options: Any) -> None:
    """Weights from training sets."""
    backmap.run({"recipe": 1, "title": "Small liquids", "seed": 1, "output": str(output), "steps": [{"train": {
        "generator": {"equivariant": generator}, "data": [str(path) for path in data],
        "output": "weights.safetensors", **TRAINING, **options}}]},
        resume=(output / "weights.state.safetensors").exists())


def specific(options: argparse.Namespace) -> None:
    """Weights of one liquid in one mapping."""
    name, mapping = options.only.split(":")
    data = prepared(named(name, options.folder), mapping, options.folder)
    label = f"{name}_{mapping}{'_tuned' if options.start else ''}"
    trained([data], options.folder / label, begun(NETWORK, options), steps=options.steps, **paced(options))


def begun(network: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """A new network, or the one of the weights that are named."""
    return {"checkpoint": str(options.start)} if options.start else network


def paced(options: argparse.Namespace) -> dict[str, float]:
    return {"learning_rate": options.rate} if options.rate else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=15000)
    parser.add_argument("--boxes", type=int, help="learn from so many mixtures, and from no liquids")
    parser.add_argument("--only", help="a liquid and its mapping, as heptane:3")
    parser.add_argument("--from", dest="start", type=Path, help="weights to begin with")
    parser.add_argument("--rate", type=float, help="the highest learning rate")
    options = parser.parse_args()
    if options.only:
        specific(options)
        return
    boxes = sorted({int(path.name) for path in (options.folder / "mixtures").iterdir()} - {HELD_OUT})
    sets = [] if options.boxes else learned()
    sets += [(one, mapping) for box in boxes[:options.boxes] for one in [mixture(box, options.folder)]
             for mapping in one.mappings]
    others = [prepared(other, mapping, options.folder) for other in [mixture(HELD_OUT, options.folder)]
              for mapping in other.mappings]
    output = options.folder / (f"transferable_{options.boxes}" if options.boxes else "transferable")
    trained([prepared(*one, options.folder) for one in sets], output, begun(NETWORK | {"transferable": True}, options),
            steps=options.steps, validation=[str(path) for path in others], keep="best", **paced(options))


if __name__ == "__main__":
    main()
