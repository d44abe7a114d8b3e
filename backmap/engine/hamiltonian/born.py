"""Implicit solvent of a block that is a whole molecule by itself (compiled): see ``model.solvent`` for the formulas.

Born radii depend on where all atoms are, so that every pair has two forces: along its own energy, and by what its
distance makes of the radii of both. The second takes the sums of the first, so that pairs are gone through three times.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.solvent import OFFSET, PROBE, ImplicitSolvent
from ..compiling.compiled import part
from .loops import QUICK

Array = NDArray[np.float64]

CLOSEST = 1e-12  #: nm^2; atoms on one another count as so far apart
MEDIUM = 6  #: numbers of ``medium``


class BornRoom(NamedTuple):
    """Arrays that the solvent of a molecule of n atoms is worked out in.

    Attributes:
        squared: Of distances, nm^2, (n, n), above the diagonal.
        slope: Of what one atom (row) is descreened by another, over their distance, nm^-3, (n, n).
        integral: What each is descreened by all, 1/nm, then its Born radius, nm, (n,).
        bend: Derivative of the Born radius by it, nm^2, (n,).
        pull: Derivative of the energy by the Born radius, kJ/mol/nm, then by the integral, (n,).
    """

    squared: Array
    slope: Array
    integral: Array
    bend: Array
    pull: Array


def born_room(atoms: int) -> BornRoom:
    """Room for molecules of at most so many atoms."""
    return BornRoom(*(np.empty((atoms, atoms)) for _ in range(2)), *(np.empty(atoms) for _ in range(3)))


def medium(solvent: ImplicitSolvent) -> Array:
    """What all atoms have in common, (6,): alpha, beta, gamma, whether there is a tanh, polar and surface."""
    return np.array([*(solvent.tanh or (0.0, 0.0, 0.0)), solvent.tanh is not None, solvent.polar, solvent.surface])


@part(fastmath=QUICK, error_model="numpy")
def _descreened(r, radius, screen):
    """What an atom with ``screen`` takes from one of ``radius`` at a distance, 1/nm, and its slope over the distance.

    By where the nearest point of the sphere is nothing changes, wherever that is.
    """
    if radius >= r + screen:
        return 0.0, 0.0
    low, high, inverse = 1.0 / max(radius, abs(r - screen)), 1.0 / (r + screen), 1.0 / r
    apart, ratio = high * high - low * low, np.log(high / low) * inverse
    value = 0.5 * (low - high + 0.25 * (r - screen * screen * inverse) * apart + 0.5 * ratio)
    if radius < screen - r:
        value += 1.0 / radius - low
    return value, (0.125 * (1.0 + screen * screen * inverse * inverse) * apart - 0.25 * ratio * inverse) * inverse


@part(fastmath=QUICK, error_model="numpy")
def _radii(atoms, common, x, room: BornRoom):
    """Born radii of atoms, and how they change with what descreens them, into the room."""
    n = len(atoms)
    for i in range(n):
        room.integral[i] = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
            squared = max(dx * dx + dy * dy + dz * dz, CLOSEST)
            r = np.sqrt(squared)
            room.squared[i, j] = squared
            value, room.slope[i, j] = _descreened(r, atoms[i, 1], atoms[j, 2])
            room.integral[i] += value
            value, room.slope[j, i] = _descreened(r, atoms[j, 1], atoms[i, 2])
            room.integral[j] += value
    alpha, beta, gamma = common[0], common[1], common[2]
    for i in range(n):
        radius, inverse, rises = atoms[i, 1], 1.0 / atoms[i, 1] - room.integral[i], 1.0
        if common[3] == 1.0:
            psi, whole = room.integral[i] * radius, radius + OFFSET
            bent = np.tanh(psi * (alpha + psi * (gamma * psi - beta)))
            inverse = 1.0 / radius - bent / whole
            rises = (1.0 - bent * bent) * (alpha + psi * (3.0 * gamma * psi - 2.0 * beta)) * radius / whole
        room.integral[i] = 1.0 / inverse
        room.bend[i] = rises / (inverse * inverse)


@part(fastmath=QUICK, error_model="numpy")
def solvated(atoms, common, x, room: BornRoom, force):
    """Energy of a molecule in its implicit solvent, kJ/mol; its forces are added to ``force`` (places, 3).

    Args:
        atoms: Charge, radius and screen of every place, (n, 3); none where there is no solvent.
        common: ``medium``.
        x: (n, 3), nm.
    """
    n = len(atoms)
    if n == 0:
        return 0.0
    _radii(atoms, common, x, room)
    born, pull, polar, surface, energy = room.integral, room.pull, common[4], common[5], 0.0
    for i in range(n):
        whole, inverse = atoms[i, 1] + OFFSET, 1.0 / born[i]
        own, third = 0.5 * polar * atoms[i, 0] * atoms[i, 0] * inverse, (whole * inverse)**3
        film = surface * (whole + PROBE)**2 * third * third
        energy += own + film
        pull[i] = -(own + 6.0 * film) * inverse
    for i in range(n):
        for j in range(i + 1, n):
            squared, product = room.squared[i, j], born[i] * born[j]
            quarter = 0.25 * squared / product
            fades = np.exp(-quarter)
            inverse = 1.0 / np.sqrt(squared + product * fades)
            pair = polar * atoms[i, 0] * atoms[j, 0] * inverse
            energy += pair
            pair *= inverse * inverse
            deep = -0.5 * pair * fades * (1.0 + quarter)
            pull[i] += deep * born[j]
            pull[j] += deep * born[i]
            room.squared[i, j] = pair * (0.25 * fades - 1.0)
    for i in range(n):
        pull[i] *= room.bend[i]
    for i in range(n):
        for j in range(i + 1, n):
            slope = room.squared[i, j] + pull[i] * room.slope[i, j] + pull[j] * room.slope[j, i]
            for c in range(3):
                push = slope * (x[j, c] - x[i, c])
                force[i, c] += push
                force[j, c] -= push
    return energy
