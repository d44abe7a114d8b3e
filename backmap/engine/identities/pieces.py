"""Pieces: atoms of a molecule that a field moves together, and what they must not change."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.pairs import places_in
from ..geometry.measure import BondGram, NearGram
from ..hamiltonian.blocks import generic_gradient, independent

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Atoms of a piece; molecules that are no larger than this are one.
LARGEST = 60


@dataclass(frozen=True, eq=False)
class Piece:
    """Atoms of one molecule type that move together; the others stand still.

    Attributes:
        kind: The molecule type.
        atoms: Those that move: free ones, and behind them the dependent ones that follow, (f,).
        mobility: What takes forces to moves, along each axis: the inverse masses of the free atoms, handed on to the
            dependent ones, (f, f), 1/u.
        rigid: Rows of the fixed distances that hold it, no one dependent on others.
        beads: Beads that hold it, or none.
        weights: Of its atoms in these beads, (r, f).
        gram: The part of the matrix of rigid bonds that its moves change.
    """

    kind: MoleculeType
    atoms: Index
    mobility: Array
    rigid: Index
    beads: Index
    weights: Array
    gram: NearGram

    @cached_property
    def place(self) -> Index:
        """Place of each atom of the molecule among those that move; their number for all others, (A,)."""
        place = np.full(self.kind.n_atoms, len(self.atoms))
        place[self.atoms] = np.arange(len(self.atoms))
        return place

    def touched(self, atoms: Index) -> Index:
        """Rows of terms (m, k) that have an atom that moves."""
        return np.flatnonzero((self.place[atoms] < len(self.atoms)).any(axis=1))

    def columns(self, atoms: Index) -> Index:
        """Coordinates of the atoms of terms (m, k), (m, 3 k); those of atoms that stand still are the last three."""
        return (3 * self.place[atoms][..., None] + np.arange(3)).reshape(len(atoms), 3 * atoms.shape[1])


def pieces_of(kind: MoleculeType, on_beads: bool) -> list[Piece]:
    """The pieces that a molecule type falls into; none of what cannot move.

    Args:
        kind: Its dependent atoms are weighted means of their parents.
        on_beads: Whether moves must keep the beads where they are.
    """
    gram = BondGram(kind)
    return [piece for atoms in _parts(kind) if (piece := _piece(kind, atoms, on_beads, gram)) is not None]


def _parts(kind: MoleculeType) -> list[Index]:
    """Free atoms in parts of equal size, one after the other along the molecule."""
    order: list[int] = []
    for own in nx.connected_components(kind.joined):
        *_, last = nx.bfs_layers(kind.joined, min(own))
        order += [atom for layer in nx.bfs_layers(kind.joined, min(last)) for atom in sorted(layer) if kind.free[atom]]
    return [np.sort(part) for part in np.array_split(np.array(order, dtype=np.int64), -(-len(order) // LARGEST))]


def _piece(kind: MoleculeType, atoms: Index, on_beads: bool, gram: BondGram) -> Piece | None:
    free = _unpinned(kind, atoms) if on_beads else atoms
    free = free[kind.mass[free] > 0]
    if not len(free):
        return None
    rigid = kind.rigid_rows.touching(free)
    beads = kind.free_mapping.beads_with(free) if on_beads else np.empty(0, dtype=np.int64)
    kept = independent(_gradient(kind, free, rigid, beads))
    if len(kept) >= 3 * len(free):
        return None
    beads = beads[np.unique((kept[kept >= len(rigid)] - len(rigid)) // 3)]
    rigid = rigid[kept[kept < len(rigid)]]
    followers = kind.dependents.children(free)
    every = np.concatenate([free, kind.dependents.atoms[followers]])
    carried = np.zeros((len(every), len(free)))
    carried[:len(free)] = np.eye(len(free))
    place = np.full(kind.n_atoms, -1)
    place[free] = np.arange(len(free))
    for row, one in enumerate(followers):
        own = kind.dependents.ranges[one]
        at = place[kind.dependents.parent[own]]
        carried[len(free) + row, at[at >= 0]] = kind.dependents.weight[own, 0][at >= 0]
    return Piece(kind, every, (carried / kind.mass[free]) @ carried.T, rigid, beads, kind.mapping.part(beads, every),
                 gram.near(free))


def _unpinned(kind: MoleculeType, free: Index) -> Index:
    """Those of the atoms that may move; one that is alone in a bead with what does not move cannot."""
    weights = kind.free_mapping.part(kind.free_mapping.beads_with(free), free) != 0
    while True:
        pinned = weights[weights.sum(axis=1) == 1].any(axis=0)
        if not pinned.any():
            return free
        free, weights = free[~pinned], weights[:, ~pinned]


def _gradient(kind: MoleculeType, free: Index, bonds: Index, rows: Index) -> Array:
    """Gradients of bonds and bead components by the atoms ``free`` (n,) at made-up positions, (c + 3 r, 3 n)."""
    pairs, weights = kind.rigid.pairs[bonds], kind.free_mapping.part(rows, free)
    atoms, at = np.concatenate([free, np.setdiff1d(pairs, free)]), np.argwhere(weights)
    return generic_gradient(len(free), len(atoms), len(rows), places_in(atoms, pairs), at, weights[tuple(at.T)],
                            kind.mass[free])
