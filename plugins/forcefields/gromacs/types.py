"""Types of a GROMACS force field: what atoms, pairs and bonded terms get unless their own line says it."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ...files.gromacs import AtomTypeRecord, TopologyRecords, finite, understood
from ...files.preprocessor import TopologyLine

Array = NDArray[np.float64]

ARITHMETIC, GEOMETRIC = 2, 3  #: combination rules of sigma and epsilon; rule 1 is of c6 and c12
ANY = "X"  #: matches any type in [ dihedraltypes ]


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
    parameters: Sequence[str]
    where: str


@dataclass
class Types:
    """All types of a topology.

    The rules are those of ``gmx grompp``: a later line overrides an earlier one of the same atoms; of
    [ dihedraltypes ] the line with the fewest wildcards counts, and adjacent lines of the same atoms add up.
    """

    defaults: Defaults = field(default_factory=Defaults)
    atoms: dict[str, AtomTypeRecord] = field(default_factory=dict)
    #: Sigma and epsilon of atom types, or c6 and c12 by rule 1.
    _sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    _special: dict[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    _pairs: dict[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    _bonded: dict[tuple[str, str], dict[tuple[str, ...], Sequence[str]]] = field(default_factory=dict)
    _dihedrals: dict[str, list[_DihedralType]] = field(default_factory=dict)
    #: Where in ``_dihedrals`` the lines of the same types stand.
    _places: dict[tuple[str, tuple[str, ...]], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: TopologyRecords, others: Callable[[TopologyLine], None]) -> Types:
        """The types of a topology.

        Args:
            records: Of the topology.
            others: Given the lines of sections that are none of types and belong to no molecule type.
        """
        types = cls(atoms=records.atom_types)
        for name, kind in types.atoms.items():
            types._sizes[name] = understood(kind.line, lambda _, kind=kind: (finite(kind.words[1]),
                                                                             finite(kind.words[2])))
        handlers = types._handlers()
        for line in records.lines:
            understood(line, handlers.get(line.section, others))
        return types

    def _handlers(self) -> dict[str, Callable[[TopologyLine], None]]:
        return {"defaults": self._take_defaults, "nonbond_params": self._take_special, "pairtypes": self._take_pair,
                "bondtypes": self._take_bonded, "constrainttypes": lambda line: None, "angletypes": self._take_bonded,
                "dihedraltypes": self._take_dihedral}

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
        same = self._places.setdefault((table_of(rest[0]), _either_way(atoms)), [])
        if not same or (rest[0] == "9" and same[-1] == len(table) - 1):
            same.append(len(table))
            table.append(new)
        elif rest[0] == "9":
            raise BackmapError(f"types {' '.join(atoms)} come up a second time, not next to {table[same[0]].where}",
                               where=line.where, hint="Lines of one torsion must be adjacent.")
        else:
            table[same[0]] = new

    # Looking up

    def atom(self, name: str, where: str) -> AtomTypeRecord:
        """Raises BackmapError if there is no such atom type."""
        if name not in self.atoms:
            hint = "Give the .top that includes its force field." if not self.atoms else ""
            raise BackmapError(f"atom type '{name}' is in no [ atomtypes ]", where=where, hint=hint)
        return self.atoms[name]

    def bonded(self, section: str, function: str, names: Sequence[str]) -> Sequence[str] | None:
        """Parameters of a bond or angle between atoms of these bonded types, as text."""
        return self._bonded.get((section, function), {}).get(_either_way(names))

    def dihedrals(self, function: str, names: Sequence[str]) -> list[Sequence[str]]:
        """Functions and parameters of a dihedral: the best match and the lines next to it of the same types."""
        name, found = table_of(function), []
        places = {key: self._places[name, key] for key in map(_either_way, product(*((ANY, each) for each in names)))
                  if (name, key) in self._places}
        if not places:
            return []
        best = min(places, key=lambda key: (key.count(ANY), places[key][0]))
        for entry in islice(self._dihedrals[name], places[best][0], None):
            if _either_way(entry.atoms) != best:
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
        (one, strong_one), (two, strong_two) = self._sizes[a], self._sizes[b]
        second = float(np.sqrt(strong_one * strong_two))
        first = (abs(one) + abs(two)) / 2 if self.defaults.rule == ARITHMETIC else float(np.sqrt(abs(one * two)))
        negative = self.defaults.rule != 1 and min(one, two) < 0
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

