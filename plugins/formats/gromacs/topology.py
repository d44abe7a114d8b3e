"""Molecule types from GROMACS' .top and .itp files."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, TopologyReader
from backmap.errors import BackmapError

from ...chemistry import elements
from ...files.gromacs import (
    CHEMICAL_BONDS,
    MoleculeRecord,
    TopologyFile,
    TopologyRecords,
    finite,
    function_of,
    understood,
)
from ...files.preprocessor import TopologyLine

#: Chemical bond functions whose first parameter is the equilibrium length.
_WITH_LENGTH = {"1", "2", "3", "4", "7"}


class Gromacs(TopologyReader):
    """GROMACS .top or .itp, preprocessed; of its bonded terms only the lengths of bonds are used."""

    Options = TopologyFile
    options: TopologyFile

    def read(self) -> AtomTopology:
        records, where = self.options.records(), str(self.options.file)
        if not records.molecules:
            raise BackmapError("has no [ moleculetype ]", where=where, hint="Is it a topology?")
        for name, _, place in records.blocks:
            if name not in records.molecules:
                raise BackmapError(f"no molecule type is called '{name}'", where=place,
                                   hint=f"Known: {', '.join(records.molecules)}.")
        lengths = _lengths(records)
        kinds = {name: _Molecule.of(molecule).finished(records, lengths)
                 for name, molecule in records.molecules.items()}
        return AtomTopology(kinds, [(name, count) for name, count, _ in records.blocks if count], where)


#: Equilibrium lengths, nm, by pairs of bonded types.
Lengths = dict[frozenset[str], float]


def _lengths(records: TopologyRecords) -> Lengths:
    found: Lengths = {}
    for line in records.lines:
        if line.section in ("bondtypes", "constrainttypes"):
            length = understood(line, lambda line: _length(line.fields[2], line.fields[3:]))
            if np.isfinite(length):
                found.setdefault(frozenset(line.fields[:2]), length)
    return found


@dataclass
class _Molecule:
    """Bonds of one [ moleculetype ], still without the lengths that its types have."""

    record: MoleculeRecord
    bonds: list[TopologyLine] = field(default_factory=list)
    constraints: list[tuple[int, int, float]] = field(default_factory=list)
    held_apart: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, record: MoleculeRecord) -> _Molecule:
        """What the lines say; sections that only a force field needs are passed over."""
        molecule = cls(record)
        handlers = {"bonds": molecule._bond, "constraints": molecule._constraint, "settles": molecule._settle}
        for line in record.lines:
            if line.section in handlers:
                understood(line, handlers[line.section])
        return molecule

    def _bond(self, line: TopologyLine) -> None:
        if function_of(line) in CHEMICAL_BONDS:
            self.bonds.append(line)

    def _constraint(self, line: TopologyLine) -> None:
        i, j = self._pair(line)
        if line.fields[2] != "1":  # type 2 is a constraint between atoms that are not bonded
            self.held_apart.append((i, j))
        else:
            self.constraints.append((i, j, finite(line.fields[3]) if len(line.fields) > 3 else np.nan))

    def _settle(self, line: TopologyLine) -> None:
        oxygen, length = int(line.fields[0]) - 1, finite(line.fields[2])
        self.constraints += [(oxygen, oxygen + 1, length), (oxygen, oxygen + 2, length)]
        self.held_apart.append((oxygen + 1, oxygen + 2))

    def _pair(self, line: TopologyLine) -> tuple[int, int]:
        try:
            i, j = sorted(int(text) - 1 for text in line.fields[:2])
        except ValueError:
            raise BackmapError(f"'{' '.join(line.fields[:2])}' are not the numbers of two atoms",
                               where=line.where) from None
        n_atoms = len(self.record.atoms)
        if i == j or i < 0:
            raise BackmapError(f"'{' '.join(line.fields)}' joins no two atoms", where=line.where)
        if n_atoms and j >= n_atoms:
            raise BackmapError(f"there is no atom {j + 1} in this molecule type of {n_atoms} atoms", where=line.where)
        return i, j

    def finished(self, records: TopologyRecords, lengths: Lengths) -> AtomMolecule:
        """The molecule type as numbers.

        Args:
            records: All records, for the properties of atom types.
            lengths: Equilibrium lengths of bonds by atom types, nm.

        Raises:
            BackmapError: If the molecule type has no atoms, or a line of its bonds cannot be understood.
        """
        record, atoms = self.record, self.record.atoms
        if not atoms:
            raise BackmapError(f"molecule type '{record.name}' has no atoms", where=record.where)
        told = [atom.told(records.atom_types.get(atom.type)) for atom in atoms]
        length = self._bonded_pairs(records, lengths)
        pairs, constrained = sorted(length), {(i, j) for i, j, _ in self.constraints}
        return AtomMolecule(
            name=record.name, atom_names=[atom.name for atom in atoms], atom_types=[atom.type for atom in atoms],
            residue_names=[atom.residue_name for atom in atoms],
            residues=np.array([atom.residue for atom in atoms], dtype=np.int64),
            element=np.array([element for element, _, _ in told], dtype=np.int64),
            mass=np.array([elements.mass_of(element) if mass is None else mass for element, mass, _ in told]),
            partial_charge=np.array([charge for _, _, charge in told]),
            bonds=np.array(pairs, dtype=np.int64).reshape(-1, 2),
            bond_length=np.array([length[pair] for pair in pairs], dtype=np.float64),
            constrained=np.array([pair in constrained for pair in pairs], dtype=bool),
            held_apart=tuple(self.held_apart))

    def _bonded_pairs(self, records: TopologyRecords, lengths: Lengths) -> dict[tuple[int, int], float]:
        """Length (nm, NaN if unknown) of each bonded pair."""
        kinds = [atom.type for atom in self.record.atoms]
        bonded = [records.atom_types[kind].bonded if kind in records.atom_types else kind for kind in kinds]
        length: dict[tuple[int, int], float] = {}
        for line in self.bonds:
            pair = self._pair(line)
            given = _length(function_of(line), line.fields[3:])
            if np.isnan(given):
                given = lengths.get(frozenset(bonded[a] for a in pair), np.nan)
            length[pair] = given
        for i, j, given in self.constraints:
            if j >= len(bonded):
                raise BackmapError(f"a constraint or SETTLE names atom {j + 1} of {len(bonded)}",
                                   where=self.record.where)
            if np.isnan(given):
                given = lengths.get(frozenset((bonded[i], bonded[j])), np.nan)
            length[i, j] = given
        return length


def _length(function: str, parameters: tuple[str, ...]) -> float:
    """Equilibrium length, nm; NaN where there is none, or only a macro that nothing defines."""
    try:
        return float(parameters[0]) if function in _WITH_LENGTH and parameters else np.nan
    except ValueError:
        return np.nan
