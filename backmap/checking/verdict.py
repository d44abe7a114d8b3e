"""Asks all checkers what there is to say of a recipe, and says it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..api import Checker
from ..errors import BackmapError
from ..model.inputs import all_kept
from ..model.listing import told_once
from ..model.survey import SEVERITIES, Finding, every_frame
from ..recipe.recipe import Recipe
from ..recipe.registry import Registry, kind_of
from .reading import Chosen, Reading, read

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def findings(reading: Reading, registry: Registry) -> list[Finding]:
    """All findings, the worst first, otherwise in the order of the files and the checkers."""
    kind = kind_of(Checker)
    for name in registry.names(kind):
        checker = registry.get(kind, name)
        for survey in reading.surveys:
            try:
                for finding in checker(checker.Options()).check(survey):
                    reading.add(finding)
            except BackmapError as error:
                reading.add(Finding.of(error))
    names = {kind.name for survey in reading.surveys if survey.system is not None for kind in survey.system.types}
    return sorted(_once(reading.findings, names), key=lambda finding: SEVERITIES.index(finding.severity))


def _once(found: Sequence[Finding], names: Collection[str]) -> Iterator[Finding]:
    """What is said of several molecule types alike, as of the chains of a fibril, once."""
    alike: dict[Finding, list[int]] = {}
    for row, finding in enumerate(found):
        alike.setdefault(replace(finding, problem=""), []).append(row)
    told = {rows[place]: problem for rows in alike.values()
            for place, problem in told_once([found[row].problem for row in rows], names)}
    for row in sorted(told):
        yield replace(found[row], problem=told[row])


def warnings_of(source: Recipe, registry: Registry, chosen: Chosen = every_frame) -> list[Finding]:
    """Look a recipe over before it runs, and return the warnings.

    What stands in its output folder is none: a run asks for it itself.

    Args:
        source: The recipe.
        registry: Where its plugins are found.
        chosen: Which frames it takes.

    Raises:
        BackmapError: The first error.
    """
    with all_kept():
        reading = read("", source.source.document, source.source.path, registry, chosen)
        for survey in reading.surveys:
            survey.output = None
        found = findings(reading, registry)
    for finding in found:
        if finding.severity == "error":
            others = next((error.others for error in reading.raised if finding.problem.startswith(error.problem)), ())
            raise BackmapError(finding.problem, where=finding.where, hint=finding.hint, others=others)
    return [finding for finding in found if finding.severity == "warning"]


def exit_code(found: list[Finding]) -> int:
    """0: nothing but notes; 1: warnings; 2: errors."""
    worst = {finding.severity for finding in found}
    return 2 if "error" in worst else 1 if "warning" in worst else 0


def show(found: list[Finding], reading: Reading) -> None:
    """Print the findings: a table in a terminal, lines where the output goes elsewhere.

    What steps told as they started comes before, without what findings say again.
    """
    console = Console(highlight=False, emoji=False)  # ION:CL: is no emoji
    said = tuple(finding.problem for finding in found)
    for line in (line for line in reading.lines if not line.endswith(said)):
        console.print(line, markup=False, soft_wrap=True)
    if found and console.is_terminal:
        console.print(table(found, reading.survey.place))
    for finding in found if not console.is_terminal else ():
        end = f". {finding.hint}" if finding.hint else ""
        console.print(f"{finding.severity}: {finding.where}: {finding.problem}{end}", markup=False, soft_wrap=True)
    console.print(f"{reading.survey.place}: {summary(found)}", markup=False, soft_wrap=True)


def table(found: list[Finding], place: str) -> Table:
    """The findings for people."""
    listed = Table("", "where", "what", "what to do", title=f"backmap check {place}", title_justify="left",
                   show_lines=True)
    listed.columns[1].overflow = "fold"
    for finding in found:
        colour = COLOURS[finding.severity]
        listed.add_row(f"[{colour}]{finding.severity}[/]", escape(finding.where), escape(finding.problem),
                       escape(finding.hint))
    return listed


def summary(found: list[Finding]) -> str:
    """``1 error, 2 warnings, no notes``."""
    counts = Counter(finding.severity for finding in found)
    return ", ".join(f"{counts[severity] or 'no'} {severity}{'s' * (counts[severity] != 1)}"
                     for severity in SEVERITIES)


def as_json(found: list[Finding], reading: Reading) -> dict[str, Any]:
    """The findings as plain data."""
    counts = Counter(finding.severity for finding in found)
    return {"recipe": reading.survey.place, "lines": reading.lines,
            "counts": {severity: counts[severity] for severity in SEVERITIES},
            "findings": [asdict(finding) for finding in found]}
