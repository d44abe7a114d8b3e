"""Energy and forces of a block: bonded terms, pairs within its molecule, and all that stands around it (compiled)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, part
from ..energy.pair import ending, energy_and_slope, reaction_field
from .around import energies_around, forces_around
from .bonded import bonded
from .born import solvated
from .lists import Lists
from .loops import QUICK
from .maps import correction_maps
from .nearby import AtomTables
from .quick import ONE, PairRoom, forces_inside
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
    solvent: Array
    medium: Array


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
                      maps, t.maps.splines, t.solvent.atom[t.solvent.start[k]:t.solvent.start[k + 1]],
                      t.solvent.medium[k])


@borrowing(fastmath=QUICK, error_model="numpy")
def _pair(squared, c6, c12, charges, k, c, core):
    """Energy of a pair, and its slope; below ``core`` along the tangent in the squared distance."""
    held = max(squared, core)
    inverse = 1.0 / held
    energy, slope = energy_and_slope(inverse, np.sqrt(inverse), held, c6, c12, charges, k, c)
    return energy + 0.5 * slope * (squared - held), slope


@borrowing(fastmath=QUICK, error_model="numpy")
def _ending_pair(squared, c6, c12, charges, k, c, core, tail):
    """The same of a pair that the cut-off ends."""
    held = max(squared, core)
    root = np.sqrt(1.0 / held)
    energy, slope = energy_and_slope(root * root, root, held, c6, c12, charges, k, c)
    more, steeper = ending(root, held, c6, c12, tail)
    slope += steeper
    return energy + more + 0.5 * slope * (squared - held), slope


@borrowing
def _push(force, i, j, dx, dy, dz, slope):
    """Forces of a pair whose energy has ``slope``, by the step from i to j."""
    force[i, 0] += slope * dx
    force[i, 1] += slope * dy
    force[i, 2] += slope * dz
    force[j, 0] -= slope * dx
    force[j, 1] -= slope * dy
    force[j, 2] -= slope * dz


@borrowing
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


@borrowing
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


@borrowing
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


@borrowing(error_model="numpy", inline="always")
def _root(squared):
    """1 / sqrt of a number, to 1e-13: a step of Newton's from single precision, where lanes are many and quick."""
    near = np.float64(ONE / np.sqrt(np.float32(squared)))
    return near * (1.5 - 0.5 * squared * near * near)


@borrowing(fastmath=QUICK, error_model="numpy")
def _inside(moving, values, s: AtomTables, kinds, x, cores, wide, force):
    """Listed pairs in the molecule: every atom that moves meets all places in rows, as in ``quick.forces_inside``.

    Args:
        values: ``BlockTables.inside`` of the block.
        cores: Core of each kind with each place, nm^2, (kinds, lanes).
        wide: Work array, (4, lanes).
    """
    energy, limit, k, c = 0.0, s.field.cutoff * s.field.cutoff, s.field.coulomb.k, s.field.coulomb.c
    size = len(values) // (4 * moving)
    for n in range(size):
        for d in range(3):
            wide[d, n] = x[n, d] - x[0, d] if n < len(x) else 0.0
        wide[3, n] = 0.5 if n < moving else 1.0  # pairs of atoms that both move are met twice
    others_x, others_y, others_z, counted = wide[0, :size], wide[1, :size], wide[2, :size], wide[3, :size]
    for i in range(moving):
        row = 4 * i * size
        six_c6, twelve_c12 = values[row:row + size], values[row + size:row + 2 * size]
        near, far = values[row + 2 * size:row + 3 * size], values[row + 3 * size:row + 4 * size]
        core, at_x, at_y, at_z = cores[kinds[i], :size], wide[0, i], wide[1, i], wide[2, i]
        fx, fy, fz = 0.0, 0.0, 0.0
        for n in range(len(others_x)):
            dx, dy, dz = others_x[n] - at_x, others_y[n] - at_y, others_z[n] - at_z
            squared = dx * dx + dy * dy + dz * dz
            counts = 1.0 if squared < limit else 0.0
            held, c6, c12 = max(squared, np.float64(core[n])), six_c6[n] / 6.0, twelve_c12[n] / 12.0
            root = _root(held)
            value, slope = energy_and_slope(root * root, near[n] * root, held, c6, c12, 1.0, 0.0, 0.0)
            more, steeper = ending(root, held, c6, c12, s.field.tail)
            value += more + far[n] * reaction_field(held, k, c)
            slope += steeper + 2.0 * far[n] * k
            slope *= counts
            energy += counted[n] * (counts * value + 0.5 * slope * (squared - held))
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        force[i, 0] += fx
        force[i, 1] += fy
        force[i, 2] += fz
    return energy


@borrowing
def energy_and_forces(b: BlockTerms, s: AtomTables, kinds, charges, x, lists: Lists, room: PairRoom, work, force):
    """All energies of a block at ``x`` (places, 3), kJ/mol, and the forces on its places into ``force``.

    Forces on partners are left over from pairs and mean nothing. ``work``: room for ``bonded``.
    """
    force[:] = 0.0
    energy = bonded(b.term, b.term_value, x, work, force)
    energy += correction_maps(b.map, b.splines, x, work, force)
    energy += _inside(b.moving, b.inside, s, kinds, x, room.cores, room.wide, force)
    energy += _explicit(b.explicit, b.explicit_value, s.core, kinds, x, force)
    energy += solvated(b.solvent, b.medium, x, room.born, force)
    energy += energies_around(b.moving, s, kinds, charges, x, lists, force)
    if len(lists.images):
        energy += _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
    return energy


@borrowing
def quick_forces(b: BlockTerms, s: AtomTables, kinds, charges, x, lists: Lists, room: PairRoom, work, force):
    """Forces alone, those of non-bonded pairs in single precision."""
    force[:] = 0.0
    bonded(b.term, b.term_value, x, work, force)
    correction_maps(b.map, b.splines, x, work, force)
    forces_inside(b.moving, b.inside, s.field.cutoff, s.field.coulomb.k, kinds, x, room.cores, room.line, force)
    solvated(b.solvent, b.medium, x, room.born, force)
    forces_around(b.moving, s, kinds, charges, x, lists, force)
    _explicit(b.explicit, b.explicit_value, s.core, kinds, x, force)
    if len(lists.images):
        _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
