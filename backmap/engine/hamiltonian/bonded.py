"""Energies and forces of bonded terms, by hand and compiled: the functions of ``model.parameters.FUNCTIONS``.

The quick twin of ``engine.energy.bonded``. Derivatives of dihedrals: Blondel, Karplus, J. Comput. Chem. 17, 1132
(1996).
"""
from __future__ import annotations

import numpy as np
from numba import njit

from .tables import CODES, Tables

_HARMONIC_BOND, _QUARTIC_BOND = CODES["harmonic_bond"], CODES["quartic_bond"]
_HARMONIC_ANGLE, _COSINE_ANGLE, _UREY_BRADLEY = CODES["harmonic_angle"], CODES["cosine_angle"], CODES["urey_bradley"]
_PROPER, _IMPROPER = CODES["periodic_proper"], CODES["periodic_improper"]
_RYCKAERT_BELLEMANS = CODES["ryckaert_bellemans"]
#: Square of what counts as no length at all, nm^2.
TINY = 1e-24


@njit(cache=True, error_model="numpy")
def bonded(t: Tables, k: int, x, force):
    """Energy of the bonded terms of block ``k`` at ``x`` (places, 3), kJ/mol; adds to ``force`` (places, 3)."""
    energy = 0.0
    for n in range(t.term_start[k], t.term_start[k + 1]):
        a, b, c, d = t.term[n, 1], t.term[n, 2], t.term[n, 3], t.term[n, 4]
        energy += one(t.term[n, 0], t.term_value[n], a, b, c, d, x, force)
    return energy


@njit(cache=True, error_model="numpy")
def one(code, values, a, b, c, d, x, force):
    """Energy of one term of function ``code`` of the atoms a to d of ``x``, as many as it has; adds to ``force``."""
    if code <= _QUARTIC_BOND:
        return _bond(code, values, a, b, x, force)
    if code <= _UREY_BRADLEY:
        return _angle(code, values, a, b, c, x, force)
    return _dihedral(code, values, a, b, c, d, x, force)


@njit(cache=True, error_model="numpy")
def _bond(code, values, a, b, x, force):
    dx, dy, dz = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
    squared = max(dx * dx + dy * dy + dz * dz, TINY)
    if code == _HARMONIC_BOND:
        length = np.sqrt(squared)
        away = length - values[0]
        energy, slope = 0.5 * values[1] * away * away, values[1] * away / length
    else:
        away = squared - values[0] * values[0]
        energy, slope = 0.25 * values[1] * away * away, values[1] * away
    for c, step in enumerate((dx, dy, dz)):
        force[a, c] += slope * step
        force[b, c] -= slope * step
    return energy


@njit(cache=True, error_model="numpy")
def _angle(code, values, a, b, c, x, force):
    ux, uy, uz = x[a, 0] - x[b, 0], x[a, 1] - x[b, 1], x[a, 2] - x[b, 2]
    vx, vy, vz = x[c, 0] - x[b, 0], x[c, 1] - x[b, 1], x[c, 2] - x[b, 2]
    uu, vv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz
    along = ux * vx + uy * vy + uz * vz
    cosine = along / np.sqrt(uu * vv)
    if code == _COSINE_ANGLE:
        away = cosine - np.cos(values[0])
        energy, slope = 0.5 * values[1] * away * away, values[1] * away
    else:
        cx, cy, cz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        across = np.sqrt(max(cx * cx + cy * cy + cz * cz, TINY))
        away = np.arctan2(across, along) - values[0]
        energy = 0.5 * values[1] * away * away
        slope = -values[1] * away * np.sqrt(uu * vv) / across  # dE/dcos = -dE/dt / sin t
    inverse = slope / np.sqrt(uu * vv)
    own, other = slope * cosine / uu, slope * cosine / vv
    for k, (u, v) in enumerate(((ux, vx), (uy, vy), (uz, vz))):
        first, last = inverse * v - own * u, inverse * u - other * v
        force[a, k] -= first
        force[c, k] -= last
        force[b, k] += first + last
    if code == _UREY_BRADLEY:
        energy += _bond(_HARMONIC_BOND, values[2:], a, c, x, force)
    return energy


@njit(cache=True, error_model="numpy")
def _twist(code, values, angle):
    """Energy of a dihedral, and its derivative by the angle."""
    if code in (_PROPER, _IMPROPER):
        phase = values[2] * angle - values[0]
        return values[1] * (1.0 + np.cos(phase)), -values[1] * values[2] * np.sin(phase)
    if code == _RYCKAERT_BELLEMANS:
        cosine, sine = -np.cos(angle), -np.sin(angle)  # of angle - pi
        energy, slope = 0.0, 0.0
        for power in range(5, -1, -1):
            slope = slope * cosine + energy
            energy = energy * cosine + values[power]
        return energy, -slope * sine
    away = angle - values[0]
    away -= 2.0 * np.pi * np.round(away / (2.0 * np.pi))
    return 0.5 * values[1] * away * away, values[1] * away


@njit(cache=True, error_model="numpy")
def _dihedral(code, values, a, b, c, d, x, force):
    fx, fy, fz = x[a, 0] - x[b, 0], x[a, 1] - x[b, 1], x[a, 2] - x[b, 2]
    gx, gy, gz = x[b, 0] - x[c, 0], x[b, 1] - x[c, 1], x[b, 2] - x[c, 2]
    hx, hy, hz = x[d, 0] - x[c, 0], x[d, 1] - x[c, 1], x[d, 2] - x[c, 2]
    ax, ay, az = fy * gz - fz * gy, fz * gx - fx * gz, fx * gy - fy * gx
    bx, by, bz = hy * gz - hz * gy, hz * gx - hx * gz, hx * gy - hy * gx
    length = np.sqrt(gx * gx + gy * gy + gz * gz)
    # (B x A) . G = |G|^2 (H . A), because A and B are normal to G.
    sine, cosine = -length * (hx * ax + hy * ay + hz * az), ax * bx + ay * by + az * bz
    aa, bb = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
    energy, slope = _twist(code, values, np.arctan2(-sine, cosine))
    if aa < TINY * TINY or bb < TINY * TINY:
        return energy
    one, two = slope * length / aa, slope * length / bb
    middle = slope * (fx * gx + fy * gy + fz * gz) / (aa * length)
    other = slope * (hx * gx + hy * gy + hz * gz) / (bb * length)
    for k, (p, q) in enumerate(((ax, bx), (ay, by), (az, bz))):
        force[a, k] += one * p
        force[d, k] -= two * q
        force[b, k] += -one * p - middle * p + other * q
        force[c, k] += two * q + middle * p - other * q
    return energy
