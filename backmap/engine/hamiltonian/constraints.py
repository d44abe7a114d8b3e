"""Constraints of a block: their Gram matrix, and steps that stay on them (compiled).

Andersen, J. Comput. Phys. 52, 24 (1983): positions are moved along the gradients at the start of a step until all
constraints hold, velocities are freed of what would leave them. Both need solutions with G_C = J m^-1 J^T at the same
positions, J the gradients of rigid bonds and bead components; it is factorised once a step, and positions are solved
for by Newton steps with that same factor.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from .elimination import factorised, solve
from .tables import Tables

#: nm; largest violation of a constraint after a step. Far below what would be seen, so that a trajectory
#: that is followed backwards returns to where it began.
TOLERANCE = 1e-9
ITERATIONS = 40
#: nm; a step back that comes no nearer than this has not returned.
RETURNED = 1e-3


@njit(cache=True)
def directions(t: Tables, k: int, x, unit):
    """Unit vectors of the rigid bonds of block ``k`` at ``x`` (places, 3), into ``unit``."""
    start = t.bond_start[k]
    for n in range(t.bond_start[k + 1] - start):
        i, j = t.bond[start + n, 0], t.bond[start + n, 1]
        a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
        scale = 1.0 / np.sqrt(a * a + b * b + c * c)
        unit[n, 0], unit[n, 1], unit[n, 2] = a * scale, b * scale, c * scale


@njit(cache=True)
def factorise(t: Tables, k: int, unit, factor):
    """Cholesky factor of G_C into ``factor`` (entries,); returns log det G_C, -inf if it is not positive."""
    begin, end = t.entry_start[k], t.entry_start[k + 1]
    factor[:end - begin] = 0.0
    for n in range(t.fixed_start[k], t.fixed_start[k + 1]):
        factor[t.fixed[n]] = t.fixed_value[n]
    for n in range(t.dot_start[k], t.dot_start[k + 1]):
        i, j = t.dot[n, 1], t.dot[n, 2]
        cosine = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
        factor[t.dot[n, 0]] = t.dot_value[n] * cosine
    for n in range(t.mixed_start[k], t.mixed_start[k + 1]):
        factor[t.mixed[n, 0]] = t.mixed_value[n] * unit[t.mixed[n, 1], t.mixed[n, 2]]
    return factorised(t.column[begin:end], t.diagonal[t.diagonal_start[k]:t.diagonal_start[k + 1]],
                      t.update[t.update_start[k]:t.update_start[k + 1]], t.update_end[begin:end], factor)


@njit(cache=True)
def _solve(t: Tables, k: int, factor, right):
    """Solve G_C y = ``right`` (constraints,), in place."""
    solve(t.column[t.entry_start[k]:t.entry_start[k + 1]], t.diagonal[t.diagonal_start[k]:t.diagonal_start[k + 1]],
          factor, right)


@njit(cache=True)
def _correct(t: Tables, k: int, exact, unit, force, x):
    """x -= m^-1 J^T ``force``."""
    start = t.bond_start[k]
    for n in range(t.bond_start[k + 1] - start):
        i, j, pull = t.bond[start + n, 0], t.bond[start + n, 1], force[t.bond_row[start + n]]
        for c in range(3):
            x[i, c] -= t.inverse_mass[t.place_start[k] + i] * pull * unit[n, c]
            x[j, c] += t.inverse_mass[t.place_start[k] + j] * pull * unit[n, c]
    if exact:
        for r in range(t.row_start[k], t.row_start[k + 1]):
            for n in range(t.weight_start[r], t.weight_end[r]):
                i = t.weight_place[n]
                scale = t.weight[n] * t.inverse_mass[t.place_start[k] + i]
                for c in range(3):
                    x[i, c] -= scale * force[t.row_place[r, c]]


@njit(cache=True)
def bead_sums(t: Tables, k: int, x, sums):
    """What the atoms that move contribute to each bead row, sum of weight times ``x``, into ``sums`` (rows, 3)."""
    for r in range(t.row_start[k], t.row_start[k + 1]):
        a, b, c = 0.0, 0.0, 0.0
        for n in range(t.weight_start[r], t.weight_end[r]):
            i, weight = t.weight_place[n], t.weight[n]
            a += weight * x[i, 0]
            b += weight * x[i, 1]
            c += weight * x[i, 2]
        row = r - t.row_start[k]
        sums[row, 0], sums[row, 1], sums[row, 2] = a, b, c


@njit(cache=True)
def project_velocities(t: Tables, k: int, exact, unit, factor, v, right, sums):
    """Take from ``v`` (places, 3) what would leave the constraints."""
    start = t.bond_start[k]
    for n in range(t.bond_start[k + 1] - start):
        i, j = t.bond[start + n, 0], t.bond[start + n, 1]
        right[t.bond_row[start + n]] = (unit[n, 0] * (v[i, 0] - v[j, 0]) + unit[n, 1] * (v[i, 1] - v[j, 1])
                                        + unit[n, 2] * (v[i, 2] - v[j, 2]))
    if exact:
        bead_sums(t, k, v, sums)
        for r in range(t.row_start[k], t.row_start[k + 1]):
            for c in range(3):
                right[t.row_place[r, c]] = sums[r - t.row_start[k], c]
    _solve(t, k, factor, right)
    _correct(t, k, exact, unit, right, v)


@njit(cache=True)
def _violations(t: Tables, k: int, exact, x, right, sums, held):
    """By how much constraints are not met, into ``right``, and the largest of it, nm."""
    start, worst = t.bond_start[k], 0.0
    for n in range(t.bond_start[k + 1] - start):
        i, j = t.bond[start + n, 0], t.bond[start + n, 1]
        a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
        off = np.sqrt(a * a + b * b + c * c) - t.bond_length[start + n]
        right[t.bond_row[start + n]] = off
        worst = max(worst, abs(off))
    if exact:
        bead_sums(t, k, x, sums)
        for r in range(t.row_start[k], t.row_start[k + 1]):
            for c in range(3):
                off = sums[r - t.row_start[k], c] - held[r - t.row_start[k], c]
                right[t.row_place[r, c]] = off
                worst = max(worst, abs(off))
    return worst


@njit(cache=True)
def project_positions(t: Tables, k: int, exact, unit, factor, x, right, sums, held):
    """Move ``x`` (places, 3) along the gradients in ``unit`` until bonds have their lengths and beads are at ``held``.

    Returns whether they got there.
    """
    before = np.inf
    for _ in range(ITERATIONS):
        worst = _violations(t, k, exact, x, right, sums, held)
        if worst < TOLERANCE:
            return True
        if not worst < 2.0 * before:
            return False
        before = worst
        _solve(t, k, factor, right)
        _correct(t, k, exact, unit, right, x)
    return False


@njit(cache=True)
def leads_to(t: Tables, k: int, exact, unit, factor, x, right, sums, held, goal):
    """Whether ``project_positions`` would bring ``x`` to ``goal``, which meets the constraints; ``x`` is changed.

    Within ``RETURNED`` of a solution, a hundredth of a bond, the iteration goes nowhere else: the next one is a bond away.
    """
    before = np.inf
    for _ in range(ITERATIONS):
        if farthest(x, goal, t.n_moving[k]) < RETURNED:
            return True
        worst = _violations(t, k, exact, x, right, sums, held)
        if worst < TOLERANCE or not worst < 2.0 * before:
            return False
        before = worst
        _solve(t, k, factor, right)
        _correct(t, k, exact, unit, right, x)
    return False


@njit(cache=True)
def farthest(x, other, moving):
    """The largest distance between two positions of an atom, nm."""
    most = 0.0
    for i in range(moving):
        most = max(most, (x[i, 0] - other[i, 0])**2 + (x[i, 1] - other[i, 1])**2 + (x[i, 2] - other[i, 2])**2)
    return np.sqrt(most)
