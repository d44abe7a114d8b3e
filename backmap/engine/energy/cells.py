"""Atoms of a frame sorted into cells, so that loops meet all near pairs without a list of them."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model import box as periodic

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Cells in the reach of a cut-off, along each vector of the box, at most: small ones hold fewer that are too far.
FINE = 2
#: Cells for each atom, at most: a frame may be mostly empty.
MOST = 4


class AtomCells(NamedTuple):
    """The atoms of one frame by cells.

    Attributes:
        order: Atoms, cell after cell, (A,).
        start: First atom of each cell in ``order``, (cells + 1,).
        counts: Cells along each vector, (3,).
        reach: Cells to either side in which atoms within the cut-off can be, (3,).
        lattice: Vectors that span the box, or all atoms where it is not periodic, as rows, nm, (3, 3).
        wrap: Whole boxes between each atom and its image in the cells, (A, 3).
        periodic: Whether there are images.
    """

    order: Index
    start: Index
    counts: Index
    reach: Index
    lattice: Array
    wrap: NDArray[np.int32]
    periodic: bool


def sort(atoms: Array, box: Array | None, cutoff: float) -> AtomCells:
    """Sort atoms (A, 3), nm, into cells of the box (3, 3), nm, or of what they take up."""
    if box is None:
        origin = atoms.min(axis=0) - 0.01
        lattice = np.diag(atoms.max(axis=0) + 0.01 - origin)
    else:
        origin, lattice = np.zeros(3), periodic.reduced(box)
    inverse = np.linalg.inv(lattice)
    width = 1 / np.linalg.norm(inverse, axis=0)
    counts = np.maximum(np.floor(width / cutoff * FINE), 1)
    crowd = counts.prod() / (MOST * len(atoms) + 64)
    counts = np.maximum(np.floor(counts / max(1.0, crowd) ** (1 / 3)), 1).astype(np.int64)
    fractional = (atoms - origin) @ inverse
    wrap = np.floor(fractional).astype(np.int32)
    cell = np.minimum(((fractional - wrap) * counts).astype(np.int64), counts - 1)
    number = (cell[:, 0] * counts[1] + cell[:, 1]) * counts[2] + cell[:, 2]
    order = np.argsort(number, kind="stable")
    start = np.searchsorted(number[order], np.arange(counts.prod() + 1))
    reach = np.ceil(cutoff / width * counts).astype(np.int64)
    return AtomCells(order, start, counts, reach, np.array(lattice, order="C"), wrap, box is not None)
