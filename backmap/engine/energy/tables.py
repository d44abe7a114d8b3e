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


class PairField(NamedTuple):
    """Non-bonded parameters of the atoms of a system.

    Attributes:
        kind: Lennard-Jones type of each atom, (A,).
        charge: Of each atom, e, (A,).
        c6: By pair of kinds, kJ/mol nm^6, (T, T).
        c12: By pair of kinds, kJ/mol nm^12, (T, T).
        cutoff: nm.
        coulomb: What charges make of it.
    """

    kind: Index
    charge: Array
    c6: Array
    c12: Array
    cutoff: float
    coulomb: Electrostatics


class SystemTables(NamedTuple):
    """Non-bonded parameters, and which pairs do not interact.

    Attributes:
        field: Parameters.
        molecule: Number of the molecule of each atom, (A,).
        row: Atom row of each atom: what it is in its molecule type, (A,).
        excluded: Pairs of atom rows that are excluded.
    """

    field: PairField
    molecule: Index
    row: Index
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
