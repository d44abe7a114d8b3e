"""What a report shows, gathered from a judgement: rows of tables and panels of plots."""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import REFERENCE, Assessment, Curve, Judgement
from backmap.model.sampling import Sampling
from backmap.model.system import System

from .surfaces import SurfacePanel

Array = NDArray[np.float64]


@dataclass(eq=False)
class Row:
    """One figure of all trajectories; attributes as in ``Figure``.

    Attributes:
        values: By trajectory; a trajectory that has no such figure is left out.
        spreads: By trajectory, where there is one.
        errors: Standard errors by trajectory, where they are known.
        floor: What the reference shows against itself, or None.
    """

    assessor: str
    section: str
    name: str
    quantity: str
    unit: str = ""
    distance: bool = False
    ideal: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    spreads: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    floor: float | None = None

    @property
    def text(self) -> str:
        """Name and quantity, lower case, for looking it up."""
        return f"{self.name} {self.quantity}".lower()

    def value(self, label: str) -> float:
        """NaN where there is none."""
        return self.values.get(label, float("nan"))

    def has(self, label: str) -> bool:
        """There is a number for this trajectory."""
        return bool(np.isfinite(self.value(label)))

    def target(self) -> float | None:
        """What a value should be: 0 for distances, else the ideal, else the reference's value."""
        if self.distance:
            return 0.0
        reference = self.value(REFERENCE)
        return self.ideal if self.ideal is not None else reference if np.isfinite(reference) else None


@dataclass(eq=False)
class Panel:
    """One curve of all trajectories; other attributes as in ``Curve``.

    Attributes:
        curves: By trajectory: edges and values.
        samples: By trajectory, where it is known.
        stepped: Trajectories that are drawn bin by bin.
    """

    assessor: str
    section: str
    name: str
    label: str
    unit: str
    quantity: str
    curves: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    stepped: frozenset[str] = frozenset()


@dataclass(eq=False)
class Content:
    """Everything that is shown.

    Attributes:
        title: Of the run.
        own: The trajectory that the run itself made, or "".
        labels: All trajectories: the reference, the own one, the others.
        rows: Figures, in the order of their sections.
        panels: Curves, in the order of their sections.
        surfaces: Surfaces, in the order of their sections.
        notes: Pairs of trajectory and note.
        judgement: What the assessors said of every trajectory.
        provenance: What was run, as in run.json.
        system: Molecule types and their counts; None if only figures are known.
        sampling: What became of proposals, step by step.
    """

    title: str
    own: str
    labels: list[str]
    rows: list[Row]
    panels: list[Panel]
    surfaces: list[SurfacePanel]
    notes: list[tuple[str, str]]
    judgement: Judgement
    provenance: dict[str, Any]
    system: System | None = None
    sampling: list[Sampling] = field(default_factory=list)

    @property
    def judged(self) -> list[str]:
        """Those that a verdict is said of first: the run's own, where there is one."""
        return [self.own] if self.own in self.candidates else self.candidates

    @property
    def candidates(self) -> list[str]:
        """Trajectories that are judged: all but the reference."""
        return [label for label in self.labels if label != REFERENCE]

    @property
    def has_reference(self) -> bool:
        """Whether there is a reference."""
        return REFERENCE in self.labels

    @property
    def warnings(self) -> list[str]:
        """What was found in recipe and files before the run, a line each."""
        return [finding["line"] for finding in self.provenance.get("check") or ()]

    @property
    def sections(self) -> list[str]:
        """Of rows, each once."""
        return list(dict.fromkeys(row.section for row in self.rows))

    def find(self, section: str = "", pattern: str = "", *, distance: bool | None = None) -> Iterator[Row]:
        """Rows of a section ("": any) whose name and quantity match a regular expression."""
        for row in self.rows:
            fits = section in ("", row.section) and (distance is None or row.distance == distance)
            if fits and re.search(pattern, row.text):
                yield row

    def first(self, section: str, pattern: str, **which: bool) -> Row | None:
        """The first of ``find``, or None."""
        return next(self.find(section, pattern, **which), None)


def collect(judgement: Judgement, provenance: dict[str, Any], system: System | None = None,
            sampling: Sequence[Sampling] = ()) -> Content:
    """Gather what is shown.

    Args:
        judgement: What ``assess`` found.
        provenance: What was run, as in run.json.
        system: For the view of a frame; without it there is none.
        sampling: Of the steps that accept or reject.
    """
    labels = _ordered(judgement)
    rows: dict[tuple[str, ...], Row] = {}
    panels: dict[tuple[str, ...], Panel] = {}
    surfaces: dict[tuple[str, ...], SurfacePanel] = {}
    notes = []
    for label in labels:
        for assessor, assessment in judgement.by_trajectory[label].items():
            _add_figures(rows, assessor, assessment, label)
            for curve in assessment.curves:
                _add_curve(panels, assessor, curve, label)
            for surface in assessment.surfaces:
                panel = surfaces.setdefault((assessor, *surface.key), SurfacePanel(assessor, *surface.key))
                panel.surfaces[label] = surface
            notes += [(label, note) for note in assessment.notes]
    for assessor, assessment in judgement.floor.items():
        for figure in assessment.figures:
            row = rows.get((assessor, *figure.key))
            if row is not None and figure.distance and np.isfinite(figure.value):
                row.floor = float(figure.value)
        for surface in assessment.surfaces:
            if (panel := surfaces.get((assessor, *surface.key))) is not None:
                panel.floor = surface
    return Content(title=str(provenance.get("title") or "Backmapped structures"), own=judgement.label, labels=labels,
                   rows=_by_section(rows.values()), panels=_by_section(panels.values()),
                   surfaces=_by_section(surfaces.values()), notes=notes, judgement=judgement, provenance=provenance,
                   system=system, sampling=list(sampling))


def _ordered(judgement: Judgement) -> list[str]:
    first = [label for label in (REFERENCE, judgement.label) if label in judgement.by_trajectory]
    return first + [label for label in judgement.by_trajectory if label not in first]


def _add_figures(rows: dict, assessor: str, assessment: Assessment, label: str) -> None:
    for figure in assessment.figures:
        row = rows.setdefault((assessor, *figure.key), Row(assessor, *figure.key, figure.unit, figure.distance,
                                                           figure.ideal))
        row.values[label] = float(figure.value)
        if figure.spread is not None and np.isfinite(figure.spread):
            row.spreads[label] = float(figure.spread)
        if figure.error is not None and np.isfinite(figure.error):
            row.errors[label] = float(figure.error)


def _add_curve(panels: dict, assessor: str, curve: Curve, label: str) -> None:
    new = Panel(assessor, *curve.key, curve.label, curve.unit, curve.quantity)
    panel = panels.setdefault((assessor, *curve.key, curve.quantity), new)
    panel.curves[label] = np.asarray(curve.edges, dtype=float), np.asarray(curve.values, dtype=float)
    if curve.samples is not None:
        panel.samples[label] = curve.samples


def _by_section(items: Any) -> list:
    """Sections together, in the order in which they turn up; distances before other figures."""
    items = list(items)
    order = {section: k for k, section in enumerate(dict.fromkeys(item.section for item in items))}
    return sorted(items, key=lambda item: (order[item.section], not getattr(item, "distance", False)))
