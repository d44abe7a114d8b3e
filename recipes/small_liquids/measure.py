"""How draws are distributed: ``python measure.py FOLDER [--only LABEL] NAME:MAPPING ...``, FOLDER as for learn.py.

For each liquid and mapping: divergences from the simulation after a forward pass and three sweeps without moves, of
transferable weights, of specific ones if they are there, of ``force_field``, and of templates, which are not swept; and
which share of draws is accepted by Metropolis sweeps from the atoms of the simulation, one candidate each.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from learn import named
from systems import Liquid

import backmap

SWEEPS, FRAMES, SEED = 3, (2,), 1
#: Section of the figures and the beginning of their names.
SECTIONS = {"angles": ("angles", ""), "torsions": ("propers", ""),
            "contacts": ("packing", "nearest contact heavy-heavy")}


def recipe(liquid: Liquid, mapping: str, output: Path, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Steps on the frames of a liquid, with their true atoms."""
    return {"recipe": 1, "title": f"{liquid.name}, mapping {mapping}", "seed": SEED, "output": str(output),
            "beads": "mapped", "steps": [liquid.first_step(mapping),
                                         {"forcefield": {"gromacs": str(liquid.topology), **liquid.field}},
                                         {"read": {"reference": liquid.reader}}, *steps]}


def divergences(liquid: Liquid, mapping: str, generator: Any, output: Path) -> dict[str, float]:
    """Means of the Jensen-Shannon divergences of each section."""
    sweeps = {"gibbs": {"sweeps": SWEEPS, "temperature": liquid.temperature}}
    steps = [{"forward": {"generator": generator}}, *([] if generator == "template" else [sweeps]),
             {"assess": ["structure"]}]
    figures = backmap.run(recipe(liquid, mapping, output, steps), frames=FRAMES, force=True).figures
    return {key: float(np.mean([one.value for one in figures if one.section == section and one.quantity == "JSD"
                                and one.name.startswith(prefix)])) for key, (section, prefix) in SECTIONS.items()}


def acceptance(liquid: Liquid, mapping: str, generator: Any, output: Path) -> dict[str, float]:
    """Share of draws accepted, by kind of block."""
    steps = [{"read_atoms": {"atoms": liquid.reader}},
             {"metropolis": {"generator": generator, "sweeps": 2, "temperature": liquid.temperature}},
             {"assess": ["structure"]}, {"write": {"report": ["report.json"]}}]
    backmap.run(recipe(liquid, mapping, output, steps), frames=FRAMES[:1], force=True)
    rows = [row for one in json.loads((output / "report.json").read_text())["sampling"] for row in one["acceptance"]]
    return {block: sum(row["all"] * row["tried"] for row in chosen) / sum(row["tried"] for row in chosen)
            for block in ("fragment", "hydrogens") if (chosen := [row for row in rows if row["block"] == block])}


def generators(liquid: Liquid, mapping: str, folder: Path) -> dict[str, Any]:
    """What is compared, by what it is called."""
    files = {path.parent.name: path for path in sorted(folder.glob("transferable*/weights.safetensors"))}
    files |= {label: folder / f"{liquid.name}_{mapping}{ending}" / "weights.safetensors"
              for label, ending in (("specific", ""), ("tuned", "_tuned"))}
    if mapping == "own" and liquid.weights is not None:
        files["shipped"] = liquid.weights
    return {label: {"equivariant": str(path)} for label, path in files.items() if path.exists()} | {
        "force_field": "force_field", "template": "template"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("wanted", nargs="+", help="liquids and mappings, as heptane:3")
    parser.add_argument("--only", action="append", help="what to measure: transferable, force_field, ...")
    options = parser.parse_args()
    for one in options.wanted:
        name, mapping = one.split(":")
        liquid = named(name, options.folder)
        for label, generator in generators(liquid, mapping, options.folder).items():
            if options.only and label not in options.only:
                continue
            output = options.folder / "measured" / f"{name}_{mapping}_{label}"
            found = divergences(liquid, mapping, generator, output)
            if label != "template":
                found |= {f"accepted {block}": share for block, share in
                          acceptance(liquid, mapping, generator, output.with_name(output.name + "_accepted")).items()}
            print(f"{one} {label}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
