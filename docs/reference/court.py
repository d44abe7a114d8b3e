"""docs/court.md: wrong runs and right ones, and what the verdict says of each."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.court.cases import CASES
from tests.court.others import OTHERS
from tests.court.shipped import SHIPPED

MEASURED = Path(__file__).resolve().parents[2] / "tests" / "court.json"

HEAD = """\
<!-- Written by docs/generate.py from tests/court.json, which `python -m tests.court FOLDER` measures. -->
# A court for verdicts

*This page is generated from what was measured.* Runs that are wrong in a known way, and right ones, each started as a
new user would: files, `backmap init`, `backmap run`, no reference. Atoms that are put back are of one to three frames;
“true atoms” and “dynamics” are those of the simulation, read in place of atoms that are put back, six frames (of octane
and polystyrene one or two). The liquids are small (440 to 1,000 atoms), simulated by GROMACS with OPLS-AA; octane and
polystyrene ship with the project. Where nothing else is said, the recipe says `beads: mapped`. [What verdicts
follow](verdicts.md) has the rules, [Judging](judging.md) what each check can see. Rows were measured one by one while
the checks were being made, not all by the same version. A case may be caught by another check than the one that it is
meant for.

{summary}
"""

KINDS = {
    "sampling": ("The atoms do not sample the force field that was given",
                 "None of these may be called good."),
    "beads": ("The beads contradict the force field", "None of these may be called good."),
    "force field": ("The force field is wrong",
                    "Beads are said to be those of a model, and the force field is given wrong, so that nothing "
                    "contradicts it. The verdict must be that it “samples the force field that was given; the force "
                    "field itself was not examined”, or that nothing was found but that atoms are too few to tell "
                    "whether they are relaxed: these runs are of one frame."),
    "right": ("Nothing is wrong", "None of these may be refused, or called “not usable”."),
}


def page() -> str:
    """The whole page."""
    cases = list(json.loads(MEASURED.read_text(encoding="utf-8")).values())
    return HEAD.format(summary=summary(cases)) + "".join(section(kind, [one for one in cases if one["kind"] == kind])
                                                         for kind in KINDS)


def summary(cases: list[dict[str, Any]]) -> str:
    """How many were tried, and how many are called what they should not be."""
    defined = len(CASES) + len(OTHERS) + len(SHIPPED)
    tried = f"All {defined} cases were tried" if len(cases) == defined else (
        f"Of {defined} cases, {len(cases)} have been tried so far")
    wrong = [one for one in cases if one["kind"] in ("sampling", "beads")]
    right, given = ([one for one in cases if one["kind"] == kind] for kind in ("right", "force field"))
    good, unusable, other = (sum(not one["right"] for one in some) for some in (wrong, right, given))
    return (f"{tried}. Of {len(wrong)} runs whose atoms or beads are wrong, {good} are called good; of {len(right)} "
            f"right ones, {unusable} are refused or called not usable; of {len(given)} of a wrong force field, {other} "
            "are not said to sample it.")


def section(kind: str, cases: list[dict[str, Any]]) -> str:
    """The table of one kind."""
    title, asked = KINDS[kind]
    lines = [f"\n## {title}\n", f"{asked}\n", "| run | verdict | because of | what it says first | CPU s | |",
             "|---|---|---|---|---:|---|"]
    lines += [f"| {one['what']} | {one['verdict']} | {', '.join(one['topics'])} | {_first(one['said'])} | "
              f"{one['seconds']:.0f} | {'✓' if one['right'] else '✗'} |" for one in cases]
    return "\n".join(lines) + "\n"


def _first(said: list[str]) -> str:
    """The first thing that was said, without what would break a table."""
    text = " ".join(said[0].split()).replace("|", "\\|") if said else ""
    return text if len(text) < 180 else f"{text[:177]}..."
