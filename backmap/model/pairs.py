"""What is known of some pairs of the atoms of a molecule: rows that grow with the atoms, not with their square."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]

#: Number of bonds of atoms that are farther apart than is counted, or not connected at all.
FAR = 99
#: Atoms whose surroundings are looked at together.
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class AtomPairs:
    """Some ordered pairs of A atoms, sorted, and a value of each.

    Attributes:
        start: Where the pairs of each first atom begin, and the end of the last, (A + 1,).
        other: Second atom of each pair, ascending within a first one, (n,).
        value: (n,).
    """

    start: Index
    other: Index
    value: NDArray

    @classmethod
    def of(cls, n_atoms: int, pairs: Index, value: NDArray) -> AtomPairs:
        """From pairs (n, 2) in any order, each of them once."""
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        start = np.searchsorted(pairs[order, 0], np.arange(n_atoms + 1))
        return cls(start, pairs[order, 1], value[order])

    @property
    def n_atoms(self) -> int:
        """Number of atoms A."""
        return len(self.start) - 1

    @cached_property
    def first(self) -> Index:
        """First atom of each pair, (n,)."""
        return np.repeat(np.arange(self.n_atoms), np.diff(self.start))

    def among(self, atoms: Index | list[int]) -> Index:
        """Numbers of the pairs whose first atom is one of ``atoms``, (m,), those of one atom after the other."""
        return ranges(self.start, np.asarray(atoms, dtype=np.int64))

    def look_up(self, a: Index, b: Index, nothing: int) -> NDArray:
        """Values of pairs of atoms ``a`` and ``b`` (broadcast), and ``nothing`` where they are none."""
        wanted = np.asarray(a * self.n_atoms + b)
        if not len(self._key):
            return np.full(wanted.shape, nothing, dtype=self.value.dtype)
        at = np.minimum(np.searchsorted(self._key, wanted), len(self._key) - 1)
        return np.where(self._key[at] == wanted, self.value[at], self.value.dtype.type(nothing))

    def dense(self, nothing: int) -> NDArray:
        """All of them as a table (A, A), for molecules that are small."""
        table = np.full((self.n_atoms, self.n_atoms), nothing, dtype=self.value.dtype)
        table[self.first, self.other] = self.value
        return table

    @cached_property
    def _key(self) -> Index:
        return self.first * self.n_atoms + self.other


@dataclass(frozen=True, eq=False)
class AtomRows:
    """In which rows of a table of atoms, such as bonds or angles, each of A atoms stands.

    Attributes:
        start: Where the rows of each atom begin, and the end of the last, (A + 1,).
        row: (n,).
    """

    start: Index
    row: Index

    @classmethod
    def of(cls, n_atoms: int, table: Index) -> AtomRows:
        """From a table (m, k) of atoms."""
        order = np.argsort(table, axis=None, kind="stable")
        return cls(np.searchsorted(table.ravel()[order], np.arange(n_atoms + 1)), order // max(1, table.shape[1]))

    def touching(self, atoms: Index | list[int]) -> Index:
        """Rows in which some of ``atoms`` stand, ascending."""
        return distinct(self.row[ranges(self.start, np.asarray(atoms, dtype=np.int64))])


@dataclass(frozen=True, eq=False)
class Sets:
    """Sets of numbers, such as atoms or rows of a table, one set after the other.

    Attributes:
        start: Where each of L sets begins, and the end of the last, (L + 1,).
        item: Their members, (n,).
    """

    start: Index
    item: Index

    @classmethod
    def of(cls, sets: Sequence[Index]) -> Sets:
        """From one array each."""
        start = np.cumsum([0, *map(len, sets)])
        return cls(start, np.concatenate([np.empty(0, dtype=np.int64), *sets]))

    @classmethod
    def sorted(cls, n_sets: int, owner: Index, item: Index) -> Sets:
        """From members (n,) in any order and the set of each; they are ascending, and none is in a set twice."""
        size = int(item.max(initial=0)) + 1
        owner, item = np.divmod(distinct(owner * size + item), size)
        return cls(np.searchsorted(owner, np.arange(n_sets + 1)), item)

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, number: int) -> Index:
        return self.item[self.start[number]:self.start[number + 1]]

    @cached_property
    def owner(self) -> Index:
        """The set of each member, (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @property
    def rank(self) -> Index:
        """Which member of its set each is, counted from 0, (n,)."""
        return np.arange(len(self.item)) - self.start[self.owner]

    def where(self, chosen: NDArray[np.bool_]) -> Sets:
        """Those members (n,) that are chosen."""
        return Sets(np.concatenate([[0], np.cumsum(chosen)])[self.start], self.item[chosen])

    def then(self, more: Sets) -> Sets:
        """Each set with the members of another one behind its own."""
        owner = np.concatenate([self.owner, more.owner])
        return Sets(self.start + more.start, np.concatenate([self.item, more.item])[np.argsort(owner, kind="stable")])

    def along(self, start: Index) -> tuple[Index, Index]:
        """Numbers start[item] .. start[item + 1] - 1 of each member, and the member that each belongs to, (m,) both."""
        return np.repeat(np.arange(len(self.item)), np.diff(start)[self.item]), ranges(start, self.item)

    def touching(self, rows: AtomRows) -> Sets:
        """Of each set of atoms the rows in which some of them stand, ascending."""
        member, number = self.along(rows.start)
        return Sets.sorted(len(self), self.owner[member], rows.row[number])

    def places(self, owner: Index, item: Index) -> Index:
        """Where each of ``item`` (...) stands in its set ``owner``, -1 where it does not."""
        size, key, order = self._search
        if not len(key):
            return np.full(np.shape(item), -1)
        wanted = owner * size + item
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return np.where((key[at] == wanted) & (item < size), order[at] - self.start[owner], -1)

    @cached_property
    def _search(self) -> tuple[int, Index, Index]:
        """A number beyond all members, set times that plus member in ascending order, and that order."""
        size = int(self.item.max(initial=0)) + 1
        key = self.owner * size + self.item
        order = np.argsort(key, kind="stable")
        return size, key[order], order


def places_in(atoms: Index, wanted: Index) -> Index:
    """Where each of the atoms ``wanted`` (...) stands in ``atoms`` (n,), which has all of them."""
    order = np.argsort(atoms)
    return order[np.searchsorted(atoms[order], wanted)]


def distinct(keys: NDArray) -> NDArray:
    """The different ones of ``keys``, ascending: ``np.unique``, which takes many times as long for integers."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def ranges(start: Index, rows: Index) -> Index:
    """Numbers start[row] .. start[row + 1] - 1 of each of ``rows``, one row after the other."""
    counts = start[rows + 1] - start[rows]
    return np.repeat(start[rows] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def bonds_apart(n_atoms: int, bonds: Index, farthest: int) -> AtomPairs:
    """Numbers of bonds between atoms that are at most ``farthest`` apart; each atom is none from itself.

    All atoms look around at once, level by level: who is next to the last level is in it, or in the one before, or new.
    """
    one, other = np.concatenate([bonds, bonds[:, ::-1]]).astype(np.int64).reshape(-1, 2).T
    ends = np.column_stack(np.divmod(distinct(one * n_atoms + other), max(n_atoms, 1)))
    graph = AtomPairs.of(n_atoms, ends, np.ones(len(ends), dtype=np.int16))
    parts = [_around(graph, np.arange(first, min(first + _AT_ONCE, n_atoms)), farthest)
             for first in range(0, n_atoms, _AT_ONCE)]
    key, value = (np.concatenate([part[k] for part in parts]) for k in range(2))
    first, other = np.divmod(key, n_atoms)
    return AtomPairs(np.searchsorted(first, np.arange(n_atoms + 1)), other, value)


def _around(graph: AtomPairs, atoms: Index, farthest: int) -> tuple[Index, NDArray[np.int16]]:
    """Sorted keys, first atom times A plus second one, and bonds of the pairs of ``atoms`` with all others."""
    n = graph.n_atoms
    before, last = np.empty(0, dtype=np.int64), atoms * n + atoms
    keys, values = [last], [np.zeros(len(last), dtype=np.int16)]
    for bonds in range(1, farthest + 1):
        first, other = np.divmod(last, n)
        reached = distinct(np.repeat(first, np.diff(graph.start)[other]) * n + graph.other[graph.among(other)])
        new = reached[~np.isin(reached, np.concatenate([before, last]), assume_unique=True, kind="sort")]
        before, last = last, new
        keys.append(new)
        values.append(np.full(len(new), bonds, dtype=np.int16))
    together = np.concatenate(keys)
    order = np.argsort(together)
    return together[order], np.concatenate(values)[order]
