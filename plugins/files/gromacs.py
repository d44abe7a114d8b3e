"""GROMACS' topologies as records, read once for all who ask: for what there is, and for its parameters."""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic

from backmap.api import InputPath, Options, all_kept, also_read
from backmap.errors import BackmapError, Errors

from ..chemistry import elements
from . import mdp_meaning
from .preprocessor import BETWEEN, Preprocessor, TopologyLine, content_of, system_folders

#: Bond functions that mean a chemical bond; along which exclusions are counted; 6, 9 and 10 are restraints.
CHEMICAL_BONDS = {"1", "2", "3", "4", "5", "7", "8"}
#: Sections that a molecule type must stand before; what GROMACS has beside them is passed over or refused by readers.
_OF_MOLECULES = {"atoms", "bonds", "pairs", "pairs_nb", "angles", "dihedrals", "exclusions", "constraints", "settles",
                 *(f"virtual_sites{n}" for n in "1234n")}
#: Sections of the whole file, wherever they stand; "" is what stands before the first or after a closed one.
_OF_ALL = {"", "defaults", "atomtypes", "bondtypes", "constrainttypes", "pairtypes", "angletypes", "dihedraltypes",
           "nonbond_params", "implicit_genborn_params", "cmaptypes", "system", "molecules"}

#: Kinds of particles: atom, nucleus, shell, bond, virtual site and its old name.
_PARTICLES = set("ANSBVD")

#: Words of a line that a message repeats.
MOST = 12

T = TypeVar("T")


#: For editors: a file, or a .top and an .mdp.
_ONE_OR_TWO = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 2,
                                              "maxItems": 2}]}


class TopologyFile(Options):
    """A topology with all that it includes."""

    file: Annotated[InputPath, pydantic.WithJsonSchema(_ONE_OR_TWO)] = pydantic.Field(
        description="A .top, or an .itp with its [ moleculetype ] sections; energies need [ defaults ] and "
                    "[ atomtypes ] as well.")
    include: list[InputPath] = pydantic.Field(
        default=[], description="Folders for #include, before those of an installed GROMACS.")
    define: dict[str, Any] = pydantic.Field(
        default={}, description="Macros for #ifdef and parameters, as -DNAME=value in an .mdp.")
    mdp: InputPath | None = pydantic.Field(
        None, description="The .mdp of the simulation, which may also stand after the .top, [topol.top, run.mdp]. Its "
                          "'define' and 'include' count, and 'forcefield' takes cut-offs and temperature from it.")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_run(cls, values: Any) -> Any:
        """[topol.top, run.mdp] as two options."""
        files = values.get("file") if isinstance(values, dict) else None
        if isinstance(files, list | tuple):
            if len(files) != 2 or "mdp" in values or Path(str(files[1])).suffix.lower() not in (".mdp", ".tpr"):
                raise ValueError("a list is a .top and an .mdp, [topol.top, run.mdp]")
            values = {**values, "file": files[0], "mdp": files[1]}
        for name in ("file", "mdp") if isinstance(values, dict) else ():
            if Path(str(values.get(name))).suffix.lower() == ".tpr":
                raise ValueError(f"{values[name]} is not read, as its format belongs to one version of GROMACS: give "
                                 "the .top and the .mdp that it is made of, [topol.top, run.mdp]")
        return values

    def records(self) -> TopologyRecords:
        """What the file holds; not to be changed, since others get the same.

        Raises:
            BackmapError: With file and line, for what cannot be read.
        """
        found = self.readable()
        errors = Errors()
        for error in found.errors:
            errors.add(error)
        errors.expect_none()
        return found

    def readable(self) -> TopologyRecords:
        """What can be read of the file; ``errors`` of it are what cannot."""
        define = {name: "" if value is None else str(value) for name, value in self.define.items()}
        folders = list(self.include)
        if self.mdp is not None:
            told = mdp_meaning.macros_of(self.mdp)
            for name in define.keys() & told:
                if define[name] != told[name]:
                    raise BackmapError(f"'define' of the recipe gives {name} as '{define[name]}', but this file as "
                                       f"'{told[name]}'", where=self.mdp, hint="Leave one of them out.")
            define, folders = define | told, [*folders, *mdp_meaning.folders_of(self.mdp)]
        return _last.records(Path(self.file), [*folders, *system_folders()], define)


# Records

@dataclass(frozen=True, slots=True)
class AtomTypeRecord:
    """A line of [ atomtypes ]; mass (u) and charge (e); ``words`` are its last ones, from the particle type on.

    ``mass`` is None where the force field leaves it to [ atoms ], as GROMOS does.
    """

    bonded: str
    number: int | None
    mass: float | None
    charge: float
    words: tuple[str, ...]
    line: TopologyLine

    @property
    def values(self) -> tuple[object, ...]:
        """What the line says of the type: the same in two lines that mean the same."""
        return self.bonded, self.number, self.mass, self.charge, *map(number_or_word, self.words[:3])


@dataclass(frozen=True, slots=True)
class AtomRecord:
    """A line of [ atoms ]; charge (e) and mass (u) are None where its type has them."""

    type: str
    residue: int
    residue_name: str
    name: str
    charge: float | None
    mass: float | None
    line: TopologyLine

    def told(self, kind: AtomTypeRecord | None) -> tuple[int, float | None, float]:
        """Atomic number (0 if it cannot be told), mass and charge, with what its type says."""
        number, mass, charge = (kind.number, kind.mass, kind.charge) if kind else (None, None, 0.0)
        mass = mass if self.mass is None else self.mass
        element = elements.element_of(number, mass, self.name, self.residue_name)
        return element, mass, charge if self.charge is None else self.charge


@dataclass(frozen=True, slots=True)
class MoleculeRecord:
    """One [ moleculetype ]: the line that names it, its atoms, and the lines of all its other sections, in order."""

    head: TopologyLine
    atoms: list[AtomRecord] = field(default_factory=list)
    lines: list[TopologyLine] = field(default_factory=list)

    def take(self, line: TopologyLine) -> None:
        """Add a line; an atom that cannot be read leaves its place to a stand-in."""
        if line.section == "atoms":
            shifted = bool(self.atoms) and self.atoms[-1].line.fields[0] != str(len(self.atoms))  # told already
            self.atoms.append(AtomRecord(line.fields[1], 1, "", "", None, None, line))
            self.atoms[-1] = _atom(line, None if shifted else len(self.atoms))
        else:
            self.lines.append(line)

    @property
    def name(self) -> str:
        """Name of the molecule type."""
        return self.head.fields[0]

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return self.head.where


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TopologyRecords:
    """All that a topology holds.

    Attributes:
        atom_types: Atom types, by name.
        molecules: Molecule types, by name.
        blocks: Lines of [ molecules ]: name, count, and place.
        lines: Of all other sections that belong to no molecule type, in order.
        errors: What could not be read, with file and line.
    """

    atom_types: dict[str, AtomTypeRecord] = field(default_factory=dict)
    molecules: dict[str, MoleculeRecord] = field(default_factory=dict)
    blocks: list[tuple[str, int, str]] = field(default_factory=list)
    lines: list[TopologyLine] = field(default_factory=list)
    errors: list[BackmapError] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterator[TopologyLine]) -> TopologyRecords:
        """The records of preprocessed lines; after an error of the preprocessor nothing more can be told."""
        found, errors, current = cls(), Errors(), None
        try:
            for line in lines:
                if current is not None and line.section != "atoms" and line.section in _OF_MOLECULES:
                    current.lines.append(line)  # most of all
                elif line.section == "moleculetype":
                    current = errors.attempt(found._begin, line) or MoleculeRecord(line)
                elif line.section == "atomtypes":
                    errors.attempt(understood, line, found._take_atom_type)
                elif line.section == BETWEEN:
                    found.lines.append(line)
                    current = MoleculeRecord(line)  # what follows is of no molecule type
                elif line.section == "molecules":
                    errors.attempt(understood, line, found._take_block)
                elif line.section in _OF_ALL or (current is None and line.section not in _OF_MOLECULES):
                    found.lines.append(line)
                elif current is None:
                    errors.add(before_any_molecule(line))
                else:
                    errors.attempt(understood, line, current.take)
        except BackmapError as error:
            errors.add(error)
        found.errors.extend(errors.found)
        return found

    def _begin(self, line: TopologyLine) -> MoleculeRecord:
        try:
            name, bonds = line.fields[0], int(line.fields[1])
        except (ValueError, IndexError):
            raise BackmapError(f"'{' '.join(line.fields[:MOST])}' does not say how many bonds exclusions reach",
                               where=line.where, hint=f"Write both into [ {line.section} ], the name and the number "
                               f"that the force field says, as in '{line.fields[0]} 3'.") from None
        if name in self.molecules:
            raise BackmapError(f"molecule type '{name}' is defined twice, first in {self.molecules[name].where}",
                               where=line.where)
        self.molecules[name] = MoleculeRecord(line)
        if bonds < 0:
            raise BackmapError(f"exclusions of '{name}' reach {bonds} bonds far", where=line.where,
                               hint="Write 3, or what the force field says.")
        return self.molecules[name]

    def _take_atom_type(self, line: TopologyLine) -> None:
        name = line.fields[0]
        bonded = _columns(line.fields)[0]
        known = self.atom_types.setdefault(name, AtomTypeRecord(bonded, None, None, 0.0, ("A", "0", "0"), line))
        kind = _atom_type(line)
        if known.line is line:
            self.atom_types[name] = known = kind
        if known.values != kind.values:
            raise twice(f"atom type {line.fields[0]}", line, known.line.where)

    def _take_block(self, line: TopologyLine) -> None:
        name, count = line.fields[0], int(line.fields[1])
        if count < 0:
            raise BackmapError(f"there are {count} molecules of '{name}'", where=line.where)
        self.blocks.append((name, count, line.where))


def _atom_type(line: TopologyLine) -> AtomTypeRecord:
    bonded, number, rest = _columns(line.fields)
    mass = finite(rest[0])
    _expect_mass(mass, line)
    if rest[2].upper() not in _PARTICLES:
        raise BackmapError(f"'{rest[2]}' is no kind of particle", where=line.where,
                           hint="An atom is A, a virtual site V, a shell S.")
    return AtomTypeRecord(bonded, int(number) if number else None, mass or None, finite(rest[1]), rest[2:], line)


def _expect_mass(mass: float | None, line: TopologyLine) -> None:
    if mass is not None and mass < 0:
        raise BackmapError(f"a mass of {mass:g} u", where=line.where,
                           hint="Masses are positive, or 0 of virtual sites.")


def _columns(words: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """Bonded type, atomic number ("" if not given) and the columns from the mass on, of a line of [ atomtypes ].

    ``name [bonded type] [number] mass charge ptype ...``: told apart as GROMACS does, by where the particle type stands
    and whether the second word begins with a letter.
    """
    if _is_particle(words, 5):
        return words[1], words[2], words[3:]
    if _is_particle(words, 3):
        return words[0], "", words[1:]
    if words[1][0].isalpha():
        return words[1], "", words[2:]
    return words[0], words[1], words[2:]


def _is_particle(words: tuple[str, ...], column: int) -> bool:
    return len(words) > column and len(words[column]) == 1 and words[column].isalpha()


def _atom(line: TopologyLine, number: int | None) -> AtomRecord:
    words = line.fields
    if int(words[0]) != number and number is not None:
        raise BackmapError(f"atom {words[0]} should be number {number}", where=line.where)
    charge, mass = (finite(words[k]) if len(words) > k else None for k in (6, 7))
    _expect_mass(mass, line)
    return AtomRecord(words[1], _residue_number(words[2]), words[3], words[4], charge, mass, line)


def _residue_number(word: str) -> int:
    """Of a residue with an insertion code, ``12A``; 1 where it has none. Of 32 bits, as GROMACS has it."""
    match = re.match(r"-?\d+", word)
    number = int(match[0]) if match else 1
    if abs(number) >= 2**31:
        raise ValueError(f"'{word}' is no number of a residue")
    return number


# Words of lines

def understood(line: TopologyLine, reader: Callable[[TopologyLine], T]) -> T:
    """What ``reader`` makes of a line.

    Raises:
        BackmapError: With file and line, if ``reader`` raises a ValueError, IndexError or TypeError.
    """
    try:
        return reader(line)
    except (ValueError, IndexError, TypeError):
        words = f"{' '.join(line.fields[:MOST])}{' ...' if len(line.fields) > MOST else ''}"
        shown = f"'{words}'" if words.isprintable() else repr(words)
        raise BackmapError(f"{shown} is not a line of [ {line.section} ]", where=line.where) from None


def before_any_molecule(line: TopologyLine) -> BackmapError:
    """The error of a line that no molecule type stands before."""
    return BackmapError(f"[ {line.section} ] stands before any [ moleculetype ]", where=line.where)


def function_of(line: TopologyLine, n_atoms: int = 2) -> str:
    """The function of a line that begins with atoms; 1 if it gives none."""
    return line.fields[n_atoms] if len(line.fields) > n_atoms else "1"


def atoms_of(line: TopologyLine, words: Sequence[str], n_atoms: int) -> tuple[int, ...]:
    """Atoms that a line of a molecule type of ``n_atoms`` names, counted from 0.

    Raises:
        BackmapError: If there is no such atom, or one of them is named twice.
        ValueError: If a word is no number.
    """
    numbers = [int(word) for word in words]
    for number in numbers:
        if not 1 <= number <= n_atoms:
            raise BackmapError(f"there is no atom {number} in this molecule type of {n_atoms} atoms", where=line.where)
    if len(set(numbers)) < len(numbers):
        raise BackmapError(f"'{' '.join(words)}' names an atom twice", where=line.where)
    return tuple([number - 1 for number in numbers])


def twice(what: str, line: TopologyLine, first: str) -> BackmapError:
    """The error of types that come up again with other values."""
    return BackmapError(f"{what} comes up a second time with other values, first in {first}", where=line.where,
                        hint="Keep one of the two; GROMACS asks for -maxwarn here and takes the later one.")


def number_or_word(word: str) -> float | str:
    """What a word stands for, so that 1.0 and 1.00 are the same."""
    try:
        return float(word) if math.isfinite(float(word)) else word  # nan is not equal to itself
    except ValueError:
        return word


def finite(word: str) -> float:
    """A number of a line; ValueError for what is none, ``nan`` and ``inf`` included."""
    value = float(word)
    if not math.isfinite(value) or "_" in word:  # which Python takes for 1_000
        raise ValueError(word)
    return value


# Read once

class _Last:
    """The topology that was read last. A recipe names the same for what there is and for its parameters."""

    def __init__(self) -> None:
        self._of: tuple[Path, list[Path], dict[str, str]] | None = None
        self._preprocessor: Preprocessor | None = None
        self._records = TopologyRecords()

    def records(self, path: Path, folders: list[Path], define: dict[str, str]) -> TopologyRecords:
        """The records of a file; read anew unless all that they come from is as it was."""
        if self._of == (path, folders, define) and self._is_as_it_was():
            for included in self._preprocessor.included:
                also_read(included)
            return self._records
        self._of, preprocessor = None, Preprocessor(folders, define)
        self._records = TopologyRecords()  # two large ones need not be in memory
        with all_kept():
            self._records = TopologyRecords.of(preprocessor.lines(path))
        self._of, self._preprocessor = (path, folders, define), preprocessor
        return self._records

    def _is_as_it_was(self) -> bool:
        return all(content_of(path) == content for path, content in self._preprocessor.seen.items())


_last = _Last()
