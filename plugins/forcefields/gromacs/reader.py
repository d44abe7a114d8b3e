"""Force fields from GROMACS' .top and .itp files."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from backmap.api import ForceFieldReader
from backmap.errors import BackmapError
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

from ...files.gromacs import (
    CHEMICAL_BONDS,
    MoleculeRecord,
    TopologyFile,
    before_any_molecule,
    finite,
    function_of,
    understood,
)
from ...files.gromacs_rigid import RIGID
from ...files.preprocessor import TopologyLine
from ..matching import check_elements
from .terms import SECTIONS, terms_of
from .types import Types

#: Sections of a molecule without energy, or whose energy is no part of the force field.
_SILENT = RIGID | {"exclusions", "position_restraints", "distance_restraints",
           "dihedral_restraints", "orientation_restraints", "angle_restraints", "angle_restraints_z",
           "implicit_genborn_params", "cmaptypes", "system", "molecules", ""}


class Gromacs(ForceFieldReader):
    """GROMACS .top with its force field; combination rules, exclusions and pairs are read as by ``gmx grompp``."""

    Options = TopologyFile
    options: TopologyFile

    def read(self, system: System) -> ForceField:
        where = str(self.options.file)
        records = self.options.records()
        types = Types.of(records, _expect_silent)
        molecules = {name: _Molecule.of(record) for name, record in records.molecules.items()}
        if not types.defaults.rule:
            raise BackmapError("has no [ defaults ]", where=where,
                               hint="Give the .top that includes the force field, not an .itp alone.")
        chosen = []
        for kind in system.types:
            if kind.name not in molecules:
                raise BackmapError(f"has no parameters for molecule type '{kind.name}'", where=where,
                                   hint=f"Known: {', '.join(molecules) or 'none'}.")
            molecule = molecules[kind.name]
            check_elements(kind, molecule.elements(types), molecule.record.where)
            chosen.append(molecule)
        names = list(dict.fromkeys(atom.type for molecule in chosen for atom in molecule.record.atoms))
        table = np.array([[types.lennard_jones(a, b) for b in names] for a in names]).reshape(len(names), len(names), 2)
        return ForceField({molecule.record.name: molecule.parameters(types, names) for molecule in chosen}, names,
                          table[..., 0], table[..., 1], where=where)


@dataclass
class _Molecule:
    """One [ moleculetype ] as it stands in the file."""

    record: MoleculeRecord
    n_excluded: int
    bonded: list[TopologyLine] = field(default_factory=list)
    links: list[tuple[int, int]] = field(default_factory=list)
    pairs: list[TopologyLine] = field(default_factory=list)
    exclusions: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, record: MoleculeRecord) -> _Molecule:
        """What the lines of its sections say."""
        molecule = cls(record, understood(record.head, lambda line: int(line.fields[1])))
        for line in record.lines:
            understood(line, molecule._take)
        return molecule

    def _take(self, line: TopologyLine) -> None:
        if line.section in SECTIONS:
            self.bonded.append(line)
            if line.section == "bonds" and function_of(line) in CHEMICAL_BONDS:
                self.links.append(self._at(line, line.fields[:2]))
        elif line.section in ("pairs", "pairs_nb"):
            self.pairs.append(line)
        elif line.section == "constraints" and function_of(line) == "1":
            self.links.append(self._at(line, line.fields[:2]))
        elif line.section == "exclusions":
            first, *others = self._at(line, line.fields)
            self.exclusions += [(first, other) for other in others]
        elif line.section not in _SILENT:
            raise BackmapError(f"[ {line.section} ] is not supported in a force field", where=line.where,
                               hint="Energies would be wrong without it.")

    def _at(self, line: TopologyLine, words: Sequence[str]) -> tuple[int, ...]:
        """Atoms of a line, counted from 0."""
        numbers = [int(word) for word in words]
        for number in numbers:
            if not 1 <= number <= len(self.record.atoms):
                raise BackmapError(f"there is no atom {number} in this molecule type of {len(self.record.atoms)} atoms",
                                   where=line.where)
        return tuple(number - 1 for number in numbers)

    def elements(self, types: Types) -> list[int]:
        """Atomic numbers, 0 where they cannot be told."""
        return [atom.told(types.atom(atom.type, atom.line.where))[0] for atom in self.record.atoms]

    def parameters(self, types: Types, names: list[str]) -> MoleculeParameters:
        """The molecule type's parameters as arrays.

        Args:
            types: Parameters by atom types.
            names: Atom types of all molecule types; numbers of kinds are places in this list.

        Raises:
            BackmapError: If a term or an atom has no parameters.
        """
        rows = {name: row for row, name in enumerate(names)}
        atoms = self.record.atoms
        charge = np.array([atom.told(types.atom(atom.type, atom.line.where))[2] for atom in atoms])
        pairs, pair_parameters = self._pairs(types, charge)
        return MoleculeParameters(
            name=self.record.name, bonded=self._terms(types),
            kind=np.array([rows[atom.type] for atom in atoms], dtype=np.int64), charge=charge,
            excluded=self._excluded(), pairs=pairs, pair_parameters=pair_parameters)

    def _terms(self, types: Types) -> tuple[Bonded, ...]:
        """All bonded terms, by function."""
        found: dict[str, list[tuple[tuple[int, ...], list[float]]]] = {}
        for line in self.bonded:
            atoms = understood(line, lambda line: self._at(line, line.fields[:SECTIONS[line.section][1]]))
            bonded_types = [types.atom(self.record.atoms[a].type, line.where).bonded for a in atoms]
            for function, values in terms_of(line, bonded_types, types):
                found.setdefault(function, []).append((atoms, values))
        return tuple(Bonded(function, np.array([atoms for atoms, _ in found[function]], dtype=np.int64),
                            np.array([values for _, values in found[function]], dtype=np.float64))
                     for function in FUNCTIONS if function in found)

    def _excluded(self) -> np.ndarray:
        """Pairs at most ``n_excluded`` bonds apart, and those of [ exclusions ]."""
        graph = nx.Graph(self.links)
        near = {(a, b) for a, reached in nx.all_pairs_shortest_path_length(graph, cutoff=self.n_excluded)
                for b in reached if a < b}
        near |= {(min(pair), max(pair)) for pair in self.exclusions if pair[0] != pair[1]}
        return np.array(sorted(near), dtype=np.int64).reshape(-1, 2)

    def _pairs(self, types: Types, charge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        atoms, rows = [], []
        for line in self.pairs:
            at, row = understood(line, lambda line: self._pair(line, types, charge))
            atoms.append(at)
            rows.append(row)
        return (np.array(atoms, dtype=np.int64).reshape(-1, 2), np.array(rows, dtype=np.float64).reshape(-1, 3))

    def _pair(self, line: TopologyLine, types: Types, charge: np.ndarray) -> tuple[tuple[int, int], list[float]]:
        """Atoms, and c6, c12 and product of charges, of one line of [ pairs ] or [ pairs_nb ]."""
        i, j = self._at(line, line.fields[:2])
        function, given = function_of(line), [finite(word) for word in line.fields[3:]]
        if line.section == "pairs_nb":
            return (i, j), [*types.to_c6_c12(*given[2:4]), given[0] * given[1]]
        if function == "2":
            return (i, j), [*types.to_c6_c12(*given[3:5]), given[0] * given[1] * given[2]]
        if function != "1":
            raise BackmapError(f"function {function} in [ pairs ] is not supported", where=line.where,
                               hint="Known: 1, 2.")
        product = types.defaults.fudge_qq * charge[i] * charge[j]
        if given:
            return (i, j), [*types.to_c6_c12(*given[:2]), product]
        names = [self.record.atoms[a].type for a in (i, j)]
        found = types.pair(*names)
        if found is None:
            raise BackmapError(f"no [ pairtypes ] for {' '.join(names)}", where=line.where,
                               hint=f"Add them, or set gen-pairs to yes in [ defaults ] ({types.defaults.where}).")
        return (i, j), [*found, product]


def _expect_silent(line: TopologyLine) -> None:
    """Raise BackmapError for a line of no molecule type, and of no types, that could have energy."""
    if line.section == "intermolecular_interactions":
        raise BackmapError("[ intermolecular_interactions ] is not supported", where=line.where)
    if line.section not in _SILENT:
        raise before_any_molecule(line)
