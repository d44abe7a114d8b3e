"""Constraints of a block: their Gram matrix, and steps that stay on them (compiled).

Andersen, J. Comput. Phys. 52, 24 (1983): positions are moved along the gradients at the start of a step until all
constraints hold, velocities are freed of what would leave them. Both need solutions with G_C = J m^-1 J^T at the same
positions, J the gradients of rigid bonds and bead components; it is factorised once a step, and positions are solved
for by Newton steps with that same factor.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, part
from ..geometry.dependents import place, spread
from .elimination import factorised, solve
from .records import BlockTables, rows_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: nm; largest violation of a constraint after a step. Far below what would be seen, so that a trajectory
#: that is followed backwards returns to where it began.
TOLERANCE = 1e-8
ITERATIONS = 40
#: Share of its length along where it was that a bond which has turned far is taken to have.
LEAST_ALONG = 0.3
#: nm; a step back that comes no nearer than this has not returned.
RETURNED = 5e-3


class Constraints(NamedTuple):
    """The constraints of one block: its rows of ``BlockTables``, where they are described.

    Attributes:
        exact: Bead components are among them; else bonds alone.
        moving: Places that move by themselves.
    """

    exact: bool
    moving: int
    inverse_mass: Array
    bond: Index
    bond_length: Array
    bond_row: Index
    row_place: Index
    weight_start: Index
    weight_end: Index
    weight_place: Index
    weight: Array
    column: Index
    diagonal: Index
    update: Index
    update_end: Index
    fixed: Index
    fixed_value: Array
    dot: Index
    dot_value: Array
    mixed: Index
    mixed_value: Array


@part
def constraints_of(t: BlockTables, k: int, exact):
    """The constraints of block ``k``."""
    places, bonds, beads, factor = t.places, t.bonds, t.beads, t.factor
    bond, row = slice(bonds.start[k], bonds.start[k + 1]), slice(beads.start[k], beads.start[k + 1])
    entry = slice(factor.entry_start[k], factor.entry_start[k + 1])
    fixed, fixed_value = rows_of(t.gram.fixed, k)
    dot, dot_value = rows_of(t.gram.dot, k)
    mixed, mixed_value = rows_of(t.gram.mixed, k)
    return Constraints(
        exact, places.free[k], places.inverse_mass[places.start[k]:places.start[k + 1]], bonds.place[bond],
        bonds.length[bond], bonds.row[bond], beads.row[row], beads.weight_start[row], beads.weight_end[row],
        beads.place, beads.weight, factor.column[entry],
        factor.diagonal[factor.diagonal_start[k]:factor.diagonal_start[k + 1]],
        factor.update[factor.update_start[k]:factor.update_start[k + 1]], factor.update_end[entry],
        fixed, fixed_value, dot, dot_value, mixed, mixed_value)


@borrowing
def directions(bond, x, unit):
    """Unit vectors of bonds (n, 2) at ``x`` (places, 3), into ``unit``."""
    for n in range(len(bond)):
        i, j = bond[n, 0], bond[n, 1]
        a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
        scale = 1.0 / np.sqrt(a * a + b * b + c * c)
        unit[n, 0], unit[n, 1], unit[n, 2] = a * scale, b * scale, c * scale


@borrowing
def factorise(h: Constraints, unit, factor):
    """Cholesky factor of G_C into ``factor`` (entries,); returns log det G_C, -inf if it is not positive."""
    factor[:len(h.column)] = 0.0
    slot, value = h.fixed, h.fixed_value
    for n in range(len(slot)):
        factor[slot[n]] = value[n]
    dot, value = h.dot, h.dot_value
    for n in range(len(dot)):
        i, j = dot[n, 1], dot[n, 2]
        cosine = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
        factor[dot[n, 0]] = value[n] * cosine
    mixed, value = h.mixed, h.mixed_value
    for n in range(len(mixed)):
        factor[mixed[n, 0]] = value[n] * unit[mixed[n, 1], mixed[n, 2]]
    return factorised(h.column, h.diagonal, h.update, h.update_end, factor)


@borrowing
def _pull_bonds(bond, bond_row, inverse_mass, unit, force, x):
    """x -= m^-1 J^T ``force``, of bonds."""
    for n in range(len(bond)):
        i, j, pull = bond[n, 0], bond[n, 1], force[bond_row[n]]
        one, other = inverse_mass[i] * pull, inverse_mass[j] * pull
        for c in range(3):
            x[i, c] -= one * unit[n, c]
            x[j, c] += other * unit[n, c]


@borrowing
def _pull_beads(row_place, start, end, place, weight, inverse_mass, force, x):
    """The same, of beads."""
    for r in range(len(row_place)):
        a, b, c = force[row_place[r, 0]], force[row_place[r, 1]], force[row_place[r, 2]]
        for n in range(start[r], end[r]):
            i = place[n]
            scale = weight[n] * inverse_mass[i]
            x[i, 0] -= scale * a
            x[i, 1] -= scale * b
            x[i, 2] -= scale * c


@borrowing
def _sums(start, end, place, weight, x, sums):
    for r in range(len(start)):
        a, b, c = 0.0, 0.0, 0.0
        for n in range(start[r], end[r]):
            i = place[n]
            a += weight[n] * x[i, 0]
            b += weight[n] * x[i, 1]
            c += weight[n] * x[i, 2]
        sums[r, 0], sums[r, 1], sums[r, 2] = a, b, c


@borrowing
def bead_sums(h: Constraints, x, sums):
    """What the atoms that move contribute to each bead row, sum of weight times ``x``, into ``sums`` (rows, 3)."""
    _sums(h.weight_start, h.weight_end, h.weight_place, h.weight, x, sums)


@borrowing
def project_velocities(h: Constraints, unit, factor, v, right, sums):
    """Take from ``v`` (places, 3) what would leave the constraints."""
    bond, bond_row, row_place = h.bond, h.bond_row, h.row_place
    for n in range(len(bond)):
        i, j = bond[n, 0], bond[n, 1]
        right[bond_row[n]] = (unit[n, 0] * (v[i, 0] - v[j, 0]) + unit[n, 1] * (v[i, 1] - v[j, 1])
                              + unit[n, 2] * (v[i, 2] - v[j, 2]))
    if h.exact:
        bead_sums(h, v, sums)
        for r in range(len(row_place)):
            for c in range(3):
                right[row_place[r, c]] = sums[r, c]
    solve(h.column, h.diagonal, factor, right)
    _pull_bonds(bond, bond_row, h.inverse_mass, unit, right, v)
    if h.exact:
        _pull_beads(row_place, h.weight_start, h.weight_end, h.weight_place, h.weight, h.inverse_mass, right, v)


@borrowing(error_model="numpy")
def _off_bonds(bond, bond_row, bond_length, unit, x, right):
    """How far along the gradients ``unit`` bonds are from their lengths, into ``right``, and the largest violation, nm.

    Bonds turn in a step, so that more is needed along where they were than they are off by. Taken by its square, as of
    SHAKE, a bond that is alone is met by steps of Newton's.
    Ryckaert, Ciccotti, Berendsen, J. Comput. Phys. 23, 327 (1977).
    """
    worst = 0.0
    for n in range(len(bond)):
        i, j, length = bond[n, 0], bond[n, 1], bond_length[n]
        a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
        off = 0.5 * (a * a + b * b + c * c - length * length)
        along = max(a * unit[n, 0] + b * unit[n, 1] + c * unit[n, 2], LEAST_ALONG * length)
        right[bond_row[n]] = off / along
        worst = max(worst, abs(off) / length)
    return worst


@borrowing
def _off_beads(row_place, sums, held, right):
    """The same of beads."""
    worst = 0.0
    for r in range(len(row_place)):
        for c in range(3):
            off = sums[r, c] - held[r, c]
            right[row_place[r, c]] = off
            worst = max(worst, abs(off))
    return worst


@borrowing
def project_positions(h: Constraints, unit, factor, x, right, sums, held):
    """Move ``x`` (places, 3) along the gradients in ``unit`` until bonds have their lengths and beads are at ``held``.

    Returns whether they got there.
    """
    return _projected(h, unit, factor, x, right, sums, held, x, 0.0)


@borrowing
def leads_to(h: Constraints, unit, factor, x, right, sums, held, goal):
    """Whether ``project_positions`` would bring ``x`` to ``goal``, which meets the constraints; ``x`` is changed.

    Within ``RETURNED`` of a solution, a twentieth of a bond, the iteration goes nowhere else: the next is a bond away.
    """
    return _projected(h, unit, factor, x, right, sums, held, goal, RETURNED)


@borrowing
def _projected(h: Constraints, unit, factor, x, right, sums, held, goal, near):
    """Newton steps until constraints are met, or, where ``near`` is not 0, ``x`` is as near as that to ``goal``."""
    exact, moving, inverse_mass, bond, bond_row, bond_length = (
        h.exact, h.moving, h.inverse_mass, h.bond, h.bond_row, h.bond_length)
    row_place, start, end, place, weight = h.row_place, h.weight_start, h.weight_end, h.weight_place, h.weight
    column, diagonal, before = h.column, h.diagonal, np.inf
    for _ in range(ITERATIONS):
        if near > 0.0 and farthest(x, goal, moving) < near:
            return True
        worst = _off_bonds(bond, bond_row, bond_length, unit, x, right)
        if exact:
            _sums(start, end, place, weight, x, sums)
            worst = max(worst, _off_beads(row_place, sums, held, right))
        if worst < TOLERANCE:
            return near == 0.0
        if not worst < 2.0 * before:
            return False
        before = worst
        solve(column, diagonal, factor, right)
        _pull_bonds(bond, bond_row, inverse_mass, unit, right, x)
        if exact:
            _pull_beads(row_place, start, end, place, weight, inverse_mass, right, x)
    return False


@borrowing
def farthest(x, other, moving):
    """The largest distance between two positions of an atom, nm."""
    most = 0.0
    for i in range(moving):
        most = max(most, (x[i, 0] - other[i, 0])**2 + (x[i, 1] - other[i, 1])**2 + (x[i, 2] - other[i, 2])**2)
    return np.sqrt(most)


@borrowing
def follow(t: BlockTables, k: int, x):
    """Put the dependent atoms of block ``k`` where its free ones have them."""
    d = t.dependents
    rows = slice(d.start[k], d.start[k + 1])
    place(d.place[rows], d.begin[rows], d.end[rows], d.parent, d.weight, d.factor[rows], x)


@borrowing
def hand_over(t: BlockTables, k: int, x, force):
    """Hand the forces on dependent atoms of block ``k`` to their parents."""
    d = t.dependents
    rows = slice(d.start[k], d.start[k + 1])
    spread(d.place[rows], d.begin[rows], d.end[rows], d.parent, d.weight, d.factor[rows], x, force)
