"""docs/court.md: wrong runs and right ones, and what the verdict says of each."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).resolve().parents[2] / "tests" / "court.json"

HEAD = """\
<!-- Written by docs/generate.py from tests/court.json, which `python -m tests.court FOLDER` measures. -->
# A court for verdicts

*This page is generated from what was measured.* Runs that are wrong in a known way, and right ones, each started as a
new user would: files, `backmap init`, `backmap run`, two frames, no reference. The liquids are small (900 to 1,800
atoms), simulated by GROMACS with OPLS-AA. [What verdicts follow](verdicts.md) has the rules,
[Judging](judging.md) what each check can see.

{summary}
"""

KINDS = {
    "sampling": ("The atoms do not sample the force field that was given",
                 "None of these may be called good."),
    "beads": ("The beads contradict the force field", "None of these may be called good."),
    "force field": ("The force field is another than that of the beads",
                    "Atoms sample what was given; whether that is right cannot be known from them. Nothing is asked."),
    "right": ("Nothing is wrong", "None of these may be refused, or called “not usable”."),
}


def page() -> str:
    """The whole page."""
    cases = json.loads(MEASURED.read_text(encoding="utf-8")).values()
    return HEAD.format(summary=summary(cases)) + "".join(section(kind, [one for one in cases if one["kind"] == kind])
                                                         for kind in KINDS)


def summary(cases: Any) -> str:
    """How many are called what they should be."""
    asked = [one for one in cases if one["kind"] != "force field"]
    return f"Of {len(asked)} cases of which something is asked, {sum(one['right'] for one in asked)} get it."


def section(kind: str, cases: list[dict[str, Any]]) -> str:
    """The table of one kind."""
    title, asked = KINDS[kind]
    lines = [f"\n## {title}\n", f"{asked}\n", "| run | verdict | what it says first | CPU s | |",
             "|---|---|---|---:|---|"]
    lines += [f"| {one['what']} | {one['verdict']} | {_first(one['said'])} | {one['seconds']:.0f} | "
              f"{'✓' if one['right'] else '✗'} |" for one in cases]
    return "\n".join(lines) + "\n"


def _first(said: list[str]) -> str:
    """The first thing that was said, without what would break a table."""
    text = " ".join(said[0].split()).replace("|", "\\|") if said else ""
    return text if len(text) < 180 else f"{text[:177]}..."
