"""Distances of atoms that a way has bent, led back to what they were, beads in place (compiled)."""
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..model.molecule import MoleculeType
from .compiling.compiled import compiled, part

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Times that bonds and angles are led back to what they were, the share of the way that is gone each time, and that of
#: the last change which goes on.
ROUNDS, SHARE, MOMENTUM = 100, 0.7, 0.9
NEAREST = 1e-6  #: nm; atoms closer than this count as this far apart


class Relief(NamedTuple):
    """What leads pairs of atoms one or two bonds apart back.

    Attributes:
        pair: (P, 2).
        share: Of what pulls at an atom that it follows, (A,): of beads that are one atom each, that atom stays where
            the bead says.
        start, atom, weight: The mapping, entries of bead b from start[b] to start[b + 1], (B + 1,), (w,), (w,).
        owner: The bead that places each atom, (A,).
    """

    pair: Index
    share: Array
    start: Index
    atom: Index
    weight: Array
    owner: Index


@lru_cache(maxsize=64)
def relief(kind: MoleculeType) -> Relief:
    """That of the molecules of a type."""
    free = np.where(kind.mapping.alone, 0.0, 1.0)
    pairs = np.array([(i, j) for i in range(kind.n_atoms)
                      for j in nx.single_source_shortest_path_length(kind.graph, i, cutoff=2)
                      if i < j and free[i] + free[j]], dtype=np.int64).reshape(-1, 2)
    bead, atom, weight = kind.mapping.entries
    order = np.argsort(bead, kind="stable")
    often = np.maximum(np.bincount(pairs.ravel(), minlength=kind.n_atoms), 1)
    return Relief(pairs, free / often, np.searchsorted(bead[order], np.arange(kind.n_beads + 1)),
                  np.ascontiguousarray(atom[order]), np.ascontiguousarray(weight[order]),
                  np.ascontiguousarray(kind.mapping.owner))


@part
def _sums(r: Relief, x, beads):
    """Where beads are, into ``beads`` (B, 3)."""
    for b in range(len(beads)):
        for c in range(3):
            beads[b, c] = 0.0
        for n in range(r.start[b], r.start[b + 1]):
            for c in range(3):
                beads[b, c] += r.weight[n] * x[r.atom[n], c]


@compiled(nogil=True)
def relieve(r: Relief, moved, atoms):
    """Lead molecules ``moved`` (m, A, 3), nm, towards the distances that they had in ``atoms``, in place."""
    size, n_beads = len(r.owner), len(r.start) - 1
    length, pull, last = np.empty(len(r.pair)), np.empty((size, 3)), np.empty((size, 3))
    beads, now = np.empty((n_beads, 3)), np.empty((n_beads, 3))
    for m in range(len(moved)):
        x, was = moved[m], atoms[m]
        for p in range(len(r.pair)):
            i, j = r.pair[p, 0], r.pair[p, 1]
            dx, dy, dz = was[j, 0] - was[i, 0], was[j, 1] - was[i, 1], was[j, 2] - was[i, 2]
            length[p] = np.sqrt(dx * dx + dy * dy + dz * dz)
        last[:] = 0.0
        _sums(r, x, beads)
        for _ in range(ROUNDS):
            pull[:] = 0.0
            for p in range(len(r.pair)):
                i, j = r.pair[p, 0], r.pair[p, 1]
                dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
                far = np.sqrt(dx * dx + dy * dy + dz * dz)
                strength = SHARE * (length[p] - far) / max(far, NEAREST)
                for c, way in ((0, dx), (1, dy), (2, dz)):
                    push = strength * way
                    pull[i, c] -= push
                    pull[j, c] += push
            for a in range(size):
                for c in range(3):
                    last[a, c] = r.share[a] * pull[a, c] + MOMENTUM * last[a, c]
                    x[a, c] += last[a, c]
            _sums(r, x, now)
            for a in range(size):
                b = r.owner[a]
                for c in range(3):
                    off = beads[b, c] - now[b, c]
                    x[a, c] += off
                    last[a, c] += off
