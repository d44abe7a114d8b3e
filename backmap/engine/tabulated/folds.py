"""Solutions with some frames left out: what a fit is worth for frames it has not seen, and its errors."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .matching import Splines, Sums, solved

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients from all frames, and from all but one group of them at a time.

    Attributes:
        coefficients: From all frames, (n,).
        without: From all groups but one, (g, n); none where there is a single group.
        after: Residual of each ensemble in the frames of the fit, (kJ/mol/nm)^2, (e,).
        held_out: Mean residual of each ensemble in frames that were left out, and its standard error, (e, 2); NaN with
            a single group.
    """

    coefficients: Array
    without: Array
    after: Array
    held_out: Array

    @classmethod
    def of(cls, splines: Splines, ensembles: Sequence[Sums], smoothness: float) -> Fit:
        """Solve for all frames, and for all but each group (see ``solved``)."""
        groups = len(ensembles[0].frames)
        everything = np.ones(groups, dtype=bool)
        best = solved(splines, ensembles, everything, smoothness)
        after = np.array([one.residual(best, everything) for one in ensembles])
        if groups < 2:
            return cls(best, np.empty((0, len(best))), after, np.full((len(ensembles), 2), np.nan))
        without, held = [], []
        for group in range(groups):
            left_out = np.arange(groups) == group
            without.append(solved(splines, ensembles, ~left_out, smoothness))
            held.append([one.residual(without[-1], left_out) for one in ensembles])
        return cls(best, np.array(without), after, np.array([_mean(column) for column in np.array(held).T]))

    def errors(self, values: Array) -> Array:
        """Jackknife errors of what follows from ``without``, values (g, ...), (...); NaN with a single group."""
        if len(values) < 2:
            return np.full(values.shape[1:], np.nan)
        return np.sqrt((len(values) - 1) * values.var(axis=0))


def _mean(values: Array) -> tuple[float, float]:
    """Mean and standard error of the values that there are."""
    there = values[np.isfinite(values)]
    if len(there) < 2:
        return (float(there[0]) if len(there) else float("nan")), float("nan")
    return float(there.mean()), float(there.std(ddof=1) / np.sqrt(len(there)))
