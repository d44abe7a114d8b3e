"""What compiled loops over pairs of atoms look up in a force field."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.parameters import ForceField, MoleculeParameters
from ..sites.records import MoleculePairs

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Electrostatics(NamedTuple):
    """Coulomb energy of a pair within the cut-off, factor q q (1/r + k r^2 - c).

    Attributes:
        factor: Coulomb's constant, kJ/mol nm/e^2, or 0.
        k: Of the reaction field, 1/nm^3.
        c: Of the reaction field, 1/nm.
        reaction: Whether excluded pairs count, without 1/r.
    """

    factor: float
    k: float
    c: float
    reaction: bool


class Tail(NamedTuple):
    """How Lennard-Jones ends: S(x) (c12 (1/r^12 + p12(x)) - c6 (1/r^6 + p6(x))) with x = max(r - start, 0).

    p(x) = shift + x^3 (third + fourth x), and S(x) = 1 + x^3 (fade[0] + fade[1] x + fade[2] x^2).

    Attributes:
        switched: Whether anything changes with x; if not, only the shifts count.
        start: Where it begins to change, nm.
        of_6: (shift, third, fourth) of 1/r^6.
        of_12: The same of 1/r^12.
        fade: Of S.
    """

    switched: bool
    start: float
    of_6: tuple[float, float, float]
    of_12: tuple[float, float, float]
    fade: tuple[float, float, float]

    @classmethod
    def of(cls, field: ForceField) -> Tail:
        """The tail that a force field asks for (GROMACS manual, "Modified non-bonded interactions")."""
        end, start = float(field.cutoff), float(field.switch)
        nothing = (0.0, 0.0, 0.0)
        if field.tail == "shift":
            return cls(False, end, (-end**-6, 0.0, 0.0), (-end**-12, 0.0, 0.0), nothing)
        if field.tail == "force_switch":
            return cls(True, start, _force_switch(6, start, end), _force_switch(12, start, end), nothing)
        if field.tail == "potential_switch":
            wide = end - start
            return cls(True, start, nothing, nothing, (-10 * wide**-3, 15 * wide**-4, -6 * wide**-5))
        return cls(False, end, nothing, nothing, nothing)


def _force_switch(power: int, start: float, end: float) -> tuple[float, float, float]:
    """(shift, third, fourth) that let the force of 1/r^power go to 0 smoothly between ``start`` and ``end``."""
    wide, scale = end - start, power / end ** (power + 2)
    third = scale * ((power + 4) * end - (power + 1) * start) / (3 * wide**2)
    fourth = -scale * ((power + 3) * end - (power + 1) * start) / (4 * wide**3)
    return -end**-power - third * wide**3 - fourth * wide**4, third, fourth


class PairField(NamedTuple):
    """Non-bonded parameters of the atoms of a system.

    Attributes:
        kind: Lennard-Jones type of each atom, (A,).
        charge: Of each atom, e, (A,).
        c6: By pair of kinds, kJ/mol nm^6, (T, T).
        c12: By pair of kinds, kJ/mol nm^12, (T, T).
        cutoff: nm.
        coulomb: What charges make of it.
        tail: How Lennard-Jones ends at the cut-off.
    """

    kind: Index
    charge: Array
    c6: Array
    c12: Array
    cutoff: float
    coulomb: Electrostatics
    tail: Tail


class SystemTables(NamedTuple):
    """Non-bonded parameters, and which pairs do not interact.

    Attributes:
        field: Parameters.
        molecule: Number of the molecule of each atom, (A,).
        row: Atom row of each atom: what it is in its molecule type, (A,).
        standing: Whether it stands still, and may be bonded across the box, (A,).
        excluded: Pairs of atom rows that are excluded.
    """

    field: PairField
    molecule: Index
    row: Index
    standing: NDArray[np.bool_]
    excluded: MoleculePairs


class RowTables(NamedTuple):
    """Lennard-Jones of the atoms of molecule types, by atom row as in ``FragmentTable``.

    Attributes:
        kind: Lennard-Jones type of each atom row, (n,).
        c6: By pair of kinds, kJ/mol nm^6, (T, T).
        c12: By pair of kinds, kJ/mol nm^12, (T, T).
        excluded: Pairs of atom rows that are excluded.
    """

    kind: Index
    c6: Array
    c12: Array
    excluded: MoleculePairs

    @classmethod
    def of(cls, molecules: Sequence[MoleculeParameters], field: ForceField) -> RowTables:
        """Tables of molecule types."""
        return cls(np.concatenate([each.kind for each in molecules]), np.ascontiguousarray(field.c6, dtype=np.float64),
                   np.ascontiguousarray(field.c12, dtype=np.float64),
                   MoleculePairs.of([each.left_out for each in molecules]))
