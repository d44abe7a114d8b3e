"""Where the beads of a frame are along the coordinates of a force field's interactions, and by which gradients."""
from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from ...model.interactions import EXCLUDED, excluded_pairs
from ...model.system import System
from ...model.tabulated import Interaction
from .coordinates import values_and_gradients

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Coordinates(NamedTuple):
    """One interaction in one frame.

    Attributes:
        beads: System indices of the beads of its n members, (n, 2 to 4).
        values: Distances, nm, or angles, radians, (n,).
        gradients: Of each value by each of its beads, (n, 2 to 4, 3).
    """

    beads: Index
    values: Array
    gradients: Array

    def forces(self, slopes: Array, n_beads: int) -> Array:
        """Forces on all beads (B, 3), kJ/mol/nm, for -dU/dx of each member, (n,)."""
        pulls, at = slopes[:, None, None] * self.gradients, self.beads.ravel()
        return np.stack([np.bincount(at, pulls[..., axis].ravel(), n_beads) for axis in range(3)], axis=1)


class BeadGeometry:
    """Finds the members of interactions in frames of a system.

    Attributes:
        interactions: By name, bonded ones before pairs.
        cutoffs: Of every pair of types, nm.
    """

    def __init__(self, system: System, interactions: Collection[Interaction], cutoffs: dict[str, float],
                 excluded: int = EXCLUDED) -> None:
        """See the class.

        Args:
            system: What is there.
            interactions: Those that are looked at.
            cutoffs: Distances up to which pairs are looked for, by name, nm.
            excluded: Pairs of one molecule that are so many bonds apart or fewer do not interact.
        """
        self.system, self.cutoffs = system, cutoffs
        self.interactions = {each.name: each for each in interactions}
        self._bonded = {each.name: self._members(each) for each in interactions if each.kind != "pair"}
        self._index(excluded)

    def _members(self, interaction: Interaction) -> Index:
        """System indices of its beads, (n, 2 to 4)."""
        found = [group.beads[:, interaction.members[group.type.name]].reshape(-1, width)
                 for group in self.system.groups if group.type.name in interaction.members
                 for width in interaction.members[group.type.name].shape[1:]]
        return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)

    def members(self, name: str) -> Index:
        """System indices of the beads of a bonded interaction, (n, 2 to 4)."""
        return self._bonded[name]

    def beads_of(self, kind: str) -> Index:
        """System indices of the beads of a type, (n,)."""
        return np.flatnonzero(self._type == self._names.index(kind))

    def _index(self, excluded: int) -> None:
        """Type, molecule and place in it of every bead, and which pair of types has which name."""
        system, n = self.system, self.system.n_beads
        names = sorted({name for kind in system.types for name in kind.bead_types})
        self._type, self._molecule, self._local, self._kind = (np.empty(n, dtype=np.int64) for _ in range(4))
        self._names = names
        largest = max(kind.n_beads for kind in system.types)
        self._excluded = np.zeros((len(system.types), largest, largest), dtype=bool)
        for number, group in enumerate(system.groups):
            self._type[group.beads] = [names.index(name) for name in group.type.bead_types]
            self._molecule[group.beads] = group.bead_offset[:, None]
            self._local[group.beads], self._kind[group.beads] = np.arange(group.type.n_beads), number
            self._excluded[number, :group.type.n_beads, :group.type.n_beads] = excluded_pairs(group.type, excluded)
        self._pairs = [name for name, each in self.interactions.items() if each.kind == "pair"]
        self._named = np.full((len(names), len(names)), -1)
        for number, name in enumerate(self._pairs):
            first, second = (names.index(one) for one in self.interactions[name].types)
            self._named[first, second] = self._named[second, first] = number

    def of(self, beads: Array, box: Array | None) -> Iterator[tuple[str, Coordinates]]:
        """Every interaction, bonded ones before pairs.

        Args:
            beads: Whole molecules, (B, 3), nm.
            box: (3, 3), nm, or None; images farther away than the nearest one count, too.
        """
        for name, members in self._bonded.items():
            kind = self.interactions[name].kind
            yield name, Coordinates(members, *values_and_gradients(beads[members], kind, box))
        if self._pairs:
            yield from self._nonbonded(beads, box)

    def _nonbonded(self, beads: Array, box: Array | None) -> Iterator[tuple[str, Coordinates]]:
        lattice = np.zeros((3, 3)) if box is None else box
        neighbours = NeighborList(cutoff=max(self.cutoffs[name] for name in self._pairs), full_list=False)
        i, j, vector, distance, shift = neighbours.compute(
            points=np.ascontiguousarray(beads), box=lattice, periodic=box is not None, quantities="ijDdS")
        i, j = i.astype(np.int64), j.astype(np.int64)
        near = (self._molecule[i] == self._molecule[j]) & ~shift.any(axis=1)
        near[near] = self._excluded[self._kind[i[near]], self._local[i[near]], self._local[j[near]]]
        number = np.where(near, -1, self._named[self._type[i], self._type[j]])
        for which, name in enumerate(self._pairs):
            own = np.flatnonzero((number == which) & (distance < self.cutoffs[name]))
            unit = vector[own] / np.maximum(distance[own], 1e-12)[:, None]
            yield name, Coordinates(np.stack([i[own], j[own]], axis=1), distance[own], np.stack([-unit, unit], axis=1))
