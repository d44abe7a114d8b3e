"""Pairs of coarsened beads, counted by distance (compiled)."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled
from backmap.engine.energy.cells import AtomCells
from backmap.engine.energy.kernel import cells_around

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled(nogil=True)
def counted(x: Array, cells: AtomCells, molecule: Index, block: Index, width: float, counts: Index) -> None:
    """Add the pairs of different molecules around every bead to the row of its block, every image by itself.

    Args:
        x: Beads, (N, 3), nm.
        cells: These in cells, for a cut-off of all bins.
        molecule, block: Of each bead, (N,).
        width: Of a bin, nm.
        counts: (blocks, bins), added to.
    """
    n_bins, lattice, around = counts.shape[1], cells.lattice, np.empty((0, 4), np.int64)
    limit = (width * n_bins)**2
    inside = np.empty_like(x)  # in the order in which they are met
    for n in range(len(x)):
        bead = cells.order[n]
        for d in range(3):
            inside[n, d] = x[bead, d]
            for k in range(3):
                inside[n, d] -= cells.wrap[bead, k] * lattice[k, d]
    for u in range(cells.counts[0]):
        for v in range(cells.counts[1]):
            for w in range(cells.counts[2]):
                here = (u * cells.counts[1] + v) * cells.counts[2] + w
                if cells.start[here] == cells.start[here + 1]:
                    continue
                around, near = cells_around(cells, u, v, w, around)
                for m in range(near):
                    i, j, k = around[m, 1], around[m, 2], around[m, 3]  # boxes away
                    px = i * lattice[0, 0] + j * lattice[1, 0] + k * lattice[2, 0]
                    py = i * lattice[0, 1] + j * lattice[1, 1] + k * lattice[2, 1]
                    pz = i * lattice[0, 2] + j * lattice[1, 2] + k * lattice[2, 2]
                    for first in range(cells.start[here], cells.start[here + 1]):
                        dx, dy, dz = px - inside[first, 0], py - inside[first, 1], pz - inside[first, 2]
                        own = cells.order[first]
                        for second in range(cells.start[around[m, 0]], cells.start[around[m, 0] + 1]):
                            other = cells.order[second]
                            if other <= own or molecule[other] == molecule[own]:  # each pair is met from both sides
                                continue
                            square = ((inside[second, 0] + dx)**2 + (inside[second, 1] + dy)**2
                                      + (inside[second, 2] + dz)**2)
                            if square < limit:
                                place = min(int(np.sqrt(square) / width), n_bins - 1)
                                counts[block[own], place] += 1
                                counts[block[other], place] += 1
