"""Weights from the small liquids: ``python learn.py FOLDER [--boxes N] [--steps N] [--only NAME:MAPPING]``.

Transferable weights, ``FOLDER/transferable/weights.safetensors``, learn from one training set for each liquid and
mapping that is learned, and from the boxes of mixtures that are in ``FOLDER/mixtures`` (``mixtures.py``), each in
several mappings. Of every liquid that is learned one mapping is held out, another one from liquid to liquid; the last
box has other molecules, on which losses are measured: the weights for which these are lowest are kept. ``--boxes 2``
learns from two boxes alone, and writes to ``FOLDER/transferable_2``. ``--only`` learns specific weights of one liquid
and mapping instead, anew or ``--from`` others. A training that was stopped goes on where it was.
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from backmap_plugins.formats.gromacs.topology import Gromacs
from mappings import mapped
from mixtures import TEMPERATURES
from systems import SIZES, Liquid, liquids

import backmap

NETWORK = {"channels": 32, "width": 192}
TRAINING = {"sites": 64, "frames": 1, "validate_every": 500}
VERSIONS, WHOLE_RINGS, SEED = 4, 0.6, 7  #: mappings of each box, and the share of molecules whose rings stay whole


def learned() -> list[tuple[Liquid, str]]:
    """Liquids and mappings that transferable weights learn from."""
    there = [liquid for liquid in liquids().values() if liquid.learned]
    return [(liquid, str(size)) for number, liquid in enumerate(there) for size in SIZES
            if size != SIZES[number % len(SIZES)]]


def prepared(liquid: Liquid, mapping: str, folder: Path) -> Path:
    """The training set of a liquid in a mapping, made unless it is there."""
    output = folder / "sets" / f"{liquid.name}_{mapping}"
    if not (output / "training.safetensors").exists():
        backmap.run({"recipe": 1, "title": f"{liquid.name}, mapping {mapping}", "output": str(output), "steps": [
            liquid.first_step(mapping), {"prepare": {"frames": liquid.reader, "temperature": liquid.temperature}}]})
    return output / "training.safetensors"


def prepared_mixture(box: int, version: int, folder: Path) -> Path:
    """The training set of a box with a mapping of each molecule, drawn at random, made unless it is there."""
    output, topology = folder / "sets" / f"mixture{box}_{version}", folder / "mixtures" / str(box) / "topol.top"
    if not (output / "training.safetensors").exists():
        (output / "mappings").mkdir(parents=True, exist_ok=True)
        rng, files = np.random.default_rng([SEED, box, version]), []
        for name, molecule in Gromacs(Gromacs.Options(file=topology)).read().types.items():
            files.append(output / "mappings" / f"{name}.xml")
            files[-1].write_text(mapped(molecule, int(rng.choice(SIZES)), rng, bool(rng.random() < WHOLE_RINGS)))
        frames = {"gromacs": [str(topology.with_name(name)) for name in ("aa.gro", "aa.xtc")]}
        backmap.run({"recipe": 1, "title": f"Mixture {box}, mappings {version}", "output": str(output), "steps": [
            {"topology": {"atoms": {"gromacs": str(topology)}, "constraints": "all-bonds",
                          "mapping": {"votca": [str(file) for file in files]}}},
            {"prepare": {"frames": frames, "temperature": TEMPERATURES[box], "held_out": 0}}]})
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
    data, generator, label = prepared(liquids()[name], mapping, options.folder), NETWORK, f"{name}_{mapping}"
    if options.start:
        generator, label = {"checkpoint": str(options.start)}, f"{label}_tuned"
    rate = {"learning_rate": options.rate} if options.rate else {}
    trained([data], options.folder / label, generator, steps=options.steps, **rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=15000)
    parser.add_argument("--boxes", type=int, help="learn from so many mixtures, and from no liquids")
    parser.add_argument("--only", help="a liquid and its mapping, as heptane:3")
    parser.add_argument("--from", dest="start", type=Path, help="with --only: weights to begin with")
    parser.add_argument("--rate", type=float, help="with --only: the highest learning rate")
    options = parser.parse_args()
    if options.only:
        specific(options)
        return
    *boxes, last = sorted(int(path.name) for path in (options.folder / "mixtures").iterdir())
    data = [] if options.boxes else [prepared(*one, options.folder) for one in learned()]
    data += [prepared_mixture(box, version, options.folder) for box in boxes[:options.boxes]
             for version in range(VERSIONS)]
    others = [prepared_mixture(last, version, options.folder) for version in range(VERSIONS)]
    trained(data, options.folder / f"transferable{f'_{options.boxes}' if options.boxes else ''}",
            NETWORK | {"transferable": True}, steps=options.steps, validation=[str(path) for path in others],
            keep="best")


if __name__ == "__main__":
    main()
