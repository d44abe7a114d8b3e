"""Molecules that only turn about their bead: rigid bodies with one point held (compiled).

Their constraints leave three coordinates, so that a rotation and an angular momentum say all: steps need no equations
to be solved, and bonds keep their lengths to rounding. A step turns about one principal axis after the other, there and
back: each is exact, and all together are symplectic, reversible and of second order in the time step.
Dullweber, Leimkuhler, McLachlan, J. Chem. Phys. 107, 5840 (1997).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import part
from .records import BlockTables
from .trajectory import BlockPlaces

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Moments of inertia below this share of the largest are those of a line about itself: nothing turns about it.
LINE = 1e-6


class Rotors(NamedTuple):
    """The rigid bodies among m blocks, each about a point that is held.

    Attributes:
        rigid: Which they are, (m,); of the others nothing else counts.
        centre: The point, nm, (m, 3).
        axes: Principal axes, in columns, (m, 3, 3); they turn.
        shape: Places along these, nm, (m, places, 3).
        rate: One over the moments of inertia about them, 1/(u nm^2), 0 about the axis of a line, (m, 3).
        spin: Angular momentum along them, u nm^2/ps, (m, 3).
        torque: Along x, y and z, kJ/mol, (m, 3).
    """

    rigid: NDArray[np.bool_]
    centre: Array
    axes: Array
    shape: Array
    rate: Array
    spin: Array
    torque: Array


def rotors(t: BlockTables, p: BlockPlaces, block: Index, rigid: NDArray[np.bool_], atoms: Array,
           centre: Array) -> Rotors:
    """Rotors of the blocks ``block`` (m,) of ``p``, those that are ``rigid`` (m,), about ``centre`` (m, 3)."""
    make, size = p.make[block], len(block)
    widest = int(t.places.moving[make].max(initial=1))
    axes, shape, rate = np.tile(np.eye(3), (size, 1, 1)), np.zeros((size, widest, 3)), np.zeros((size, 3))
    for k in np.unique(make[rigid]):
        rows, begin, free, width = np.flatnonzero(make == k), t.places.start[k], t.places.free[k], t.places.moving[k]
        local = t.copies.atom[t.copies.atom_start[p.block[block[rows]]][:, None] + np.arange(width)]
        x = atoms[p.first_atom[block[rows]][:, None] + local] - centre[rows, None]
        mass, y = 1.0 / t.places.inverse_mass[begin:begin + free], x[:, :free]
        squared = (mass * (y**2).sum(axis=2)).sum(axis=1)
        moment, turned = np.linalg.eigh(squared[:, None, None] * np.eye(3) - np.einsum("i,mia,mib->mab", mass, y, y))
        turned[:, :, 0] *= np.linalg.det(turned)[:, None]
        turns = moment > LINE * moment.max(axis=1, keepdims=True)
        axes[rows], shape[rows, :width] = turned, x @ turned
        rate[rows] = np.where(turns, 1.0 / np.where(turns, moment, 1.0), 0.0)
    return Rotors(rigid, centre, axes, shape, rate, np.zeros((size, 3)), np.zeros((size, 3)))


@part
def begin_with(rotor: Rotors, m, inverse_mass, x, v):
    """Let rotor ``m`` begin with what of the velocities ``v`` of its places ``x``, free ones first, turns it."""
    a, b, c = 0.0, 0.0, 0.0
    for i in range(len(inverse_mass)):
        mass = 1.0 / inverse_mass[i]
        rx, ry, rz = x[i, 0] - rotor.centre[m, 0], x[i, 1] - rotor.centre[m, 1], x[i, 2] - rotor.centre[m, 2]
        a += mass * (ry * v[i, 2] - rz * v[i, 1])
        b += mass * (rz * v[i, 0] - rx * v[i, 2])
        c += mass * (rx * v[i, 1] - ry * v[i, 0])
    for k in range(3):
        along = rotor.axes[m, 0, k] * a + rotor.axes[m, 1, k] * b + rotor.axes[m, 2, k] * c
        rotor.spin[m, k] = along if rotor.rate[m, k] > 0.0 else 0.0


@part
def twist(rotor: Rotors, m, x, force):
    """Write the torque on rotor ``m`` of forces on its places ``x``."""
    a, b, c = 0.0, 0.0, 0.0
    for i in range(len(x)):
        rx, ry, rz = x[i, 0] - rotor.centre[m, 0], x[i, 1] - rotor.centre[m, 1], x[i, 2] - rotor.centre[m, 2]
        a += ry * force[i, 2] - rz * force[i, 1]
        b += rz * force[i, 0] - rx * force[i, 2]
        c += rx * force[i, 1] - ry * force[i, 0]
    rotor.torque[m, 0], rotor.torque[m, 1], rotor.torque[m, 2] = a, b, c


@part
def kick(rotor: Rotors, m, time):
    """Change the angular momentum of rotor ``m`` by its torque for a time, ps."""
    for k in range(3):
        if rotor.rate[m, k] > 0.0:
            rotor.spin[m, k] += time * (rotor.axes[m, 0, k] * rotor.torque[m, 0] + rotor.axes[m, 1, k]
                                        * rotor.torque[m, 1] + rotor.axes[m, 2, k] * rotor.torque[m, 2])


@part
def turn_rate(rotor: Rotors, m):
    """How quickly rotor ``m`` turns, 1/ps."""
    total = 0.0
    for k in range(3):
        rate = rotor.spin[m, k] * rotor.rate[m, k]
        total += rate * rate
    return np.sqrt(total)


@part
def turn(rotor: Rotors, m, time, x):
    """Let rotor ``m`` turn freely for a time, ps, and write its places into ``x``."""
    _about(rotor, m, 0, 1, 2, 0.5 * time)
    _about(rotor, m, 1, 2, 0, 0.5 * time)
    _about(rotor, m, 2, 0, 1, time)
    _about(rotor, m, 1, 2, 0, 0.5 * time)
    _about(rotor, m, 0, 1, 2, 0.5 * time)
    for i in range(len(x)):
        for c in range(3):
            x[i, c] = (rotor.centre[m, c] + rotor.axes[m, c, 0] * rotor.shape[m, i, 0] + rotor.axes[m, c, 1]
                       * rotor.shape[m, i, 1] + rotor.axes[m, c, 2] * rotor.shape[m, i, 2])


@part
def _about(rotor: Rotors, m, axis, one, other, time):
    """Turn about a principal axis, as far as its share of the kinetic energy leads: from ``one`` towards ``other``."""
    angle = time * rotor.spin[m, axis] * rotor.rate[m, axis]
    cosine, sine = np.cos(angle), np.sin(angle)
    a, b = rotor.spin[m, one], rotor.spin[m, other]
    rotor.spin[m, one], rotor.spin[m, other] = cosine * a + sine * b, cosine * b - sine * a
    for c in range(3):
        a, b = rotor.axes[m, c, one], rotor.axes[m, c, other]
        rotor.axes[m, c, one], rotor.axes[m, c, other] = cosine * a + sine * b, cosine * b - sine * a
