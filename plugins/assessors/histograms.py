"""Histograms with bins of one width, as integer counts."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """Bins of one width from ``low`` on; what lies outside counts in the first or the last one.

    Attributes:
        low: Lower end of the range.
        high: Upper end, in the same unit; the last bin may reach beyond it.
        width: Of a bin, in the same unit.
    """

    low: float
    high: float
    width: float

    @property
    def n(self) -> int:
        """Number of bins."""
        return max(1, math.ceil((self.high - self.low) / self.width - 1e-6))

    @property
    def edges(self) -> Array:
        """(n + 1,)."""
        return self.low + self.width * np.arange(self.n + 1)

    def index(self, values: Array) -> Index:
        """Bin of each value."""
        return np.clip((np.asarray(values) - self.low) / self.width, 0, self.n - 1).astype(np.int64)

    def count(self, values: Array) -> Index:
        """Counts of values, (n,)."""
        return np.bincount(self.index(values), minlength=self.n)

    def count_by(self, values: Array, group: Index, n_groups: int) -> Index:
        """Counts of the values of each group, (n_groups, n)."""
        return np.bincount(group * self.n + self.index(values), minlength=n_groups * self.n).reshape(n_groups, self.n)

    def density(self, counts: NDArray) -> Array:
        """Counts as a density whose integral is 1; zero where there are none."""
        return counts / (max(int(counts.sum()), 1) * self.width)

    def quantile(self, counts: NDArray, share: float) -> float:
        """The value below which this share of the counts lies, to within a bin; NaN if there are none.

        Values count as evenly spread within their bin, and as numpy's they are interpolated between neighbours.
        """
        below = np.cumsum(counts)
        if not len(below) or below[-1] == 0:
            return float("nan")
        place = share * (int(below[-1]) - 1)
        lower, upper = (self._ranked(counts, below, rank) for rank in (math.floor(place), math.ceil(place)))
        return lower + (upper - lower) * (place - math.floor(place))

    def _ranked(self, counts: NDArray, below: NDArray, rank: int) -> float:
        """The value with ``rank`` values below it."""
        k = int(np.searchsorted(below, rank, side="right"))
        return float(self.low + self.width * (k + (rank + 0.5 - (below[k] - counts[k])) / counts[k]))
