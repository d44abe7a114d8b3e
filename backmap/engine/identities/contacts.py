"""Slopes of the non-bonded energy of a frame, pair by pair: forces, and derivatives of contacts between molecules."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..energy.pair import NEAREST, derivatives
from ..energy.tables import SystemTables
from ..sites.records import pair_at
from ..sites.snapshot import Pairs

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Share of the cut-off from which contacts fade in fields, which must not end at it with a jump.
FADING = 0.8
SAME = 1e-6  #: nm, within which an atom is where its molecule has it, and no image of it


class Contacts(NamedTuple):
    """Non-bonded pairs of one frame.

    Attributes:
        forces: Minus the gradient of the energy of all non-bonded pairs, explicit ones left out, (A, 3), kJ/mol/nm.
        gradient: Gradient of the energy of pairs of different molecules, which fades at the cut-off, (A, 3).
        hessian: Its second derivatives by one atom, (A, 3, 3), kJ/mol/nm^2.
    """

    forces: Array
    gradient: Array
    hessian: Array


def contacts_of(atoms: Array, pairs: Pairs, tables: SystemTables) -> Contacts:
    """Of whole molecules (A, 3), nm, and all of their pairs within the cut-off, each once."""
    found = Contacts(np.zeros(atoms.shape), np.zeros(atoms.shape), np.zeros((*atoms.shape, 3)))
    _add(*map(np.ascontiguousarray, (atoms, pairs.i, pairs.j, pairs.vector)), tables, found)
    return found


@compiled(nogil=True, error_model="numpy")
def _add(atoms: Array, i: Index, j: Index, vector: Array, tables: SystemTables, found: Contacts) -> None:
    """Add what every pair brings, one after the other, so that sums do not depend on threads."""
    field, molecule, forces, gradient = tables.field, tables.molecule, found.forces, found.gradient
    for n in range(len(i)):
        a, b = i[n], j[n]
        x, y, z = vector[n, 0], vector[n, 1], vector[n, 2]
        squared, apart = x * x + y * y + z * z, molecule[a] != molecule[b]
        out = False
        if not apart:
            off = abs(x - atoms[b, 0] + atoms[a, 0]) + abs(y - atoms[b, 1] + atoms[a, 1])
            off += abs(z - atoms[b, 2] + atoms[a, 2])
            out = off < SAME and pair_at(tables.excluded.start, tables.excluded.key, tables.row[a], tables.row[b]) >= 0
        c6, c12 = field.c6[field.kind[a], field.kind[b]], field.c12[field.kind[a], field.kind[b]]
        charges = field.coulomb.factor * field.charge[a] * field.charge[b]
        energy, slope, curve = derivatives(max(squared, NEAREST * NEAREST), c6, c12, charges, out, field.coulomb,
                                           field.tail)
        if squared < NEAREST * NEAREST:
            slope, curve = 0.0, 0.0
        for c in range(3):
            pull = 2.0 * slope * vector[n, c]  # the gradient at b, and its opposite at a
            forces[a, c] += pull
            forces[b, c] -= pull
        if apart:
            slope, curve = _faded(squared, energy, slope, curve, field.cutoff)
            for c in range(3):
                pull = 2.0 * slope * vector[n, c]
                gradient[a, c] -= pull
                gradient[b, c] += pull
                for d in range(3):
                    bend = 4.0 * curve * vector[n, c] * vector[n, d] + (2.0 * slope if c == d else 0.0)
                    found.hessian[a, c, d] += bend
                    found.hessian[b, c, d] += bend


@part(nogil=True)
def _faded(squared, energy, slope, curve, cutoff):
    """Derivatives by the squared distance of an energy that fades to nothing, with two derivatives, at the cut-off."""
    low, high = (FADING * cutoff) * (FADING * cutoff), cutoff * cutoff
    x = min(max((squared - low) / (high - low), 0.0), 1.0)
    left = 1.0 - x * x * x * (10.0 - 15.0 * x + 6.0 * x * x)
    falls = -30.0 * (x * (1.0 - x)) * (x * (1.0 - x)) / (high - low)
    bends = -60.0 * x * (1.0 - x) * (1.0 - 2.0 * x) / ((high - low) * (high - low))
    return left * slope + falls * energy, left * curve + 2.0 * falls * slope + bends * energy
