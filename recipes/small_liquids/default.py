"""Weights in the recipe of ``init``: ``python default.py FOLDER NAME:MAPPING ...``, FOLDER as for learn.py.

For each liquid and mapping: one frame by the recipe for weights and by the one without, both as ``init`` writes them
for mapped beads. Printed are CPU seconds of the whole run, what the pilot chose, the energy in kJ/mol an atom beside
that of the true atoms, the mean divergence of torsions, and the verdict. A run of one sweep before, not counted,
compiles what is compiled.
"""
from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from measure import SEED
from systems import Liquid, liquids

import backmap
from backmap.starting.plan import Plan
from backmap.starting.text import run_recipe


def written(liquid: Liquid, mapping: str, weights: Path | None, output: Path) -> dict[str, Any]:
    """The recipe that ``init`` writes, with the files of a liquid."""
    topology, = liquid.first_step(mapping).values()
    parameters = {"parameters": {"gromacs": str(liquid.topology)}, "cutoff": 1.0}
    plan = Plan("weights" if weights else "force_field", (), liquid.temperature, topology, {}, forcefield=parameters,
                weights=str(weights or ""), rigid=True, single=True, jumping=True, beads_are="mapped")
    steps = [next(iter(step.items())) for step in yaml.safe_load(run_recipe(plan, "default", ""))["steps"]]
    own = {"forcefield": {"gromacs": str(liquid.topology), **liquid.field}, "read": {"reference": liquid.reader},
           "write": {"report": ["report.json"]}}
    return {"recipe": 1, "title": f"{liquid.name}, mapping {mapping}", "seed": SEED, "output": str(output),
            "beads": "mapped", "steps": [{name: own.get(name, options)} for name, options in steps]}


def quick(content: dict[str, Any]) -> dict[str, Any]:
    """The same with next to no sweeps."""
    few = {"sweeps": 1, "timestep": 2, "steps": 5, "second_start": 0}
    return content | {"output": content["output"] + "_quick", "steps": [
        {name: options | few if name == "hamiltonian" else options} for step in content["steps"]
        for name, options in step.items()]}


def told(output: Path, seconds: float) -> str:
    """What came of a run."""
    report = json.loads((output / "report.json").read_text())
    verdict = report["verdicts"][report["label"]]
    moves = next(one["tuned"]["values"] for one in report["sampling"] if one["tuned"])
    energies, torsions = {}, []
    for one in report["figures"]:
        if (one["section"], one["name"], one["quantity"]) == ("energy", "total", "per atom"):
            energies = {name: value["value"] for name, value in one["values"].items()}
        elif (one["section"], one["quantity"]) == ("propers", "JSD"):
            torsions.append(one["values"][report["label"]]["value"])
    doubted = "; ".join(one["topic"] for one in verdict["findings"] if one["level"])
    return (f"{seconds:.0f} CPU s, {moves['sweeps']} sweeps of {moves['steps']} steps of {moves['timestep']} fs; "
            f"energy an atom {energies[report['label']]:.3f}, of true ones {energies['reference']:.3f}; torsions "
            f"{np.mean(torsions):.3f}; {verdict['words']}: {doubted or 'nothing'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frame", type=int, default=2)
    parser.add_argument("wanted", nargs="+", help="liquids and mappings, as phenylethanol:3")
    options = parser.parse_args()
    ways = {"without": None, "transferable": options.folder / "transferable" / "weights.safetensors"}
    for one in options.wanted:
        name, mapping = one.split(":")
        for label, weights in ways.items():
            output = options.folder / "default" / f"{name}_{mapping}_{label}"
            content = written(liquids()[name], mapping, weights, output)
            backmap.run(quick(content), frames=(options.frame,), force=True)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            found = backmap.run(content, frames=(options.frame,), force=True)
            seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
            print(f"{one} {label}: {told(found.output, seconds)}", flush=True)


if __name__ == "__main__":
    main()
