"""What checks without a reference cost, of runs that make atoms.

    python -m tests.cost [RECIPE...]    # prints the table of "What it costs" in docs/judging.md

Recipes run as they are but for their assessors, which are those that `backmap init` writes but for ``released_beads``,
which takes the same for long runs and short ones; without reference, second start, and other ways to compare with.
Times are those of one processor in the program itself, compiled functions being at hand.
"""
from __future__ import annotations

import functools
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from backmap_plugins.assessors.consistency import Consistency
from backmap_plugins.assessors.equipartition.assessor import Equipartition
from backmap_plugins.assessors.equipartition.beads import AlongBeads
from backmap_plugins.assessors.ranks import Ranks
from backmap_plugins.assessors.structure import Structure
from backmap_plugins.steps.hamiltonian import Hamiltonian

from backmap import session
from backmap.engine.hamiltonian.following import Followed
from backmap.testing.runs import quiet
from tests import scenes

RECIPES = [scenes.RECIPE / "run.yaml", scenes.RECIPE.parent / "polystyrene" / "run.yaml"]
ASSESSORS = ["structure", "energy", "consistency", "equipartition", "ranks", "along_beads"]
#: Where each check does its work.
PARTS: dict[str, list[tuple[type, tuple[str, ...]]]] = {
    "shapes": [(Structure, ("begin", "measure", "conclude"))],
    "beads that fit": [(Consistency, ("begin", "measure", "conclude"))],
    "equipartition": [(Equipartition, ("begin", "measure", "conclude"))],
    "along the beads": [(AlongBeads, ("begin", "measure", "conclude"))],
    "relaxation": [(Followed, ("after",)), (Hamiltonian, ("finish",))],
    "ranks": [(Ranks, ("begin", "measure", "conclude"))]}


def seconds() -> float:
    """Of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def timed(spent: Counter[str], part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which adds its time to a part."""
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        began = seconds()
        try:
            return function(*arguments, **named)
        finally:
            spent[part] += seconds() - began
    return call


def plain(path: Path) -> dict[str, Any]:
    """A recipe without a reference, judged as `backmap init` would."""
    content = yaml.safe_load(path.read_text())
    steps = [step for step in content["steps"] if not {"assess", "write"} & set(step)]
    for step in steps:
        step.get("read", {}).pop("reference", None)
        if "hamiltonian" in step:
            step["hamiltonian"]["second_start"] = 0
    steps += [{"assess": ASSESSORS}, {"write": {"atoms": {"gromacs": ["atoms.gro", "atoms.xtc"]}}}]
    return {**content, "beads": "mapped", "steps": steps}


def cost(path: Path) -> tuple[Counter[str], float]:
    """Seconds of each part, and of the whole run."""
    spent: Counter[str] = Counter()
    kept = {(owner, name): owner.__dict__[name] for parts in PARTS.values() for owner, names in parts for name in names
            if name in owner.__dict__}
    copy = path.parent / f".cost-{path.name}"  # beside it, as its paths are relative
    try:
        copy.write_text(yaml.safe_dump(plain(path)))
        with tempfile.TemporaryDirectory() as folder:  # what is compiled, and free molecules, are kept
            session.run(copy, output=Path(folder) / "out", check=False, display=quiet(), frames="0:1")
        for part, parts in PARTS.items():
            for owner, names in parts:
                for name in names:
                    if (owner, name) in kept:
                        setattr(owner, name, timed(spent, part, kept[owner, name]))
        with tempfile.TemporaryDirectory() as folder:
            began = seconds()
            session.run(copy, output=Path(folder) / "out", check=False, display=quiet())
            return spent, seconds() - began
    finally:
        copy.unlink(missing_ok=True)
        for (owner, name), function in kept.items():
            setattr(owner, name, function)


if __name__ == "__main__":
    print("| | " + " | ".join(PARTS) + " | all of these | run, s |\n|" + "---|" * (len(PARTS) + 3))
    for recipe in map(Path, sys.argv[1:] or RECIPES):
        by_part, whole = cost(recipe)
        shares = [*(by_part[part] for part in PARTS), sum(by_part.values())]
        row = " | ".join(f"{value / whole:.1%}" for value in shares)
        print(f"| {recipe.parent.name} | {row} | {whole:.0f} |", flush=True)
