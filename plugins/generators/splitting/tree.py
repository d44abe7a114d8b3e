"""How a fragment is split: in halves along its drawing order, the first half first, down to single particles.

Node 0 is where a fragment begins, and split k divides one node into the nodes 2 k + 1 and 2 k + 2. What a split draws
is the vector between the centres of its halves; their common centre is known. Node 0 is all of the fragment, whose
centre is its bead; or, where beads are soft, it is the bead itself, and the first split says how far from that the
fragment's centre is (node 1; node 2 is the bead once more).
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """The splits of a fragment of n particles.

    Attributes:
        nodes: First particle of each node, and the one after its last, in drawing order.
        splits: Node, first half and second half of each split, in order.
        beads: Nodes that are the bead itself, not the centre of particles.
    """

    nodes: list[tuple[int, int]]
    splits: list[tuple[int, int, int]]
    beads: frozenset[int]

    @classmethod
    def of(cls, n: int, soft: bool = False) -> Tree:
        """The tree of n particles, n >= 1; halves differ by one at most, and the first is not the larger one."""
        if soft:
            nodes, splits, waiting, beads = [(0, n)] * 3, [(0, 1, 2)], [1], frozenset({0, 2})
        else:
            nodes, splits, waiting, beads = [(0, n)], [], [0], frozenset()
        while waiting:
            node = waiting.pop()
            begin, end = nodes[node]
            if end - begin < 2:
                continue
            middle = begin + (end - begin) // 2
            nodes += [(begin, middle), (middle, end)]
            first, second = len(nodes) - 2, len(nodes) - 1
            splits.append((node, first, second))
            waiting += [second, first]
        return cls(nodes, splits, beads)

    def frontier(self, split: int) -> list[int]:
        """Nodes whose centres are known before a split and that are not split yet, but the one that it splits.

        The bead is not among them: once the centre is known it tells nothing more.
        """
        known = {0}
        for node, first, second in self.splits[:split]:
            known = known - {node} | {first, second}
        return sorted(known - {self.splits[split][0]} - self.beads)

    def weights(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each particle counts in the centre of each node, (nodes, n), from the particles' weights (n,).

        Nothing where a node is the bead, from which centres are told.
        """
        rows = np.zeros((len(self.nodes), len(mass)))
        for node, (begin, end) in enumerate(self.nodes):
            if node not in self.beads:
                rows[node, begin:end] = mass[begin:end] / mass[begin:end].sum()
        return rows
