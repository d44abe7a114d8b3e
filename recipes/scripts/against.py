"""Against an equilibrium run of the same force field: angles, torsions, g(r) and energies of what a finished run wrote.

Divergences and integrals of |g - g'| stand beside their floor, what both halves of the equilibrium run show against
each other: two floors are asked for. Of energies 2 %, two standard errors of the difference or 0.02 kT an atom are.
Errors of energies take frames to be independent, and to vary as those of the equilibrium run. Carbon's g(r) is measured
by default; others are named by elements.

    python against.py runs/recipe aa.gro aa.trr --rdf O O
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
from beside import steps_of

import backmap
from backmap.api import Assessment
from backmap.model.assessment import REFERENCE, Figure
from backmap.model.parameters import BOLTZMANN

FLOORS, SHARE, ERRORS, HEAT = 2.0, 0.02, 2.0, 0.02  #: that are asked for
ALIKE = ("angles", "propers", "impropers", "packing")


def interleaved(structure: Path, trajectory: Path, begin: float, to: Path) -> int:
    """The frames of an equilibrium run such that odd ones are its second half, as floors are made of; how many."""
    universe = MDAnalysis.Universe(str(structure), str(trajectory))
    times = [step.time for step in universe.trajectory]
    kept = [number for number, time in enumerate(times) if time >= begin]
    half = len(kept) // 2
    order = np.stack([kept[-2 * half:-half], kept[-half:]], axis=1).ravel()
    with MDAnalysis.Writer(str(to), universe.atoms.n_atoms) as writer:
        for place, number in enumerate(order):
            universe.trajectory[number]
            universe.trajectory.ts.time = float(place)
            writer.write(universe.atoms)
    return len(order)


def judged(run: Path, equilibrium: list[str], rdf: dict[str, list[str]]) -> backmap.Result:
    """The atoms that a run has written, judged by frames that are not those of its beads."""
    record = json.loads((run / "run.json").read_text())
    os.chdir(Path(record["recipe"]).parent)
    steps = steps_of(record, ("topology", "forcefield", "read"))
    for step in steps:
        step.get("read", {}).pop("reference", None)
    structure: dict[str, Any] = {"structure": {"rdf": rdf}} if rdf else {"structure": {}}
    steps += [{"read_atoms": {"gromacs": [str(run / "atoms.gro"), str(run / "atoms.xtc")]}},
              {"assess": {"assessors": [structure, "energy"], "reference": {"gromacs": equilibrium}, "view": False}},
              {"write": {"report": "report.json"}}]
    frames = None if record["frames"] == "all" else record["frames"]
    return backmap.run({"recipe": 1, "seed": record["seed"], "beads": record["beads"], "steps": steps},
                       frames=frames, output=run / "against" / "judged", force=True)


def figures(assessments: dict[str, Assessment]) -> dict[tuple[str, str, str], Figure]:
    """By section, name and quantity."""
    return {figure.key: figure for one in assessments.values() for figure in one.figures}


def distances(result: backmap.Result) -> list[str]:
    """A line for each distance that has a floor, the worst first."""
    found = result.judgement
    own, floor = figures(found.by_trajectory[found.label]), figures(found.floor)
    rows = [(each.value / max(floor[key].value, 1e-9), key, each.value, floor[key].value) for key, each in own.items()
            if each.distance and key[0] in ALIKE and key in floor]
    return [f"{section:10s} {name:34s} {quantity:26s} {value:9.5f} {least:9.5f} {ratio:6.2f}"
            f"{'' if ratio <= FLOORS else '  MISSED'}"
            for ratio, (section, name, quantity), value, least in sorted(rows, reverse=True)]


def energies(result: backmap.Result, temperature: float) -> list[str]:
    """A line for each term: mean, that of the equilibrium run, and the standard error of the difference."""
    found = result.judgement
    own, true = (figures({"energy": found.by_trajectory[label]["energy"]}) for label in (found.label, REFERENCE))
    numbers = np.array([found.n_frames[found.label], max(found.n_frames[REFERENCE] - 1, 1)])
    lines = []
    for key, each in own.items():
        if key[2] != "per atom":
            continue
        off = each.value - true[key].value
        error = true[key].spread * np.sqrt((1 / numbers).sum())
        limit = max(SHARE * abs(true[key].value), ERRORS * error, HEAT * BOLTZMANN * temperature)
        lines.append(f"{key[1]:20s} {each.value:9.4f} {true[key].value:9.4f} {off:9.4f} +- {error:.4f} kJ/mol an atom"
                     f"{'' if abs(off) <= limit else '  MISSED'}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the output folder of a finished run that wrote atoms.gro and atoms.xtc")
    parser.add_argument("equilibrium", type=Path, nargs=2, help="a structure and the frames of the equilibrium run")
    parser.add_argument("--begin", type=float, default=0.0, help="of the equilibrium run, ps")
    parser.add_argument("--rdf", nargs=2, action="append", default=[], metavar="ELEMENT")
    chosen = parser.parse_args()
    run, (structure, trajectory) = chosen.run.resolve(), (path.resolve() for path in chosen.equilibrium)
    (run / "against").mkdir(exist_ok=True)
    frames = run / "against" / "interleaved.trr"
    number = interleaved(structure, trajectory, chosen.begin, frames)
    rdf = {f"{one}-{other}": [f"element {one}", f"element {other}"] for one, other in chosen.rdf}
    steps = json.loads((run / "run.json").read_text())["options"]["steps"]
    temperature = next(step["hamiltonian"]["temperature"] for step in steps if "hamiltonian" in step)
    result = judged(run, [str(structure), str(frames)], rdf)
    lines = [f"{result.judgement.n_frames[result.judgement.label]} frames, beside {number} of the equilibrium run",
             "distance, floor, ratio", *distances(result), "energy: mean, equilibrium run, difference",
             *energies(result, temperature)]
    (run / "against" / "against.txt").write_text("\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
