"""Which beads may not be drawn together, and the colours that keep them apart."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from vesin import NeighborList

from ..compiling.compiled import compiled

Index = NDArray[np.int64]


def bead_pairs(beads: NDArray[np.float64], box: NDArray[np.float64] | None,
               cutoff: float) -> tuple[Index, Index, NDArray[np.float64]]:
    """All ordered pairs of beads within ``cutoff``, counting every periodic image.

    Args:
        beads: (B, 3), nm; need not be wrapped.
        box: (3, 3), nm, or None.
        cutoff: nm.

    Returns:
        i, j (n,) and the vector from bead i to that image of bead j, (n, 3); sorted by i, then j.
        A bead's own images are left out: a bead is not its own surroundings.
    """
    lattice = np.zeros((3, 3)) if box is None else box
    i, j, vector = NeighborList(cutoff=cutoff, full_list=True).compute(
        points=np.ascontiguousarray(beads), box=lattice, periodic=box is not None, quantities="ijD")
    keep = i != j
    i, j, vector = i[keep].astype(np.int64), j[keep].astype(np.int64), vector[keep]
    order = np.lexsort((np.linalg.norm(vector, axis=1), j, i))
    return i[order], j[order], vector[order]


def conflict_graph(n_beads: int, i: Index, j: Index, related: tuple[Index, Index]) -> csr_array:
    """Beads that see each other: pairs within the cut-off, and ``related`` pairs of one molecule.

    Returns:
        Symmetric boolean adjacency without a diagonal, (B, B).
    """
    rows = np.concatenate([i, related[0], related[1]])
    columns = np.concatenate([j, related[1], related[0]])
    keep = rows != columns
    ones = np.ones(keep.sum(), dtype=bool)
    graph = coo_array((ones, (rows[keep], columns[keep])), shape=(n_beads, n_beads)).tocsr()
    graph.sum_duplicates()
    return graph


def colour(graph: csr_array, members: NDArray[np.bool_]) -> Index:
    """Colours of ``members`` such that no two neighbours share one; -1 elsewhere, (B,).

    The result is greedy colouring, beads of many neighbours first and ties by index (``colour_serially``).
    """
    indptr, indices = (x.astype(np.int64) for x in (graph.indptr, graph.indices))
    return _colour(indptr, indices, _precedence(graph, members), len(members))


@compiled(nogil=True)
def _colour(indptr: Index, indices: Index, order: Index, n_beads: int) -> Index:
    """The smallest colour that neighbours leave free, bead after bead of ``order``."""
    colours = np.full(n_beads, -1)
    taken_by = np.full(n_beads + 1, -1)  # the last bead that met each colour next door
    for bead in order:
        for k in range(indptr[bead], indptr[bead + 1]):
            if colours[indices[k]] >= 0:
                taken_by[colours[indices[k]]] = bead
        free = 0
        while taken_by[free] == bead:
            free += 1
        colours[bead] = free
    return colours


def colour_serially(graph: csr_array, members: NDArray[np.bool_]) -> Index:
    """The slow twin of ``colour``, in plain Python."""
    colours = np.full(len(members), -1, dtype=np.int64)
    for bead in _precedence(graph, members):
        near = graph.indices[graph.indptr[bead]:graph.indptr[bead + 1]]
        taken = set(colours[near])
        colours[bead] = next(c for c in range(len(taken) + 1) if c not in taken)
    return colours


def _precedence(graph: csr_array, members: NDArray[np.bool_]) -> Index:
    """Members in the order in which greedy colouring takes them."""
    index = np.flatnonzero(members)
    return index[np.argsort(-np.diff(graph.indptr)[index], kind="stable")]
