"""Compiled loops over bonded terms and pairs: nothing is stored that is not asked for."""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.sites.snapshot import Pairs


@part(nogil=True)
def _between(x, i, j):
    return x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]


@part(nogil=True)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@part(nogil=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled(nogil=True)
def distances(x: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Lengths, nm, of pairs ``atoms`` (n, 2) of whole molecules ``x`` (A, 3)."""
    out = np.empty(len(atoms))
    for k in range(len(atoms)):
        d = _between(x, atoms[k, 0], atoms[k, 1])
        out[k] = math.sqrt(_dot(d, d))
    return out


@compiled(nogil=True)
def angles(x: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Angles, degrees, of triples ``atoms`` (n, 3) of whole molecules ``x`` (A, 3)."""
    out = np.empty(len(atoms))
    for k in range(len(atoms)):
        a, b = _between(x, atoms[k, 1], atoms[k, 0]), _between(x, atoms[k, 1], atoms[k, 2])
        c = _cross(a, b)
        out[k] = math.degrees(math.atan2(math.sqrt(_dot(c, c)), _dot(a, b)))
    return out


@compiled(nogil=True)
def dihedrals(x: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Dihedrals, degrees, IUPAC (trans = 180), of quadruples ``atoms`` (n, 4) of whole molecules ``x`` (A, 3)."""
    out = np.empty(len(atoms))
    for k in range(len(atoms)):
        a, b, c = (_between(x, atoms[k, 0], atoms[k, 1]), _between(x, atoms[k, 1], atoms[k, 2]),
                   _between(x, atoms[k, 2], atoms[k, 3]))
        m, n = _cross(a, b), _cross(b, c)
        out[k] = math.degrees(math.atan2(math.sqrt(_dot(b, b)) * _dot(a, n), _dot(m, n)))
    return out


class PackedAtoms(NamedTuple):
    """Which atoms count for what.

    Attributes:
        solid: Those that have contacts, (A,) bool.
        heavy: The heavy ones of them, (A,) bool.
        first: One side of each pair of selections whose distances are counted, (R, A) bool.
        second: The other side, (R, A) bool.
        bonding: Pairs of heavy atoms that hydrogen bonds or ions hold so near, (n,) bool.
    """

    solid: np.ndarray
    heavy: np.ndarray
    first: np.ndarray
    second: np.ndarray
    bonding: np.ndarray


class PackingRules(NamedTuple):
    """What is counted.

    Attributes:
        apart: Only pairs at least as many bonds from each other.
        width: Of the bins of pair counts, nm.
        n_bins: How many there are.
        clash: A pair nearer than this clashes, nm.
        heavy_clash: A pair of heavy atoms does, nm.
    """

    apart: int
    width: float
    n_bins: int
    clash: float
    heavy_clash: float


@compiled(nogil=True)
def packing(pairs: Pairs, atoms: PackedAtoms, rules: PackingRules):
    """Nearest contacts, clashes and pair counts.

    Returns:
        Nearest distance of each atom to any, and of each heavy atom to a heavy one, inf if there is none, (2, A);
        pair counts (R, n_bins); numbers of clashes (2,); clashing atoms (A,) bool.
    """
    i, j, distance, bonds = pairs.i, pairs.j, pairs.distance, pairs.bonds
    solid, heavy, first, second, bonding = atoms
    apart, width, n_bins, close, close_heavy = rules
    nearest = np.full((2, len(heavy)), np.inf)
    counts = np.zeros((len(first), n_bins), dtype=np.int64)
    clashes, clashing = np.zeros(2, dtype=np.int64), np.zeros(len(heavy), dtype=np.bool_)
    for k in range(len(i)):
        if bonds[k] < apart:
            continue
        a, b, d = i[k], j[k], distance[k]
        if solid[a] and solid[b]:
            both = heavy[a] and heavy[b]
            nearest[0, a], nearest[0, b] = min(nearest[0, a], d), min(nearest[0, b], d)
            if both:
                nearest[1, a], nearest[1, b] = min(nearest[1, a], d), min(nearest[1, b], d)
            near = both and d < close_heavy and not bonding[k]
            if d < close or near:
                clashes[0] += d < close
                clashes[1] += near
                clashing[a] = clashing[b] = True
        index = int(d / width)
        if index < n_bins:
            for r in range(len(first)):
                if (first[r, a] and second[r, b]) or (first[r, b] and second[r, a]):
                    counts[r, index] += 1
    return nearest, counts, clashes, clashing
