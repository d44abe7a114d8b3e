"""Energy and forces of a block: bonded terms, pairs within its molecule, and all that stands around it (compiled)."""
from __future__ import annotations

import numpy as np
from numba import njit

from ..energy.layout import NEAREST
from .bonded import bonded
from .constraints import QUICK
from .nearby import Surroundings
from .tables import Tables


@njit(cache=True, fastmath=QUICK)
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
    """Pairs in the molecule: non-bonded, excluded (reaction field), explicit."""
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


def _loops(capped: bool):
    """Loops over the neighbours of one atom, without and with charges; those without cores run twice as fast."""

    @njit(cache=True, fastmath=QUICK)
    def uncharged(x, y, z, others_x, others_y, others_z, c6, c12, core, limit):
        energy, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
        for n in range(len(others_x)):
            dx, dy, dz = others_x[n] - x, others_y[n] - y, others_z[n] - z
            squared = dx * dx + dy * dy + dz * dz
            counts = 1.0 if squared < limit else 0.0
            held = max(squared, core if capped else NEAREST * NEAREST)
            inverse = 1.0 / held
            sixth = counts * inverse * inverse * inverse
            strong = c12 * (inverse * inverse * inverse)
            slope = inverse * sixth * (6.0 * c6 - 12.0 * strong)
            energy += sixth * (strong - c6)
            if capped:
                energy += 0.5 * slope * (squared - held)
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        return energy, fx, fy, fz

    @njit(cache=True, fastmath=QUICK)
    def charged(x, y, z, others_x, others_y, others_z, others_charge, c6, c12, charge, k, c, core, limit):
        energy, fx, fy, fz = 0.0, 0.0, 0.0, 0.0
        for n in range(len(others_x)):
            dx, dy, dz = others_x[n] - x, others_y[n] - y, others_z[n] - z
            squared = dx * dx + dy * dy + dz * dz
            counts = 1.0 if squared < limit else 0.0
            held = max(squared, core if capped else NEAREST * NEAREST)
            root = 1.0 / np.sqrt(held)
            inverse = root * root
            sixth = inverse * inverse * inverse
            both = charge * others_charge[n]
            slope = counts * (inverse * sixth * (6.0 * c6 - 12.0 * c12 * sixth) + both * (2.0 * k - root * inverse))
            energy += counts * (sixth * (c12 * sixth - c6) + both * (root + k * held - c))
            if capped:
                energy += 0.5 * slope * (squared - held)
            fx += slope * dx
            fy += slope * dy
            fz += slope * dz
        return energy, fx, fy, fz

    return uncharged, charged


_uncharged, _charged = _loops(capped=False)
_uncharged_capped, _charged_capped = _loops(capped=True)


@njit(cache=True)
def _around(t: Tables, k: int, s: Surroundings, kinds, charges, x, packed, bounds, force):
    """Atoms that stand still, by the lists of ``nearby.neighbours``."""
    energy, limit, n_kinds = 0.0, s.cutoff * s.cutoff, len(s.c6)
    for group in range(t.group_start[k + 1] - t.group_start[k] - 1):
        for i in range(t.group[t.group_start[k] + group], t.group[t.group_start[k] + group + 1]):
            for kind in range(n_kinds):
                begin, end = bounds[group, kind], bounds[group, kind + 1]
                c6, c12 = s.c6[kinds[i], kind], s.c12[kinds[i], kind]
                near_x, near_y, near_z = packed[0, begin:end], packed[1, begin:end], packed[2, begin:end]
                at_x, at_y, at_z, core = x[i, 0], x[i, 1], x[i, 2], s.core[kinds[i], kind]
                if charges[i] != 0.0 and s.factor != 0.0:
                    if s.capped:
                        one, fx, fy, fz = _charged_capped(at_x, at_y, at_z, near_x, near_y, near_z,
                                                          packed[3, begin:end], c6, c12, charges[i], s.k, s.c, core,
                                                          limit)
                    else:
                        one, fx, fy, fz = _charged(at_x, at_y, at_z, near_x, near_y, near_z, packed[3, begin:end],
                                                   c6, c12, charges[i], s.k, s.c, core, limit)
                elif c6 != 0.0 or c12 != 0.0:
                    if s.capped:
                        one, fx, fy, fz = _uncharged_capped(at_x, at_y, at_z, near_x, near_y, near_z, c6, c12,
                                                            core, limit)
                    else:
                        one, fx, fy, fz = _uncharged(at_x, at_y, at_z, near_x, near_y, near_z, c6, c12, core, limit)
                else:
                    continue
                energy += one
                force[i, 0] += fx
                force[i, 1] += fy
                force[i, 2] += fz
    return energy


@njit(cache=True)
def energy_and_forces(t: Tables, k: int, s: Surroundings, kinds, charges, x, packed, bounds, images, shift, force):
    """All energies of block ``k`` at ``x`` (places, 3), kJ/mol, and the forces on its places into ``force``.

    Forces on partners are left over from pairs and mean nothing.
    """
    force[:] = 0.0
    energy = bonded(t, k, x, force) + _listed(t, k, s, kinds, x, force)
    energy += _around(t, k, s, kinds, charges, x, packed, bounds, force)
    if len(images):
        energy += _imaged(s, kinds, charges, x, images, shift, force)
    return energy
