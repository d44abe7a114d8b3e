"""Types of a GROMACS force field: what atoms, pairs and bonded terms get unless their own line says it."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ...files.gromacs import atom_type_columns, finite
from ...files.preprocessor import TopologyLine

Array = NDArray[np.float64]

ARITHMETIC, GEOMETRIC = 2, 3  #: combination rules of sigma and epsilon; rule 1 is of c6 and c12
ANY = "X"  #: matches any type in [ dihedraltypes ]


@dataclass(frozen=True)
class AtomType:
    """One line of [ atomtypes ]; ``first`` and ``second`` are sigma and epsilon, or c6 and c12 by rule 1."""

    bonded: str
    number: int | None
    mass: float
    charge: float
    first: float
    second: float


@dataclass
class Defaults:
    """[ defaults ]."""

    rule: int = 0
    generate_pairs: bool = False
    fudge_lj: float = 1.0
    fudge_qq: float = 1.0
    where: str = ""


@dataclass(frozen=True)
class _DihedralType:
    atoms: tuple[str, ...]
    parameters: list[str]
    where: str


@dataclass
class Types:
    """All types of a topology, read line by line.

    The rules are those of ``gmx grompp``: a later line overrides an earlier one of the same atoms; of
    [ dihedraltypes ] the line with the fewest wildcards counts, and adjacent lines of the same atoms add up.
    """

    defaults: Defaults = field(default_factory=Defaults)
    atoms: dict[str, AtomType] = field(default_factory=dict)
    _special: dict[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    _pairs: dict[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    _bonded: dict[tuple[str, str], dict[tuple[str, ...], list[str]]] = field(default_factory=dict)
    _dihedrals: dict[str, list[_DihedralType]] = field(default_factory=dict)

    def take(self, line: TopologyLine) -> bool:
        """Read a line if it stands in a section of types; says whether it did."""
        handler = self._handlers().get(line.section)
        if handler is None:
            return False
        handler(line)
        return True

    def _handlers(self) -> dict[str, Callable[[TopologyLine], None]]:
        return {"defaults": self._take_defaults, "atomtypes": self._take_atom, "nonbond_params": self._take_special,
                "pairtypes": self._take_pair, "bondtypes": self._take_bonded, "constrainttypes": lambda line: None,
                "angletypes": self._take_bonded, "dihedraltypes": self._take_dihedral}

    # Reading

    def _take_defaults(self, line: TopologyLine) -> None:
        words = line.fields
        if words[0] != "1":
            raise BackmapError(f"non-bonded function {words[0]} is not supported", where=line.where,
                               hint="Only 1, Lennard-Jones, is.")
        if words[1] not in ("1", "2", "3"):
            raise BackmapError(f"there is no combination rule {words[1]}", where=line.where, hint="Known: 1, 2, 3.")
        fudge = [finite(word) for word in words[3:5]] + [1.0, 1.0][len(words[3:5]):]
        self.defaults = Defaults(int(words[1]), len(words) > 2 and words[2].lower().startswith("y"), fudge[0], fudge[1],
                                 line.where)

    def _take_atom(self, line: TopologyLine) -> None:
        words = line.fields
        bonded, number, rest = atom_type_columns(words)
        self.atoms[words[0]] = AtomType(bonded, int(number) if number else None, finite(rest[0]), finite(rest[1]),
                                        finite(rest[3]), finite(rest[4]))

    def _take_special(self, line: TopologyLine) -> None:
        _expect_function(line, 2, {"1"})
        self._special[frozenset(line.fields[:2])] = finite(line.fields[3]), finite(line.fields[4])

    def _take_pair(self, line: TopologyLine) -> None:
        _expect_function(line, 2, {"1"})
        self._pairs[frozenset(line.fields[:2])] = finite(line.fields[3]), finite(line.fields[4])

    def _take_bonded(self, line: TopologyLine) -> None:
        n = 2 if line.section == "bondtypes" else 3
        atoms, function = line.fields[:n], line.fields[n]
        self._bonded.setdefault((line.section, function), {})[_either_way(atoms)] = line.fields[n + 1:]

    def _take_dihedral(self, line: TopologyLine) -> None:
        """Four types and a function, or the two that matter: the middle ones, of impropers the outer ones."""
        words = line.fields
        if len(words[2]) == 1 and words[2].isdigit():
            a, b = words[:2]
            atoms, rest = ((a, ANY, ANY, b) if words[2] == "2" else (ANY, a, b, ANY)), words[2:]
        else:
            atoms, rest = tuple(words[:4]), words[4:]
        table = self._dihedrals.setdefault(table_of(rest[0]), [])
        new = _DihedralType(atoms, rest, line.where)
        same = [k for k, old in enumerate(table) if _either_way(old.atoms) == _either_way(atoms)]
        if not same or (rest[0] == "9" and same[-1] == len(table) - 1):
            table.append(new)
        elif rest[0] == "9":
            raise BackmapError(f"types {' '.join(atoms)} come up a second time, not next to {table[same[0]].where}",
                               where=line.where, hint="Lines of one torsion must be adjacent.")
        else:
            table[same[0]] = new

    # Looking up

    def atom(self, name: str, where: str) -> AtomType:
        """Raises BackmapError if there is no such atom type."""
        if name not in self.atoms:
            hint = "Give the .top that includes its force field." if not self.atoms else ""
            raise BackmapError(f"atom type '{name}' is in no [ atomtypes ]", where=where, hint=hint)
        return self.atoms[name]

    def bonded(self, section: str, function: str, names: Sequence[str]) -> list[str] | None:
        """Parameters of a bond or angle between atoms of these bonded types, as text."""
        return self._bonded.get((section, function), {}).get(_either_way(names))

    def dihedrals(self, function: str, names: Sequence[str]) -> list[list[str]]:
        """Functions and parameters of a dihedral: the best match and the lines next to it of the same types."""
        table = self._dihedrals.get(table_of(function), [])
        matches = [max(_matches(entry.atoms, names), _matches(entry.atoms, names[::-1])) for entry in table]
        best = max(matches, default=-1)
        if best < 0:
            return []
        start = matches.index(best)
        key, found = _either_way(table[start].atoms), []
        for entry in table[start:]:
            if _either_way(entry.atoms) != key:
                break
            found.append(entry.parameters)
        return found

    def lennard_jones(self, a: str, b: str) -> tuple[float, float]:
        """c6 and c12 of two atom types."""
        return self.to_c6_c12(*self._combined(a, b))

    def pair(self, a: str, b: str) -> tuple[float, float] | None:
        """c6 and c12 of two atom types in [ pairs ]; None if nothing gives them."""
        key = frozenset((a, b))
        if key in self._pairs:
            return self.to_c6_c12(*self._pairs[key])
        if not self.defaults.generate_pairs:
            return None
        c6, c12 = self.lennard_jones(a, b)
        return c6 * self.defaults.fudge_lj, c12 * self.defaults.fudge_lj

    def _combined(self, a: str, b: str) -> tuple[float, float]:
        key = frozenset((a, b))
        if key in self._special:
            return self._special[key]
        one, two = self.atoms[a], self.atoms[b]
        second = float(np.sqrt(one.second * two.second))
        if self.defaults.rule == ARITHMETIC:
            first = (abs(one.first) + abs(two.first)) / 2
        else:
            first = float(np.sqrt(abs(one.first * two.first)))
        negative = self.defaults.rule != 1 and min(one.first, two.first) < 0
        return -first if negative else first, second

    def to_c6_c12(self, first: float, second: float) -> tuple[float, float]:
        """c6 and c12 from the two numbers of the combination rule; a negative sigma means c6 = 0."""
        if self.defaults.rule == 1:
            return first, second
        c6 = 4 * second * first**6
        return (0.0 if first < 0 else c6), 4 * second * first**12


def table_of(function: str) -> str:
    """Functions 1 and 9 share their types, as do 3 and 5."""
    return {"9": "1", "5": "3"}.get(function, function)


def _expect_function(line: TopologyLine, column: int, known: set[str]) -> None:
    if line.fields[column] not in known:
        raise BackmapError(f"function {line.fields[column]} in [ {line.section} ] is not supported", where=line.where,
                           hint=f"Known: {', '.join(sorted(known))}.")


def _either_way(names: Sequence[str]) -> tuple[str, ...]:
    return min(tuple(names), tuple(names[::-1]))


def _matches(entry: Sequence[str], names: Sequence[str]) -> int:
    """How many types are the same and no wildcard; -1 if one differs."""
    if any(wanted not in (ANY, name) for wanted, name in zip(entry, names, strict=True)):
        return -1
    return sum(wanted == name for wanted, name in zip(entry, names, strict=True))
