"""Types of a GROMACS force field: what atoms, pairs and bonded terms get unless their own line says it."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from backmap.api import all_kept
from backmap.errors import BackmapError, Errors

from ...files.gromacs import AtomTypeRecord, TopologyRecords, finite, twice, understood
from ...files.preprocessor import TopologyLine
from .functions import TYPES, function_in, is_known, numbers_of

Array = NDArray[np.float64]

STRONGEST = 1e12  #: no sigma, epsilon, c6 or c12 is larger
ARITHMETIC, GEOMETRIC = 2, 3  #: combination rules of sigma and epsilon; rule 1 is of c6 and c12
ANY = "X"  #: matches any type in [ dihedraltypes ]


@dataclass
class Defaults:
    """[ defaults ]; as long as they are not known, nothing is said of pairs that lack parameters."""

    rule: int = 0
    generate_pairs: bool = True
    fudge_lj: float = 1.0
    fudge_qq: float = 1.0
    where: str = ""


@dataclass(frozen=True, slots=True)
class TypeRecord:
    """A line of types, its numbers as they stand there; ``atoms`` are types, or wildcards."""

    atoms: tuple[str, ...]
    function: str
    numbers: Sequence[float]
    line: TopologyLine

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return self.line.where


@dataclass
class Types:
    """All types of a topology.

    The rules are those of ``gmx grompp``: types that come up again must say the same, or GROMACS asks for -maxwarn. Of
    [ dihedraltypes ] the line with the fewest wildcards counts, the first of several, and with function 9 adjacent
    lines of the same atoms add up.

    Attributes:
        defaults: [ defaults ].
        atoms: Atom types, by name.
        maps: Grids of [ cmaptypes ], kJ/mol, (G, G) each.
    """

    defaults: Defaults = field(default_factory=Defaults)
    atoms: dict[str, AtomTypeRecord] = field(default_factory=dict)
    maps: list[Array] = field(default_factory=list)
    #: Sigma and epsilon of atom types, or c6 and c12 by rule 1.
    _sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    #: The same of pairs, by section.
    _pairs: dict[tuple[str, frozenset[str]], TypeRecord] = field(default_factory=dict)
    _bonded: dict[tuple[str, str, tuple[str, ...]], TypeRecord] = field(default_factory=dict)
    _dihedrals: dict[str, list[TypeRecord]] = field(default_factory=dict)
    #: Where in ``_dihedrals`` the lines of the same types stand.
    _places: dict[tuple[str, tuple[str, ...]], list[int]] = field(default_factory=dict)
    #: Number and line of the map of five types.
    _mapped: dict[tuple[str, ...], tuple[int, str]] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)  #: bonded types that some atom has
    #: Types of lines that could not be read: that they are missing is not told as well.
    _broken: set[tuple[str, ...]] = field(default_factory=set)
    _found: dict[tuple[str, tuple[str, ...]], list[TypeRecord]] = field(default_factory=dict)  #: looked up before
    _paired: dict[tuple[str, str], tuple[float, float] | None] = field(default_factory=dict)  #: so were these

    @classmethod
    def of(cls, records: TopologyRecords, others: Callable[[TopologyLine], None], errors: Errors) -> Types:
        """The types of a topology.

        Args:
            records: Of the topology.
            others: Given the lines of sections that are none of types and belong to no molecule type.
            errors: Takes what cannot be understood.
        """
        types = cls(atoms=records.atom_types, _known={kind.bonded for kind in records.atom_types.values()} | {ANY})
        handlers = types._handlers()
        with all_kept():
            for line in records.lines:
                errors.attempt(understood, line, handlers.get(line.section, others))
        for kind in types.atoms.values():
            errors.attempt(understood, kind.line, types._take_size)
        return types

    def _handlers(self) -> dict[str, Callable[[TopologyLine], None]]:
        return {"defaults": self._take_defaults, "nonbond_params": self._take_pair, "pairtypes": self._take_pair,
                "bondtypes": self._take_bonded, "constrainttypes": lambda line: None, "angletypes": self._take_bonded,
                "dihedraltypes": self._take_dihedral, "cmaptypes": self._take_map}

    # Reading

    def _take_defaults(self, line: TopologyLine) -> None:
        words = line.fields
        known, self.defaults.where = self.defaults.where, self.defaults.where or line.where
        if known:
            raise BackmapError(f"[ defaults ] stand in {known} already", where=line.where,
                               hint="Include one force field.")
        if words[0] != "1":
            raise BackmapError(f"non-bonded function {words[0]} is not supported", where=line.where,
                               hint="Only 1, Lennard-Jones, is.")
        if words[1] not in ("1", "2", "3"):
            raise BackmapError(f"there is no combination rule {words[1]}", where=line.where, hint="Known: 1, 2, 3.")
        generate = words[2].lower() if len(words) > 2 else "no"
        if generate[0] not in "yn":
            raise BackmapError(f"gen-pairs is '{words[2]}'", where=line.where, hint="Write yes or no.")
        fudge = [finite(word) for word in words[3:5]] + [1.0, 1.0][len(words[3:5]):]
        for name, factor in zip(("fudgeLJ", "fudgeQQ"), fudge):
            if not 0 <= factor <= 10:
                raise BackmapError(f"{name} is {factor:g}", where=line.where,
                                   hint="It is the share of an interaction that acts three bonds apart: 0 to 1.")
        self.defaults = Defaults(int(words[1]), generate[0] == "y", fudge[0], fudge[1], line.where)

    def _take_size(self, line: TopologyLine) -> None:
        """Lennard-Jones parameters of an atom type."""
        words = self.atoms[line.fields[0]].words
        self._sizes[line.fields[0]] = 0.0, 0.0  # if there is an error
        self._sizes[line.fields[0]] = self.size(words[1:3], line)

    def size(self, words: Sequence[str], line: TopologyLine) -> tuple[float, float]:
        """Both numbers of a Lennard-Jones interaction: sigma and epsilon, or c6 and c12.

        Raises:
            BackmapError: If one is negative. GROMACS takes a negative sigma for repulsion alone; it is rather a slip.
            ValueError: If one is no number.
        """
        first, second = finite(words[0]), finite(words[1])
        if max(abs(first), abs(second)) > STRONGEST:
            raise ValueError(words)
        if first < 0 or second < 0:
            names = ("c6", "c12") if self.defaults.rule == 1 else ("sigma", "epsilon")
            name, value = (names[0], first) if first < 0 else (names[1], second)
            raise BackmapError(f"{name} of {' '.join(line.fields[:1 if line.section == 'atomtypes' else 2])} is "
                               f"{value:g}", where=line.where, hint="It is positive, or 0 for no interaction.")
        return first, second

    def _take_pair(self, line: TopologyLine) -> None:
        """A line of [ pairtypes ] or [ nonbond_params ]."""
        _expect_function(line, 2, {"1"})
        names = line.fields[:2]
        if not (names[0] in self.atoms and names[1] in self.atoms):
            for name in names:
                self.atom(name, line.where)
        new = TypeRecord(names, "1", self.size(line.fields[3:5], line), line)
        _once(self._pairs, (line.section, frozenset(names)), new)

    def _take_bonded(self, line: TopologyLine) -> None:
        n = TYPES[line.section][0]
        new = self._record(line, line.fields[:n], line.fields[n:])
        if new is not None:
            _once(self._bonded, (line.section, new.function, _either_way(new.atoms)), new)

    def _record(self, line: TopologyLine, atoms: tuple[str, ...], rest: Sequence[str]) -> TypeRecord | None:
        """Types, function and numbers of a line; None for functions that are known and not supported."""
        section = line.section.replace("types", "s")
        if is_known(section, rest[0]):
            return None
        for name in atoms:
            if name not in self._known:
                raise BackmapError(f"no atom type has the bonded type '{name}'", where=line.where,
                                   hint="Is it spelt as in [ atomtypes ]?")
        function = function_in(section, rest[0], line)
        try:
            return TypeRecord(atoms, rest[0], numbers_of(function, rest[1:], line) if function.name else [], line)
        except BackmapError:
            self._broken.add(_either_way(atoms))
            raise

    def _take_dihedral(self, line: TopologyLine) -> None:
        """Four types and a function, or the two that matter: the middle ones, of impropers the outer ones."""
        words = line.fields
        if len(words[2]) == 1 and words[2].isdigit():
            a, b = words[:2]
            atoms, rest = ((a, ANY, ANY, b) if words[2] == "2" else (ANY, a, b, ANY)), words[2:]
        else:
            atoms, rest = tuple(words[:4]), words[4:]
        new = self._record(line, atoms, rest)
        if new is None:
            return
        table = self._dihedrals.setdefault(table_of(new.function), [])
        places = self._places.setdefault((table_of(new.function), _either_way(atoms)), [])
        same = [n for n in places if table[n].numbers == new.numbers]
        if len(same) < len(places) and new.function != "9":
            raise twice(f"{' '.join(atoms)} in [ {line.section} ]", line, table[places[0]].where)
        if len(same) < len(places) and table[-1].atoms != atoms:
            raise BackmapError(f"types {' '.join(atoms)} come up a second time with other values, not next to "
                               f"{table[places[0]].where}", where=line.where,
                               hint="Lines of one torsion must be adjacent.")
        if not same:  # the same once more adds nothing
            places.append(len(table))
            table.append(new)

    def _take_map(self, line: TopologyLine) -> None:
        """Five types, function 1, the nodes of both dihedrals, and energies at them from -180 degrees on."""
        _expect_function(line, 5, {"1"})
        atoms, size = line.fields[:5], int(line.fields[6])
        if int(line.fields[7]) != size or size < 4 or size % 2:
            raise BackmapError(f"a map of {size} x {line.fields[7]} nodes", where=line.where,
                               hint="Both dihedrals have the same, even, number of nodes.")
        if self.maps and len(self.maps[0]) != size:
            raise BackmapError(f"a map of {size} nodes after one of {len(self.maps[0])}", where=line.where,
                               hint="All maps have the same number of nodes.")
        values = line.fields[8:]
        if len(values) != size**2:
            raise BackmapError(f"{len(values)} energies in a map of {size} x {size} nodes", where=line.where,
                               hint="Every line of it but the last ends with a backslash.")
        try:
            grid = np.array([finite(value) for value in values]).reshape(size, size)
        except ValueError as error:
            raise BackmapError(f"'{error}' is no energy of a map", where=line.where) from None
        number, where = self._mapped.setdefault(atoms, (len(self.maps), line.where))
        if number == len(self.maps):
            self.maps.append(grid)
        elif not np.array_equal(self.maps[number], grid):
            raise twice(f"{' '.join(atoms)} in [ cmaptypes ]", line, where)

    # Looking up

    def atom(self, name: str, where: str) -> AtomTypeRecord:
        """Raises BackmapError if there is no such atom type."""
        if name not in self.atoms:
            hint = "Give the .top that includes its force field." if not self.atoms else ""
            raise BackmapError(f"atom type '{name}' is in no [ atomtypes ]", where=where, hint=hint)
        return self.atoms[name]

    def bonded(self, section: str, function: str, names: Sequence[str]) -> TypeRecord | None:
        """What a bond or angle between atoms of these bonded types is."""
        return self._bonded.get((section, function, _either_way(names)))

    def lacks(self, names: Sequence[str]) -> bool:
        """Whether a line that could not be read is of these bonded types."""
        patterns = product(*((ANY, each) for each in names)) if len(names) == 4 else [names]
        return bool(self._broken) and any(_either_way(pattern) in self._broken for pattern in patterns)

    def dihedrals(self, function: str, names: Sequence[str]) -> list[TypeRecord]:
        """The best match of a dihedral, and the lines next to it of the same types."""
        key = table_of(function), tuple(names)
        if key not in self._found:
            self._found[key] = self._dihedrals_of(*key)
        return self._found[key]

    def _dihedrals_of(self, name: str, names: tuple[str, ...]) -> list[TypeRecord]:
        patterns = map(_either_way, product(*((ANY, each) for each in names)))
        places = {key: self._places[name, key] for key in patterns if self._places.get((name, key))}
        if not places:
            return []
        table = self._dihedrals[name]
        first = min((at[0] for at in places.values()), key=lambda n: (table[n].atoms.count(ANY), n))
        last = next((n for n in range(first, len(table)) if table[n].atoms != table[first].atoms), len(table))
        return table[first:last]

    def correction_map(self, line: TopologyLine, names: Sequence[str]) -> int:
        """Number of the correction map of five bonded types, in this order.

        Raises:
            BackmapError: If there is none.
        """
        _expect_function(line, 5, {"1"})
        if tuple(names) not in self._mapped:
            raise BackmapError(f"no [ cmaptypes ] for {' '.join(names)}", where=line.where,
                               hint="Add them, in this order of types, or take the line out.")
        return self._mapped[tuple(names)][0]

    def lennard_jones(self, a: str, b: str) -> tuple[float, float]:
        """c6 and c12 of two atom types."""
        return self.to_c6_c12(*self._combined(a, b))

    def pair(self, a: str, b: str) -> tuple[float, float] | None:
        """c6 and c12 of two atom types in [ pairs ]; None if nothing gives them."""
        if (a, b) not in self._paired:
            self._paired[a, b] = self._pair(a, b)
        return self._paired[a, b]

    def _pair(self, a: str, b: str) -> tuple[float, float] | None:
        known = self._pairs.get(("pairtypes", frozenset((a, b))))
        if known is not None:
            return self.to_c6_c12(*known.numbers)
        if not self.defaults.generate_pairs:
            return None
        c6, c12 = self.lennard_jones(a, b)
        return c6 * self.defaults.fudge_lj, c12 * self.defaults.fudge_lj

    def _combined(self, a: str, b: str) -> tuple[float, float]:
        known = self._pairs.get(("nonbond_params", frozenset((a, b))))
        if known is not None:
            return known.numbers[0], known.numbers[1]
        (one, strong_one), (two, strong_two) = self._sizes[a], self._sizes[b]
        second = float(np.sqrt(strong_one * strong_two))
        return (one + two) / 2 if self.defaults.rule == ARITHMETIC else float(np.sqrt(one * two)), second

    def to_c6_c12(self, first: float, second: float) -> tuple[float, float]:
        """c6 and c12 from the two numbers of the combination rule."""
        if self.defaults.rule == 1:
            return first, second
        return 4 * second * first**6, 4 * second * first**12


def _once(table: dict[tuple, TypeRecord], key: tuple, new: TypeRecord) -> None:
    """Keep ``new``; if the same types came up before, they must have said the same."""
    known = table.setdefault(key, new)
    if known is not new and known.numbers != new.numbers:
        raise twice(f"{' '.join(new.atoms)} in [ {new.line.section} ]", new.line, known.where)


def table_of(function: str) -> str:
    """Functions 1 and 9 share their types, as do 3 and 5."""
    return {"9": "1", "5": "3"}.get(function, function)


def _expect_function(line: TopologyLine, column: int, known: set[str]) -> None:
    if line.fields[column] not in known:
        raise BackmapError(f"function {line.fields[column]} in [ {line.section} ] is not supported", where=line.where,
                           hint=f"Known: {', '.join(sorted(known))}.")


def _either_way(names: Sequence[str]) -> tuple[str, ...]:
    return min(tuple(names), tuple(names[::-1]))

