"""Fast twins, for processors, of ``bonded_terms`` and ``pairs``: values and gradients in one pass, without tensors."""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.energy.pair import softened
from backmap.engine.hamiltonian import bonded
from backmap.engine.sites.records import ContextAtoms, DrawnAtoms, MoleculePairs, SeenAtoms, pair_at

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PAIR = -1  #: code of explicit pairs, beside those of bonded functions


class SoftPairs(NamedTuple):
    """Lennard-Jones that is softened at short range.

    Attributes:
        kind: Lennard-Jones type of each atom row, (n,).
        values: c6, c12 and core of each pair of types, (T, T, 3), float64.
        excluded: Pairs of atom rows that are excluded.
        cutoff: nm.
    """

    kind: Any
    values: Any
    excluded: MoleculePairs
    cutoff: float


class RowBonded(NamedTuple):
    """Bonded terms and explicit pairs of all fragments, one after the other.

    Attributes:
        start: Where the terms of each fragment row begin, and the end of the last, (R + 1,).
        code: Of the function, or ``PAIR``, (n,).
        term: Which of ``bonded_terms.TERMS`` it counts under, (n,).
        corners: Indices into [fragment atoms F | context atoms C], -1 for padding, (n, 4).
        values: Parameters, (n, 6).
        floor: Least energy, and height at the limits of a flat bottom; NaN for those of the temperature, (n, 2).
    """

    start: Index
    code: Index
    term: Index
    corners: Index
    values: Array
    floor: Array


@compiled(nogil=True)
def around(drawn: DrawnAtoms, seen: SeenAtoms, tables: SoftPairs, energy: Array, slope: Array) -> None:
    """Add energies of drawn atoms with each other and with what is seen to (S, K), and gradients to (S, K, F, 3).

    Args:
        slope: Empty if gradients are not asked for.
    """
    x, own, block = drawn.positions, drawn.row, drawn.block
    others, other, placed, same = seen.positions, seen.row, seen.placed, seen.same
    kind, values = tables.kind, tables.values
    start, key = tables.excluded.start, tables.excluded.key
    n_sites, n_candidates, n_own = x.shape[:3]
    limit, slopes = tables.cutoff * tables.cutoff, slope.size > 0
    for s in range(n_sites):
        for f in range(n_own):
            if not block[s, f]:
                continue
            a = own[s, f]
            for n in range(other.shape[1] + n_own):
                g = n - other.shape[1]
                if g < 0:
                    b = other[s, n]
                    skip = not placed[s, n] or (same[s, n] and pair_at(start, key, a, b) >= 0)
                else:
                    b = own[s, g]  # pairs of drawn atoms once, pairs with a given one from the drawn side
                    skip = b < 0 or (g <= f and block[s, g]) or pair_at(start, key, a, b) >= 0
                if skip:
                    continue
                i, j = kind[a], kind[b]
                c6, c12, core = values[i, j, 0], values[i, j, 1], values[i, j, 2]
                for k in range(n_candidates):
                    dx, dy, dz = x[s, k, f, 0], x[s, k, f, 1], x[s, k, f, 2]
                    if g < 0:
                        dx, dy, dz = dx - others[s, n, 0], dy - others[s, n, 1], dz - others[s, n, 2]
                    else:
                        dx, dy, dz = dx - x[s, k, g, 0], dy - x[s, k, g, 1], dz - x[s, k, g, 2]
                    d2 = dx * dx + dy * dy + dz * dz
                    if d2 >= limit:
                        continue
                    value, pull = softened(d2, c6, c12, core)
                    energy[s, k] += value
                    if slopes:
                        slope[s, k, f, 0] += pull * dx
                        slope[s, k, f, 1] += pull * dy
                        slope[s, k, f, 2] += pull * dz
                        if g >= 0 and block[s, g]:
                            slope[s, k, g, 0] -= pull * dx
                            slope[s, k, g, 1] -= pull * dy
                            slope[s, k, g, 2] -= pull * dz


@compiled(nogil=True, error_model="numpy")
def terms(drawn: DrawnAtoms, context: ContextAtoms, row: Index, tables: RowBonded, thermal: Array, max_force: float,
          energy: Array, slope: Array) -> None:
    """Add energies of bonded terms to (4, S, K), and gradients to (4, S, K, F, 3).

    Args:
        row: Fragment row of each site, (S,).
        thermal: Height at the limits of flat bottoms where the term has none of its own, (S,); NaN for no flat bottoms.
        max_force: Largest force on an atom, kJ/mol/nm.
        slope: Empty if gradients are not asked for.
    """
    placed, own, block, away, there = drawn.positions, drawn.row, drawn.block, context.positions, context.placed
    start, code, term, corners, values, floor = (tables.start, tables.code, tables.term, tables.corners, tables.values,
                                                 tables.floor)
    n_sites, n_candidates, n_own = placed.shape[:3]
    x, force, room = np.zeros((4, 3)), np.zeros((4, 3)), np.empty(bonded.ROOM)
    alone = np.array([[0, 0, 1, 2, 3]])  # a term, its function first
    for s in range(n_sites):
        for n in range(start[row[s]], start[row[s] + 1]):
            counts, touched, size = True, False, 0
            for corner in corners[n]:
                if corner >= 0:
                    size += 1
                    inside = corner < n_own
                    counts &= own[s, corner] >= 0 if inside else there[s, corner - n_own]
                    touched |= inside and block[s, corner]
            if not (counts and touched):
                continue
            for k in range(n_candidates):
                for c in range(size):
                    corner = corners[n, c]
                    for axis in range(3):
                        x[c, axis] = placed[s, k, corner, axis] if corner < n_own else away[s, corner - n_own, axis]
                force[:], alone[0, 0] = 0.0, code[n]
                value = _one(alone, values[n:n + 1], x, room, force)
                scale = 1.0
                if not math.isnan(thermal[s]) and code[n] != PAIR:
                    above = max(value - floor[n, 0], 0.0)
                    limit = thermal[s] if math.isnan(floor[n, 1]) else floor[n, 1]
                    value = (math.sqrt(max(above, limit)) - math.sqrt(limit))**2
                    scale = max(0.0, 1.0 - math.sqrt(limit / above)) if above > limit else 0.0
                if not math.isfinite(value):  # atoms on top of each other: other terms take them apart
                    continue
                energy[term[n], s, k] += value
                if slope.size:
                    _spread(force, -scale, max_force, corners[n], size, n_own, slope[term[n], s, k])


@part(nogil=True, error_model="numpy")
def _one(term: Index, values: Array, x: Array, room: Array, force: Array) -> float:
    """Energy of a bonded term, or of an explicit pair; adds to ``force`` (4, 3)."""
    if term[0, 0] != PAIR:
        return bonded.bonded(term, values, x, room, force)
    dx, dy, dz = x[1, 0] - x[0, 0], x[1, 1] - x[0, 1], x[1, 2] - x[0, 2]
    value, pull = softened(dx * dx + dy * dy + dz * dz, values[0, 0], values[0, 1], values[0, 2])
    for axis, step in enumerate((dx, dy, dz)):
        force[0, axis] += pull * step
        force[1, axis] -= pull * step
    return value


@part(nogil=True, error_model="numpy")
def _spread(force: Array, scale: float, max_force: float, corners: Index, size: int, n_own: int, slope: Array) -> None:
    """Add scaled forces, none longer than ``max_force``, to (F, 3)."""
    for c in range(size):
        if corners[c] < n_own:
            fx, fy, fz = scale * force[c, 0], scale * force[c, 1], scale * force[c, 2]
            length = math.sqrt(fx * fx + fy * fy + fz * fz)
            if math.isfinite(length):
                shorter = min(1.0, max_force / max(length, 1e-12))
                slope[corners[c], 0] += shorter * fx
                slope[corners[c], 1] += shorter * fy
                slope[corners[c], 2] += shorter * fz
