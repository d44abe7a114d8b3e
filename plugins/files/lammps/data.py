"""LAMMPS data files: atoms, box and bonds, with the place of every error. Lengths stay in the file's units."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ..reading import reading

Array = NDArray[np.float64]
Value = TypeVar("Value")

#: Columns of [Atoms], after which three image flags may stand.
STYLES = {
    "full": "id molecule type charge x y z", "molecular": "id molecule type x y z", "bond": "id molecule type x y z",
    "angle": "id molecule type x y z", "charge": "id type charge x y z", "atomic": "id type x y z",
}
#: What to do about one whose columns the file does not tell.
HYBRID = ("A hybrid's columns are those of its parts, which data files do not name: make a copy with the columns of "
          "one style, such as full (id molecule type charge x y z).")
#: Bond styles of a force constant and a length; without a name the numbers tell.
WITH_LENGTH = ("harmonic", "gromos", "")
_HEADER = re.compile(r"^\s*(?P<values>[-+.\deE\s]+?)\s+(?P<name>[a-z][a-z ]*)$")


class DataLine(NamedTuple):
    """Words of a line of a section, and its number."""

    words: list[str]
    number: int


@dataclass(frozen=True)
class Section:
    """A section: the comment after its name, its place and its lines."""

    comment: str
    number: int
    lines: list[DataLine]


class DataFile:
    """One LAMMPS data file; atoms are in the order of their ids.

    Args:
        path: The file.
        style: Atom style; None for what the file says after `Atoms #`, or full.

    Attributes:
        path: The file.
        style: Atom style, as given or as the file says.
        n_points: Number n of atoms.
        ids: Numbers of atoms as written, (n,).
        molecules: Numbers of their molecules as written, (n,); 0 where the style has none.
        types: Atom types as written, numbers or labels, (n,).
        charges: In the file's unit, (n,); 0 where the style has none.
        positions: In the file's unit, (n, 3).
        box: Rows are the box vectors, in the file's unit, (3, 3); its corner is left out.
    """

    def __init__(self, path: Path, style: str | None = None) -> None:
        self.path = Path(path)
        self.header: dict[str, tuple[list[float], int]] = {}
        self.sections: dict[str, Section] = {}
        self._scan()
        atoms = self._required("Atoms")
        self.style = style or atoms.comment.split(" ")[0] or "full"
        if self.style not in STYLES:
            raise self._error(atoms.number, f"atom style '{self.style}' is not known", HYBRID if self.style == "hybrid"
                              else f"Known: {', '.join(STYLES)}; set atom_style.")
        self._read_atoms(atoms)
        self.n_points, self.box = len(self.ids), self._read_box()

    @cached_property
    def masses(self) -> dict[str, float]:
        """Mass of each atom type, by the number in [Masses] and by its label."""
        section = self._required("Masses")
        found: dict[str, float] = {}
        for line in section.lines:
            found[line.words[0]] = self._value(line, 1, float, "a mass")
        for number, label in self.labels.items():
            if number in found:
                found[label] = found[number]
        return found

    @cached_property
    def labels(self) -> dict[str, str]:
        """Label of each atom type that has one, from [Atom Type Labels] or comments in [Masses]."""
        if "Atom Type Labels" in self.sections:
            return {line.words[0]: line.words[1] for line in self.sections["Atom Type Labels"].lines
                    if len(line.words) > 1}
        return {number: comment for number, comment in self._mass_comments.items() if comment}

    @cached_property
    def bonds(self) -> tuple[NDArray[np.int64], list[str]]:
        """Rows of bonded atoms, (m, 2), and the type of each bond."""
        rows, types, _ = self.terms("Bonds", 2)
        return np.sort(rows, axis=1), types

    def terms(self, name: str, n_atoms: int) -> tuple[NDArray[np.int64], list[str], list[int]]:
        """Rows of the atoms of all terms of a section, such as Angles, (m, n_atoms), their types, and their lines."""
        section = self.sections.get(name, Section("", 0, []))
        expected = self.header.get(name.lower(), ([0.0], 0))[0][0]
        if len(section.lines) != expected:
            raise self._error(section.number, f"there are {len(section.lines)} {name.lower()}, but the header says "
                                              f"{expected:.0f}", "The file may be truncated.")
        rows = []
        for line in section.lines:
            atoms = [self._value(line, column, int, "an atom's id") for column in range(2, 2 + n_atoms)]
            unknown = [atom for atom in atoms if atom not in self._row_of]
            if unknown:
                raise self._error(line.number, f"there is no atom {unknown[0]}")
            rows.append([self._row_of[atom] for atom in atoms])
        return (np.array(rows, dtype=np.int64).reshape(-1, n_atoms), [line.words[1] for line in section.lines],
                [line.number for line in section.lines])

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {atom: row for row, atom in enumerate(self.ids.tolist())}

    def numbers_of(self, what: str) -> dict[str, int]:
        """Number of each type of Atom, Bond, Angle, Dihedral or Improper, by its number as text and by its label."""
        count = int(self.header.get(f"{what.lower()} types", ([0.0], 0))[0][0])
        found = {str(number): number for number in range(1, count + 1)}
        for line in self.sections.get(f"{what} Type Labels", Section("", 0, [])).lines:
            if len(line.words) > 1:
                found[line.words[1]] = self._value(line, 0, int, "a type's number")
        return found

    @cached_property
    def bond_lengths(self) -> dict[str, float]:
        """Equilibrium length of each bond type, of all styles with two coefficients the second one.

        Where other styles stand, or several, nothing is known.
        """
        section = self.sections.get("Bond Coeffs", Section("", 0, []))
        if section.comment not in WITH_LENGTH or any(len(line.words) != 3 for line in section.lines):
            return {}
        return {line.words[0]: self._value(line, 2, float, "a bond length") for line in section.lines}

    def _scan(self) -> None:
        """Header and sections; the first line is a title."""
        self._mass_comments: dict[str, str] = {}
        section: Section | None = None
        for number, text in self._text():
            text, _, comment = (part.strip() for part in text.partition("#"))
            header = _HEADER.match(text) if section is None else None
            if not text or number == 1:
                continue
            if header:
                self.header[header["name"]] = [float(word) for word in header["values"].split()], number
            elif text[0].isalpha() and text[0].isupper():
                section = Section(comment, number, [])
                if text in self.sections:
                    raise self._error(number, f"there is a second section '{text}'")
                self.sections[text] = section
            elif section is None:
                raise self._error(number, f"'{text[:40]}' is no line of a header", "Is it a LAMMPS data file?")
            else:
                section.lines.append(DataLine(text.split(), number))
                if section is self.sections.get("Masses"):
                    self._mass_comments[text.split()[0]] = comment.split(" ")[0]

    def _text(self) -> Iterator[tuple[int, str]]:
        with reading(self.path), self.path.open(encoding="utf-8", errors="replace") as file:
            yield from enumerate(file, start=1)

    def _read_atoms(self, section: Section) -> None:
        columns = STYLES[self.style].split()
        expected = self.header.get("atoms", ([0.0], 0))[0][0]
        if not section.lines or len(section.lines) != expected:
            raise self._error(section.number, f"there are {len(section.lines)} atoms, but the header says "
                                              f"{expected:.0f}", "The file may be truncated.")
        for line in section.lines:
            if len(line.words) not in (len(columns), len(columns) + 3):
                raise self._error(line.number, f"has {len(line.words)} columns, but atom style {self.style} has "
                                               f"{len(columns)}: {' '.join(columns)}", "Set atom_style.")

        def column(name: str, kind: Callable[[str], Value], what: str) -> list[Value]:
            place = columns.index(name)
            return [self._value(line, place, kind, what) for line in section.lines]

        ids = np.array(column("id", int, "an atom's id"), dtype=np.int64)
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        again = np.flatnonzero(np.diff(self.ids) == 0)
        if again.size:
            raise self._error(section.lines[order[again[0] + 1]].number, f"atom {self.ids[again[0]]} is there twice")
        none = np.zeros(len(ids))
        molecules = column("molecule", int, "a molecule's number") if "molecule" in columns else none
        charges = column("charge", float, "a charge") if "charge" in columns else none
        types = column("type", str, "a type")
        self.types = [types[row] for row in order]
        self.molecules, self.charges = np.array(molecules, dtype=np.int64)[order], np.array(charges)[order]
        self.positions = np.array([column(axis, float, "a coordinate") for axis in "xyz"]).T[order]
        bad = np.flatnonzero(~np.isfinite(self.positions).all(axis=1))
        if bad.size:
            raise self._error(section.lines[order[bad[0]]].number, "a coordinate is not a number")

    def _read_box(self) -> Array:
        if "avec" in self.header:
            return np.array([self._numbers(name, 3) for name in ("avec", "bvec", "cvec")])
        box = np.diag([high - low for low, high in (self._numbers(f"{axis}lo {axis}hi", 2) for axis in "xyz")])
        if "xy xz yz" in self.header:
            box[1, 0], box[2, 0], box[2, 1] = self._numbers("xy xz yz", 3)
        if not (np.diag(box) > 0).all():
            raise BackmapError("the box has no volume", where=self.path, hint="xhi must be larger than xlo.")
        return box

    def _numbers(self, name: str, count: int) -> list[float]:
        values, number = self.header.get(name, ([], 0))
        if len(values) != count:
            raise self._error(number, f"the header has no '{name}'" if not number else
                              f"'{name}' stands after {len(values)} numbers", f"Give {count} numbers before '{name}'.")
        return values

    def _required(self, name: str) -> Section:
        if name not in self.sections:
            raise BackmapError(f"has no section '{name}'", where=self.path,
                               hint="The file may be truncated, or no LAMMPS data file.")
        return self.sections[name]

    def _value(self, line: DataLine, column: int, kind: Callable[[str], Value], what: str) -> Value:
        try:
            return kind(line.words[column])
        except (ValueError, IndexError):
            found = line.words[column] if column < len(line.words) else "nothing"
            raise self._error(line.number, f"'{found}' stands where {what} should be") from None

    def _error(self, number: int, problem: str, hint: str = "") -> BackmapError:
        return BackmapError(problem, where=f"{self.path}:{number}" if number else self.path, hint=hint)
