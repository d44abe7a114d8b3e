"""Orientations of molecules of one bead, drawn anew one after the other (compiled): the jumps that dynamics wait for.

A molecule that has given its hydrogen bonds away waits long for a push that turns it to others. Here it is turned as a
rigid body about its bead into directions drawn evenly among all, and one of these, or that in which it is, is taken
with the probability of its Boltzmann factor: with all else at rest that leaves the Boltzmann distribution as it is, for
any number of directions (those tried are as likely seen from each of them). Bonds, angles and distances from the bead
stay. Energies are in single precision and end where those of ``Together`` do: a way to a start.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..compiling.uniform import uniform
from .around import energies_around
from .lists import Lists, tell
from .move import Frame
from .nearby import AtomTables
from .neighbourhoods import Neighbourhoods
from .records import BlockTables
from .trajectory import BlockPlaces, Room

Index = NDArray[np.int64]

FIRST = 1 << 20  #: number of a stream that is the first used here: those before are of velocities


@compiled(nogil=True)
def turn_anew(t: BlockTables, s: AtomTables, p: BlockPlaces, heat: float, r: Room, lists: Lists, u: Neighbourhoods,
              frame: Frame, apart: NDArray[np.float32], tried: int, wanted: NDArray[np.bool_], keys: Index) -> int:
    """Draw the orientations of blocks of ``u``, one after the other, in place.

    Args:
        heat: kT, kJ/mol.
        apart: Of each atom the step from its bead and its charge, as in ``Motion``; changed in place.
        tried: Directions that are drawn for each block, beside that in which it is.
        wanted: Which blocks, (m,).
        keys: Of the random numbers of each block, (m,).

    Returns:
        How many blocks have turned.
    """
    turned, energy = 0, np.empty(tried + 1)
    rotation, best = np.empty((tried + 1, 3, 3)), np.empty((3, 3))
    rotation[0] = np.eye(3)
    for m in np.flatnonzero(wanted):
        one = u.block[m]
        places, bead = t.places.moving[p.make[one]], p.first_bead[one]
        first, start = p.first_atom[one], t.copies.atom_start[p.block[one]]
        _gather(s, u, m, apart, lists)
        for i in range(places):
            atom = first + t.copies.atom[start + i]
            r.kinds[i], r.charges[i] = s.field.kind[atom], s.field.charge[atom]
            for kind in range(u.bounds.shape[1]):
                lists.bounds[i, kind] = u.bounds[m, kind]
            for c in range(3):
                r.start[i, c] = frame.atoms[atom, c]
        tell(s, r.kinds, places, lists)
        for c in range(3):
            lists.centre[c] = frame.grid.beads[bead, c]
        for n in range(tried + 1):
            if n:
                draw_rotation(keys[m], FIRST + 3 * n, rotation[n])
            _rotate(rotation[n], frame.grid.beads[bead] + frame.residual[bead], r.start[:places], r.x)
            energy[n] = energies_around(places, s, r.kinds, r.charges, r.x, lists, r.force)
        taken = choose(energy, heat, uniform(keys[m], FIRST))
        if taken:
            turned += 1
            best[:] = rotation[taken]
            _rotate(best, frame.grid.beads[bead] + frame.residual[bead], r.start[:places], r.x)
            for i in range(places):
                atom = first + t.copies.atom[start + i]
                for c in range(3):
                    frame.atoms[atom, c] = r.x[i, c]
                    apart[atom, c] = r.x[i, c] - frame.grid.beads[bead, c]
    return turned


@part
def _gather(s: AtomTables, u: Neighbourhoods, m, apart, lists: Lists):
    """What is near block ``m`` of ``u``, where it is now."""
    base = u.start[m]
    for n in range(u.start[m + 1] - base):
        a, e = u.atom[base + n], u.step[base + n]
        for c in range(3):
            lists.near[c, n] = apart[a, c] + u.offset[e, c]
        lists.near[3, n] = apart[a, 3]


@part
def draw_rotation(key, number, rotation):
    """A rotation drawn evenly, of numbers from ``number`` on of a stream (Shoemake, Graphics Gems III (1992))."""
    share, one = uniform(key, number), 2.0 * np.pi * uniform(key, number + 1)
    other = 2.0 * np.pi * uniform(key, number + 2)
    a, b = np.sqrt(1.0 - share), np.sqrt(share)
    x, y, z, w = a * np.sin(one), a * np.cos(one), b * np.sin(other), b * np.cos(other)
    rotation[0, 0], rotation[0, 1], rotation[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    rotation[1, 0], rotation[1, 1], rotation[1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    rotation[2, 0], rotation[2, 1], rotation[2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)


@part
def _rotate(rotation, centre, x, to):
    """Positions turned about a centre, into ``to``."""
    for i in range(len(x)):
        a, b, d = x[i, 0] - centre[0], x[i, 1] - centre[1], x[i, 2] - centre[2]
        for c in range(3):
            to[i, c] = centre[c] + rotation[c, 0] * a + rotation[c, 1] * b + rotation[c, 2] * d


@part
def choose(energy, heat, share):
    """Which of some energies, by their Boltzmann factors and a number from 0 to 1."""
    least, total = energy.min(), 0.0
    for n in range(len(energy)):
        energy[n] = np.exp((least - energy[n]) / heat)
        total += energy[n]
    left = share * total
    for n in range(len(energy)):
        left -= energy[n]
        if left < 0.0:
            return n
    return 0
