"""Beads of a frame that are on one place."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.model import box as periodic

Array = NDArray[np.float64]

PLACE = 0.001  #: nm; files are seldom written with more digits


def coincident(positions: Array, box: Array | None) -> list[tuple[int, int]]:
    """Pairs of beads that are on one place, as far as files tell places apart: each with the first that is there.

    Args:
        positions: (B, 3), nm.
        box: (3, 3), nm, or None.
    """
    if box is not None and periodic.is_valid(box):
        shares = np.linalg.solve(box.T, positions.T).T
        positions = (shares - np.floor(shares)) @ box
    places = np.round(positions / PLACE).astype(np.int64)
    _, first, place = np.unique(places, axis=0, return_index=True, return_inverse=True)
    first = first[place.reshape(-1)]
    return [(int(first[bead]), int(bead)) for bead in np.flatnonzero(first != np.arange(len(positions)))]
