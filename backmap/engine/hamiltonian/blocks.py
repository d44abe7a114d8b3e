"""Blocks: which atoms move together, and what holds them.

A block is the fragments of a few beads that lie together on the bead graph. All other atoms stand still, so a
rigid bond to one of them, or a bead that it has weight in, holds the block.
"""
from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.pairs import AtomRows, Sets

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: A constraint of which less than this share is not in those before it depends on them.
DEPENDENT = 1e-7
#: Blocks that are made together.
AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Block:
    """A block of atoms of one molecule type that move together; atoms are local indices.

    Attributes:
        centre: The bead that it was grown from.
        beads: Beads whose fragments move.
        atoms: Atoms that move, heavy ones each followed by its hydrogens, (n,), and behind them ``dependents``.
        dependents: How many dependent atoms move with their parents.
        groups: Where each heavy atom's group starts, and the end of the last, (g + 1,).
        bonds: Rows of the molecule's fixed distances that have an atom that moves, (c,).
        rows: Beads with weight on an atom that moves, (r,): as constraints, or all of them if beads are soft.
        freedom: Coordinates minus constraints.
    """

    centre: int
    beads: tuple[int, ...]
    atoms: Index
    dependents: int
    groups: Index
    bonds: Index
    rows: Index
    freedom: int


def grown(kind: MoleculeType, centre: int, size: int) -> tuple[int, ...]:
    """The ``size`` beads nearest to ``centre`` along the bead graph, itself included; ties to the first."""
    near: list[int] = []
    for level in nx.bfs_layers(kind.bead_graph, centre):
        near += sorted(level)
        if len(near) >= size:
            break
    return tuple(sorted(near[:size]))


def blocks_of(kind: MoleculeType, size: int, exact: bool) -> list[Block]:
    """All different blocks of a molecule type that can move, one for each bead at most.

    Args:
        kind: With rigid bonds.
        size: Beads in a block; fewer where a molecule has no more.
        exact: Beads are constraints.
    """
    centres: dict[tuple[int, ...], int] = {}
    for centre in range(0 if kind.given else kind.n_beads):
        centres.setdefault(grown(kind, centre, size), centre)
    grower, wanted = _Grower(kind, exact), list(centres.items())
    return [block for first in range(0, len(wanted), AT_ONCE) for block in grower.blocks(wanted[first:first + AT_ONCE])]


class _Grower:
    """Makes the blocks of a molecule type, many at a time."""

    def __init__(self, kind: MoleculeType, exact: bool) -> None:
        self.kind, self.exact = kind, exact
        self.fragments, self.carrier = kind.mapping.fragments(), carriers(kind)
        self.in_beads, self.weight = tying(kind)
        self.known: dict[bytes, Index] = {}

    def blocks(self, wanted: Sequence[tuple[tuple[int, ...], int]]) -> list[Block]:
        """Blocks of these beads around these centres; none for those in which nothing can move."""
        kind = self.kind
        owned = Sets.of([np.concatenate([self.fragments[bead] for bead in beads]) for beads, _ in wanted])
        owned = owned.where(kind.free[owned.item])
        free = self._movable(Sets.sorted(len(owned), owned.owner, owned.item))
        bonds, rows = free.touching(kind.rigid_rows), free.touching(self.in_beads)
        kept = self._independent(free, bonds, rows)
        atoms = Sets(free.start, free.item[np.lexsort((free.item, free.item != self.carrier[free.item],
                                                       self.carrier[free.item], free.owner))])
        moved = kind.dependents.following(free)
        found = []
        for k, (beads, centre) in enumerate(wanted):
            freedom = 3 * len(free[k]) - len(kept[k])
            if freedom > 0:
                held, own, followers = kept[k][kept[k] < len(bonds[k])], atoms[k], moved[k]
                groups = np.concatenate([[0], _runs(self.carrier[own]),
                                         len(own) + _runs(kind.dependents.first[followers])])
                found.append(Block(centre, beads, np.concatenate([own, kind.dependents.atoms[followers]]),
                                   len(followers), groups, bonds[k][held],
                                   rows[k][_beads(kept[k], len(bonds[k]))] if self.exact else rows[k], freedom))
        return found

    def _movable(self, free: Sets) -> Sets:
        """Those of the atoms that may move; one that is alone in a bead with what does not move cannot."""
        while self.exact:
            member, entry = free.along(self.in_beads.start)
            size = self.kind.n_beads
            _, place, number = np.unique(free.owner[member] * size + self.in_beads.row[entry], return_inverse=True,
                                         return_counts=True)
            pinned = member[number[place] == 1]
            if not len(pinned):
                break
            moves = np.ones(len(free.item), dtype=bool)
            moves[pinned] = False
            free = free.where(moves)
        return free

    def _independent(self, free: Sets, bonds: Sets, rows: Sets) -> list[Index]:
        """Constraints of each block that do not depend on others: bonds, and behind them components of beads."""
        pairs = self.kind.rigid.pairs[bonds.item]
        outside = Sets.sorted(len(free), np.repeat(bonds.owner, 2), pairs.ravel())
        atoms = free.then(outside.where(free.places(outside.owner, outside.item) < 0))
        ends = atoms.places(bonds.owner[:, None], pairs)
        member, entry = free.along(self.in_beads.start)
        owner = free.owner[member]
        if not self.exact:
            rows = Sets(np.zeros_like(rows.start), rows.item[:0])
            member, entry, owner = member[:0], entry[:0], owner[:0]
        at = np.column_stack([rows.places(owner, self.in_beads.row[entry]), free.rank[member]])
        start, mass, found = np.searchsorted(owner, np.arange(len(free) + 1)), self.kind.mass[free.item], []
        for k in range(len(free)):
            own, part = slice(free.start[k], free.start[k + 1]), slice(start[k], start[k + 1])
            counts = len(free[k]), len(atoms[k]), len(rows[k])
            made_of = ends[bonds.start[k]:bonds.start[k + 1]], at[part], self.weight[entry[part]], mass[own]
            name = digest(*made_of)
            if name not in self.known:
                self.known[name] = independent(generic_gradient(*counts, *made_of))
            found.append(self.known[name])
        return found


def tying(kind: MoleculeType) -> tuple[AtomRows, Array]:
    """Beads that tie each atom, and its weights in them: none where the molecule type is untied."""
    return (AtomRows.of(kind.n_atoms, np.empty((0, 1), dtype=np.int64)), np.empty(0)) if kind.untied else \
        kind.free_mapping.by_atom


def digest(*arrays: NDArray) -> bytes:
    """Equal for arrays of the same types that are equal."""
    sizes = np.array([len(array) for array in arrays]).tobytes()
    return hashlib.blake2b(b"".join([sizes, *[array.tobytes() for array in arrays]]), digest_size=16).digest()


def carriers(kind: MoleculeType) -> Index:
    """The heavy atom that each one rides on, itself where it is heavy or has none, (A,)."""
    heavy, each = kind.chemistry.heavy, np.arange(kind.n_atoms)
    carrier = np.where(heavy, each, kind.n_atoms)
    for one, other in (kind.bonds.T, kind.bonds[:, ::-1].T):
        rides = ~heavy[one] & heavy[other]
        np.minimum.at(carrier, one[rides], other[rides])
    return np.where(carrier == kind.n_atoms, each, carrier)


def _beads(kept: Index, n_bonds: int) -> Index:
    """Which beads are constraints; a bead depends on others with all its components or with none."""
    return (kept[kept >= n_bonds] - n_bonds)[::3] // 3


def generic_gradient(n_free: int, n_atoms: int, n_rows: int, ends: Index, at: Index, weight: Array,
                     mass: Array) -> Array:
    """Mass-weighted gradients of bonds and bead components by the first ``n_free`` of some atoms, (c + 3 r, 3 n_free).

    At made-up positions, the same for all blocks of the same make.

    Args:
        n_free, n_atoms, n_rows: Atoms that move, all of them, and beads.
        ends: Both atoms of each bond, (c, 2).
        at: Bead and atom of each weight, (w, 2).
        weight: (w,).
        mass: u, (n_free,).
    """
    positions = np.random.default_rng(1).normal(size=(n_atoms, 3))
    unit = positions[ends[:, 0]] - positions[ends[:, 1]]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    gradient = np.zeros((len(ends) + 3 * n_rows, n_atoms, 3))
    number = np.arange(len(ends))
    gradient[number, ends[:, 0]] = unit
    gradient[number, ends[:, 1]] = -unit
    for x in range(3):
        gradient[len(ends) + 3 * at[:, 0] + x, at[:, 1], x] = weight
    weighted = gradient[:, :n_free] / np.sqrt(mass)[:, None]
    return weighted.reshape(len(weighted), 3 * n_free)


def independent(gradient: Array) -> Index:
    """Rows that do not depend on others, bead rows (the last ones) before bonds, ascending."""
    if not len(gradient):
        return np.empty(0, dtype=np.int64)
    unit = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    if np.linalg.eigvalsh(unit @ unit.T)[0] > DEPENDENT:
        return np.arange(len(unit))
    kept, basis = [], np.empty((0, unit.shape[1]))
    for row in reversed(range(len(unit))):
        rest = unit[row]
        for _ in range(2):
            rest = rest - basis.T @ (basis @ rest)
        length = np.linalg.norm(rest)
        if length > DEPENDENT:
            kept.append(row)
            basis = np.concatenate([basis, rest[None] / length])
    return np.array(kept[::-1], dtype=np.int64)


def _runs(values: Index) -> Index:
    """Where runs of equal values end, (runs,)."""
    return np.append(np.flatnonzero(np.diff(values)) + 1, len(values)) if len(values) else values
