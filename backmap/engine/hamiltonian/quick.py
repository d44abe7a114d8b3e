"""Non-bonded forces on a block in single precision, for the steps between the ends of a trajectory (compiled).

Any force that depends on positions alone leaves a trajectory reversible and its volume as it is, so these need not
be exact: the acceptance looks at energies, and those are in double precision. Where Lennard-Jones is switched off these
forces are not. All loops run over whole lanes.
"""
from __future__ import annotations

import numpy as np

from ..compiling.compiled import part
from ..energy.pair import coulomb_slope, cubed, lennard_jones_slope
from .lists import LEAST, Lists
from .loops import LANES, QUICK
from .nearby import AtomTables

NOTHING, ONE = np.float32(0.0), np.float32(1.0)


@part(fastmath=QUICK, error_model="numpy")
def forces_around(groups, s: AtomTables, kinds, charges, x, lists: Lists, force):
    """Add the forces of what stands still to ``force`` (places, 3)."""
    limit, twice = np.float32(s.field.cutoff * s.field.cutoff), np.float32(2.0 * s.field.coulomb.k)
    all_c6, all_c12, cores, factor = s.field.c6, s.field.c12, s.core, s.field.coulomb.factor
    near, bounds = lists.near, lists.bounds
    for group in range(len(groups) - 1):
        first, last = groups[group], groups[group + 1]
        for one in range(len(s.bundle) - 1):
            kind, behind = s.bundle[one], s.bundle[one + 1]
            begin, end = np.uintp(bounds[group, kind]), np.uintp(bounds[group, behind])  # signed ones may wrap around
            if begin == end:
                continue
            if behind - kind > 1:
                _of_many(first, last, begin, end, s, charges, x, lists, force)
                continue
            for i in range(first, last):
                at_x, at_y = np.float32(x[i, 0] - lists.centre[0]), np.float32(x[i, 1] - lists.centre[1])
                at_z, charge = np.float32(x[i, 2] - lists.centre[2]), np.float32(charges[i])
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


@part(fastmath=QUICK, error_model="numpy")
def _of_many(first, last, begin, end, s: AtomTables, charges, x, lists: Lists, force):
    """The same of a bundle of several kinds, ``begin`` to ``end``, on the atoms of a group, ``first`` to ``last``."""
    limit, twice = np.float32(s.field.cutoff * s.field.cutoff), np.float32(2.0 * s.field.coulomb.k)
    near_x, near_y = lists.near[0, begin:end], lists.near[1, begin:end]
    near_z, near_q = lists.near[2, begin:end], lists.near[3, begin:end]
    for i in range(first, last):
        told = np.uintp(lists.told[i])
        behind = told + (end - begin)
        c6, c12 = lists.quick_factor[0, told:behind], lists.quick_factor[1, told:behind]
        core = lists.quick_factor[2, told:behind]
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


@part(fastmath=QUICK, error_model="numpy")
def forces_inside(moving, values, cutoff, k, kinds, x, cores, line, force):
    """Add the forces of listed pairs in the molecule to ``force`` (places, 3).

    Every atom that moves meets all places, in rows: twice the pairs, but nothing to scatter.

    Args:
        values: ``BlockTables.inside`` of the block.
        cores: Core of each kind with each place, nm^2, (kinds, lanes).
        line: Work array for coordinates, (3, lanes).
    """
    size = len(values) // (4 * moving)
    limit, twice = np.float32(cutoff * cutoff), np.float32(2.0 * k)
    for c in range(3):
        for n in range(len(x)):
            line[c, n] = x[n, c] - x[0, c]
        line[c, len(x):size] = NOTHING
    others_x, others_y, others_z = line[0, :size], line[1, :size], line[2, :size]
    for i in range(moving):
        row = 4 * i * size
        c6, c12 = values[row:row + size], values[row + size:row + 2 * size]
        near, far = values[row + 2 * size:row + 3 * size], values[row + 3 * size:row + 4 * size]
        core, at_x, at_y, at_z = cores[kinds[i], :size], line[0, i], line[1, i], line[2, i]
        fx, fy, fz = NOTHING, NOTHING, NOTHING
        for n in range(len(others_x)):
            dx, dy, dz = others_x[n] - at_x, others_y[n] - at_y, others_z[n] - at_z
            squared = dx * dx + dy * dy + dz * dz
            root = ONE / np.sqrt(max(squared, core[n]))
            inverse = root * root
            slope = (lennard_jones_slope(inverse, cubed(inverse), c6[n], c12[n])
                     + coulomb_slope(inverse, near[n] * root, far[n] * twice))
            slope = slope if squared < limit else NOTHING
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        force[i, 0] += fx
        force[i, 1] += fy
        force[i, 2] += fz


@part
def cores_of(s: AtomTables, kinds, places, cores):
    """What ``forces_inside`` needs to know of the kinds (places,), into ``cores`` (kinds, lanes)."""
    for kind in range(len(s.core)):
        for n in range(places):
            cores[kind, n] = max(np.float32(s.core[kind, kinds[n]]), LEAST)
        cores[kind, places:-(-places // LANES) * LANES] = ONE
