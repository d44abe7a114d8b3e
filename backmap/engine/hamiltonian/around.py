"""Pairs of a block with all that stands still around it, in single precision (compiled).

Neighbours are rounded to 1e-7 nm, the same in a trajectory and in its way back (``lists``), so that what the acceptance
looks at is an energy of the positions. Pairs are summed in single precision along a run of one kind, runs in double.
All loops run over whole lanes. Forces alone, between the ends of a trajectory, leave out how Lennard-Jones is
switched off: any force that depends on positions alone leaves a trajectory reversible and its volume as it is.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..compiling.compiled import borrowing
from ..energy.pair import coulomb, coulomb_slope, cubed, lennard_jones, lennard_jones_slope, shift, switching
from ..energy.tables import Tail
from .lists import LEAST, Lists
from .loops import QUICK
from .nearby import AtomTables

NOTHING, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


@borrowing
def _single(tail):
    """A tail in single precision."""
    a, b, c = tail.of_6
    d, e, f = tail.of_12
    g, h, i = tail.fade
    return Tail(tail.switched, np.float32(tail.start), (np.float32(a), np.float32(b), np.float32(c)),
                (np.float32(d), np.float32(e), np.float32(f)), (np.float32(g), np.float32(h), np.float32(i)))


def _runs(switched: bool) -> tuple[Any, Any]:
    """Energy of runs of neighbours and the force on an atom, of neighbours of one kind and of several.

    Args:
        switched: Whether Lennard-Jones is switched off towards the cut-off.
    """
    @borrowing(fastmath=QUICK, error_model="numpy")
    def alike(at, c6, c12, core, charge, limit, k, c, tail, near, begin, end):
        x, y, z = at
        energy, fx, fy, fz = NOTHING, NOTHING, NOTHING, NOTHING
        six_c6, twelve_c12, more, twice = np.float32(6.0 * c6), np.float32(12.0 * c12), shift(c6, c12, tail), k + k
        for n in range(begin, end):
            dx, dy, dz = near[0, n] - x, near[1, n] - y, near[2, n] - z
            squared = dx * dx + dy * dy + dz * dz
            held = max(squared, core)
            root = ONE / np.sqrt(held)
            inverse, charges = root * root, charge * near[3, n]
            sixth = cubed(inverse)
            value = lennard_jones(sixth, c6, c12) + more + charges * coulomb(root, held, k, c)
            slope = (lennard_jones_slope(inverse, sixth, six_c6, twelve_c12)
                     + charges * coulomb_slope(inverse, root, twice))
            if switched:
                switch, steeper = switching(root, held, c6, c12, tail)
                value += switch
                slope += steeper
            value += HALF * slope * (squared - held)
            slope = slope if squared < limit else NOTHING
            energy += value if squared < limit else NOTHING
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        return energy, fx, fy, fz

    @borrowing(fastmath=QUICK, error_model="numpy")
    def mixed(at, factor, told, charge, limit, k, c, tail, near, begin, end):
        x, y, z = at
        energy, fx, fy, fz = NOTHING, NOTHING, NOTHING, NOTHING
        near_x, near_y, near_z, near_q = near[0, begin:end], near[1, begin:end], near[2, begin:end], near[3, begin:end]
        behind, twice, sixth_part, twelfth = told + (end - begin), k + k, np.float32(1.0 / 6.0), np.float32(1.0 / 12.0)
        six_c6, twelve_c12, core = factor[0, told:behind], factor[1, told:behind], factor[2, told:behind]
        for n in range(len(core)):
            dx, dy, dz = near_x[n] - x, near_y[n] - y, near_z[n] - z
            squared = dx * dx + dy * dy + dz * dz
            held, c6, c12 = max(squared, core[n]), sixth_part * six_c6[n], twelfth * twelve_c12[n]
            root = ONE / np.sqrt(held)
            inverse, charges = root * root, charge * near_q[n]
            sixth = cubed(inverse)
            value = lennard_jones(sixth, c6, c12) + shift(c6, c12, tail) + charges * coulomb(root, held, k, c)
            slope = (lennard_jones_slope(inverse, sixth, six_c6[n], twelve_c12[n])
                     + charges * coulomb_slope(inverse, root, twice))
            if switched:
                switch, steeper = switching(root, held, c6, c12, tail)
                value += switch
                slope += steeper
            value += HALF * slope * (squared - held)
            slope = slope if squared < limit else NOTHING
            energy += value if squared < limit else NOTHING
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        return energy, fx, fy, fz

    return alike, mixed


_alike, _mixed = _runs(False)
_alike_switched, _mixed_switched = _runs(True)


@borrowing(error_model="numpy")
def energies_around(moving, s: AtomTables, kinds, charges, x, lists: Lists, force):
    """Energy of what moves with what stands still, kJ/mol; adds to ``force`` (places, 3)."""
    energy, limit, near, bounds, centre = 0.0, np.float32(s.field.cutoff * s.field.cutoff), lists.near, lists.bounds, \
        lists.centre
    all_c6, all_c12, cores, tail, factor = s.field.c6, s.field.c12, s.core, _single(s.field.tail), lists.factor
    charged, k, c = s.field.coulomb.factor != 0.0, np.float32(s.field.coulomb.k), np.float32(s.field.coulomb.c)
    for i in range(moving):
        at = np.float32(x[i, 0] - centre[0]), np.float32(x[i, 1] - centre[1]), np.float32(x[i, 2] - centre[2])
        charge = np.float32(charges[i] if charged else 0.0)
        for one in range(len(s.bundle) - 1):
            kind, behind = s.bundle[one], s.bundle[one + 1]
            begin, end = np.uintp(bounds[i, kind]), np.uintp(bounds[i, behind])
            if begin == end:
                continue
            if behind - kind > 1:
                told = np.uintp(lists.told[i])
                if tail.switched:
                    found = _mixed_switched(at, factor, told, charge, limit, k, c, tail, near, begin, end)
                else:
                    found = _mixed(at, factor, told, charge, limit, k, c, tail, near, begin, end)
            else:
                c6, c12 = np.float32(all_c6[kinds[i], kind]), np.float32(all_c12[kinds[i], kind])
                core = max(np.float32(cores[kinds[i], kind]), LEAST)
                if charge == NOTHING and c6 == NOTHING and c12 == NOTHING:
                    continue
                if tail.switched:
                    found = _alike_switched(at, c6, c12, core, charge, limit, k, c, tail, near, begin, end)
                else:
                    found = _alike(at, c6, c12, core, charge, limit, k, c, tail, near, begin, end)
            energy += found[0]
            force[i, 0] += found[1]
            force[i, 1] += found[2]
            force[i, 2] += found[3]
    return energy


@borrowing(fastmath=QUICK, error_model="numpy")
def forces_around(moving, s: AtomTables, kinds, charges, x, lists: Lists, force):
    """Add the forces of what stands still to ``force`` (places, 3)."""
    limit, twice = np.float32(s.field.cutoff * s.field.cutoff), np.float32(2.0 * s.field.coulomb.k)
    all_c6, all_c12, cores, factor = s.field.c6, s.field.c12, s.core, s.field.coulomb.factor
    near, bounds = lists.near, lists.bounds
    for i in range(moving):
        at_x, at_y = np.float32(x[i, 0] - lists.centre[0]), np.float32(x[i, 1] - lists.centre[1])
        at_z, charge = np.float32(x[i, 2] - lists.centre[2]), np.float32(charges[i])
        for one in range(len(s.bundle) - 1):
            kind, behind = s.bundle[one], s.bundle[one + 1]
            begin, end = np.uintp(bounds[i, kind]), np.uintp(bounds[i, behind])  # signed ones may wrap around
            if begin == end:
                continue
            if behind - kind > 1:
                _of_many(i, begin, end, s, charges, x, lists, force)
                continue
            c6, c12 = np.float32(6.0 * all_c6[kinds[i], kind]), np.float32(12.0 * all_c12[kinds[i], kind])
            core = max(np.float32(cores[kinds[i], kind]), LEAST)
            fx, fy, fz = NOTHING, NOTHING, NOTHING
            if charge != NOTHING and factor != 0.0:
                for n in range(begin, end):
                    dx, dy, dz = near[0, n] - at_x, near[1, n] - at_y, near[2, n] - at_z
                    squared = dx * dx + dy * dy + dz * dz
                    root = ONE / np.sqrt(max(squared, core))
                    inverse = root * root
                    slope = (lennard_jones_slope(inverse, cubed(inverse), c6, c12)
                             + charge * near[3, n] * coulomb_slope(inverse, root, twice))
                    slope = slope if squared < limit else NOTHING
                    fx += slope * dx
                    fy += slope * dy
                    fz += slope * dz
            elif c6 != NOTHING or c12 != NOTHING:
                for n in range(begin, end):
                    dx, dy, dz = near[0, n] - at_x, near[1, n] - at_y, near[2, n] - at_z
                    squared = dx * dx + dy * dy + dz * dz
                    inverse = ONE / max(squared, core)
                    slope = lennard_jones_slope(inverse, cubed(inverse), c6, c12)
                    slope = slope if squared < limit else NOTHING
                    fx += slope * dx
                    fy += slope * dy
                    fz += slope * dz
            force[i, 0] += fx
            force[i, 1] += fy
            force[i, 2] += fz


@borrowing(fastmath=QUICK, error_model="numpy")
def _of_many(i, begin, end, s: AtomTables, charges, x, lists: Lists, force):
    """The same of a bundle of several kinds, ``begin`` to ``end``, on atom ``i``."""
    limit, twice = np.float32(s.field.cutoff * s.field.cutoff), np.float32(2.0 * s.field.coulomb.k)
    near_x, near_y = lists.near[0, begin:end], lists.near[1, begin:end]
    near_z, near_q = lists.near[2, begin:end], lists.near[3, begin:end]
    told = np.uintp(lists.told[i])
    behind = told + (end - begin)
    c6, c12, core = lists.factor[0, told:behind], lists.factor[1, told:behind], lists.factor[2, told:behind]
    at_x, at_y = np.float32(x[i, 0] - lists.centre[0]), np.float32(x[i, 1] - lists.centre[1])
    at_z, charge = np.float32(x[i, 2] - lists.centre[2]), np.float32(charges[i] if s.field.coulomb.factor else 0.0)
    fx, fy, fz = NOTHING, NOTHING, NOTHING
    for n in range(len(c6)):
        dx, dy, dz = near_x[n] - at_x, near_y[n] - at_y, near_z[n] - at_z
        squared = dx * dx + dy * dy + dz * dz
        root = ONE / np.sqrt(max(squared, core[n]))
        inverse = root * root
        slope = (lennard_jones_slope(inverse, cubed(inverse), c6[n], c12[n])
                 + charge * near_q[n] * coulomb_slope(inverse, root, twice))
        slope = slope if squared < limit else NOTHING
        fx += slope * dx
        fy += slope * dy
        fz += slope * dz
    force[i, 0] += fx
    force[i, 1] += fy
    force[i, 2] += fz
