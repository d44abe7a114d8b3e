"""How draws of the small liquids are distributed: ``python measure.py FOLDER NAME:N ...``, FOLDER as for learn.py.

For each liquid and mapping: divergences from the simulation after a forward pass and three sweeps without moves, of
transferable weights, of specific ones if they are there, of ``force_field``, and of templates, which are not swept; and
which share of draws is accepted by Metropolis sweeps from the atoms of the simulation, one candidate each.
"""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from learn import topology
from simulate import CUTOFF, HERE, liquids

import backmap

SWEEPS, FRAMES, SEED = 3, "4,14", 1
#: Section of the figures and the beginning of their names.
SECTIONS = {"angles": ("angles", ""), "torsions": ("propers", ""),
            "contacts": ("packing", "nearest contact heavy-heavy")}


def recipe(name: str, size: int, output: Path, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Steps on the frames of a liquid, with their true atoms."""
    folder, row = HERE / name, liquids()[name]
    frames = {"gromacs": [str(folder / "aa.gro"), str(folder / "aa.xtc")]}
    forces = {"gromacs": str(folder / "topol.top"), "cutoff": CUTOFF, "coulomb": "reaction_field",
              "epsilon_rf": float(row["permittivity"])}
    return {"recipe": 1, "title": f"{name}, {size} heavy atoms a bead", "seed": SEED, "output": str(output),
            "beads": "mapped", "steps": [topology(name, size), {"forcefield": forces}, {"read": {"reference": frames}},
                                         *steps]}


def divergences(name: str, size: int, generator: Any, output: Path) -> dict[str, float]:
    """Means of the Jensen-Shannon divergences of each section."""
    kelvin = float(liquids()[name]["temperature"])
    sweeps = [] if generator == "template" else [{"gibbs": {"sweeps": SWEEPS, "temperature": kelvin}}]
    steps = [{"forward": {"generator": generator}}, *sweeps, {"assess": ["structure"]}]
    figures = backmap.run(recipe(name, size, output, steps), frames=FRAMES, force=True).figures
    return {key: float(np.mean([one.value for one in figures if one.section == section and one.quantity == "JSD"
                                and one.name.startswith(prefix)])) for key, (section, prefix) in SECTIONS.items()}


def acceptance(name: str, size: int, generator: Any, output: Path) -> dict[str, float]:
    """Share of draws accepted, by kind of block."""
    frames = {"gromacs": [str(HERE / name / "aa.gro"), str(HERE / name / "aa.xtc")]}
    kelvin = float(liquids()[name]["temperature"])
    steps = [{"read_atoms": {"atoms": frames}},
             {"metropolis": {"generator": generator, "sweeps": 2, "temperature": kelvin}},
             {"assess": ["structure"]}, {"write": {"report": ["report.json"]}}]
    backmap.run(recipe(name, size, output, steps), frames=FRAMES.split(",")[0], force=True)
    rows = [row for one in json.loads((output / "report.json").read_text())["sampling"] for row in one["acceptance"]]
    return {block: sum(row["all"] * row["tried"] for row in chosen) / sum(row["tried"] for row in chosen)
            for block in ("fragment", "hydrogens") if (chosen := [row for row in rows if row["block"] == block])}


def main(folder: Path, wanted: list[str]) -> None:
    for one in wanted:
        name, size = one.split(":")
        files = {"transferable": folder / "transferable" / "weights.safetensors",
                 "specific": folder / f"{name}_{size}" / "weights.safetensors"}
        generators = {label: {"equivariant": str(path)} for label, path in files.items() if path.exists()}
        for label, generator in (generators | {"force_field": "force_field", "template": "template"}).items():
            output = folder / "measured" / f"{name}_{size}_{label}"
            found = divergences(name, int(size), generator, output)
            if label != "template":
                found |= {f"accepted {block}": share for block, share in
                          acceptance(name, int(size), generator, output.with_name(output.name + "_accepted")).items()}
            print(f"{one} {label}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
