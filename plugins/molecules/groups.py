"""Beads of a molecule in groups that hang together: what a bottleneck of resolution makes one bead of."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import graph_of

Index = NDArray[np.int64]
Remainder = Literal["last", "spread", "error"]

#: By the size of the group that a bead is in: the least sum beyond the bead, and the children in its group with what of
#: the group is theirs.
Options = dict[int, tuple[int, dict[int, int]]]

#: A group at a branch may be so many times larger than asked for, where that comes nearer than single beads would.
LARGEST = 2


def groups(n_beads: int, bonds: Index, residues: Index, size: int, remainder: Remainder = "last") -> list[Index]:
    """Successive beads of a molecule in groups of ``size`` that hang together.

    A linear chain is cut from the end of the lower residue on, a ring around from its first bead. Where chains branch,
    groups are connected, and their sizes as near to ``size`` as bonds allow: the sum of squares of what they are off is
    the least there is, if no ring is part of the branched molecule, else the least along a spanning tree.

    Args:
        n_beads: Of the molecule.
        bonds: Pairs of bonded beads, (m, 2).
        residues: Residue number of each bead, (n_beads,); beads of a residue are in the order of their index.
        size: Beads of a group.
        remainder: Of a chain or ring that does not divide by ``size``: ``last``, the last group is smaller; ``spread``,
            groups differ by one at most; ``error``.

    Returns:
        Indices of each group in the order of the chain, and in that of residues where it branches. Each bead is in one.

    Raises:
        BackmapError: If beads are left over and ``remainder`` is ``error``.
    """
    graph = graph_of(n_beads, np.asarray(bonds, dtype=np.int64).reshape(-1, 2))
    place = {bead: rank for rank, bead in enumerate(np.lexsort((np.arange(n_beads), residues)).tolist())}
    found: list[list[int]] = []
    for part in sorted(nx.connected_components(graph), key=lambda beads: min(place[bead] for bead in beads)):
        order = _line(graph.subgraph(part), place)
        found += _branched(graph.subgraph(part), place, size) if order is None else _cut(order, size, remainder)
    odd = sum(len(group) for group in found if len(group) != size)
    if remainder == "error" and odd:
        raise BackmapError(f"{n_beads} beads do not make groups of {size}: {odd} {'is' if odd == 1 else 'are'} left "
                           "over", hint="Choose another size, or the remainder 'last' or 'spread'.")
    return [np.array(group, dtype=np.int64) for group in found]


def group_bonds(found: Sequence[Index], bonds: Index) -> Index:
    """Pairs of groups that a bond of their beads joins, sorted, (m, 2)."""
    of = {int(bead): number for number, group in enumerate(found) for bead in group}
    pairs = {(min(of[i], of[j]), max(of[i], of[j])) for i, j in np.asarray(bonds).tolist() if of[i] != of[j]}
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _line(graph: nx.Graph, place: dict[int, int]) -> list[int] | None:
    """The beads of a chain from end to end, or of a ring from its first bead around; None where chains branch."""
    degrees = dict(graph.degree)
    if max(degrees.values()) > 2:
        return None
    start = min((bead for bead in graph if degrees[bead] < 2), key=place.__getitem__, default=None)
    start = min(graph, key=place.__getitem__) if start is None else start
    order, rest = [start], set(graph) - {start}
    while rest:
        following = min(rest.intersection(graph[order[-1]]), key=place.__getitem__)
        order.append(following)
        rest.remove(following)
    return order


def _cut(order: list[int], size: int, remainder: Remainder) -> list[list[int]]:
    n = len(order)
    if remainder == "spread":
        count = max(1, (2 * n + size) // (2 * size))  # the nearest number of groups, and of two the larger
        ends = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(n), count))]).tolist()
    else:
        ends = [*range(0, n, size), n]
    return [order[start:end] for start, end in pairwise(ends)]


def _branched(graph: nx.Graph, place: dict[int, int], size: int) -> list[list[int]]:
    """Connected parts of a tree, whose sizes are off by the least sum of squares.

    From the leaves on, for every bead: the least sum among the beads beyond it, given the size of the group that the
    bead is in, which may still grow towards the root; and the children that are in this group.
    """
    root = min(graph, key=lambda bead: (graph.degree[bead] > 1, place[bead]))
    tree = nx.bfs_tree(graph, root, sort_neighbors=lambda beads: sorted(beads, key=place.__getitem__))
    best: dict[int, Options] = {}
    for bead in nx.dfs_postorder_nodes(tree, root):
        best[bead] = {1: (0, {})}
        for child in tree[bead]:
            best[bead] = _with_child(best[bead], child, best[child], size)
    found: list[list[int]] = []
    waiting = [(root, _closed(best[root], size)[1], -1)]
    while waiting:
        bead, own, number = waiting.pop()
        if number < 0:
            number = len(found)
            found.append([])
        found[number].append(bead)
        inside = best[bead][own][1]
        waiting += [(child, inside[child], number) if child in inside else (child, _closed(best[child], size)[1], -1)
                    for child in tree[bead]]
    return sorted((sorted(group, key=place.__getitem__) for group in found), key=lambda group: place[group[0]])


def _closed(options: Options, size: int) -> tuple[int, int]:
    """The least sum when the group of a bead ends there, and the size it then has."""
    return min((cost + (own - size) ** 2, own) for own, (cost, _) in options.items())


def _with_child(options: Options, child: int, below: Options, size: int) -> Options:
    """What a bead may do once one more of its children is counted: cut it off, or take it into its group."""
    closed = _closed(below, size)[0]
    made = {own: (cost + closed, inside) for own, (cost, inside) in options.items()}
    for own, (cost, inside) in options.items():
        for more, (beyond, _) in below.items():
            whole, total = own + more, cost + beyond
            if whole <= LARGEST * size and (whole not in made or total < made[whole][0]):
                made[whole] = total, {**inside, child: more}
    return made
