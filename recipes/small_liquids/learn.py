"""Weights from the small liquids: ``python learn.py FOLDER [--steps N] [--only NAME:MAPPING]``.

One training set for each liquid and mapping that is learned, then transferable weights from all of them,
``FOLDER/transferable/weights.safetensors``. Of every liquid that is learned one mapping is held out, another one from
liquid to liquid. ``--only`` learns specific weights of one liquid and mapping instead, for comparison. A training that
was stopped goes on where it was.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from systems import SIZES, Liquid, liquids

import backmap

NETWORK = {"channels": 32, "width": 192}
TRAINING = {"sites": 64, "frames": 1, "validate_every": 1000}


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


def trained(data: list[Path], output: Path, steps: int, transferable: bool) -> None:
    """Weights from training sets."""
    generator = {"equivariant": NETWORK | ({"transferable": True} if transferable else {})}
    backmap.run({"recipe": 1, "title": "Small liquids", "seed": 1, "output": str(output), "steps": [{"train": {
        "generator": generator, "data": [str(path) for path in data], "steps": steps, "output": "weights.safetensors",
        **TRAINING}}]}, resume=(output / "weights.state.safetensors").exists())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=15000)
    parser.add_argument("--only", help="a liquid and its mapping, as heptane:3")
    options = parser.parse_args()
    if options.only:
        name, mapping = options.only.split(":")
        data = [prepared(liquids()[name], mapping, options.folder)]
        trained(data, options.folder / f"{name}_{mapping}", options.steps, False)
        return
    trained([prepared(*one, options.folder) for one in learned()], options.folder / "transferable", options.steps, True)


if __name__ == "__main__":
    main()
