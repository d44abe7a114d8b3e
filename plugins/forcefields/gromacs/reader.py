"""Force fields from GROMACS' .top and .itp files."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np

from backmap.api import ForceFieldReader
from backmap.errors import BackmapError, Errors
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import bonds_apart, distinct
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.run_parameters import RunParameters
from backmap.model.system import System

from ...files.gromacs import (
    CHEMICAL_BONDS,
    MoleculeRecord,
    TopologyFile,
    TopologyRecords,
    atoms_of,
    before_any_molecule,
    finite,
    function_of,
    understood,
)
from ...files.gromacs_rigid import RIGID
from ...files.mdp_meaning import run_parameters
from ...files.preprocessor import BETWEEN, TopologyLine
from ..matching import check_elements
from .functions import SECTIONS
from .terms import terms_of
from .types import Types

#: Atoms that a line of restraints begins with.
_RESTRAINTS = {"position_restraints": 1, "distance_restraints": 2, "dihedral_restraints": 4,
               "orientation_restraints": 2, "angle_restraints": 4, "angle_restraints_z": 2}
#: Sections of a molecule without energy, or whose energy is no part of the force field: [ align ] is DeepBackmap's own,
#: and says by which atoms it turns molecules.
_SILENT = RIGID | {*_RESTRAINTS, "exclusions", "implicit_genborn_params", "cmaptypes", "system", "molecules", "align",
                   ""}

#: Sections that are refused, and why.
_REFUSED = {"polarization": "particles that are polarised", "water_polarization": "water that is polarised",
            "thole_polarization": "particles that are polarised", "drude": "Drude particles"}
#: What was made of records for molecule types, by their file, as long as the records are in use.
_MADE: WeakKeyDictionary[TopologyRecords, dict[tuple[str, tuple[MoleculeType, ...]], ForceField]] = WeakKeyDictionary()
#: Their types, and what is wrong with them: force fields have tens of thousands, and are asked for more than once.
_TYPES: WeakKeyDictionary[TopologyRecords, tuple[Types, list[BackmapError]]] = WeakKeyDictionary()


class Gromacs(ForceFieldReader):
    """GROMACS .top with its force field; combination rules, exclusions and pairs are read as by ``gmx grompp``."""

    Options = TopologyFile
    options: TopologyFile

    def read(self, system: System) -> ForceField:
        asked, known = (str(self.options.file), tuple(system.types)), _MADE.setdefault(self.options.readable(), {})
        if asked not in known:
            known[asked] = self._made(system)
        return known[asked]

    def _made(self, system: System) -> ForceField:
        where = str(self.options.file)
        records, types, errors = self._types()
        chosen = []
        for kind in system.types:
            if kind.name not in records.molecules:
                errors.add(BackmapError(f"has no parameters for molecule type '{kind.name}'", where=where,
                                        hint=f"Known: {', '.join(records.molecules) or 'none'}."))
                continue
            chosen.append(_Molecule.of(records.molecules[kind.name], errors))
            errors.attempt(check_elements, kind, chosen[-1].elements(types), chosen[-1].record.where)
        names = list(dict.fromkeys(atom.type for molecule in chosen for atom in molecule.record.atoms))
        parameters = {molecule.record.name: molecule.parameters(types, names, errors) for molecule in chosen}
        errors.expect_none()
        table = np.array([[types.lennard_jones(a, b) for b in names] for a in names]).reshape(len(names), len(names), 2)
        return ForceField(parameters, names, table[..., 0], table[..., 1], where=where,
                          maps=np.array(types.maps) if types.maps else np.zeros((0, 0, 0)))

    def run_parameters(self) -> RunParameters | None:
        return None if self.options.mdp is None else run_parameters(self.options.mdp)

    def problems(self) -> Iterator[BackmapError]:
        """Of all molecule types that [ molecules ] names, or of all where there are none."""
        records, types, errors = self._types()
        errors.attempt(self.run_parameters)
        named = {name for name, _, _ in records.blocks} or set(records.molecules)
        for name, record in records.molecules.items():
            if name in named:
                names = list(dict.fromkeys(atom.type for atom in record.atoms))
                _Molecule.of(record, errors).parameters(types, names, errors)
        yield from errors.found

    def _types(self) -> tuple[TopologyRecords, Types, Errors]:
        """What there is in the file, its types, and what is wrong with both."""
        records, errors = self.options.readable(), Errors()
        if records not in _TYPES:
            _TYPES[records] = self._types_of(records)
        types, found = _TYPES[records]
        for error in found:
            errors.add(error)
        return records, types, errors

    def _types_of(self, records: TopologyRecords) -> tuple[Types, list[BackmapError]]:
        errors = Errors()
        for error in records.errors:
            errors.add(error)
        types = Types.of(records, _expect_silent, errors)
        if not types.defaults.where:
            errors.add(BackmapError("has no [ defaults ]", where=str(self.options.file),
                                    hint="Give the .top that includes the force field, not an .itp alone."))
        return types, errors.found


@dataclass
class _Molecule:
    """One [ moleculetype ] as it stands in the file."""

    record: MoleculeRecord
    n_excluded: int
    bonded: list[TopologyLine] = field(default_factory=list)
    links: list[tuple[int, int]] = field(default_factory=list)
    pairs: list[TopologyLine] = field(default_factory=list)
    exclusions: list[tuple[int, int]] = field(default_factory=list)
    #: Functions and parameters of lines of a section, by what follows their atoms and by bonded types.
    known: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[str, list[float]]]] = field(
        default_factory=dict)

    @classmethod
    def of(cls, record: MoleculeRecord, errors: Errors) -> _Molecule:
        """What the lines of its sections say; ``errors`` takes what cannot be understood."""
        molecule = cls(record, understood(record.head, lambda line: int(line.fields[1])))
        for line in record.lines:
            errors.attempt(understood, line, molecule._take)
        return molecule

    def _take(self, line: TopologyLine) -> None:
        if line.section in SECTIONS or line.section == "cmap":
            self.bonded.append(line)
            if line.section == "bonds" and function_of(line) in CHEMICAL_BONDS:
                self.links.append(self._at(line, line.fields[:2]))
        elif line.section in ("pairs", "pairs_nb"):
            self.pairs.append(line)
        elif line.section == "constraints" and function_of(line) == "1":
            self.links.append(self._at(line, line.fields[:2]))
        elif line.section == "exclusions":
            first, *others = (atom for word in line.fields for atom in self._at(line, [word]))
            self.exclusions += [(first, other) for other in others]
        elif line.section in _RESTRAINTS:
            self._at(line, line.fields[:_RESTRAINTS[line.section]])
        elif line.section in _REFUSED:
            raise BackmapError(f"[ {line.section} ]: {_REFUSED[line.section]} are not supported", where=line.where,
                               hint="Take a force field without polarisation.")
        elif line.section not in _SILENT:
            raise BackmapError(f"[ {line.section} ] is not supported in a force field", where=line.where,
                               hint="Energies would be wrong without it.")

    def _at(self, line: TopologyLine, words: Sequence[str]) -> tuple[int, ...]:
        """Atoms of a line, counted from 0."""
        return atoms_of(line, words, len(self.record.atoms))

    def elements(self, types: Types) -> list[int]:
        """Atomic numbers, 0 where they cannot be told."""
        return [atom.told(types.atoms.get(atom.type))[0] for atom in self.record.atoms]

    def parameters(self, types: Types, names: list[str], errors: Errors) -> MoleculeParameters:
        """The molecule type's parameters as arrays.

        Args:
            types: Parameters by atom types.
            names: Atom types of all molecule types; numbers of kinds are places in this list.
            errors: Takes what terms and atoms lack.
        """
        rows = {name: row for row, name in enumerate(names)}
        atoms = self.record.atoms
        told = [errors.attempt(types.atom, atom.type, atom.line.where) if atom.type else None for atom in atoms]
        charge = np.array([atom.told(kind)[2] for atom, kind in zip(atoms, told, strict=True)])
        pairs, pair_parameters = self._pairs(types, charge, errors)
        return MoleculeParameters(
            name=self.record.name, bonded=self._terms(types, errors),
            kind=np.array([rows[atom.type] for atom in atoms], dtype=np.int64), charge=charge,
            excluded=self._excluded(), pairs=pairs, pair_parameters=pair_parameters)

    def _terms(self, types: Types, errors: Errors) -> tuple[Bonded, ...]:
        """All bonded terms, by function."""
        found: dict[str, list[tuple[tuple[int, ...], list[float]]]] = {}
        for line in self.bonded:
            for function, atoms, values in errors.attempt(understood, line, partial(self._of_line, types)) or ():
                found.setdefault(function, []).append((atoms, values))
        return tuple(Bonded(function, np.array([atoms for atoms, _ in found[function]], dtype=np.int64),
                            np.array([values for _, values in found[function]], dtype=np.float64))
                     for function in FUNCTIONS if function in found)

    def _of_line(self, types: Types, line: TopologyLine) -> list[tuple[str, tuple[int, ...], list[float]]]:
        """Function, atoms and parameters of the terms of a line."""
        count = 5 if line.section == "cmap" else SECTIONS[line.section][1]
        atoms = self._at(line, line.fields[:count])
        if len(atoms) < count:
            raise BackmapError(f"names {len(atoms)} atoms, a line of [ {line.section} ] {count}", where=line.where)
        if not self._known(atoms, types):
            return []
        kinds, listed = types.atoms, self.record.atoms
        bonded_types = tuple([kinds[listed[a].type].bonded for a in atoms])
        asked = line.section, line.fields[count:], bonded_types
        if asked not in self.known:  # lines of repeat units say the same
            self.known[asked] = terms_of(line, bonded_types, types)
        return [(function, atoms, values) for function, values in self.known[asked]]

    def _known(self, atoms: Sequence[int], types: Types) -> bool:
        """Whether all have a type; which do not has been told."""
        kinds, listed = types.atoms, self.record.atoms
        return all(listed[a].type in kinds for a in atoms)

    def _excluded(self) -> np.ndarray:
        """Pairs at most ``n_excluded`` bonds apart, and those of [ exclusions ]."""
        n = len(self.record.atoms)
        if not n:
            return np.empty((0, 2), dtype=np.int64)
        links = np.array([link for link in self.links if len(link) == 2], dtype=np.int64)  # others have been told
        near = bonds_apart(n, links.reshape(-1, 2), max(self.n_excluded, 0))
        given = np.sort(np.array(self.exclusions, dtype=np.int64).reshape(-1, 2), axis=1)
        a, b = np.concatenate([np.column_stack([near.first, near.other]), given]).T
        return np.column_stack(np.divmod(distinct((a * n + b)[a < b]), n))

    def _pairs(self, types: Types, charge: np.ndarray, errors: Errors) -> tuple[np.ndarray, np.ndarray]:
        charges = charge.tolist()
        read = [errors.attempt(understood, line, partial(self._pair, types, charges)) for line in self.pairs]
        found, first = [], {}
        for pair, line in zip(read, self.pairs, strict=True):
            if pair is None:
                continue
            found.append(pair)
            atoms, values = (line.section, *sorted(pair[0])), pair[1]
            known, before = first.setdefault(atoms, (values, line))
            if known != values:
                errors.add(BackmapError(f"pair {' '.join(line.fields[:2])} comes up a second time with other values, "
                                        f"first in {before.where}", where=line.where,
                                        hint="Both would count. Keep one of the two."))
        return (np.array([atoms for atoms, _ in found], dtype=np.int64).reshape(-1, 2),
                np.array([values for _, values in found], dtype=np.float64).reshape(-1, 3))

    def _pair(self, types: Types, charge: list[float], line: TopologyLine) -> tuple[tuple[int, int], list[float]]:
        """Atoms, and c6, c12 and product of charges, of one line of [ pairs ] or [ pairs_nb ]."""
        i, j = self._at(line, line.fields[:2])
        function, given = function_of(line), line.fields[3:]
        if line.section == "pairs_nb":
            return (i, j), [*types.to_c6_c12(*types.size(given[2:4], line)), finite(given[0]) * finite(given[1])]
        if function == "2":
            charges = [finite(word) for word in given[:3]]
            return (i, j), [*types.to_c6_c12(*types.size(given[3:5], line)), float(np.prod(charges))]
        if function != "1":
            raise BackmapError(f"function {function} in [ pairs ] is not supported", where=line.where,
                               hint="Known: 1, 2.")
        product = types.defaults.fudge_qq * charge[i] * charge[j]
        if given:
            return (i, j), [*types.to_c6_c12(*types.size(given[:2], line)), product]
        names = [self.record.atoms[a].type for a in (i, j)]
        found = types.pair(*names) if self._known((i, j), types) else (0.0, 0.0)
        if found is None:
            raise BackmapError(f"no [ pairtypes ] for {' '.join(names)}", where=line.where,
                               hint=f"Add them, or set gen-pairs to yes in [ defaults ] ({types.defaults.where}).")
        return (i, j), [*found, product]


def _expect_silent(line: TopologyLine) -> None:
    """Raise BackmapError for a line of no molecule type, and of no types, that could have energy."""
    if line.section == BETWEEN:
        raise BackmapError(f"[ {BETWEEN} ] is not supported", where=line.where,
                           hint="Molecules interact by non-bonded terms alone.")
    if line.section not in _SILENT:
        raise before_any_molecule(line)
