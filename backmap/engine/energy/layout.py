"""A force field laid over a system: what each atom is, and which pairs do not interact."""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import BackmapError
from ...model.parameters import COULOMB, ForceField, MoleculeParameters
from ...model.system import System
from ..sites.records import MoleculePairs
from ..sites.snapshot import AtomIndex
from .born import expect_isolated
from .maps import splines
from .tables import Electrostatics, PairField, SystemTables, Tail

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Terms of an energy, in the order of tables.
TERMS = ("bond", "angle", "proper", "improper", "cmap", "lj", "lj_14", "coulomb", "coulomb_14", "solvent")


class FieldLayout:
    """Parameters of all atoms of a system.

    Attributes:
        system: The molecules.
        field: Their force field.
        where: Molecule, type and owner of each atom.
        molecules: Parameters of each type, in the order of ``system.types``.
        kind: Lennard-Jones type of each atom, (A,).
        charge: Partial charge of each atom, e, (A,).
        electrostatics: Coulomb parameters of pairs within the cut-off.
        explicit: Coulomb parameters of explicit pairs (1-4), which have no reaction field.
        tail: How Lennard-Jones of pairs within the cut-off ends there.
        tables: Tables for loops over non-bonded pairs.
        self_energies: Self energy of the reaction field of each atom, kJ/mol, the same in every frame, (A,).
        self_energy: That of all.
        maps: Splines of the correction maps, as of ``maps.splines``.
        solvated: Whether some molecule has an implicit solvent.
        present: Names of the terms that some molecule of the system has.
    """

    def __init__(self, system: System, field: ForceField, solvents: bool = False) -> None:
        """Lay the force field over the system.

        Args:
            system: The molecules.
            field: Their force field.
            solvents: Whether who asks knows implicit solvents.

        Raises:
            BackmapError: If the force field asks for PME, has an implicit solvent that is not known, or lacks
                parameters of a molecule type.
        """
        if field.coulomb == "pme":
            raise BackmapError("asks for PME, which the energy engine does not have", where=field.where,
                               hint="Choose coulomb: reaction_field, cutoff or none; OpenMM computes PME.")
        self.system, self.field, self.where = system, field, AtomIndex(system)
        self.molecules: list[MoleculeParameters] = field.of(system)
        self.solvated = any(molecule.solvent is not None for molecule in self.molecules)
        if self.solvated and not solvents:
            raise BackmapError("has an implicit solvent, which this step does not know", where=field.where,
                               hint="hamiltonian, carry, forces and assessors of energies do.")
        self.kind, self.charge = np.empty(system.n_atoms, dtype=np.int64), np.empty(system.n_atoms)
        for group, molecule in zip(system.groups, self.molecules):
            self.kind[group.atoms], self.charge[group.atoms] = molecule.kind, molecule.charge
        self.electrostatics = self._electrostatics()
        factor, _, shift, reaction = self.electrostatics
        self.tail = Tail.of(field)
        self.explicit = Electrostatics(factor, 0.0, 0.0, False)
        self.self_energies = -0.5 * factor * shift * self.charge**2 * reaction
        self.self_energy = float(self.self_energies.sum())
        self.tables = self._tables()
        self.maps = splines(field.maps)
        self.present = self._present()

    def _electrostatics(self) -> Electrostatics:
        if self.field.coulomb == "reaction_field":
            return Electrostatics(COULOMB, *map(float, self.field.reaction_field), True)
        return Electrostatics(COULOMB if self.field.coulomb == "cutoff" else 0.0, 0.0, 0.0, False)

    def _tables(self) -> SystemTables:
        field = PairField(self.kind, self.charge, np.ascontiguousarray(self.field.c6, dtype=np.float64),
                          np.ascontiguousarray(self.field.c12, dtype=np.float64), float(self.field.cutoff),
                          self.electrostatics, self.tail)
        return SystemTables(field, self.where.molecule, self.where.row, self.where.standing,
                            MoleculePairs.of([molecule.left_out for molecule in self.molecules]))

    def _present(self) -> tuple[str, ...]:
        found = {bonded.term for molecule in self.molecules for bonded in molecule.bonded if len(bonded.atoms)}
        pairs = np.concatenate([molecule.pair_parameters.reshape(-1, 3) for molecule in self.molecules])
        found |= {"lj"} if self.field.c6.any() or self.field.c12.any() else set()
        found |= {"lj_14"} if pairs[:, :2].any() else set()
        if self.field.coulomb != "none":
            found |= {"coulomb"} if self.charge.any() else set()
            found |= {"coulomb_14"} if pairs[:, 2].any() else set()
        found |= {"solvent"} if self.solvated else set()
        return tuple(term for term in TERMS if term in found)

    def expect_isolated(self, atoms: Array, box: Array | None) -> None:
        """Make sure that molecules in an implicit solvent stand by themselves: see ``born.expect_isolated``."""
        if self.solvated:
            expect_isolated(list(zip(self.system.groups, self.molecules, strict=True)), self.where.molecule, atoms, box,
                            self.field.cutoff, self.field.where)

    def is_excluded(self, i: Index, j: Index) -> NDArray[np.bool_]:
        """Whether atoms ``i`` and ``j`` (n,) of one molecule are excluded, (n,)."""
        a, b = (torch.as_tensor(self.where.row[k]) for k in (i, j))
        pairs = MoleculePairs(*map(torch.as_tensor, self.tables.excluded))
        return pairs.look_up(a, b, False).numpy()
