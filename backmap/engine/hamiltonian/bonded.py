"""Energies and forces of bonded terms, by hand and compiled: the functions of ``model.parameters.FUNCTIONS``.

Correction maps are in ``maps``. The quick twin of ``engine.energy.bonded``. Angles and dihedrals are taken eight at a
time: gathered, worked out without a branch, so that they run in lanes, and their forces scattered. Derivatives of
dihedrals: Blondel, Karplus, J. Comput. Chem. 17, 1132 (1996).
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...model.parameters import FUNCTIONS
from ..compiling.compiled import borrowing
from .loops import QUICK
from .turns import turn

Array = NDArray[np.float64]

#: Number of each bonded function in compiled code.
CODES = {name: code for code, name in enumerate(FUNCTIONS)}
_QUARTIC_BOND = CODES["quartic_bond"]
_COSINE_ANGLE, _UREY_BRADLEY = CODES["cosine_angle"], CODES["urey_bradley"]
_PROPER, _IMPROPER = CODES["periodic_proper"], CODES["periodic_improper"]
_RYCKAERT_BELLEMANS = CODES["ryckaert_bellemans"]
#: Square of what counts as no length at all, nm^2.
TINY = 1e-24
#: Terms that are worked out at a time.
WIDE = 8
#: Numbers of the room that they are worked out in: rows of ``WIDE``.
ROOM = 16 * WIDE


def prepared(code: int, values: Array) -> Array:
    """Parameters of bonded terms (n, p) as compiled code takes them, (n, 6): cosine and sine of t0 or p0 behind."""
    rows, names = np.zeros((len(values), 6)), FUNCTIONS[list(CODES)[code]][2]
    rows[:, :values.shape[1]] = values
    if names[0] in ("t0", "p0"):
        at = 4 if names[0] == "t0" else len(names)
        rows[:, at], rows[:, at + 1] = np.cos(values[:, 0]), np.sin(values[:, 0])
    return rows


@borrowing(error_model="numpy")
def bonded(term, values, x, room, force):
    """Energy of bonded terms at ``x`` (places, 3), kJ/mol; adds to ``force`` (places, 3).

    Args:
        term: Function and places of each term, (n, 5), as in ``BlockTables``; those of one function together.
        values: Parameters of each term, (n, 6), as in ``BlockTables``.
        x: Positions, (places, 3), nm.
        room: Work array, (``ROOM``,).
        force: Forces, (places, 3), kJ/mol/nm, to which those of the terms are added.
    """
    energy, begin = 0.0, 0
    while begin < len(term):
        code, end = term[begin, 0], begin + 1
        while end < len(term) and term[end, 0] == code:
            end += 1
        if code <= _QUARTIC_BOND:
            for n in range(begin, end):
                energy += _bond(code == _QUARTIC_BOND, values[n, 0], values[n, 1], term[n, 1], term[n, 2], x, force)
        else:
            for first in range(begin, end, WIDE):
                last = min(first + WIDE, end)
                if code <= _UREY_BRADLEY:
                    energy += _angles(code, term, values, first, last, x, room, force)
                else:
                    energy += _dihedrals(code, term, values, first, last, x, room, force)
        begin = end
    return energy


@borrowing(error_model="numpy")
def _bond(quartic, r0, k, a, b, x, force):
    dx, dy, dz = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
    squared = max(dx * dx + dy * dy + dz * dz, TINY)
    if quartic:
        away = squared - r0 * r0
        energy, slope = 0.25 * k * away * away, k * away
    else:
        length = np.sqrt(squared)
        away = length - r0
        energy, slope = 0.5 * k * away * away, k * away / length
    for c, step in enumerate((dx, dy, dz)):
        force[a, c] += slope * step
        force[b, c] -= slope * step
    return energy


@borrowing(error_model="numpy")
def _angles(code, term, values, first, last, x, room, force):
    """Up to ``WIDE`` of them, from ``first`` to ``last``; lanes to spare repeat the last."""
    energy = 0.0
    for lane in range(WIDE):
        n = min(first + lane, last - 1)
        a, b, c = term[n, 1], term[n, 2], term[n, 3]
        for d in range(3):
            room[d * WIDE + lane], room[(3 + d) * WIDE + lane] = x[a, d] - x[b, d], x[c, d] - x[b, d]
        room[6 * WIDE + lane], room[7 * WIDE + lane], room[8 * WIDE + lane] = values[n, 1], values[n, 4], values[n, 5]
    _angle_lanes(code == _COSINE_ANGLE, room)
    for n in range(first, last):
        a, b, c, lane = term[n, 1], term[n, 2], term[n, 3], n - first
        energy += room[9 * WIDE + lane]
        for d in range(3):
            one, other = room[(10 + d) * WIDE + lane], room[(13 + d) * WIDE + lane]
            force[a, d] -= one
            force[c, d] -= other
            force[b, d] += one + other
        if code == _UREY_BRADLEY:
            energy += _bond(False, values[n, 2], values[n, 3], a, c, x, force)
    return energy


@borrowing(fastmath=QUICK, error_model="numpy")
def _angle_lanes(of_cosine, room):
    """Arms u, v in rows 0 to 5, k, cos t0, sin t0 in 6 to 8, to energies in 9 and derivatives by arms in 10 to 15."""
    for n in range(WIDE):
        ux, uy, uz = room[n], room[WIDE + n], room[2 * WIDE + n]
        vx, vy, vz = room[3 * WIDE + n], room[4 * WIDE + n], room[5 * WIDE + n]
        k, cos, sin = room[6 * WIDE + n], room[7 * WIDE + n], room[8 * WIDE + n]
        uu, vv, along = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, ux * vx + uy * vy + uz * vz
        cx, cy, cz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        across, norm = np.sqrt(max(cx * cx + cy * cy + cz * cz, TINY)), np.sqrt(uu * vv)
        cosine = along / norm
        bent, straight = turn(across * cos - along * sin, along * cos + across * sin, norm), cosine - cos
        away = straight if of_cosine else bent
        slope = k * straight if of_cosine else -k * bent * norm / across  # dE/dcos = -dE/dt / sin t
        room[9 * WIDE + n] = 0.5 * k * away * away
        both, own, other = slope / norm, slope * cosine / uu, slope * cosine / vv
        room[10 * WIDE + n], room[13 * WIDE + n] = both * vx - own * ux, both * ux - other * vx
        room[11 * WIDE + n], room[14 * WIDE + n] = both * vy - own * uy, both * uy - other * vy
        room[12 * WIDE + n], room[15 * WIDE + n] = both * vz - own * uz, both * uz - other * vz


@borrowing(error_model="numpy")
def _dihedrals(code, term, values, first, last, x, room, force):
    """Up to ``WIDE`` of them, from ``first`` to ``last``; lanes to spare repeat the last."""
    energy = 0.0
    for lane in range(WIDE):
        n = min(first + lane, last - 1)
        dihedral_arms(term[n, 1], term[n, 2], term[n, 3], term[n, 4], lane, x, room)
    dihedral_lanes(room)
    for n in range(first, last):
        lane = n - first
        one, slope = _twist(code, values, n, room[9 * WIDE + lane], room[10 * WIDE + lane])
        energy += one
        dihedral_forces(term[n, 1], term[n, 2], term[n, 3], term[n, 4], lane, slope, room, force)
    return energy


@borrowing
def dihedral_arms(a, b, c, d, lane, x, room):
    """Arms of the dihedral of four places into a lane."""
    for e in range(3):
        room[e * WIDE + lane], room[(3 + e) * WIDE + lane] = x[a, e] - x[b, e], x[b, e] - x[c, e]
        room[(6 + e) * WIDE + lane] = x[d, e] - x[c, e]


@borrowing
def dihedral_forces(a, b, c, d, lane, slope, room, force):
    """Forces on four places of an energy whose derivative by the dihedral in a lane is ``slope``."""
    for e in range(3):
        head, middle = slope * room[e * WIDE + lane], slope * room[(3 + e) * WIDE + lane]
        tail = slope * room[(6 + e) * WIDE + lane]
        force[a, e] += head
        force[b, e] += middle - head
        force[c, e] -= middle + tail
        force[d, e] += tail


@borrowing(fastmath=QUICK, error_model="numpy")
def dihedral_lanes(room):
    """Arms f, g, h in rows 0 to 8 to forces, and cosines and sines in 9 and 10.

    Forces are on the first atom, of the middle and on the last, for an energy that grows by 1 with the angle; there are
    none where three atoms are in line.
    """
    for n in range(WIDE):
        fx, fy, fz = room[n], room[WIDE + n], room[2 * WIDE + n]
        gx, gy, gz = room[3 * WIDE + n], room[4 * WIDE + n], room[5 * WIDE + n]
        hx, hy, hz = room[6 * WIDE + n], room[7 * WIDE + n], room[8 * WIDE + n]
        ax, ay, az = fy * gz - fz * gy, fz * gx - fx * gz, fx * gy - fy * gx
        bx, by, bz = hy * gz - hz * gy, hz * gx - hx * gz, hx * gy - hy * gx
        length = np.sqrt(gx * gx + gy * gy + gz * gz)
        aa, bb = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
        counts = aa >= TINY * TINY and bb >= TINY * TINY
        aa, bb, across = aa if counts else 1.0, bb if counts else 1.0, length if counts else 1.0
        scale = 1.0 / np.sqrt(aa * bb)
        # (B x A) . G = |G|^2 (H . A), because A and B are normal to G.
        room[9 * WIDE + n] = scale * (ax * bx + ay * by + az * bz) if counts else 1.0
        room[10 * WIDE + n] = scale * length * (hx * ax + hy * ay + hz * az) if counts else 0.0
        one, two = across / aa if counts else 0.0, -across / bb if counts else 0.0
        middle = -(fx * gx + fy * gy + fz * gz) / (aa * across) if counts else 0.0
        other = (hx * gx + hy * gy + hz * gz) / (bb * across) if counts else 0.0
        room[n], room[WIDE + n], room[2 * WIDE + n] = one * ax, one * ay, one * az
        room[3 * WIDE + n], room[4 * WIDE + n] = middle * ax + other * bx, middle * ay + other * by
        room[5 * WIDE + n] = middle * az + other * bz
        room[6 * WIDE + n], room[7 * WIDE + n], room[8 * WIDE + n] = two * bx, two * by, two * bz


@borrowing(error_model="numpy")
def _twist(code, values, n, cosine, sine):
    """Energy of dihedral ``n``, and its derivative by the angle."""
    if code in (_PROPER, _IMPROPER):
        re, im = values[n, 3], -values[n, 4]  # of exp(i (n angle - p0))
        for _ in range(int(values[n, 2])):
            re, im = re * cosine - im * sine, re * sine + im * cosine
        return values[n, 1] * (1.0 + re), -values[n, 1] * values[n, 2] * im
    if code == _RYCKAERT_BELLEMANS:
        energy, slope = 0.0, 0.0
        for power in range(5, -1, -1):  # of cos(angle - pi)
            slope = energy - slope * cosine
            energy = values[n, power] - energy * cosine
        return energy, slope * sine
    away = turn(sine * values[n, 2] - cosine * values[n, 3], cosine * values[n, 2] + sine * values[n, 3], 1.0)
    return 0.5 * values[n, 1] * away * away, values[n, 1] * away
