"""Blocks: which atoms move together, and what holds them.

A block is the fragments of a few beads that lie together on the bead graph. All other atoms stand still, so a
rigid bond to one of them, or a bead that it has weight in, holds the block.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.pairs import places_in

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: A constraint of which less than this share is not in those before it depends on them.
DEPENDENT = 1e-7


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
    found: dict[tuple[int, ...], Block] = {}
    fragments, known = kind.mapping.fragments(), {}
    for centre in range(0 if kind.given else kind.n_beads):
        beads = grown(kind, centre, size)
        owned = np.sort(np.concatenate([fragments[bead] for bead in beads]))
        block = found.get(beads) or _block(kind, centre, beads, owned, exact, known)
        if block is not None:
            found[beads] = block
    return list(found.values())


def _block(kind: MoleculeType, centre: int, beads: tuple[int, ...], owned: Index, exact: bool,
           known: dict[bytes, Index]) -> Block | None:
    """The block of ``beads``, which own the atoms ``owned``; None if nothing in it can move.

    ``known`` has what is independent of constraints that were looked at before.
    """
    free = owned[kind.free[owned]]
    if exact:
        free = _unpinned(kind, free)
    if not len(free):
        return None
    bonds, rows = kind.rigid_rows.touching(free), kind.free_mapping.beads_with(free)
    gradient = generic_gradient(kind, free, bonds, rows if exact else rows[:0])
    name = hashlib.blake2b(gradient, digest_size=16).digest() + str(gradient.shape).encode()
    if name not in known:
        known[name] = independent(gradient)
    kept = known[name]
    freedom = 3 * len(free) - len(kept)
    if freedom <= 0:
        return None
    if exact:  # a bead depends on others with all its components or with none
        rows = rows[np.unique(kept[kept >= len(bonds)] - len(bonds))[::3] // 3]
    bonds = bonds[kept[kept < len(bonds)]]
    atoms, groups = _grouped(kind, free)
    moved = kind.dependents.children(free)
    followers, starts = kind.dependents.atoms[moved], _runs(kind.dependents.first[moved])
    return Block(centre, beads, np.concatenate([atoms, followers]), len(followers),
                 np.concatenate([groups, len(atoms) + starts]), bonds, rows, freedom)


def _unpinned(kind: MoleculeType, free: Index) -> Index:
    """Those of the atoms that may move; one that is alone in a bead with what does not move cannot."""
    weights = kind.free_mapping.part(kind.free_mapping.beads_with(free), free) != 0
    while True:
        pinned = weights[weights.sum(axis=1) == 1].any(axis=0)
        if not pinned.any():
            return free
        free, weights = free[~pinned], weights[:, ~pinned]


def generic_gradient(kind: MoleculeType, free: Index, bonds: Index, rows: Index) -> Array:
    """Mass-weighted gradients of bonds and bead components by the atoms ``free`` (n,), (c + 3 r, 3 n).

    At made-up positions, the same for all blocks of the same make.
    """
    atoms = np.concatenate([free, np.setdiff1d(kind.rigid.pairs[bonds], free)])
    ends = places_in(atoms, kind.rigid.pairs[bonds])
    positions = np.random.default_rng(1).normal(size=(len(atoms), 3))
    unit = positions[ends[:, 0]] - positions[ends[:, 1]]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    gradient = np.zeros((len(bonds) + 3 * len(rows), len(atoms), 3))
    number = np.arange(len(bonds))
    gradient[number, ends[:, 0]] = unit
    gradient[number, ends[:, 1]] = -unit
    for x in range(3):
        gradient[len(bonds) + x::3, :len(free), x] = kind.free_mapping.part(rows, free)
    weighted = gradient[:, :len(free)] / np.sqrt(kind.mass[free])[:, None]
    return weighted.reshape(len(weighted), 3 * len(free))


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


def _grouped(kind: MoleculeType, free: Index) -> tuple[Index, Index]:
    """The atoms, each heavy one followed by its hydrogens, and where the groups start."""
    heavy, graph = kind.chemistry.heavy, kind.graph
    carrier = {int(a): int(a) if heavy[a] else min((n for n in graph[a] if heavy[n]), default=int(a)) for a in free}
    atoms = sorted(carrier, key=lambda a: (carrier[a], a != carrier[a], a))
    starts = [k for k, a in enumerate(atoms) if k == 0 or carrier[a] != carrier[atoms[k - 1]]]
    return np.array(atoms, dtype=np.int64), np.array([*starts, len(atoms)], dtype=np.int64)


def _runs(values: Index) -> Index:
    """Where runs of equal values end, (runs,)."""
    return np.append(np.flatnonzero(np.diff(values)) + 1, len(values)) if len(values) else values
