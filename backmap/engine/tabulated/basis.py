"""Potentials as sums of cubic B-splines on even knots: the basis in which forces are matched.

U(x) = h sum_b a_b B_b(u), u = (x - low) / h, with knots a distance h apart, so that -dU/dx = -sum_b a_b B_b'(u) and
coefficients a are forces, kJ/mol/nm or kJ/mol/rad. Forces are continuous, piecewise parabolas.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model.tabulated import Kind

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Bins per distance of knots in which values are counted.
BINS = 10


@dataclass(frozen=True)
class SplineBasis:
    """The cubic B-splines of one interaction.

    Attributes:
        kind: pair, bond, angle or dihedral. Splines of dihedrals go round; those of pairs end with U = dU/dx = 0.
        low: Where the basis begins, nm or radians.
        high: Where it ends; beyond both ends forces are those at the ends.
        n: Number of splines.
    """

    kind: Kind
    low: float
    high: float
    n: int

    @property
    def periodic(self) -> bool:
        """Whether the coordinate goes round."""
        return self.kind == "dihedral"

    @property
    def spacing(self) -> float:
        """Distance of the knots h, nm or radians."""
        return (self.high - self.low) / (self.n if self.periodic else self.n - 3)

    @property
    def n_bins(self) -> int:
        """Bins in which values are counted, centred at ``bins``."""
        return BINS * (self.n if self.periodic else self.n - 3) + 1

    def inside(self, values: Array) -> Array:
        """Values moved to where the basis is."""
        if self.periodic:
            return self.low + np.mod(values - self.low, self.high - self.low)
        return np.clip(values, self.low, self.high)

    def bin_of(self, values: Array) -> Index:
        """Number of the bin of each value (m,)."""
        return np.rint((self.inside(values) - self.low) / self.spacing * BINS).astype(np.int64)

    def outside(self, values: Array) -> int:
        """How many values are beyond the ends."""
        return 0 if self.periodic else int(((values < self.low) | (values > self.high)).sum())

    def _place(self, values: Array) -> tuple[Index, Array]:
        """The four splines that are not zero at each value, (m, 4), and where in its interval it lies, (m,)."""
        u = (self.inside(values) - self.low) / self.spacing
        last = (self.n if self.periodic else self.n - 3) - 1
        interval = np.clip(np.floor(u).astype(np.int64), 0, last)
        number = interval[:, None] + np.arange(4)
        return number % self.n if self.periodic else number, u - interval

    def values(self, at: Array) -> tuple[Index, Array]:
        """Numbers (m, 4) and values (m, 4) of the splines that are not zero at (m,)."""
        number, t = self._place(at)
        rows = [(1 - t)**3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        return number, np.stack(rows, axis=1) / 6

    def slopes(self, at: Array) -> tuple[Index, Array]:
        """Numbers (m, 4) and slopes dB/du (m, 4) of the splines that are not zero at (m,)."""
        number, t = self._place(at)
        rows = [-(1 - t)**2, 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]
        return number, np.stack(rows, axis=1) / 2

    def energy(self, coefficients: Array, at: Array) -> Array:
        """U of coefficients (n,) at values (m,), kJ/mol; beyond the ends it goes on straight."""
        number, values = self.values(at)
        beyond = 0.0 if self.periodic else at - self.inside(at)
        return self.spacing * (coefficients[number] * values).sum(axis=1) - self.force(coefficients, at) * beyond

    def force(self, coefficients: Array, at: Array) -> Array:
        """-dU/dx of coefficients (n,) at values (m,)."""
        number, slopes = self.slopes(at)
        return -(coefficients[number] * slopes).sum(axis=1)

    def free(self) -> Array:
        """The coefficients (n, m) that m free numbers stand for.

        A constant of U has no force: one coefficient is zero. Three at the end of a pair become one, with U = dU/dx = 0
        there.
        """
        whole = np.eye(self.n)
        if self.kind != "pair":
            return whole[:, 1:]
        end = np.zeros((self.n, 1))
        end[-3:, 0] = 1.0, -0.5, 1.0
        return np.hstack([whole[:, :-3], end])

    def roughness(self) -> Array:
        """Second differences of coefficients, squared and summed: the quadratic form (n, n)."""
        whole = np.eye(self.n)
        if self.periodic:
            second = np.roll(whole, 1, axis=1) - 2 * whole + np.roll(whole, -1, axis=1)
        else:
            second = np.diff(whole, n=2, axis=0)
        return second.T @ second
