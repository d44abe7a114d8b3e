"""Energy and forces of a block: bonded terms, pairs within its molecule, and all that stands around it (compiled)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import part
from ..energy.pair import ending, energy_and_slope, reaction_field
from .bonded import bonded
from .lists import Lists
from .loops import QUICK
from .maps import correction_maps
from .nearby import AtomTables
from .quick import forces_around, forces_inside
from .records import BlockTables, rows_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class BlockTerms(NamedTuple):
    """What contributes to the energy of one block: its rows of ``BlockTables``, where they are described.

    Attributes:
        moving: Places that move.
    """

    moving: int
    group: Index
    pair: Index
    pair_value: Array
    inside: NDArray[np.float32]
    explicit: Index
    explicit_value: Array
    term: Index
    term_value: Array
    map: Index
    splines: Array


@part
def terms_of(t: BlockTables, k: int):
    """The terms of block ``k``."""
    groups, inside = t.groups, t.inside
    pair, pair_value = rows_of(t.pairs, k)
    explicit, explicit_value = rows_of(t.explicit, k)
    term, term_value = rows_of(t.terms, k)
    maps = t.maps.term[t.maps.start[k]:t.maps.start[k + 1]]
    return BlockTerms(t.places.moving[k], groups.first[groups.start[k]:groups.start[k + 1]], pair, pair_value,
                      inside.factor[inside.start[k]:inside.start[k + 1]], explicit, explicit_value, term, term_value,
                      maps, t.maps.splines)


@part(fastmath=QUICK, error_model="numpy")
def _pair(squared, c6, c12, charges, k, c, core):
    """Energy of a pair, and its slope; below ``core`` along the tangent in the squared distance."""
    held = max(squared, core)
    inverse = 1.0 / held
    energy, slope = energy_and_slope(inverse, np.sqrt(inverse), held, c6, c12, charges, k, c)
    return energy + 0.5 * slope * (squared - held), slope


@part(fastmath=QUICK, error_model="numpy")
def _ending_pair(squared, c6, c12, charges, k, c, core, tail):
    """The same of a pair that the cut-off ends."""
    held = max(squared, core)
    root = np.sqrt(1.0 / held)
    energy, slope = energy_and_slope(root * root, root, held, c6, c12, charges, k, c)
    more, steeper = ending(root, held, c6, c12, tail)
    slope += steeper
    return energy + more + 0.5 * slope * (squared - held), slope


@part
def _push(force, i, j, dx, dy, dz, slope):
    """Forces of a pair whose energy has ``slope``, by the step from i to j."""
    force[i, 0] += slope * dx
    force[i, 1] += slope * dy
    force[i, 2] += slope * dz
    force[j, 0] -= slope * dx
    force[j, 1] -= slope * dy
    force[j, 2] -= slope * dz


@part
def listed(pair, value, s: AtomTables, kinds, x, force):
    """Pairs in the molecule: non-bonded, excluded (reaction field)."""
    energy, limit, core = 0.0, s.field.cutoff * s.field.cutoff, s.core
    k, c = s.field.coulomb.k, s.field.coulomb.c
    for n in range(len(pair)):
        i, j = pair[n, 0], pair[n, 1]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        squared = dx * dx + dy * dy + dz * dz
        if squared >= limit:
            continue
        charges = value[n, 2]
        if value[n, 3] == 1.0:
            one, slope = charges * reaction_field(squared, k, c), 2.0 * charges * k
        else:
            one, slope = _ending_pair(squared, value[n, 0], value[n, 1], charges, k, c, core[kinds[i], kinds[j]],
                                      s.field.tail)
        energy += one
        _push(force, i, j, dx, dy, dz, slope)
    return energy


@part
def _explicit(pair, value, core, kinds, x, force):
    """Explicit pairs (1-4)."""
    energy = 0.0
    for n in range(len(pair)):
        i, j = pair[n, 0], pair[n, 1]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        one, slope = _pair(dx * dx + dy * dy + dz * dz, value[n, 0], value[n, 1], value[n, 2], 0.0, 0.0,
                           core[kinds[i], kinds[j]])
        energy += one
        _push(force, i, j, dx, dy, dz, slope)
    return energy


@part
def _imaged(s: AtomTables, kinds, charges, x, images, shift, force):
    """Pairs of atoms that both move, one of them in another box."""
    energy, limit = 0.0, s.field.cutoff * s.field.cutoff
    c6, c12, core, coulomb = s.field.c6, s.field.c12, s.core, s.field.coulomb
    for n in range(len(images)):
        i, j = images[n, 0], images[n, 1]
        dx, dy, dz = x[j, 0] + shift[n, 0] - x[i, 0], x[j, 1] + shift[n, 1] - x[i, 1], x[j, 2] + shift[n, 2] - x[i, 2]
        squared = dx * dx + dy * dy + dz * dz
        if squared < limit:
            one, slope = _ending_pair(squared, c6[kinds[i], kinds[j]], c12[kinds[i], kinds[j]],
                                      coulomb.factor * charges[i] * charges[j], coulomb.k, coulomb.c,
                                      core[kinds[i], kinds[j]], s.field.tail)
            energy += one
            _push(force, i, j, dx, dy, dz, slope)
    return energy


@part(fastmath=QUICK, error_model="numpy")
def _around(groups, s: AtomTables, kinds, charges, x, lists: Lists, force):
    """Atoms that stand still."""
    energy, limit = 0.0, s.field.cutoff * s.field.cutoff
    all_c6, all_c12, cores, coulomb = s.field.c6, s.field.c12, s.core, s.field.coulomb
    near, bounds = lists.at, lists.bounds
    for group in range(len(groups) - 1):
        first, last = groups[group], groups[group + 1]
        for one in range(len(s.bundle) - 1):
            kind, behind = s.bundle[one], s.bundle[one + 1]
            begin, end = np.uintp(bounds[group, kind]), np.uintp(bounds[group, behind])
            if behind - kind > 1:
                energy += _of_many(first, last, begin, end, s, charges, x, lists, force)
                continue
            for i in range(first, last):
                at_x, at_y, at_z, charge, core = x[i, 0], x[i, 1], x[i, 2], charges[i], cores[kinds[i], kind]
                c6, c12 = all_c6[kinds[i], kind], all_c12[kinds[i], kind]
                if (charge == 0.0 or coulomb.factor == 0.0) and c6 == 0.0 and c12 == 0.0:
                    continue
                fx, fy, fz = 0.0, 0.0, 0.0
                for n in range(begin, end):
                    dx, dy, dz = near[0, n] - at_x, near[1, n] - at_y, near[2, n] - at_z
                    squared = dx * dx + dy * dy + dz * dz
                    counts = 1.0 if squared < limit else 0.0
                    held = max(squared, core)
                    root = 1.0 / np.sqrt(held)
                    value, slope = energy_and_slope(root * root, root, held, c6, c12, charge * near[3, n], coulomb.k,
                                                    coulomb.c)
                    more, steeper = ending(root, held, c6, c12, s.field.tail)
                    value += more
                    slope += steeper
                    slope *= counts
                    energy += counts * value
                    energy += 0.5 * slope * (squared - held)
                    fx += slope * dx
                    fy += slope * dy
                    fz += slope * dz
                force[i, 0] += fx
                force[i, 1] += fy
                force[i, 2] += fz
    return energy


@part(fastmath=QUICK, error_model="numpy")
def _of_many(first, last, begin, end, s: AtomTables, charges, x, lists: Lists, force):
    """The same of a bundle of several kinds, ``begin`` to ``end``, on the atoms of a group, ``first`` to ``last``."""
    energy, limit, coulomb = 0.0, s.field.cutoff * s.field.cutoff, s.field.coulomb
    near_x, near_y = lists.at[0, begin:end], lists.at[1, begin:end]
    near_z, near_q = lists.at[2, begin:end], lists.at[3, begin:end]
    for i in range(first, last):
        told = np.uintp(lists.told[i])
        behind = told + (end - begin)
        c6, c12, core = lists.factor[0, told:behind], lists.factor[1, told:behind], lists.factor[2, told:behind]
        at_x, at_y, at_z, charge = x[i, 0], x[i, 1], x[i, 2], charges[i]
        fx, fy, fz = 0.0, 0.0, 0.0
        for n in range(len(c6)):
            dx, dy, dz = near_x[n] - at_x, near_y[n] - at_y, near_z[n] - at_z
            squared = dx * dx + dy * dy + dz * dz
            counts = 1.0 if squared < limit else 0.0
            held = max(squared, core[n])
            root = 1.0 / np.sqrt(held)
            value, slope = energy_and_slope(root * root, root, held, c6[n], c12[n], charge * near_q[n], coulomb.k,
                                            coulomb.c)
            more, steeper = ending(root, held, c6[n], c12[n], s.field.tail)
            value += more
            slope += steeper
            slope *= counts
            energy += counts * value
            energy += 0.5 * slope * (squared - held)
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        force[i, 0] += fx
        force[i, 1] += fy
        force[i, 2] += fz
    return energy


@part
def energy_and_forces(b: BlockTerms, s: AtomTables, kinds, charges, x, lists: Lists, work, force):
    """All energies of a block at ``x`` (places, 3), kJ/mol, and the forces on its places into ``force``.

    Forces on partners are left over from pairs and mean nothing. ``work``: room for ``bonded``.
    """
    force[:] = 0.0
    energy = bonded(b.term, b.term_value, x, work, force)
    energy += correction_maps(b.map, b.splines, x, work, force)
    energy += listed(b.pair, b.pair_value, s, kinds, x, force)
    energy += _explicit(b.explicit, b.explicit_value, s.core, kinds, x, force)
    energy += _around(b.group, s, kinds, charges, x, lists, force)
    if len(lists.images):
        energy += _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
    return energy


@part
def quick_forces(b: BlockTerms, s: AtomTables, kinds, charges, x, lists: Lists, cores, line, work, force):
    """Forces alone, those of non-bonded pairs in single precision."""
    force[:] = 0.0
    bonded(b.term, b.term_value, x, work, force)
    correction_maps(b.map, b.splines, x, work, force)
    forces_inside(b.moving, b.inside, s.field.cutoff, s.field.coulomb.k, kinds, x, cores, line, force)
    forces_around(b.group, s, kinds, charges, x, lists, force)
    _explicit(b.explicit, b.explicit_value, s.core, kinds, x, force)
    if len(lists.images):
        _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
