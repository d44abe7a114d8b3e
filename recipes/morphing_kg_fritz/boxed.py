"""Beads of a frame as featomic asks for them."""
from __future__ import annotations

import numpy as np
from featomic import SystemBase


class Beads(SystemBase):
    """Beads of several types in a box, as featomic asks for them."""

    def __init__(self, types: np.ndarray, positions: np.ndarray, box: np.ndarray) -> None:
        super().__init__()
        self._types, self._positions, self._box = types, positions, box

    def size(self):
        return len(self._positions)

    def types(self):
        return self._types

    def positions(self):
        return self._positions

    def cell(self):
        return np.diag(self._box)

    def compute_neighbors(self, cutoff):
        raise NotImplementedError

    def pairs(self):
        raise NotImplementedError

    def pairs_containing(self, atom):
        raise NotImplementedError
