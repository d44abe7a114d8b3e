"""Results of assessors: figures, curves and notes of a trajectory, as plain data for reports."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .system import System

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A number that an assessor measured.

    Attributes:
        section: Section of the report: bonds, angles, torsions, packing, stereochemistry, energy, ...
        name: Name of the thing measured, e.g. ``C-C-C``.
        quantity: The quantity measured: ``JSD``, ``mean``, ``share``, ...
        value: The number; NaN where it could not be measured.
        unit: Unit of the value; "" for pure numbers.
        spread: Standard deviation over what was averaged, or None.
        distance: Whether it is a distance to the reference, 0 for equality (a divergence, a deviation); such a figure
            has a noise floor, and smaller is better.
        ideal: The value of a perfect structure, whatever the reference; None if there is none.
        error: Standard error of the value, for instance from a bootstrap over frames; None if it is not known.
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
        """Section, name and quantity, the same in every trajectory."""
        return self.section, self.name, self.quantity


@dataclass(frozen=True, eq=False)
class Curve:
    """A distribution or a function of one variable, in n bins.

    Attributes:
        section: Section of the report, as for figures.
        name: Name of the thing measured, as for figures.
        label: Label of the x axis.
        unit: Unit of the x axis.
        edges: Edges of the bins, (n + 1,).
        values: Density, or value of the function, in each bin, (n,).
        quantity: Label of the y axis.
        samples: How many numbers a density rests on, if it is a histogram of them: few are drawn in wider bins.
    """

    section: str
    name: str
    label: str
    unit: str
    edges: Array
    values: Array
    quantity: str = "density"
    samples: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Section and name, the same in every trajectory."""
        return self.section, self.name


@dataclass(frozen=True, eq=False)
class Surface:
    """A distribution or a function of two variables, in bins.

    Attributes:
        section, name: As for figures.
        labels, units: Of the x and the y axis.
        edges: Of the x axis (n + 1,) and of the y axis (m + 1,), in these units.
        values: Density, or value of the function, per bin, (n, m); NaN where there is none.
        quantity: Of the values, with its unit if it has one: ``free energy, kJ/mol``. Where it is ``density`` or
            ``population``, bins of 0 are empty.
        errors: Standard errors of the values, (n, m), NaN where they are not known; or None.
        points: Places to be marked, (k, 2), in the units of the axes; or None.
        hover: A text for each point, or none at all.
    """

    section: str
    name: str
    labels: tuple[str, str]
    units: tuple[str, str]
    edges: tuple[Array, Array]
    values: Array
    quantity: str = "density"
    errors: Array | None = None
    points: Array | None = None
    hover: list[str] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.section, self.name, self.quantity

    @property
    def counted(self) -> bool:
        """Values say how much there is of something, so that a bin of 0 is an empty one."""
        return self.quantity in ("density", "population")

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Bins that are not empty, (n, m)."""
        return np.isfinite(self.values) & ((self.values != 0) | (not self.counted))

    def same_bins(self, other: Surface) -> bool:
        return all(len(here) == len(there) and np.allclose(here, there)
                   for here, there in zip(self.edges, other.edges))

    def minus(self, other: Surface) -> Surface:
        """By how much values are above those of another with the same bins; known errors are added in quadrature."""
        known = [each.errors for each in (self, other) if each.errors is not None]
        errors = None
        if known:
            unknown = np.isnan(known).all(axis=0)
            errors = np.where(unknown, np.nan, np.sqrt(np.nansum(np.square(known), axis=0)))
        return replace(self, values=self.values - other.values, errors=errors, points=None, hover=[])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        arrays = {name: None if (array := getattr(self, name)) is None else array.tolist()
                  for name in ("values", "errors", "points")}
        return {**asdict(self), **arrays, "edges": [edges.tolist() for edges in self.edges]}


GOOD, CARE, UNUSABLE = 0, 1, 2  #: levels of aspects, and of verdicts
#: What a finding rests on: see ``Aspect``.
Basis = Literal["", "reference", "force field", "beads"]


@dataclass(frozen=True)
class Aspect:
    """One aspect of the quality of a trajectory, on which the verdict of a report rests.

    Attributes:
        level: ``GOOD``, ``CARE`` (it must be known before use) or ``UNUSABLE``; the worst level is the verdict's.
        topic: Its name, in two words: ``bond lengths``.
        text: A sentence with numbers, for people.
        basis: What it rests on: the ``reference``, an identity of the ``force field`` that was given, the ``beads``, or
            "" for what must hold of any atoms.
    """

    level: int
    topic: str
    text: str
    basis: Basis = ""


@dataclass(frozen=True)
class VerdictRule:
    """A rule that findings follow, in words, for the table of all of them.

    Attributes:
        topic, basis: As of the findings.
        care: When it finds something that must be known before use; "" if it never does.
        unusable: When it finds something that rules out any use; "" if it never does.
    """

    topic: str
    basis: Basis = ""
    care: str = ""
    unusable: str = ""


@dataclass(frozen=True, eq=False)
class Assessment:
    """The results of one assessor for one trajectory.

    Attributes:
        figures: Numbers; each ``section`` that they, the curves or the surfaces name becomes a section of the report.
        curves: Distributions and functions of one variable.
        surfaces: Distributions and functions of two variables.
        notes: Plain sentences for people.
        findings: Aspects for the verdict, beside those that follow from the rules of the report.
    """

    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Aspect] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON data."""
        curves = [{**asdict(c), "edges": c.edges.tolist(), "values": c.values.tolist()} for c in self.curves]
        return {"figures": [asdict(f) for f in self.figures], "curves": curves, "notes": list(self.notes),
                "findings": [asdict(f) for f in self.findings],
                "surfaces": [surface.to_json() for surface in self.surfaces]}


@dataclass(frozen=True, eq=False)
class BeadValues:
    """One number for each bead of a frame, by which it can be coloured.

    Attributes:
        name: ``force``; assessors that name alike are shown on one scale.
        unit: Of the numbers, or "".
        values: (B,); NaN where a bead has none, infinite where no number is large enough.
    """

    name: str
    unit: str
    values: Array


@dataclass(frozen=True, eq=False)
class Example:
    """One frame to be shown in a report.

    Attributes:
        number: Number of the frame in the input, from 0.
        box: (3, 3), nm; zero without periodicity.
        beads: (B, 3), nm.
        atoms: Atoms in this frame by label of the trajectory, (A, 3) each, nm.
        values: Numbers of its beads by label of the trajectory.
    """

    number: int
    box: Array
    beads: Array
    atoms: dict[str, Array]
    values: dict[str, list[BeadValues]] = field(default_factory=dict)


@dataclass(eq=False)
class Judgement:
    """The results of an ``assess`` step: every trajectory by every assessor.

    Attributes:
        label: The trajectory that the run itself made, or "" if there is none.
        by_trajectory: Trajectory label -> assessor name -> assessment. The reference, if there is one, is
            called ``reference`` and comes first.
        floor: Assessor name -> the reference's odd frames assessed against its even ones: the noise that
            even a perfect result of that many frames would show; empty without a reference.
            Its surfaces hold by how much those of odd and even frames differ, |odd - even|.
        n_frames: Number of frames of each trajectory, by label.
        seconds: Time that each trajectory took to make, s, by label, where it was made in this run.
        examples: Frames to be shown, in their order; none if no view is kept.
        flagged: Physics warning -> names of flagged beads of the run's own trajectory, such as
            ``frame 12: PS1 3 A4``; at most a thousand.
        n_flagged: Physics warning -> number of flagged beads.
        sigma: Standard deviation of the beads that the last step which samples left a trajectory with, nm and
            coordinate, by label, where it is not zero.
        system: The molecules that were judged; None if they are not known.
    """

    label: str
    by_trajectory: dict[str, dict[str, Assessment]] = field(default_factory=dict)
    floor: dict[str, Assessment] = field(default_factory=dict)
    n_frames: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    flagged: dict[str, list[str]] = field(default_factory=dict)
    n_flagged: dict[str, int] = field(default_factory=dict)
    sigma: dict[str, float] = field(default_factory=dict)
    system: System | None = None


REFERENCE = "reference"
BEFORE = "before"  #: what steps began with that moved the beads


def divergence(p: NDArray[Any], q: NDArray[Any]) -> float:
    """Compute the Jensen-Shannon divergence of two histograms.

    Args:
        p: Counts or densities, (n,); need not be normalised.
        q: The same of the other histogram, (n,).

    Returns:
        The divergence with the natural logarithm, 0 to ln 2 = 0.693; NaN if a histogram is empty.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def relative(a: NDArray[Any]) -> float:
        there = a > 0
        return float((a[there] * np.log(a[there] / middle[there])).sum())

    return max(0.0, (relative(p) + relative(q)) / 2)


def chance(p: NDArray[Any], q: NDArray[Any]) -> float:
    """What divergence to expect of two histograms of these sizes if both are of one distribution.

    To second order a divergence is an eighth of a chi square, whose mean is the number of its degrees of freedom.

    Args:
        p: Counts, (n,).
        q: The same of the other histogram, (n,).

    Returns:
        The mean divergence, at most ln 2; NaN if a histogram is empty.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    free = np.count_nonzero(p + q) - 1
    return float(min(free / 8 * (1 / p.sum() + 1 / q.sum()), np.log(2)))


#: Probabilities below it count as it in ``jeffreys``, which would be infinite where one of them is 0.
LEAST = 1e-6


def jeffreys(p: NDArray[Any], q: NDArray[Any]) -> float:
    """Compute Jeffreys' divergence of two histograms, sum of (p - q) ln(p / q), no probability below ``LEAST``.

    Args:
        p: Counts or densities, (n,); need not be normalised.
        q: The same of the other histogram, (n,).

    Returns:
        The divergence, from 0 on; NaN if a histogram is empty.
    """
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = np.maximum(p / p.sum(), LEAST), np.maximum(q / q.sum(), LEAST)
    return float(((p - q) * np.log(p / q)).sum())
