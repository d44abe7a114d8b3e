"""Neighbours of beads, every periodic image by itself (compiled)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..energy.cells import AtomCells
from ..energy.kernel import cells_around

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Exclusions(NamedTuple):
    """Pairs of beads that do not interact.

    Attributes:
        molecule: Molecule of each bead, (B,).
        local: Its place in the molecule, (B,).
        first, size: Where the table of its molecule type begins in ``pair``, and how wide it is, (B,).
        pair: The tables of all types, one behind the other, flat, bool.
    """

    molecule: Index
    local: Index
    first: Index
    size: Index
    pair: NDArray[np.bool_]


@compiled(nogil=True)
def neighbours(x: Array, cells: AtomCells, cutoff: float, out: Exclusions):
    """All that interact within the cut-off, both ways.

    Args:
        x: Beads, (B, 3), nm.
        cells: These in cells.
        cutoff: nm.
        out: Pairs that are left out, as they stand in their molecule; images of such a bead count.

    Returns:
        Where those of each bead begin, (B + 1,); these, (n,); and from where each is to its image, nm, (n, 3).
    """
    start = np.zeros(len(x) + 1, np.int64)
    bead, shift, around = np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 4), np.int64)
    inside = np.empty_like(x)  # in the order in which they are met
    for n in range(len(x)):
        own = cells.wrap[cells.order[n]]
        for d in range(3):
            inside[n, d] = x[cells.order[n], d] - (own[0] * cells.lattice[0, d] + own[1] * cells.lattice[1, d]
                                                   + own[2] * cells.lattice[2, d])
    for filling in range(2):
        for u in range(cells.counts[0]):
            for v in range(cells.counts[1]):
                for w in range(cells.counts[2]):
                    here = (u * cells.counts[1] + v) * cells.counts[2] + w
                    if cells.start[here] == cells.start[here + 1]:
                        continue
                    around, count = cells_around(cells, u, v, w, around)
                    for n in range(cells.start[here], cells.start[here + 1]):
                        _of_one(n, around[:count], inside, cells, cutoff, out, filling == 1, start, bead, shift)
        if not filling:
            for n in range(len(x)):
                start[n + 1] += start[n]
            bead, shift = np.empty(start[-1], np.int64), np.empty((start[-1], 3))
    return start, bead, shift


@part(nogil=True)
def _of_one(first, around, inside, cells, cutoff, out, filling, start, bead, shift):
    """Count the neighbours of the ``first`` bead in order, in ``start`` behind it, or write them."""
    lattice, wrap, limit, a = cells.lattice, cells.wrap, cutoff * cutoff, cells.order[first]
    place, count = start[a], 0
    for n in range(len(around)):
        i, j, k = around[n, 1], around[n, 2], around[n, 3]  # boxes away
        dx = i * lattice[0, 0] + j * lattice[1, 0] + k * lattice[2, 0] - inside[first, 0]
        dy = i * lattice[0, 1] + j * lattice[1, 1] + k * lattice[2, 1] - inside[first, 1]
        dz = i * lattice[0, 2] + j * lattice[1, 2] + k * lattice[2, 2] - inside[first, 2]
        for second in range(cells.start[around[n, 0]], cells.start[around[n, 0] + 1]):
            if (inside[second, 0] + dx)**2 + (inside[second, 1] + dy)**2 + (inside[second, 2] + dz)**2 >= limit:
                continue
            b = cells.order[second]
            p, q, r = i + wrap[a, 0] - wrap[b, 0], j + wrap[a, 1] - wrap[b, 1], k + wrap[a, 2] - wrap[b, 2]
            if p == 0 and q == 0 and r == 0 and out.molecule[a] == out.molecule[b] and out.pair[
                    out.first[a] + out.local[a] * out.size[a] + out.local[b]]:
                continue
            if filling:
                bead[place + count] = b
                for d in range(3):
                    shift[place + count, d] = p * lattice[0, d] + q * lattice[1, d] + r * lattice[2, d]
            count += 1
    if not filling:
        start[a + 1] = count
