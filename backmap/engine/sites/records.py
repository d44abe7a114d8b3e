"""What compiled loops over sites are handed: tensors, or arrays, that belong together.

Shapes: S sites, K candidates, F atoms of the largest fragment, C context atoms, N neighbour atoms. Atoms are named by
atom rows, as in ``FragmentTable``.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...model.pairs import AtomPairs
from ..compiling.compiled import part
from .contracts import LocalEnvironment

_Record = TypeVar("_Record", bound=tuple)


class MoleculePairs(NamedTuple):
    """What is known of some pairs of atoms of one molecule: of the n atom rows of all molecule types.

    Attributes:
        start: Where the pairs of each first atom begin, and the end of the last, (n + 1,).
        key: First atom row times n plus the second one, ascending, (p,).
        value: Of each pair, (p,).
    """

    start: Any
    key: Any
    value: Any

    @classmethod
    def of(cls, pairs: Sequence[AtomPairs]) -> MoleculePairs:
        """From the pairs of each type."""
        rows, begin = (np.cumsum([0, *counts]) for counts in zip(*((one.n_atoms, len(one.value)) for one in pairs)))
        start = np.concatenate([*(one.start[:-1] + first for one, first in zip(pairs, begin)), begin[-1:]])
        key = [(one.first + row) * rows[-1] + one.other + row for one, row in zip(pairs, rows)]
        return cls(start, np.concatenate(key), np.concatenate([one.value for one in pairs]))

    def look_up(self, a: Tensor, b: Tensor, nothing: int) -> Tensor:
        """Values of pairs of atom rows (broadcast), and ``nothing`` where they are none."""
        return values_at(self.key, self.value, a * (len(self.start) - 1) + b, nothing)


def values_at(key: Tensor, value: Tensor, wanted: Tensor, nothing: int) -> Tensor:
    """Values (p,) under those of the ascending keys (p,) that are ``wanted`` (...), and ``nothing`` where none is."""
    if not len(key):
        return torch.full_like(wanted, nothing, dtype=value.dtype)
    at = torch.searchsorted(key, wanted.contiguous()).clamp_max(len(key) - 1)
    return torch.where(key[at] == wanted, value[at], nothing)


@part(nogil=True)
def pair_at(start, key, a, b):
    """Where the pair of atom rows ``a`` and ``b`` stands in ``MoleculePairs``, -1 if nowhere."""
    low, high, wanted = start[a], start[a + 1], a * (len(start) - 1) + b
    while low < high:
        middle = (low + high) >> 1
        if key[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < start[a + 1] and key[low] == wanted else -1


class DrawnAtoms(NamedTuple):
    """Candidates for the atoms of fragments.

    Attributes:
        positions: From the anchor, nm, (S, K, F, 3).
        row: Atom rows, -1 for padding, (S, F).
        block: Which of them are drawn, (S, F) bool; the others are given.
    """

    positions: Any
    row: Any
    block: Any

    @classmethod
    def of(cls, env: LocalEnvironment, positions: Tensor) -> DrawnAtoms:
        """Build the record of candidates (S, K, F, 3), nm from the anchor."""
        return cls(positions, env.atoms, env.block)


class SeenAtoms(NamedTuple):
    """Atoms of neighbouring beads.

    Attributes:
        positions: From the anchor, nm, (S, N, 3).
        row: Atom rows, (S, N).
        placed: Whether they are there, (S, N) bool.
        same: They are in the site's own molecule, (S, N) bool.
    """

    positions: Any
    row: Any
    placed: Any
    same: Any

    @classmethod
    def of(cls, env: LocalEnvironment) -> SeenAtoms:
        """Build the record of the neighbours in environments."""
        return cls(env.neighbours, env.neighbour_atom, env.neighbours_placed, env.neighbour_same)


class ContextAtoms(NamedTuple):
    """Atoms of the own molecule a few bonds away.

    Attributes:
        positions: From the anchor, nm, (S, C, 3).
        row: Atom rows, -1 for padding, (S, C).
        placed: Whether they are there, (S, C) bool.
    """

    positions: Any
    row: Any
    placed: Any

    @classmethod
    def of(cls, env: LocalEnvironment) -> ContextAtoms:
        """Build the record of the context in environments."""
        return cls(env.context, env.fragments.context[env.row], env.context_placed)


def as_arrays(record: _Record) -> _Record:
    """The same with contiguous arrays in place of tensors, which are on the processor; also in records inside."""
    return type(record)(*map(_as_array, record))


def _as_array(value: Any) -> Any:
    if isinstance(value, tuple):
        return as_arrays(value)
    return value.detach().contiguous().numpy() if isinstance(value, Tensor) else value
