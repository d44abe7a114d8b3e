"""Fast twin, for processors, of what ``steric`` does with tensors: no derivatives, nothing that passes over memory.

All neighbours of a drawn atom are looked at in lanes. What bonds make of a distance is written beside the few
neighbours that it concerns before, so that no pair is looked up by itself.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float32
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.sites.records import ContextAtoms, DrawnAtoms, MoleculePairs, SeenAtoms

FEW = 3  #: bonds between atoms up to which their distance is no longer that of strangers


class Reaches(NamedTuple):
    """How near atoms may come, and how far apart bonded ones may be.

    Attributes:
        contact: Radius of each atom row, nm, (n,).
        covalent: Radius of each atom row, as long as a bond may be, nm, (n,).
        factor: What contact distances are multiplied by, by the number of bonds between two atoms, (FEW + 1,).
        start: Where those ``FEW`` bonds from each atom row or fewer begin, and the end of the last, (n + 1,).
        other: Their atom rows, (p,).
        bonds: How many bonds away, (p,).
    """

    contact: NDArray[np.float32]
    covalent: NDArray[np.float32]
    factor: NDArray[np.float32]
    start: NDArray[np.int64]
    other: NDArray[np.int64]
    bonds: NDArray[np.int64]


def few_bonds(between: MoleculePairs) -> tuple[NDArray[np.int64], ...]:
    """``start``, ``other`` and ``bonds`` of ``Reaches``, from arrays of numbers of bonds between atoms."""
    key, value, n = between.key, between.value, len(between.start) - 1
    near = value <= FEW
    return np.searchsorted(key[near], np.arange(n + 1) * n), key[near] % n, value[near].astype(np.int64)


class _Room(NamedTuple):
    """Of one site: its neighbours that are there, and where atom rows are found.

    Attributes:
        points: By coordinate, (3, N).
        radius: (N,).
        factor: Of contact distances with the atom looked at, (N,).
        earlier: Number of an earlier neighbour of the same atom row, another image, 0 for none, (N,).
        seen: Number of the last neighbour of each atom row of the own molecule, from 1; 0 for none, (n,).
        context: The same of context atoms, (n,).
        own: The same of the fragment's atoms, (n,).
    """

    points: NDArray[np.float32]
    radius: NDArray[np.float32]
    factor: NDArray[np.float32]
    earlier: NDArray[np.int64]
    seen: NDArray[np.int64]
    context: NDArray[np.int64]
    own: NDArray[np.int64]


@part(fastmath=True, error_model="numpy", nogil=True)
def _squeezed(points, radius, factor, count, own, x, y, z):
    """Sum of squared overlaps of an atom with neighbours."""
    xs, ys, zs, total, nothing = points[0], points[1], points[2], float32(0.0), float32(0.0)
    for n in range(count):
        dx, dy, dz = xs[n] - x, ys[n] - y, zs[n] - z
        least = max(radius[n] + own, nothing) * factor[n]
        gap = max(least - np.sqrt(dx * dx + dy * dy + dz * dz), nothing)
        total += gap * gap
    return total


@part(nogil=True)
def _noted(s, seen, context, own, contact, room):
    """Write down the neighbours of a site; returns how many are there."""
    found = 0
    for n in range(seen.row.shape[1]):
        if not seen.placed[s, n]:
            continue
        atom = seen.row[s, n]
        for x in range(3):
            room.points[x, found] = seen.positions[s, n, x]
        room.radius[found], room.factor[found] = contact[atom], 1.0
        if seen.same[s, n]:
            room.earlier[found] = room.seen[atom]
            room.seen[atom] = found + 1
        found += 1
    for n in range(context.row.shape[1]):
        if context.row[s, n] >= 0 and context.placed[s, n]:
            room.context[context.row[s, n]] = n + 1
    for f in range(own.shape[1]):
        if own[s, f] >= 0:
            room.own[own[s, f]] = f + 1
    return found


@part(nogil=True)
def _forgotten(s, seen, context, own, room):
    """Where atom rows are found is as if nothing had been written there."""
    for n in range(seen.row.shape[1]):
        if seen.same[s, n]:
            room.seen[seen.row[s, n]] = 0
    for n in range(context.row.shape[1]):
        if context.row[s, n] >= 0:
            room.context[context.row[s, n]] = 0
    for f in range(own.shape[1]):
        if own[s, f] >= 0:
            room.own[own[s, f]] = 0


@part(nogil=True)
def _multiplied(a, by, one, reaches, room):
    """Write factors of contact distances of atom row a with its neighbours: ``by`` bonds, or 1 if ``one``."""
    for p in range(reaches.start[a], reaches.start[a + 1]):
        n = room.seen[reaches.other[p]]
        while n:
            room.factor[n - 1] = float32(1.0) if one else by[reaches.bonds[p]]
            n = room.earlier[n - 1]


@part(nogil=True, error_model="numpy")
def _length(a, i, b, j):
    """Distance of row i of positions a from row j of positions b."""
    dx, dy, dz = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1], a[i, 2] - b[j, 2]
    return np.sqrt(dx * dx + dy * dy + dz * dz)


@compiled(nogil=True, error_model="numpy")
def strain(drawn: DrawnAtoms, seen: SeenAtoms, context: ContextAtoms, reaches: Reaches,
           total: NDArray[np.float32]) -> None:
    """Add squared overlaps and squared excess lengths of bonds of S sites with K candidates to ``total`` (S, K).

    Args:
        drawn: Given atoms count as drawn.
    """
    x, own, contact, covalent, factor = drawn.positions, drawn.row, reaches.contact, reaches.covalent, reaches.factor
    size, rows, n_candidates, n_own = seen.row.shape[1], len(contact), x.shape[1], own.shape[1]
    room = _Room(np.empty((3, size), np.float32), np.empty(size, np.float32), np.empty(size, np.float32),
                 np.zeros(size, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.int64))
    apart = np.empty(n_own, np.int64)
    for s in range(len(x)):
        count = _noted(s, seen, context, own, contact, room)
        for f in range(n_own):
            a = own[s, f]
            if a < 0:
                continue
            _multiplied(a, factor, False, reaches, room)
            for k in range(n_candidates):
                total[s, k] += _squeezed(room.points, room.radius, room.factor, count, contact[a], x[s, k, f, 0],
                                         x[s, k, f, 1], x[s, k, f, 2])
            _multiplied(a, factor, True, reaches, room)
            for g in range(f):
                apart[g] = -1
            for p in range(reaches.start[a], reaches.start[a + 1]):
                b = reaches.other[p]
                n, g = room.context[b], room.own[b] - 1
                if 0 <= g < f:
                    apart[g] = reaches.bonds[p]
                if n and reaches.bonds[p] == 1:
                    most = covalent[a] + covalent[b]
                    for k in range(n_candidates):
                        total[s, k] += max(_length(x[s, k], f, context.positions[s], n - 1) - most, 0.0)**2
            for g in range(f):
                b = own[s, g]
                if b < 0:
                    continue
                least, most = contact[a] + contact[b], covalent[a] + covalent[b]
                if apart[g] >= 0:
                    least *= factor[apart[g]]
                for k in range(n_candidates):
                    length = _length(x[s, k], f, x[s, k], g)
                    total[s, k] += max(least - length, 0.0)**2
                    if apart[g] == 1:
                        total[s, k] += max(length - most, 0.0)**2
        _forgotten(s, seen, context, own, room)
