"""Reduced energies of one new atom on a grid of angles and torsions, compiled.

A new atom is tried at some hundred places about atoms that stand; each place meets a few dozen terms. As
tensors that would pass over memory for every operation; compiled, a term costs some tens of nanoseconds.
"""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.energy.pair import cubed, lennard_jones
from backmap.engine.energy.tables import RowTables
from backmap.engine.sites.records import SeenAtoms, pair_at

from ..equivariant.kernels import LocalAxes

#: Codes of terms; ``tables`` says which function of a force field becomes which.
ANGLE, COSINE_ANGLE, UREY_BRADLEY, PERIODIC, RYCKAERT_BELLEMANS, IMPROPER, PAIR, HAND, SIDE = range(9)
REACH = 0.5  #: how far Lennard-Jones of neighbours reaches, nm; shifted to be zero there
FORBIDDEN = 1000.0  #: reduced energy of the wrong isomer
#: A centre must stand out of its plane by this much: triple product of unit vectors, 0.77 in a tetrahedron.
#: More than the width of a segment between torsions, in radians, so that no segment crosses the plane.
FLAT = 0.15
#: Cosine that the torsion of a planar bond must be beyond, for the same reason.
UPRIGHT = 0.05


class Targets(NamedTuple):
    """T atoms that are drawn.

    Attributes:
        fragment: Fragment row, (T,).
        atom: Place in the drawing order, (T,).
        site: (T,).
        row: Where the positions that it goes by are in ``Standing.local``, (T,).
        beta: 1 / kT, mol/kJ, (T,).
    """

    fragment: np.ndarray
    atom: np.ndarray
    site: np.ndarray
    row: np.ndarray
    beta: np.ndarray


class Standing(NamedTuple):
    """What stands already.

    Attributes:
        local: Positions by local index, nm, (n, F + C + Q, 3).
        given: Fragment atoms that are not drawn, (S, F) bool.
        around: Which of context and beads are there, (S, C + Q) bool.
    """

    local: np.ndarray
    given: np.ndarray
    around: np.ndarray


class TrialPlaces(NamedTuple):
    """Where targets are tried, in their local frames.

    Attributes:
        distance: nm, (T,).
        angle: (T, J).
        torsion: (K,).
    """

    distance: np.ndarray
    angle: np.ndarray
    torsion: np.ndarray


class AtomTerms(NamedTuple):
    """Terms that each atom of R fragments of up to F atoms takes part in; see ``tables``.

    Attributes:
        start: Those of atom f of row r run from ``start[r F + f]`` to ``start[r F + f + 1]``.
        code: (n,).
        corners: Local indices, -1 for padding, (n, 4).
        values: Parameters, (n, 6).
        primary: Whether it is the angle of the atom about its first two predecessors, (n,) bool.
    """

    start: np.ndarray
    code: np.ndarray
    corners: np.ndarray
    values: np.ndarray
    primary: np.ndarray


class Guides(NamedTuple):
    """Vector sums of positions with lengths about which they are distributed, by atom like ``AtomTerms``.

    Attributes:
        start: As there.
        weights: Of the positions that stand, (m, F + C + Q).
        values: Scale of the new atom's own position, length and width, nm, (m, 3).
    """

    start: np.ndarray
    weights: np.ndarray
    values: np.ndarray


class Near(NamedTuple):
    """What targets interact with by Lennard-Jones.

    Attributes:
        values: Position, c6, c12 and the energy at ``REACH`` of each, (T, 6, P).
        count: How many there are, (T,).
    """

    values: np.ndarray
    count: np.ndarray


@part(fastmath=True, nogil=True, inline="always")
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@part(fastmath=True, nogil=True, inline="always")
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@part(fastmath=True, nogil=True, inline="always")
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@part(fastmath=True, nogil=True)
def _bend(code: int, p: np.ndarray, v: np.ndarray) -> float:
    """Energy of an angle between three points, kJ/mol."""
    a, b = _minus(p[0], p[1]), _minus(p[2], p[1])
    cosine = _dot(a, b) / math.sqrt(max(_dot(a, a) * _dot(b, b), 1e-24))
    cosine = min(1.0, max(-1.0, cosine))
    if code == COSINE_ANGLE:
        return 0.5 * v[1] * (cosine - math.cos(v[0]))**2
    energy = 0.5 * v[1] * (math.acos(cosine) - v[0])**2
    if code == UREY_BRADLEY:
        across = _minus(p[0], p[2])
        energy += 0.5 * v[3] * (math.sqrt(_dot(across, across)) - v[2])**2
    return energy


@part(fastmath=True, nogil=True)
def _twist(code: int, p: np.ndarray, v: np.ndarray) -> float:
    """Energy of a dihedral of four points, kJ/mol; trans is pi."""
    first, axis, last = _minus(p[1], p[0]), _minus(p[2], p[1]), _minus(p[3], p[2])
    m, n = _cross(first, axis), _cross(axis, last)
    if code == RYCKAERT_BELLEMANS:
        cosine = -_dot(m, n) / math.sqrt(max(_dot(m, m) * _dot(n, n), 1e-24))
        energy = v[5]
        for k in range(4, -1, -1):
            energy = energy * cosine + v[k]
        return energy
    phi = math.atan2(math.sqrt(_dot(axis, axis)) * _dot(first, n), _dot(m, n))
    if code == PERIODIC:
        return v[1] * (1 + math.cos(v[2] * phi - v[0]))
    away = phi - v[0]
    return 0.5 * v[1] * (away - 2 * math.pi * round(away / (2 * math.pi)))**2


@part(fastmath=True, nogil=True)
def _is_flat(p: np.ndarray, sign: float) -> bool:
    """A centre and three neighbours are not clearly of the chirality ``sign``."""
    a, b, c = _minus(p[1], p[0]), _minus(p[2], p[0]), _minus(p[3], p[0])
    size = math.sqrt(max(_dot(a, a) * _dot(b, b) * _dot(c, c), 1e-24))
    return sign * _dot(a, _cross(b, c)) < FLAT * size


@part(fastmath=True, nogil=True)
def _is_turned(p: np.ndarray, sign: float) -> bool:
    """A torsion is not clearly on the side ``sign``, +1 being trans."""
    first, axis, last = _minus(p[1], p[0]), _minus(p[2], p[1]), _minus(p[3], p[2])
    m, n = _cross(first, axis), _cross(axis, last)
    return -sign * _dot(m, n) < UPRIGHT * math.sqrt(max(_dot(m, m) * _dot(n, n), 1e-24))


@part(fastmath=True, nogil=True, inline="always")
def _pair(square: float, c6: float, c12: float, charge: float, cap: float) -> float:
    """Lennard-Jones and Coulomb energy, kJ/mol, at most ``cap``."""
    inverse = 1 / max(square, 1e-4)
    return min(cap, lennard_jones(cubed(inverse), c6, c12) + charge * math.sqrt(inverse))


@part(fastmath=True, nogil=True)
def _is_known(local: int, atom: int, n_own: int, given: np.ndarray, around: np.ndarray) -> bool:
    """An atom stands before ``atom`` is drawn: drawn earlier, given, or in the context and placed."""
    if local < n_own:
        return local < atom or given[local]
    return around[local - n_own]


@part(fastmath=True, nogil=True)
def _around(x0: float, x1: float, x2: float, near: np.ndarray, count: int, cap: float) -> float:
    """Lennard-Jones energy with neighbours, shifted to be zero at ``REACH``, kJ/mol; without branches."""
    total = 0.0
    for n in range(count):
        d0, d1, d2 = near[0, n] - x0, near[1, n] - x1, near[2, n] - x2
        square = d0 * d0 + d1 * d1 + d2 * d2
        inverse = 1 / max(square, 1e-4)
        energy = min(cap, lennard_jones(cubed(inverse), near[3, n], near[4, n])) - near[5, n]
        total += energy if square < REACH * REACH else 0.0
    return total


@compiled(fastmath=True, nogil=True)
def grid(targets: Targets, standing: Standing, frames: LocalAxes, trials: TrialPlaces, primary: bool, terms: AtomTerms,
         guides: Guides, near: Near, cap: float) -> np.ndarray:
    """Reduced energies of T targets at J angles and K torsions, (T, J, K).

    Args:
        primary: Only terms that depend on the angle alone; else all others, guides and neighbours.
        near: What interacts by Lennard-Jones, as ``neighbours`` gives it.
        cap: Largest energy of a pair, kJ/mol.
    """
    fragment, atom, site, row, beta = targets.fragment, targets.atom, targets.site, targets.row, targets.beta
    local, given, around, origin, axes = standing.local, standing.given, standing.around, frames.origin, frames.axes
    distance, angle, torsion = trials.distance, trials.angle, trials.torsion
    start, code, corners, values, is_primary = terms.start, terms.code, terms.corners, terms.values, terms.primary
    guide_start, guide_weights, guide_values = guides.start, guides.weights, guides.values
    others, n_others = near.values, near.count
    n_own = given.shape[1]
    energy = np.zeros((len(atom), angle.shape[1], len(torsion)))
    most, most_guides = np.max(np.diff(start)), np.max(np.diff(guide_start))
    points, term, moving = np.empty((most, 4, 3)), np.empty(most, np.int64), np.empty(most, np.int64)
    # One more: a guide is summed up before it is known whether it counts.
    guide, shift = np.empty(most_guides + 1, np.int64), np.empty((most_guides + 1, 3))
    for t in range(len(atom)):
        f, s, here, at = atom[t], site[t], fragment[t] * n_own + atom[t], local[row[t]]
        count = 0
        for k in range(start[here], start[here + 1]):
            if is_primary[k] != primary:
                continue
            whole = True
            for c in range(4):
                corner = corners[k, c]
                if corner == f:
                    moving[count] = c
                elif corner >= 0:
                    whole &= _is_known(corner, f, n_own, given[s], around[s])
                    points[count, c] = at[corner]
            if whole:
                term[count] = k
                count += 1
        n_guides = 0
        if not primary:
            for k in range(guide_start[here], guide_start[here + 1]):
                whole = True
                shift[n_guides] = 0
                for c in range(guide_weights.shape[1]):
                    if guide_weights[k, c] != 0:
                        whole &= _is_known(c, f, n_own, given[s], around[s])
                        shift[n_guides] += guide_weights[k, c] * at[c]
                if whole:
                    guide[n_guides] = k
                    n_guides += 1
        for j in range(angle.shape[1]):
            along, across = distance[t] * math.cos(angle[t, j]), distance[t] * math.sin(angle[t, j])
            for i in range(len(torsion)):
                y, z = across * math.cos(torsion[i]), across * math.sin(torsion[i])
                x0 = origin[t, 0] + along * axes[t, 0, 0] + y * axes[t, 1, 0] + z * axes[t, 2, 0]
                x1 = origin[t, 1] + along * axes[t, 0, 1] + y * axes[t, 1, 1] + z * axes[t, 2, 1]
                x2 = origin[t, 2] + along * axes[t, 0, 2] + y * axes[t, 1, 2] + z * axes[t, 2, 2]
                total, reduced = 0.0, 0.0
                for n in range(count):
                    p, k = points[n], term[n]
                    p[moving[n], 0], p[moving[n], 1], p[moving[n], 2] = x0, x1, x2
                    if code[k] <= UREY_BRADLEY:
                        total += _bend(code[k], p, values[k])
                    elif code[k] <= IMPROPER:
                        total += _twist(code[k], p, values[k])
                    elif code[k] == PAIR:
                        apart = _minus(p[0], p[1])
                        total += _pair(_dot(apart, apart), values[k, 0], values[k, 1], values[k, 2], cap)
                    elif _is_turned(p, values[k, 0]) if code[k] == SIDE else _is_flat(p, values[k, 0]):
                        reduced += FORBIDDEN
                for n in range(n_guides):
                    scale, length, width = guide_values[guide[n]]
                    g0, g1, g2 = scale * x0 + shift[n, 0], scale * x1 + shift[n, 1], scale * x2 + shift[n, 2]
                    reduced += 0.5 * ((math.sqrt(g0 * g0 + g1 * g1 + g2 * g2) - length) / width)**2
                energy[t, j, i] = beta[t] * (total + _around(x0, x1, x2, others[t], n_others[t], cap)) + reduced
    return energy


@part(fastmath=True, nogil=True)
def _noted(near: np.ndarray, count: int, point: np.ndarray, c6: float, c12: float) -> int:
    """Note one more neighbour, if it interacts and there is room; returns how many there are."""
    if count == near.shape[1] or (c6 == 0 and c12 == 0):
        return count
    near[:3, count] = point
    near[3, count], near[4, count] = c6, c12
    near[5, count] = lennard_jones(REACH**-6, c6, c12)
    return count + 1


@compiled(fastmath=True, nogil=True)
def neighbours(targets: Targets, standing: Standing, seen: SeenAtoms, frames: LocalAxes, distance: np.ndarray,
               own: np.ndarray, tables: RowTables, room: int) -> Near:
    """Atoms whose Lennard-Jones interaction can reach the targets.

    Args:
        distance: Of each target from the origin of its frame, nm, (T,).
        own: Atom rows of the fragment of each target, (T, F).
        room: P, how many there can be.
    """
    atom, site, row, local, given = targets.atom, targets.site, targets.row, standing.local, standing.given
    points, placed, other, same, origin = seen.positions, seen.placed, seen.row, seen.same, frames.origin
    type_of, c6, c12 = tables.kind, tables.c6, tables.c12
    start, key = tables.excluded.start, tables.excluded.key
    near, n_near = np.empty((len(atom), 6, room)), np.zeros(len(atom), np.int64)
    for t in range(len(atom)):
        s, new = site[t], own[t, atom[t]]
        for n in range(own.shape[1]):
            there = own[t, n] >= 0 and n != atom[t] and (n < atom[t] or given[s, n])
            if there and pair_at(start, key, new, own[t, n]) < 0:
                n_near[t] = _noted(near[t], n_near[t], local[row[t], n], c6[type_of[new], type_of[own[t, n]]],
                                   c12[type_of[new], type_of[own[t, n]]])
        reach = (distance[t] + REACH)**2
        for n in range(points.shape[1]):
            if placed[s, n]:
                apart = _minus(points[s, n], origin[t])
                if _dot(apart, apart) < reach and not (same[s, n] and pair_at(start, key, new, other[s, n]) >= 0):
                    n_near[t] = _noted(near[t], n_near[t], points[s, n], c6[type_of[new], type_of[other[s, n]]],
                                       c12[type_of[new], type_of[other[s, n]]])
    return Near(near, n_near)
