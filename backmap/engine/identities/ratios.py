"""Ratios of sums over molecules and frames, with their errors, and what they say."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model.assessment import CARE, GOOD, UNUSABLE
from .balance import ClassSums
from .slopes import CLASSES

Array = NDArray[np.float64]

#: Frames, or groups of molecules, that a standard error needs.
FEWEST = 8
#: Groups of molecules of one type that are kept apart.
UNITS = 64
#: A ratio may be off by this much, or by so many standard errors, whichever is more.
TOLERANCE, ERRORS = 0.03, 3.0
#: Farther beyond its errors than this, what was made is something else.
FAR = 0.2
#: Ratios of larger standard errors say nothing, unless they are above ``WILD``: a few atoms with huge forces make both.
VAGUE, WILD = 0.3, 5.0
#: One atom whose force is huge makes an error as large as the ratio. Errors that are larger are those of denominators
#: near 0, as of a gas whose few contacts cancel: such ratios are anything.
ALONE = 1.25
#: Errors of ratios below 1 grow as 1 / ratio, down to this one.
LEAST = 0.3
#: Share of what atoms could do freely along a class, below which moves of beads do nothing to it: rounding remains.
UNMOVED = 1e-6
#: When a ratio is off, and too far, in words.
OFF = f"a ratio {TOLERANCE:.0%} and {ERRORS:g} standard errors from 1"
TOO_FAR = f"{FAR:.0%} off beyond its errors, or above {WILD:g}"


@dataclass(frozen=True)
class Ratio:
    """A ratio that is 1 for exact samples.

    Attributes:
        value: The ratio; NaN where something was not finite.
        error: Its standard error, or None where there are too few frames and molecules to know.
    """

    value: float
    error: float | None

    @property
    def known(self) -> bool:
        """Whether its error is small enough, or something was not finite."""
        return not np.isfinite(self.value) or (self.error is not None and self.error < VAGUE)

    @property
    def wild(self) -> bool:
        """Whether it is so far off that its error, which is as large, is that of a few huge forces."""
        return self.error is not None and abs(self.value - 1) > WILD and self.error < ALONE * abs(self.value)

    @property
    def judged(self) -> bool:
        """Whether something can be said, of a ratio whose denominator is known well."""
        return self.known or self.wild

    @property
    def level(self) -> int:
        """Of a finding about it."""
        if not np.isfinite(self.value) or self.error is None:
            return GOOD if self.error is None and np.isfinite(self.value) else UNUSABLE
        off = abs(self.value - 1)
        if self.wild or off - ERRORS * self.error > FAR:
            return UNUSABLE
        return CARE if off > max(TOLERANCE, ERRORS * self.error) else GOOD

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "not finite"
        return f"{self.value:.3f}" + ("" if self.error is None else f" ± {self.error:.3f}")


def in_units(values: Array) -> Array:
    """Sums over molecules (n, ...) in at most ``UNITS`` groups of neighbours, (u, ...)."""
    if len(values) <= UNITS:
        return values
    starts = np.linspace(0, len(values), UNITS, endpoint=False).astype(np.int64)
    return np.add.reduceat(values, starts, axis=0)


def ratio(above: Array, below: Array) -> Ratio:
    """Ratio of the sums of two arrays of frames by units, (f, u) each.

    Its error is the larger of those from frames and from units as independent pieces, by the sums of what deviates:
    neighbours in time need not be independent, nor are molecules of a frame. Few large forces make up much of the sums;
    where they happen to be missing, the ratio is below 1, and so is, by as much, what scatters: errors are those of a
    ratio of 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        whole = below.sum()
        value = above.sum() / whole if whole else np.nan
        if not np.isfinite(value):
            return Ratio(float("nan"), None)
        error = error_of((above - value * below) / whole)
        return Ratio(float(value), None if error is None else float(error / np.clip(value, LEAST, 1.0)))


def along_beads(rows: Array, heat: float) -> dict[str, Ratio]:
    """Of the forces of each class along what moves beads, by its name.

    Args:
        rows: ``ClassSums`` of ``BeadBalance.along`` by frames and units, (f, u, classes, 4).
        heat: kT, kJ/mol.
    """
    found = {}
    for place, name in enumerate(CLASSES):
        sums = ClassSums(*np.moveaxis(rows[:, :, place], -1, 0))
        with np.errstate(over="ignore", invalid="ignore"):
            if sums.free.any() and not sums.size.sum() < UNMOVED * sums.free.sum():
                found[name] = ratio(sums.work, heat * sums.divergence)
    return found


def error_of(parts: Array) -> float | None:
    """Standard error of a sum of parts (f, u) whose mean is 0; None of too few."""
    groups = [sums for sums in (parts.sum(axis=1), parts.sum(axis=0)) if len(sums) >= FEWEST]
    if not groups and parts.size >= FEWEST:
        groups = [parts.ravel()]
    found = [float(np.sqrt(((sums - sums.mean())**2).sum() * len(sums) / (len(sums) - 1))) for sums in groups]
    return max(found, default=None)
