"""What of a molecule has no freedom of its own: fixed distances, and atoms whose position follows from others."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .mapping import Mapping
from .pairs import AtomRows, Sets, ranges

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FixedDistances:
    """Pairs of atoms at fixed distances.

    Attributes:
        pairs: (n, 2).
        lengths: nm, (n,).
    """

    pairs: Index
    lengths: Array

    @classmethod
    def of(cls, pairs: Sequence[Sequence[int]] | Index = (), lengths: Sequence[float] | Array = ()) -> FixedDistances:
        """From any sequences; none by default."""
        return cls(np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(lengths, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def between(self) -> dict[tuple[int, int], float]:
        """Length, nm, by both atoms, in both orders."""
        rows = [((i, j), length) for (i, j), length in zip(self.pairs.tolist(), self.lengths.tolist(), strict=True)]
        return dict(rows) | {(j, i): length for (i, j), length in rows}

    @cached_property
    def partners(self) -> dict[int, list[int]]:
        """Atoms at fixed distances of each atom that has any."""
        found: dict[int, list[int]] = {}
        for i, j in self.pairs.tolist():
            found.setdefault(i, []).append(j)
            found.setdefault(j, []).append(i)
        return found

    def without(self, atoms: Index) -> FixedDistances:
        """Those that have none of ``atoms`` at an end."""
        kept = ~np.isin(self.pairs, atoms).any(axis=1)
        return FixedDistances(self.pairs[kept], self.lengths[kept])


@dataclass(frozen=True)
class Dependence:
    """How the position of one atom follows from those of others, its parents.

    With s, u and v the sums of the parents' positions weighed by three columns of ``weights``, it is

        s + f0 u/|u| + f1 u x v + f2 n/|n| + f3 t/|t|,    n = u x v,  t = n x u.

    The first column sums to one and the other two to zero, so that the place moves and turns with the parents.

    Attributes:
        atom: The atom.
        parents: (p,).
        weights: Of each parent in s, u and v, (p, 3).
        factors: f0 (nm), f1 (1/nm), f2 (nm) and f3 (nm).
    """

    atom: int
    parents: tuple[int, ...]
    weights: tuple[tuple[float, float, float], ...]
    factors: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @classmethod
    def average(cls, atom: int, parents: Sequence[int], weights: Sequence[float]) -> Dependence:
        """A weighted mean of the parents; weights sum to one."""
        return cls(atom, tuple(parents), tuple((float(weight), 0.0, 0.0) for weight in weights))

    @property
    def linear(self) -> bool:
        """Whether the position is a weighted mean of the parents'."""
        return not any(self.factors)


@dataclass(frozen=True, eq=False)
class Dependents:
    """The D dependent atoms of a molecule type, as flat arrays; their parents depend on none.

    Attributes:
        atoms: (D,).
        start: Where the parents of each begin, (D + 1,).
        parent: (n,).
        weight: (n, 3): see ``Dependence``.
        factor: (D, 4).
    """

    atoms: Index
    start: Index
    parent: Index
    weight: Array
    factor: Array

    @classmethod
    def of(cls, rows: Sequence[Dependence] = ()) -> Dependents:
        """From one entry per atom; none by default."""
        start = np.cumsum([0, *(len(row.parents) for row in rows)])
        return cls(np.array([row.atom for row in rows], dtype=np.int64), start.astype(np.int64),
                   np.array([a for row in rows for a in row.parents], dtype=np.int64),
                   np.array([w for row in rows for w in row.weights], dtype=np.float64).reshape(-1, 3),
                   np.array([row.factors for row in rows], dtype=np.float64).reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.atoms)

    @cached_property
    def row(self) -> Index:
        """The dependent atom, counted here, that each of ``parent`` is one of, (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @property
    def ranges(self) -> list[slice]:
        """Where the parents of each are, (D,)."""
        return [slice(begin, end) for begin, end in zip(self.start[:-1].tolist(), self.start[1:].tolist())]

    @property
    def first(self) -> Index:
        """The first parent of each, (D,)."""
        return self.parent[self.start[:-1]]

    @property
    def linear(self) -> NDArray[np.bool_]:
        """Which of them are weighted means, (D,) bool."""
        return ~self.factor.any(axis=1)

    def needed(self, chosen: Index | list[int]) -> Index:
        """Atoms of some of them, and their parents."""
        chosen = np.asarray(chosen, dtype=np.int64)
        return np.concatenate([self.atoms[chosen], self.parent[ranges(self.start, chosen)]])

    def children(self, atoms: Index) -> Index:
        """Which of them have a parent among ``atoms``, ascending."""
        return self.following(Sets.of([atoms])).item

    def following(self, atoms: Sets) -> Sets:
        """The same for each of several sets of atoms."""
        if not len(self):
            return Sets(np.zeros_like(atoms.start), np.empty(0, dtype=np.int64))
        touched = atoms.where(atoms.item < len(self._parents.start) - 1).touching(self._parents)
        return Sets.sorted(len(atoms), touched.owner, self.row[touched.item])

    @cached_property
    def _parents(self) -> AtomRows:
        return AtomRows.of(int(self.parent.max()) + 1, self.parent[:, None])

    def renumbered(self, number: Callable[[Index], Index], chosen: Index) -> Dependents:
        """Some of them, with ``number`` of atoms in place of these."""
        index, size = ranges(self.start, chosen), np.diff(self.start)[chosen]
        return Dependents(number(self.atoms[chosen]), np.cumsum([0, *size]).astype(np.int64),
                          number(self.parent[index]), self.weight[index], self.factor[chosen])

    def folded(self, mapping: Mapping) -> Mapping:
        """A mapping with the weights of dependent atoms handed to their parents, as far as they are linear.

        What is so weighed, sum of w r, stays the same.
        """
        if not len(self):
            return mapping
        number = np.full(mapping.n_atoms, -1)
        number[self.atoms] = np.arange(len(self))
        bead, atom, weight = mapping.entries
        row = number[atom]
        own, handed = row < 0, row[row >= 0]
        index, size = ranges(self.start, handed), np.diff(self.start)[handed]
        bead = np.concatenate([bead[own], np.repeat(bead[~own], size)])
        atom = np.concatenate([atom[own], self.parent[index]])
        weight = np.concatenate([weight[own], np.repeat(weight[~own], size) * self.weight[index, 0]])
        order = np.argsort(bead, kind="stable")
        return replace(mapping, bead=bead[order], atom=atom[order], weight=weight[order], force_weight=None, share=None)
