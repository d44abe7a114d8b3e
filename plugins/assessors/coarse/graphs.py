"""What kind of graph the beads of a molecule make: a line, a ring, or one with branches."""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.system import Group

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LINEAR, RING, BRANCHED = "linear", "a ring", "branched"


@dataclass(frozen=True, eq=False)
class Chains:
    """The m molecules of one type whose N beads hang together.

    Attributes:
        group: Of the system.
        form: ``LINEAR``, ``RING`` or ``BRANCHED``.
    """

    group: Group
    form: str

    @classmethod
    def of(cls, group: Group) -> Chains | None:
        """The molecules, or None if they have no bonds, or fall apart."""
        graph = group.type.graph
        if graph.number_of_edges() == 0 or not nx.is_connected(graph):
            return None
        degrees = [degree for _, degree in graph.degree]
        if max(degrees) > 2:
            return cls(group, BRANCHED)
        return cls(group, LINEAR if min(degrees) == 1 else RING)

    @property
    def name(self) -> str:
        """Of the molecule type."""
        return self.group.type.name

    @cached_property
    def ends(self) -> Index:
        """Both ends of a linear molecule, (2,)."""
        return np.array([bead for bead, degree in self.group.type.graph.degree if degree == 1])

    @cached_property
    def apart(self) -> list[tuple[Index, Index]]:
        """Pairs of beads n bonds apart along the shortest way, for n = 1, 2, ..."""
        pairs = defaultdict(list)
        for i, reached in nx.all_pairs_shortest_path_length(self.group.type.graph):
            for j, n in reached.items():
                if j > i:
                    pairs[n].append((i, j))
        return [tuple(np.array(pairs[n]).T) for n in sorted(pairs)]

    def beads(self, positions: Array) -> Array:
        """Positions of the beads of each molecule, (m, N, 3), from those of all, nm."""
        return positions[self.group.atoms]

    def internal(self, positions: Array) -> Array:
        """<R^2(n)>/n over all pairs n bonds apart, nm^2, (n,), n from 1 on."""
        x = self.beads(positions)
        return np.array([((x[:, j] - x[:, i])**2).sum(axis=-1).mean() / n
                         for n, (i, j) in enumerate(self.apart, start=1)])

    def ends_squared(self, positions: Array) -> Array:
        """Squared end-to-end distance of each linear molecule, nm^2, (m,)."""
        first, last = self.ends
        x = self.beads(positions)
        return ((x[:, last] - x[:, first])**2).sum(axis=-1)

    def gyration_squared(self, positions: Array) -> Array:
        """Squared radius of gyration of each molecule, nm^2, (m,); all beads weigh the same."""
        return self.beads(positions).var(axis=1).sum(axis=-1)

    def contour(self, positions: Array) -> Array:
        """Lengths of all bonds of each molecule together, nm, (m,)."""
        i, j = self.group.type.bonds.T
        x = self.beads(positions)
        return np.linalg.norm(x[:, j] - x[:, i], axis=-1).sum(axis=-1)
