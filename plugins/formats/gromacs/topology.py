"""Molecule types from GROMACS' .top and .itp files."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, TopologyReader
from backmap.errors import BackmapError
from backmap.model.rigid import Dependence, Dependents, FixedDistances

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
from ...files.gromacs_rigid import SITES, Settle, virtual_site
from ...files.preprocessor import TopologyLine

#: Chemical bond functions whose first parameter is the equilibrium length.
_WITH_LENGTH = {"1", "2", "3", "4", "7"}
#: What was made of records, by their file, as long as they are in use: a recipe is looked over before it runs.
_MADE: WeakKeyDictionary[TopologyRecords, dict[str, AtomTopology]] = WeakKeyDictionary()


class Gromacs(TopologyReader):
    """GROMACS .top or .itp, preprocessed; of its bonded terms only the lengths of bonds are used."""

    Options = TopologyFile
    options: TopologyFile

    def read(self) -> AtomTopology:
        records, where = self.options.records(), str(self.options.file)
        known = _MADE.setdefault(records, {})
        if where not in known:
            known[where] = self._made(records, where)
        return known[where]

    def _made(self, records: TopologyRecords, where: str) -> AtomTopology:
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
    held: list[tuple[int, int, float]] = field(default_factory=list)
    sites: dict[int, Dependence] = field(default_factory=dict)

    @classmethod
    def of(cls, record: MoleculeRecord) -> _Molecule:
        """What the lines say; sections that only a force field needs are passed over."""
        molecule = cls(record)
        handlers = {"bonds": molecule._bond, "constraints": molecule._constraint, "settles": molecule._settle,
                    **dict.fromkeys(SITES, molecule._site)}
        for line in record.lines:
            if line.section in handlers:
                understood(line, handlers[line.section])
        return molecule

    def _bond(self, line: TopologyLine) -> None:
        if function_of(line) in CHEMICAL_BONDS:
            self.bonds.append(line)

    def _constraint(self, line: TopologyLine) -> None:
        i, j = self._pair(line)
        length = finite(line.fields[3]) if len(line.fields) > 3 else np.nan
        if length <= 0:
            raise BackmapError(f"a constraint of {length:g} nm", where=line.where)
        # Type 2 is a constraint between atoms that are not bonded.
        (self.constraints if function_of(line) == "1" else self.held).append((i, j, length))

    def _settle(self, line: TopologyLine) -> None:
        found = Settle.of(line, self.record)
        first, second = found.oxygen + 1, found.oxygen + 2
        self.constraints += [(found.oxygen, other, found.to_oxygen) for other in (first, second)]
        self.held.append((first, second, found.between))

    def _site(self, line: TopologyLine) -> None:
        found = virtual_site(line, self.record)
        if found.atom in self.sites:
            raise BackmapError(f"virtual site {found.atom + 1} is defined twice", where=line.where)
        self.sites[found.atom] = found

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
        self._check_sites(told)
        length = self._bonded_pairs(records, lengths)
        held = self._held(length, [element for element, _, _ in told], records, lengths)
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
            held=FixedDistances.of([*held], [*held.values()]), dependents=Dependents.of([*self.sites.values()]))

    def _check_sites(self, told: list[tuple[int, float | None, float]]) -> None:
        """Virtual sites have no mass, no bonds and parents that are none.

        Raises:
            BackmapError: With the line of the first that is otherwise.
        """
        fixed = {atom for pairs in (self.constraints, self.held) for i, j, _ in pairs for atom in (i, j)}
        for site in self.sites.values():
            where, name = self.record.atoms[site.atom].line.where, f"virtual site {site.atom + 1}"
            if told[site.atom][1]:
                raise BackmapError(f"{name} has a mass of {told[site.atom][1]:g} u", where=where,
                                   hint="A virtual site has none: write 0, or leave it out of the virtual sites.")
            if site.atom in fixed:
                raise BackmapError(f"{name} is held by a constraint", where=where,
                                   hint="Its parents determine where it is.")
            for parent in site.parents:
                if parent in self.sites:
                    raise BackmapError(f"{name} is made of the virtual site {parent + 1}", where=where,
                                       hint="Make it of atoms.")

    def _held(self, length: dict[tuple[int, int], float], element: list[int], records: TopologyRecords,
              lengths: Lengths) -> dict[tuple[int, int], float]:
        """Distances that are held of atoms that are not bonded; bonds of two hydrogens of one other atom become such.

        Raises:
            BackmapError: If no length is known.
        """
        heavy: dict[int, set[int]] = defaultdict(set)  # beads of mass 1 look like hydrogens, but have no other atoms
        for i, j in length:
            for one, other in ((i, j), (j, i)):
                heavy[one] |= {other} if element[other] != 1 else set()
        across = [(i, j) for i, j in length if element[i] == element[j] == 1 and heavy[i] & heavy[j]]
        held = {pair: length.pop(pair) for pair in across}
        bonded = self._bonded_types(records)
        for i, j, given in self.held:
            if np.isnan(given):
                given = lengths.get(frozenset((bonded[i], bonded[j])), np.nan)
            held[i, j] = given
        for (i, j), known in held.items():
            if np.isnan(known):
                raise BackmapError(f"the length of the constraint of atoms {i + 1} and {j + 1} is not given",
                                   where=self.record.where, hint="Give it in [ constraints ] or [ constrainttypes ].")
        return held

    def _bonded_types(self, records: TopologyRecords) -> list[str]:
        kinds = [atom.type for atom in self.record.atoms]
        return [records.atom_types[kind].bonded if kind in records.atom_types else kind for kind in kinds]

    def _bonded_pairs(self, records: TopologyRecords, lengths: Lengths) -> dict[tuple[int, int], float]:
        """Length (nm, NaN if unknown) of each bonded pair."""
        bonded = self._bonded_types(records)
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
