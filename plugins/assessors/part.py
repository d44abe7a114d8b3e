"""What the parts of an assessor have in common: they measure into one tally and conclude from it."""
from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import Assessment
from backmap.model.tally import Tally

Array = NDArray[np.float64]
Flags = dict[str, NDArray[np.bool_]]


class Measurement(ABC):
    """Measures one side of the structure. Names in the tally begin with a word of its own."""

    @abstractmethod
    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        """Measure one frame; flagged beads by physics warning, (B,) bool each."""

    @abstractmethod
    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        """What the frames show."""


def rows_of(tally: Tally | None, name: str, *shape: int) -> Array:
    """Rows of the frames, (n_frames, *shape); none where nothing was measured."""
    if tally is None or name not in tally or not tally.n_frames:
        return np.empty((0, *shape))
    return tally.rows(name)


def counts_of(tally: Tally | None, name: str, *shape: int) -> NDArray[np.int64]:
    """Counts of all frames, ``shape``; zeros where nothing was measured."""
    return np.zeros(shape, dtype=np.int64) if tally is None or name not in tally else tally.counts(name)


def share(part: float, whole: float) -> float:
    """part / whole; NaN of nothing."""
    return float(part / whole) if whole else float("nan")


def mean_and_spread(total: float, squares: float, n: float) -> tuple[float, float | None]:
    """Mean and standard deviation from sums over ``n`` values; NaN and None of none."""
    if not n:
        return float("nan"), None
    mean = total / n
    return float(mean), float(np.sqrt(max(0.0, squares / n - mean**2)))


def beads_of(frame: Snapshot, atoms: NDArray) -> NDArray[np.bool_]:
    """Beads that place some of these atoms (indices or mask), (B,)."""
    flagged = np.zeros(frame.system.n_beads, dtype=bool)
    flagged[frame.where.owner[atoms]] = True
    return flagged
