"""Energy and forces of a block: bonded terms, pairs within its molecule, and all that stands around it (compiled)."""
from __future__ import annotations

import numpy as np
from numba import njit

from .bonded import bonded
from .elimination import QUICK
from .lists import Lists
from .nearby import Surroundings
from .quick import forces_around, forces_inside
from .tables import Tables


@njit(cache=True, fastmath=QUICK, error_model="numpy")
def _pair(squared, c6, c12, charges, k, c, core):
    """Energy of a pair, and its derivative by the squared distance; along the tangent below ``core``."""
    held = max(squared, core)
    inverse = 1.0 / held
    sixth = inverse * inverse * inverse
    root = np.sqrt(inverse)
    slope = inverse * sixth * (3.0 * c6 - 6.0 * c12 * sixth) + charges * (k - 0.5 * root * inverse)
    return sixth * (c12 * sixth - c6) + charges * (root + k * held - c) + slope * (squared - held), slope


@njit(cache=True)
def _push(force, i, j, dx, dy, dz, slope):
    """Forces of a pair whose energy has ``slope`` by the squared length of the step from i to j."""
    twice = 2.0 * slope
    force[i, 0] += twice * dx
    force[i, 1] += twice * dy
    force[i, 2] += twice * dz
    force[j, 0] -= twice * dx
    force[j, 1] -= twice * dy
    force[j, 2] -= twice * dz


@njit(cache=True)
def _listed(t: Tables, k: int, s: Surroundings, kinds, x, force):
    """Pairs in the molecule: non-bonded, excluded (reaction field)."""
    energy, limit = 0.0, s.cutoff * s.cutoff
    for n in range(t.pair_start[k], t.pair_start[k + 1]):
        i, j = t.pair[n, 0], t.pair[n, 1]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        squared = dx * dx + dy * dy + dz * dz
        if squared >= limit:
            continue
        charges = t.pair_value[n, 2]
        if t.pair_value[n, 3] == 1.0:
            one, slope = charges * (s.k * squared - s.c), charges * s.k
        else:
            one, slope = _pair(squared, t.pair_value[n, 0], t.pair_value[n, 1], charges, s.k, s.c,
                               s.core[kinds[i], kinds[j]])
        energy += one
        _push(force, i, j, dx, dy, dz, slope)
    return energy


@njit(cache=True)
def _explicit(t: Tables, k: int, s: Surroundings, kinds, x, force):
    """Explicit pairs (1-4)."""
    energy = 0.0
    for n in range(t.explicit_start[k], t.explicit_start[k + 1]):
        i, j = t.explicit[n, 0], t.explicit[n, 1]
        dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
        value = t.explicit_value[n]
        one, slope = _pair(dx * dx + dy * dy + dz * dz, value[0], value[1], value[2], 0.0, 0.0,
                           s.core[kinds[i], kinds[j]])
        energy += one
        _push(force, i, j, dx, dy, dz, slope)
    return energy


@njit(cache=True)
def _imaged(s: Surroundings, kinds, charges, x, images, shift, force):
    """Pairs of atoms that both move, one of them in another box."""
    energy, limit = 0.0, s.cutoff * s.cutoff
    for n in range(len(images)):
        i, j = images[n, 0], images[n, 1]
        dx, dy, dz = x[j, 0] + shift[n, 0] - x[i, 0], x[j, 1] + shift[n, 1] - x[i, 1], x[j, 2] + shift[n, 2] - x[i, 2]
        squared = dx * dx + dy * dy + dz * dz
        if squared < limit:
            one, slope = _pair(squared, s.c6[kinds[i], kinds[j]], s.c12[kinds[i], kinds[j]],
                               s.factor * charges[i] * charges[j], s.k, s.c, s.core[kinds[i], kinds[j]])
            energy += one
            _push(force, i, j, dx, dy, dz, slope)
    return energy


@njit(cache=True, fastmath=QUICK, error_model="numpy")
def _around(t: Tables, k: int, s: Surroundings, kinds, charges, x, lists: Lists, force):
    """Atoms that stand still."""
    energy, limit = 0.0, s.cutoff * s.cutoff
    for group in range(t.group_start[k + 1] - t.group_start[k] - 1):
        first, last = t.group[t.group_start[k] + group], t.group[t.group_start[k] + group + 1]
        for kind in range(len(s.c6)):
            begin, end = lists.bounds[group, kind], lists.bounds[group, kind + 1]
            others_x, others_y = lists.at[0, begin:end], lists.at[1, begin:end]
            others_z, others_charge = lists.at[2, begin:end], lists.at[3, begin:end]
            for i in range(first, last):
                at_x, at_y, at_z, charge, core = x[i, 0], x[i, 1], x[i, 2], charges[i], s.core[kinds[i], kind]
                c6, c12 = s.c6[kinds[i], kind], s.c12[kinds[i], kind]
                if (charge == 0.0 or s.factor == 0.0) and c6 == 0.0 and c12 == 0.0:
                    continue
                fx, fy, fz = 0.0, 0.0, 0.0
                for n in range(len(others_x)):
                    dx, dy, dz = others_x[n] - at_x, others_y[n] - at_y, others_z[n] - at_z
                    squared = dx * dx + dy * dy + dz * dz
                    counts = 1.0 if squared < limit else 0.0
                    held = max(squared, core)
                    root = 1.0 / np.sqrt(held)
                    inverse = root * root
                    sixth = inverse * inverse * inverse
                    both = charge * others_charge[n]
                    slope = counts * (inverse * sixth * (6.0 * c6 - 12.0 * c12 * sixth)
                                      + both * (2.0 * s.k - root * inverse))
                    energy += counts * (sixth * (c12 * sixth - c6) + both * (root + s.k * held - s.c))
                    energy += 0.5 * slope * (squared - held)
                    fx += slope * dx
                    fy += slope * dy
                    fz += slope * dz
                force[i, 0] += fx
                force[i, 1] += fy
                force[i, 2] += fz
    return energy


@njit(cache=True)
def energy_and_forces(t: Tables, k: int, s: Surroundings, kinds, charges, x, lists: Lists, force):
    """All energies of block ``k`` at ``x`` (places, 3), kJ/mol, and the forces on its places into ``force``.

    Forces on partners are left over from pairs and mean nothing.
    """
    force[:] = 0.0
    energy = bonded(t, k, x, force) + _listed(t, k, s, kinds, x, force) + _explicit(t, k, s, kinds, x, force)
    energy += _around(t, k, s, kinds, charges, x, lists, force)
    if len(lists.images):
        energy += _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
    return energy


@njit(cache=True)
def quick_forces(t: Tables, k: int, s: Surroundings, kinds, charges, x, lists: Lists, cores, line, force):
    """Forces alone, those of non-bonded pairs in single precision."""
    force[:] = 0.0
    bonded(t, k, x, force)
    forces_inside(t, k, s, kinds, x, cores, line, force)
    forces_around(t, k, s, kinds, charges, x, lists, force)
    _explicit(t, k, s, kinds, x, force)
    if len(lists.images):
        _imaged(s, kinds, charges, x, lists.images, lists.shift, force)
