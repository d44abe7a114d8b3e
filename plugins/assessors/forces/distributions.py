"""Distributions of forces on beads, frame by frame, and distances between two of them.

Nothing is dropped: the first and the last bin of each histogram hold all that lies beyond, since the tail is what tells
beads that no arrangement of atoms can meet.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import divergence

from ..histograms import Bins

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: log10 of |F| in kJ/mol/nm: where quantiles, tails and Wasserstein distances are read off.
LOGARITHM = Bins(-1.0, 7.0, 0.01)
#: What is added to every bin of both distributions for Jeffreys' divergence, which empty bins would make infinite.
FLOOR = 1e-6
#: The tail begins at this quantile of the reference.
TAIL = 0.999


@dataclass(frozen=True)
class ForceBins:
    """Histograms of |F|, linear and logarithmic, and of Cartesian components.

    Attributes:
        width: Of linear bins, kJ/mol/nm.
        highest: Where linear bins end, kJ/mol/nm; the last one is open.
    """

    width: float
    highest: float

    @property
    def linear(self) -> Bins:
        """Bins of |F|, kJ/mol/nm; the last is open."""
        return Bins(0.0, self.highest + self.width, self.width)

    @property
    def component(self) -> Bins:
        """Bins of components, kJ/mol/nm; the first and the last are open."""
        return Bins(-self.highest - self.width, self.highest + self.width, 2 * self.width)

    def counts(self, forces: Array) -> dict[str, Index]:
        """Histograms of forces (n, 3), by name; what is no number, of atoms in one place, counts as infinite."""
        forces = np.nan_to_num(forces, nan=np.inf, posinf=np.inf, neginf=-np.inf)
        size = np.linalg.norm(forces, axis=1)
        return {"linear": self.linear.count(size), "logarithm": LOGARITHM.count(logarithm(size)),
                "component": self.component.count(forces.ravel())}


def logarithm(size: Array) -> Array:
    """log10 of sizes of forces, kJ/mol/nm; of none, far below all bins."""
    return np.log10(np.maximum(size, 1e-30))


def jeffreys(p: NDArray, q: NDArray, floor: float = FLOOR) -> float:
    """KL(p|q) + KL(q|p) of two histograms (n,), natural logarithm, ``floor`` added to every normalised bin."""
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = ((counts / counts.sum() + floor) / (1 + floor * len(counts)) for counts in (p, q))
    return float(((p - q) * np.log(p / q)).sum())


def wasserstein(p: NDArray, q: NDArray, bins: Bins) -> float:
    """Wasserstein-1 distance of two histograms (n,) of the same bins, in their unit."""
    if not p.sum() or not q.sum():
        return float("nan")
    return float(np.abs(np.cumsum(p / p.sum() - q / q.sum())).sum() * bins.width)


def above(counts: NDArray, value: float, bins: Bins) -> float:
    """Share of a histogram above a value; values count as evenly spread within their bin."""
    if not counts.sum() or not np.isfinite(value):
        return float("nan")
    place = np.clip((value - bins.low) / bins.width, 0, bins.n)
    below = np.concatenate([[0], np.cumsum(counts)])
    return float(1 - np.interp(place, np.arange(bins.n + 1), below) / counts.sum())


def distances(counts: dict[str, NDArray], reference: dict[str, NDArray]) -> dict[str, float]:
    """Distances of one distribution of forces from that of the reference, by name.

    Args:
        counts: Histograms as ``ForceBins.counts`` names them, (n,).
        reference: The same.
    """
    start = LOGARITHM.quantile(reference["logarithm"], TAIL)
    return {"JSD": divergence(counts["linear"], reference["linear"]),
            "JSD of components": divergence(counts["component"], reference["component"]),
            "Jeffreys": jeffreys(counts["linear"], reference["linear"]),
            "Wasserstein of log10": wasserstein(counts["logarithm"], reference["logarithm"], LOGARITHM),
            "tail mass": above(counts["logarithm"], start, LOGARITHM)}
