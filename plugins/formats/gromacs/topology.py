"""Molecule types from GROMACS' .top and .itp files."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from backmap.api import AtomMolecule, AtomTopology, TopologyReader
from backmap.errors import BackmapError

from ...chemistry import elements
from ...files.gromacs import CHEMICAL_BONDS, TopologyFile, atom_type_columns, finite
from ...files.preprocessor import TopologyLine

#: Chemical bond functions whose first parameter is the equilibrium length.
_WITH_LENGTH = {"1", "2", "3", "4", "7"}


class Gromacs(TopologyReader):
    """GROMACS .top or .itp, preprocessed; parameters other than bond lengths are not looked at."""

    Options = TopologyFile
    options: TopologyFile

    def read(self) -> AtomTopology:
        sections = _Sections()
        for line in self.options.lines():
            sections.take(line)
        return sections.topology(str(self.options.file))


@dataclass
class _AtomType:
    number: int | None
    mass: float | None
    charge: float
    bonded: str


@dataclass
class _Molecule:
    """One [ moleculetype ] while it is read; atoms and bonds still as text."""

    name: str
    where: str
    atoms: list[TopologyLine] = field(default_factory=list)
    bonds: list[TopologyLine] = field(default_factory=list)
    constraints: list[tuple[int, int, float]] = field(default_factory=list)
    held_apart: list[tuple[int, int]] = field(default_factory=list)


class _Sections:
    def __init__(self) -> None:
        self._atom_types: dict[str, _AtomType] = {}
        self._lengths: dict[frozenset[str], float] = {}
        self._molecules: dict[str, _Molecule] = {}
        self._current: _Molecule | None = None
        self._blocks: list[tuple[str, int, str]] = []

    def take(self, line: TopologyLine) -> None:
        """One line of data; sections that only a force field needs are passed over."""
        handlers = {"atomtypes": self._atom_type, "bondtypes": self._bond_type, "constrainttypes": self._bond_type,
                    "moleculetype": self._molecule, "atoms": self._atom, "bonds": self._bond,
                    "constraints": self._constraint, "settles": self._settle, "molecules": self._block}
        if line.section in handlers:
            try:
                handlers[line.section](line)
            except (ValueError, IndexError):
                raise BackmapError(f"'{' '.join(line.fields)}' is not a line of [ {line.section} ]",
                                   where=line.where) from None

    def _atom_type(self, line: TopologyLine) -> None:
        fields = line.fields
        bonded, number, rest = atom_type_columns(fields)
        mass = finite(rest[0])
        # GROMOS leaves masses to [ atoms ] and writes 0 here.
        self._atom_types[fields[0]] = _AtomType(int(number) if number else None, mass or None, finite(rest[1]), bonded)

    def _bond_type(self, line: TopologyLine) -> None:
        length = _length(line.fields[2], line.fields[3:])
        if np.isfinite(length):
            self._lengths.setdefault(frozenset(line.fields[:2]), length)

    def _molecule(self, line: TopologyLine) -> None:
        name = line.fields[0]
        if name in self._molecules:
            raise BackmapError(f"molecule type '{name}' is defined twice, first in {self._molecules[name].where}",
                               where=line.where)
        self._current = self._molecules[name] = _Molecule(name, line.where)

    def _here(self, line: TopologyLine) -> _Molecule:
        if self._current is None:
            raise BackmapError(f"[ {line.section} ] stands before any [ moleculetype ]", where=line.where)
        return self._current

    def _atom(self, line: TopologyLine) -> None:
        atoms = self._here(line).atoms
        if int(line.fields[0]) != len(atoms) + 1:
            raise BackmapError(f"atom {line.fields[0]} should be number {len(atoms) + 1}", where=line.where)
        line.fields[4]  # the name; IndexError if there is none
        atoms.append(line)

    def _bond(self, line: TopologyLine) -> None:
        if (line.fields[2] if len(line.fields) > 2 else "1") in CHEMICAL_BONDS:
            self._here(line).bonds.append(line)

    def _constraint(self, line: TopologyLine) -> None:
        i, j = self._pair(line)
        if line.fields[2] != "1":  # type 2 is a constraint between atoms that are not bonded
            self._here(line).held_apart.append((i, j))
        else:
            self._here(line).constraints.append((i, j, finite(line.fields[3]) if len(line.fields) > 3 else np.nan))

    def _settle(self, line: TopologyLine) -> None:
        oxygen, length = int(line.fields[0]) - 1, finite(line.fields[2])
        self._here(line).constraints += [(oxygen, oxygen + 1, length), (oxygen, oxygen + 2, length)]
        self._here(line).held_apart.append((oxygen + 1, oxygen + 2))

    def _block(self, line: TopologyLine) -> None:
        self._blocks.append((line.fields[0], int(line.fields[1]), line.where))

    def _pair(self, line: TopologyLine) -> tuple[int, int]:
        try:
            i, j = sorted(int(text) - 1 for text in line.fields[:2])
        except ValueError:
            raise BackmapError(f"'{' '.join(line.fields[:2])}' are not the numbers of two atoms",
                               where=line.where) from None
        n_atoms = len(self._here(line).atoms)
        if i == j or i < 0:
            raise BackmapError(f"'{' '.join(line.fields)}' joins no two atoms", where=line.where)
        if n_atoms and j >= n_atoms:
            raise BackmapError(f"there is no atom {j + 1} in this molecule type of {n_atoms} atoms", where=line.where)
        return i, j

    def topology(self, where: str) -> AtomTopology:
        if not self._molecules:
            raise BackmapError("has no [ moleculetype ]", where=where, hint="Is it a topology?")
        for name, _, place in self._blocks:
            if name not in self._molecules:
                raise BackmapError(f"no molecule type is called '{name}'", where=place,
                                   hint=f"Known: {', '.join(self._molecules)}.")
        kinds = {name: self._finished(molecule) for name, molecule in self._molecules.items()}
        return AtomTopology(kinds, [(name, count) for name, count, _ in self._blocks if count], where)

    def _finished(self, molecule: _Molecule) -> AtomMolecule:
        if not molecule.atoms:
            raise BackmapError(f"molecule type '{molecule.name}' has no atoms", where=molecule.where)
        self._current = molecule
        fields = [line.fields for line in molecule.atoms]
        element, mass, charge = self._atom_numbers(molecule.atoms)
        length, constrained = self._bonded_pairs(molecule, [row[1] for row in fields])
        pairs = sorted(length)
        return AtomMolecule(
            name=molecule.name, atom_names=[row[4] for row in fields], atom_types=[row[1] for row in fields],
            residue_names=[row[3] for row in fields],
            residues=np.array([int(re.match(r"-?\d+", row[2])[0]) if re.match(r"-?\d+", row[2]) else 1
                               for row in fields], dtype=np.int64),
            element=element, mass=mass, partial_charge=charge,
            bonds=np.array(pairs, dtype=np.int64).reshape(-1, 2),
            bond_length=np.array([length[pair] for pair in pairs], dtype=np.float64),
            constrained=np.array([pair in constrained for pair in pairs], dtype=bool),
            held_apart=tuple(molecule.held_apart))

    def _atom_numbers(self, lines: list[TopologyLine]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Atomic numbers, masses (u) and charges (e) of a molecule type's atoms."""
        rows = []
        for line in lines:
            fields, unknown = line.fields, _AtomType(None, None, 0.0, "")
            kind = self._atom_types.get(fields[1], unknown)
            try:
                mass = finite(fields[7]) if len(fields) > 7 else kind.mass
                charge = finite(fields[6]) if len(fields) > 6 else kind.charge
            except ValueError:
                raise BackmapError(f"'{' '.join(fields)}' is not a line of [ atoms ]", where=line.where) from None
            element = elements.element_of(kind.number, mass, fields[4], fields[3])
            rows.append((element, elements.mass_of(element) if mass is None else mass, charge))
        element, mass, charge = zip(*rows, strict=True)
        return np.array(element, dtype=np.int64), np.array(mass), np.array(charge)

    def _bonded_pairs(self, molecule: _Molecule, atom_types: list[str]) -> tuple[dict, set]:
        """Length (nm, NaN if unknown) of each bonded pair, and the pairs the topology constrains."""
        length: dict[tuple[int, int], float] = {}
        bonded = [self._atom_types[name].bonded if name in self._atom_types else name for name in atom_types]
        for line in molecule.bonds:
            pair = self._pair(line)
            given = _length(line.fields[2] if len(line.fields) > 2 else "1", line.fields[3:])
            if np.isnan(given):
                given = self._lengths.get(frozenset(bonded[a] for a in pair), np.nan)
            length[pair] = given
        for i, j, given in molecule.constraints:
            if j >= len(atom_types):
                raise BackmapError(f"a constraint or SETTLE names atom {j + 1} of {len(atom_types)}",
                                   where=molecule.where)
            if np.isnan(given):
                given = self._lengths.get(frozenset((bonded[i], bonded[j])), np.nan)
            length[i, j] = given
        return length, {(i, j) for i, j, _ in molecule.constraints}


def _length(function: str, parameters: list[str]) -> float:
    """Equilibrium length, nm; NaN where there is none, or only a macro that nothing defines."""
    try:
        return float(parameters[0]) if function in _WITH_LENGTH and parameters else np.nan
    except ValueError:
        return np.nan
