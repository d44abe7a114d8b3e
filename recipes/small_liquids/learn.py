"""Weights from the small liquids: ``python learn.py FOLDER [--steps N] [--only NAME]``.

One training set for each liquid and mapping of ``liquids.csv`` that is learned, then transferable weights from all of
them, ``FOLDER/transferable/weights.safetensors``. Of every liquid that is learned one mapping is held out, another one
from liquid to liquid. ``--only NAME:N`` learns specific weights of one liquid and mapping instead, for comparison. A
training that was stopped goes on where it was.
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mappings import SIZES
from simulate import HERE, liquids

import backmap

NETWORK = {"channels": 16, "width": 96}


def sets() -> dict[tuple[str, int], bool]:
    """Liquids that are there with their mappings, and if each is learned from."""
    found, there = {}, [row for row in liquids().values() if (HERE / row["name"] / "aa.xtc").exists()]
    learned = [row["name"] for row in there if row["role"] == "learned"]
    for row in there:
        for size in SIZES:
            held = row["name"] not in learned or SIZES[learned.index(row["name"]) % len(SIZES)] == size
            found[row["name"], size] = not held
    return found


def topology(name: str, size: int) -> dict[str, Any]:
    """The first step of all recipes."""
    folder = HERE / name
    return {"topology": {"atoms": {"gromacs": str(folder / "topol.top")},
                         "mapping": {"votca": str(folder / f"{size}.xml")}, "constraints": "all-bonds"}}


def prepared(name: str, size: int, folder: Path) -> Path:
    """The training set of a liquid in a mapping, made unless it is there."""
    output = folder / "sets" / f"{name}_{size}"
    made = output / "training.safetensors"
    if not made.exists():
        frames = {"gromacs": [str(HERE / name / "aa.gro"), str(HERE / name / "aa.xtc")]}
        backmap.run({"recipe": 1, "title": f"{name}, {size} heavy atoms a bead", "output": str(output), "steps": [
            topology(name, size),
            {"prepare": {"frames": frames, "held_out": 0.1, "temperature": float(liquids()[name]["temperature"])}}]},
            force=True)
    return made


def trained(data: list[Path], output: Path, steps: int, transferable: bool) -> None:
    """Weights from training sets."""
    generator = {"equivariant": NETWORK | ({"transferable": True} if transferable else {})}
    backmap.run({"recipe": 1, "title": "Small liquids", "seed": 1, "output": str(output), "steps": [{"train": {
        "generator": generator, "data": [str(path) for path in data], "steps": steps, "sites": 64, "frames": 1,
        "validate_every": min(steps, 500), "output": "weights.safetensors"}}]},
        resume=(output / "weights.state.safetensors").exists())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--only", help="a liquid and its mapping, as heptane:3")
    options = parser.parse_args()
    if options.only:
        name, size = options.only.split(":")
        trained([prepared(name, int(size), options.folder)], options.folder / f"{name}_{size}", options.steps, False)
        return
    data = [prepared(*key, options.folder) for key, learned in sets().items() if learned]
    trained(data, options.folder / "transferable", options.steps, True)


if __name__ == "__main__":
    main()
