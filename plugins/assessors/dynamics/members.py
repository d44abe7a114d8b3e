"""What is followed through the frames: some molecules of each type, their torsions and their bonds to hydrogens."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType
from backmap.model.system import System

from ..terms import type_name

Index = NDArray[np.int64]

#: Atoms that are followed of each molecule type, at most, unless one molecule has more.
ATOMS = 400
#: Molecules that are followed even so, as the scatter between fewer tells no error of what is slow; and the atoms
#: that these may have in all, beyond which they are fewer.
MOLECULES, OF_ATOMS = 10, 2000


@dataclass(frozen=True, eq=False)
class Members:
    """Molecules of one type that are followed.

    Attributes:
        kind: Their type.
        atoms: System indices of their atoms, (m, A).
        beads: System indices of their beads, (m, B).
        torsions: Four atoms about a bond that turns, by index in the molecule, under the name of their atom types,
            (n, 4) each: one about every bond, but for those of which the beads say all.
        vectors: A heavy atom and a hydrogen bonded to it, by index in the molecule, under their atom types, (n, 2).
        hidden: Atoms that are no beads of their own, (A,) bool.
        turning: Four beads about a bond of beads that turns, by index in the molecule, (n, 4): one about every bond.
    """

    kind: MoleculeType
    atoms: Index
    beads: Index
    torsions: dict[str, Index]
    vectors: dict[str, Index]
    hidden: NDArray[np.bool_]
    turning: Index

    @classmethod
    def of(cls, system: System) -> list[Members]:
        """Those of a system: evenly spaced molecules of each type that is not given as it is."""
        found = []
        for group in system.groups:
            kind, count = group.type, len(group.atom_offset)
            if kind.given or kind.coarse:
                continue
            some = min(count, max(1, ATOMS // kind.n_atoms, min(MOLECULES, OF_ATOMS // kind.n_atoms)))
            chosen = (np.arange(some) * count) // some
            vectors = ((x, h) if kind.chemistry.heavy[x] else (h, x) for x, h in kind.bonds.tolist()
                       if kind.chemistry.heavy[x] != kind.chemistry.heavy[h])
            found.append(cls(kind, group.atoms[chosen], group.beads[chosen], _by_name(kind, _torsions(kind)),
                             _by_name(kind, vectors), ~kind.mapping.alone,
                             np.array([*_about(kind.bead_graph, lambda bead: bead)], dtype=np.int64).reshape(-1, 4)))
        return found


def _torsions(kind: MoleculeType) -> Iterator[tuple[int, ...]]:
    """One about every bond outside rings, between the heaviest neighbours of its ends."""
    for atoms in _about(kind.graph, lambda atom: (-kind.mass[atom], atom)):
        if not kind.mapping.alone[list(atoms)].all():
            yield atoms


def _about(graph: nx.Graph, rank: Callable[[int], object]) -> Iterator[tuple[int, ...]]:
    """Four nodes about every edge outside rings, the outer ones those of the lowest rank."""
    for one, other in sorted(nx.bridges(graph)):
        ends = [sorted(set(graph[here]) - {there}, key=rank) for here, there in ((one, other), (other, one))]
        if all(ends):
            yield ends[0][0], one, other, ends[1][0]


def _by_name(kind: MoleculeType, terms: Iterator[tuple[int, ...]]) -> dict[str, Index]:
    found: dict[str, list[tuple[int, ...]]] = {}
    for atoms in terms:
        found.setdefault(type_name(kind, atoms), []).append(atoms)
    return {name: np.array(rows) for name, rows in found.items()}
