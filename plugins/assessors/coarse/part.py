"""What the parts of ``coarse_structure`` have in common."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import Figure
from backmap.model.bootstrap import block_error
from backmap.model.tally import Tally

from ..part import Measurement

#: All figures are one table, so that models stand side by side.
SECTION = "beads"
#: Frames are taken together in so many blocks, for errors.
BLOCKS = 10
#: Quantities of distances, and their units.
UNITS = {"integral of |g - g_ref|": "nm"}

Distances = dict[tuple[str, str], float]


class CoarsePart(Measurement):
    """Measures one side of a coarse-grained model, also against a reference."""

    @abstractmethod
    def distances(self, tally: Tally, reference: Tally) -> Distances:
        """Distances from the reference by name and quantity, from rows alone."""


def means(name: str, unit: str, rows: NDArray, quantities: dict[str, tuple]) -> Iterator[Figure]:
    """Figures that follow from the mean of rows, with errors of blocks of frames.

    Args:
        name: Of the thing measured.
        unit: Theirs.
        rows: Of the frames, (F, ...).
        quantities: What is computed of the mean of rows: a function for each quantity.
    """
    for quantity, value in quantities.items():
        found = float(value(rows.mean(axis=0))) if len(rows) else float("nan")
        yield Figure(SECTION, name, quantity, found, unit, error=block_error(rows, value, BLOCKS))


def relative(ours: float, theirs: float) -> float:
    """By how much a number is off, as a share of what it should be."""
    return float(abs(ours / theirs - 1)) if np.isfinite(theirs) and theirs else float("nan")
