"""Force fields from GROMACS' .top and .itp files."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np

from backmap.api import ForceFieldReader
from backmap.errors import BackmapError
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

from ...chemistry import elements
from ...files.gromacs import CHEMICAL_BONDS, TopologyFile, finite
from ...files.preprocessor import TopologyLine
from ..matching import check_elements
from .terms import SECTIONS, function_of, terms_of
from .types import Types

#: Sections of a molecule without energy, or whose energy is no part of the force field.
_SILENT = {"constraints", "settles", "exclusions", "position_restraints", "distance_restraints",
           "dihedral_restraints", "orientation_restraints", "angle_restraints", "angle_restraints_z",
           "implicit_genborn_params", "cmaptypes", "system", "molecules", ""}


class Gromacs(ForceFieldReader):
    """GROMACS .top with its force field, combination rules, exclusions and pairs as ``gmx grompp`` reads them."""

    Options = TopologyFile
    options: TopologyFile

    def read(self, system: System) -> ForceField:
        where = str(self.options.file)
        types, molecules = _sections(self.options.lines())
        if not types.defaults.rule:
            raise BackmapError("has no [ defaults ]", where=where,
                               hint="Give the .top that includes the force field, not an .itp alone.")
        chosen = []
        for kind in system.types:
            if kind.name not in molecules:
                raise BackmapError(f"has no parameters for molecule type '{kind.name}'", where=where,
                                   hint=f"Known: {', '.join(molecules) or 'none'}.")
            molecule = molecules[kind.name]
            check_elements(kind, molecule.elements(types), molecule.where)
            chosen.append(molecule)
        names = list(dict.fromkeys(line.fields[1] for molecule in chosen for line in molecule.atoms))
        table = np.array([[types.lennard_jones(a, b) for b in names] for a in names]).reshape(len(names), len(names), 2)
        return ForceField({molecule.name: molecule.parameters(types, names) for molecule in chosen}, names,
                          table[..., 0], table[..., 1], where=where)


@dataclass
class _Molecule:
    """One [ moleculetype ] as it stands in the file."""

    name: str
    n_excluded: int
    where: str
    atoms: list[TopologyLine] = field(default_factory=list)
    bonded: list[TopologyLine] = field(default_factory=list)
    links: list[tuple[int, int]] = field(default_factory=list)
    pairs: list[TopologyLine] = field(default_factory=list)
    exclusions: list[tuple[int, int]] = field(default_factory=list)

    def take(self, line: TopologyLine) -> None:
        if line.section == "atoms":
            for word in line.fields[6:8]:
                finite(word)  # or the line is no line of [ atoms ]
            self.atoms.append(line)
        elif line.section in SECTIONS:
            self.bonded.append(line)
            if line.section == "bonds" and function_of(line) in CHEMICAL_BONDS:
                self.links.append(self._at(line, line.fields[:2]))
        elif line.section in ("pairs", "pairs_nb"):
            self.pairs.append(line)
        elif line.section == "constraints" and line.fields[2] == "1":
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
            if not 1 <= number <= len(self.atoms):
                raise BackmapError(f"there is no atom {number} in this molecule type of {len(self.atoms)} atoms",
                                   where=line.where)
        return tuple(number - 1 for number in numbers)

    def elements(self, types: Types) -> list[int]:
        """Atomic numbers, 0 where they cannot be told."""
        found = []
        for line in self.atoms:
            kind, words = types.atom(line.fields[1], line.where), line.fields
            mass = finite(words[7]) if len(words) > 7 else kind.mass or None
            found.append(elements.element_of(kind.number, mass, words[4], words[3]))
        return found

    def parameters(self, types: Types, names: list[str]) -> MoleculeParameters:
        rows = {name: row for row, name in enumerate(names)}
        charge = np.array([finite(line.fields[6]) if len(line.fields) > 6 else types.atom(line.fields[1], "").charge
                           for line in self.atoms])
        pairs, pair_parameters = self._pairs(types, charge)
        return MoleculeParameters(
            name=self.name, bonded=self._terms(types),
            kind=np.array([rows[line.fields[1]] for line in self.atoms], dtype=np.int64), charge=charge,
            excluded=self._excluded(), pairs=pairs, pair_parameters=pair_parameters)

    def _terms(self, types: Types) -> tuple[Bonded, ...]:
        """All bonded terms, by function."""
        found: dict[str, list[tuple[tuple[int, ...], list[float]]]] = {}
        for line in self.bonded:
            atoms = _read(line, lambda line: self._at(line, line.fields[:SECTIONS[line.section][1]]))
            bonded_types = [types.atom(self.atoms[a].fields[1], line.where).bonded for a in atoms]
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
            i, j = _read(line, lambda line: self._at(line, line.fields[:2]))
            atoms.append((i, j))
            rows.append(_read(line, lambda line, i=i, j=j: self._pair(line, types, (charge[i], charge[j]), (i, j))))
        return (np.array(atoms, dtype=np.int64).reshape(-1, 2), np.array(rows, dtype=np.float64).reshape(-1, 3))

    def _pair(self, line: TopologyLine, types: Types, charges: tuple[float, float], at: tuple[int, int]) -> list[float]:
        """c6, c12 and product of charges of one line of [ pairs ] or [ pairs_nb ]."""
        function, given = line.fields[2] if len(line.fields) > 2 else "1", [finite(word) for word in line.fields[3:]]
        if line.section == "pairs_nb":
            return [*types.to_c6_c12(*given[2:4]), given[0] * given[1]]
        if function == "2":
            return [*types.to_c6_c12(*given[3:5]), given[0] * given[1] * given[2]]
        if function != "1":
            raise BackmapError(f"function {function} in [ pairs ] is not supported", where=line.where,
                               hint="Known: 1, 2.")
        product = types.defaults.fudge_qq * charges[0] * charges[1]
        if given:
            return [*types.to_c6_c12(*given[:2]), product]
        names = [self.atoms[a].fields[1] for a in at]
        found = types.pair(*names)
        if found is None:
            raise BackmapError(f"no [ pairtypes ] for {' '.join(names)}", where=line.where,
                               hint=f"Add them, or set gen-pairs to yes in [ defaults ] ({types.defaults.where}).")
        return [*found, product]


def _sections(lines: Iterable[TopologyLine]) -> tuple[Types, dict[str, _Molecule]]:
    """Types and molecules of a preprocessed topology."""
    types, molecules = Types(), {}
    current: _Molecule | None = None
    for line in lines:
        if line.section == "moleculetype":
            current = _read(line, lambda line: _Molecule(line.fields[0], int(line.fields[1]), line.where))
            molecules[current.name] = current
        elif line.section == "intermolecular_interactions":
            raise BackmapError("[ intermolecular_interactions ] is not supported", where=line.where)
        elif not _read(line, types.take):
            if current is not None:
                _read(line, current.take)
            elif line.section not in _SILENT:
                raise BackmapError(f"[ {line.section} ] stands before any [ moleculetype ]", where=line.where)
    return types, molecules


def _read(line: TopologyLine, reader: Callable[[TopologyLine], Any]) -> Any:
    """What ``reader`` makes of a line; one that cannot be read is an error with its place."""
    try:
        return reader(line)
    except (ValueError, IndexError, TypeError):
        raise BackmapError(f"'{' '.join(line.fields)}' is not a line of [ {line.section} ]", where=line.where) from None
