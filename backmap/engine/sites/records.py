"""What compiled loops over sites are handed: tensors, or arrays, that belong together.

Shapes: S sites, K candidates, F atoms of the largest fragment, C context atoms, N neighbour atoms. Atoms are named by
atom rows, as in ``FragmentTable``.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .contracts import LocalEnvironment

_Record = TypeVar("_Record", bound=tuple)


class MoleculePairs(NamedTuple):
    """Something that is known of every two atoms of one molecule, by molecule type.

    What is known of the atoms a and b of type t stands in ``values`` at ``begin[t] + a * size[t] + b``.

    Attributes:
        values: Of all types, flat.
        begin: Of each type, (T,).
        size: Number of atoms of each type, (T,).
    """

    values: Any
    begin: Any
    size: Any

    @classmethod
    def of(cls, tables: Sequence[NDArray], first: NDArray[np.int64] | int = 0) -> MoleculePairs:
        """From a table (A, A) of each type; atoms are counted from ``first``, (T,) or one for all."""
        size = np.array([len(table) for table in tables], dtype=np.int64)
        begin = np.cumsum([0, *size**2])[:-1] - first * (size + 1)
        return cls(np.concatenate([table.ravel() for table in tables]), begin, size)


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
