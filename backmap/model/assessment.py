"""What assessors say of a trajectory: figures, curves and notes, as plain data for reports."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """One number.

    Attributes:
        section: What it belongs to: bonds, angles, torsions, packing, stereochemistry, energy, ...
        name: Of the thing measured, e.g. ``C-C-C``.
        quantity: What was measured of it: ``JSD``, ``mean``, ``share``, ...
        value: NaN where it could not be measured.
        unit: "" for pure numbers.
        spread: Standard deviation over what was averaged, where that says something.
        distance: True if it compares with the reference, 0 being equality (a divergence, a deviation): such
            a figure has a noise floor and the smaller is the better.
        ideal: The value that a perfect structure has whatever the reference, if there is one.
        error: Standard error of the value, where it is known, for instance from a bootstrap over frames.
    """

    section: str
    name: str
    quantity: str
    value: float
    unit: str = ""
    spread: float | None = None
    distance: bool = False
    ideal: float | None = None
    error: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called in tables; the same in every trajectory."""
        return self.section, self.name, self.quantity


@dataclass(frozen=True, eq=False)
class Curve:
    """A distribution or a function of one variable, in bins.

    Attributes:
        section, name: As for figures.
        label, unit: Of the x axis.
        edges: (n + 1,).
        values: Density, or value of the function, per bin, (n,).
        quantity: Of the y axis.
    """

    section: str
    name: str
    label: str
    unit: str
    edges: Array
    values: Array
    quantity: str = "density"

    @property
    def key(self) -> tuple[str, str]:
        return self.section, self.name


GOOD, CARE, UNUSABLE = 0, 1, 2  #: levels of aspects, and of verdicts


@dataclass(frozen=True)
class Aspect:
    """One thing that was looked at, for the verdict.

    Attributes:
        level: ``GOOD``, ``CARE`` (it has to be known before use) or ``UNUSABLE``; the worst one is the verdict's.
        topic: What it is, in two words: ``bond lengths``.
        text: A sentence with numbers, for people.
    """

    level: int
    topic: str
    text: str


@dataclass(frozen=True, eq=False)
class Assessment:
    """All that one assessor says of one trajectory.

    Attributes:
        figures, curves: A section of the report for each ``section`` they name.
        notes: Plain sentences for people.
        findings: What the verdict has to take into account, beside the rules of the report.
    """

    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Aspect] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        curves = [{**asdict(c), "edges": c.edges.tolist(), "values": c.values.tolist()} for c in self.curves]
        return {"figures": [asdict(f) for f in self.figures], "curves": curves, "notes": list(self.notes),
                "findings": [asdict(f) for f in self.findings]}


@dataclass(frozen=True, eq=False)
class Example:
    """One frame to look at.

    Attributes:
        number: Of the frame in the input.
        box: (3, 3), nm; zero without periodicity.
        beads: (B, 3), nm.
        atoms: Atoms of each trajectory in this frame, by label, (A, 3), nm.
    """

    number: int
    box: Array
    beads: Array
    atoms: dict[str, Array]


@dataclass(eq=False)
class Judgement:
    """What an ``assess`` step found: every trajectory by every assessor.

    Attributes:
        label: The trajectory that the run itself made, or "" if there is none.
        by_trajectory: Trajectory label -> assessor name -> assessment. The reference, if there is one, is
            called ``reference`` and comes first.
        floor: Assessor name -> the reference's odd frames assessed against its even ones: the noise that
            even a perfect result of that many frames would show; empty without a reference.
        n_frames: Frames of each trajectory.
        seconds: What each trajectory took to make, s, where it was made in this run.
        example: A frame to look at.
        flagged: Physics warning -> names of flagged beads of the run's own trajectory, at most a thousand
            (``frame 12: PS1 3 A4``); ``n_flagged`` counts all.
    """

    label: str
    by_trajectory: dict[str, dict[str, Assessment]] = field(default_factory=dict)
    floor: dict[str, Assessment] = field(default_factory=dict)
    n_frames: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    example: Example | None = None
    flagged: dict[str, list[str]] = field(default_factory=dict)
    n_flagged: dict[str, int] = field(default_factory=dict)


REFERENCE = "reference"


def divergence(p: NDArray[Any], q: NDArray[Any]) -> float:
    """Jensen-Shannon divergence of two histograms (n,), natural logarithm: 0 to ln 2 = 0.693.

    NaN if one of them is empty.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def relative(a: NDArray[Any]) -> float:
        there = a > 0
        return float((a[there] * np.log(a[there] / middle[there])).sum())

    return max(0.0, (relative(p) + relative(q)) / 2)
