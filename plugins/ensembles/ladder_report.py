"""What ``learn`` went through, as a page: the ladder as a table and as plots, in the style of the other reports."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..report.content import Panel
from ..report.html import run_values
from ..report.numbers import number, place, plural, short
from ..report.pages import Column, PageTable, drawn, fill, version_of
from ..report.tables import Cell, known, versions
from .tempering import Rung

HEADS = ("rung", "share of ln p", "nats from the target", "ln Z at least", "ln Z by weights", "ln Z summed up",
         "effective share", "accepted")
#: What plots draw: name, quantity, and lines by what they are of.
PLOTS = (("Divergence", "nats", {"from the target": lambda rung: rung.log_z - rung.bound}),
         ("ln Z by weights, from that summed up", "nats", {
             "difference": lambda rung: np.nan if rung.summed is None else rung.log_z - rung.summed}),
         ("Shares", "share", {"effective": lambda rung: rung.effective, "accepted": lambda rung: rung.accepted}))


def ladder_page(rungs: list[Rung], said: list[str], title: str, provenance: dict[str, Any]) -> bytes:
    """The page, UTF-8.

    Args:
        rungs: From hot to cold.
        said: What they show, in sentences.
        title: Of the run.
        provenance: What was run, as in run.json; may be empty.
    """
    style = {"from the target": "t1", "difference": "t1", "effective": "t1", "accepted": "t2"}
    panels = [_panel(rungs, name, quantity, lines) for name, quantity, lines in PLOTS]
    plots = [drawn(panel, style) for panel in panels] if len(rungs) > 2 else []
    there = {"overview": ("From hot to cold", True), "plots": ("Rung by rung", plots),
             "run": ("What was run", provenance)}
    facts = known([("Recipe", place(provenance.get("recipe", ""))), ("Seed", provenance.get("seed")),
                   ("Overrides", ", ".join(map(str, provenance.get("overrides") or [])) or "none")])
    return fill("ladder.html", contents={name: text for name, (text, found) in there.items() if found}, title=title,
                closer=bool(plots), summary=f"learned from its energy alone · {plural(len(rungs), 'rung')}",
                version=version_of(provenance), said=said, rungs=_table(rungs),
                panels={"styles": {"effective": "t1", "accepted": "t2"}, "drawn": plots},
                **run_values(provenance, [*facts, *versions(provenance)]))


def _table(rungs: list[Rung]) -> PageTable:
    rows = []
    for count, rung in enumerate(rungs, start=1):
        summed = "–" if rung.summed is None else _with_error(rung.summed, rung.summed_error)
        texts = [short(rung.share), number(rung.log_z - rung.bound, 3), _with_error(rung.bound, rung.bound_error),
                 _with_error(rung.log_z, rung.log_z_error), summed, number(rung.effective, 3), number(rung.accepted, 3)]
        rows.append([Cell(str(count)), *map(Cell, texts)])
    return PageTable(list(map(Column, HEADS)), rows)


def _with_error(value: float, error: float) -> str:
    return f"{number(value, 3)} ± {number(error, 3)}"


def _panel(rungs: list[Rung], name: str, quantity: str, lines: dict[str, Any]) -> Panel:
    panel, edges = Panel("", "", name, "rung", "", quantity), np.arange(len(rungs) + 1) + 0.5
    for label, value in lines.items():
        panel.curves[label] = edges, np.array([value(rung) for rung in rungs], dtype=float)
    return panel
