"""Which beads may not be drawn together, and the colours that keep them apart."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from vesin import NeighborList

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

    The result is greedy colouring, beads of many neighbours first and ties by index
    (``colour_serially``), found in rounds: every bead that precedes all its uncoloured neighbours
    takes the smallest colour they leave free (Jones and Plassmann, SIAM J. Sci. Comput. 14, 1993).
    """
    place = np.empty(len(members), dtype=np.int64)
    place[_precedence(graph, members)] = np.arange(members.sum())
    row = np.repeat(np.arange(len(members)), np.diff(graph.indptr))
    column = graph.indices
    inside = members[row] & members[column]
    row, column = row[inside], column[inside]
    colours = np.full(len(members), -1, dtype=np.int64)
    waiting = members.copy()
    used = np.zeros((len(members), 1), dtype=bool)
    while waiting.any():
        blocked = np.zeros(len(members), dtype=bool)
        blocked[row[waiting[column] & (place[column] < place[row])]] = True
        ready = np.flatnonzero(waiting & ~blocked)
        if used[ready].all(axis=1).any():
            used = np.hstack([used, np.zeros((len(members), used.shape[1]), dtype=bool)])
        colours[ready] = used[ready].argmin(axis=1)
        waiting[ready] = False
        fresh = np.zeros(len(members), dtype=bool)
        fresh[ready] = True
        told = fresh[column]
        used[row[told], colours[column[told]]] = True
    return colours


def colour_serially(graph: csr_array, members: NDArray[np.bool_]) -> Index:
    """The slow twin of ``colour``: one bead after the other."""
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
