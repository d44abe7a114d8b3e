"""Groups of beads: chains and rings by hand, branches against all connected partitions there are."""
from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.molecules.groups import LARGEST, group_bonds, groups

from backmap.errors import BackmapError


def _of(bonds: list[tuple[int, int]], size: int, remainder: str = "last", residues: list[int] | None = None,
        n: int | None = None) -> list[list[int]]:
    n = 1 + max(max(pair) for pair in bonds) if n is None else n
    found = groups(n, np.array(bonds).reshape(-1, 2), np.array(residues or [1] * n), size, remainder)
    return [group.tolist() for group in found]


def _chain(n: int) -> list[tuple[int, int]]:
    return [(k, k + 1) for k in range(n - 1)]


def test_a_chain_that_divides() -> None:
    for remainder in ("last", "spread", "error"):
        assert _of(_chain(6), 2, remainder) == [[0, 1], [2, 3], [4, 5]]
    assert _of(_chain(6), 1) == [[k] for k in range(6)]


def test_remainders_of_a_chain() -> None:
    assert [len(group) for group in _of(_chain(33), 2, "last")] == [2] * 16 + [1]
    assert [len(group) for group in _of(_chain(33), 4, "last")] == [4] * 8 + [1]
    assert [len(group) for group in _of(_chain(33), 4, "spread")] == [5] + [4] * 7
    assert [len(group) for group in _of(_chain(3), 2, "spread")] == [2, 1]
    assert _of(_chain(3), 8) == _of(_chain(3), 8, "spread") == [[0, 1, 2]]
    with pytest.raises(BackmapError, match="33 beads do not make groups of 2: 1 is left over"):
        _of(_chain(33), 2, "error")


def test_a_chain_begins_at_the_end_of_the_lower_residue() -> None:
    """Bonds say what follows what, whatever the order of the indices."""
    bonds = [(0, 3), (3, 1), (1, 4), (4, 2), (2, 5)]
    assert _of(bonds, 2) == [[0, 3], [1, 4], [2, 5]]
    assert _of(bonds, 2, residues=[6, 2, 4, 3, 5, 1]) == [[5, 2], [4, 1], [3, 0]]


def test_a_ring_is_cut_around() -> None:
    assert _of([*_chain(6), (0, 5)], 2) == [[0, 1], [2, 3], [4, 5]]
    assert _of([*_chain(7), (0, 6)], 3) == [[0, 1, 2], [3, 4, 5], [6]]
    found = groups(6, np.array([*_chain(6), (0, 5)]), np.ones(6), 2)
    assert group_bonds(found, np.array([*_chain(6), (0, 5)])).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_parts_without_a_bond_are_cut_by_themselves() -> None:
    assert _of([(0, 1), (2, 3), (3, 4)], 2, n=6) == [[0, 1], [2, 3], [4], [5]]


def _partitions(graph: nx.Graph, largest: int) -> Iterator[list[set[int]]]:
    """All ways to cut a graph into connected parts, by cutting edges."""
    edges = list(graph.edges)
    for mask in range(2 ** len(edges)):
        kept = graph.copy()
        kept.remove_edges_from([edge for k, edge in enumerate(edges) if mask >> k & 1])
        parts = list(nx.connected_components(kept))
        if max(map(len, parts)) <= largest:
            yield parts


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", [2, 3, 4])
def test_branched_groups_are_the_nearest_there_are(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    n = 10
    bonds = [(int(rng.integers(k)), k) for k in range(1, n)]
    if max(dict(nx.Graph(bonds).degree).values()) < 3:
        bonds[-1] = (next(bead for bead, degree in nx.Graph(bonds[:-1]).degree if degree == 2), n - 1)
    found = _of(bonds, size)
    graph = nx.Graph(bonds)
    assert sorted(bead for group in found for bead in group) == list(range(n))
    assert all(nx.is_connected(graph.subgraph(group)) for group in found)
    least = min(sum((len(part) - size) ** 2 for part in parts) for parts in _partitions(graph, LARGEST * size))
    assert sum((len(group) - size) ** 2 for group in found) == least


def test_a_ring_with_a_tail_hangs_together() -> None:
    bonds = [*_chain(6), (0, 5), (2, 6), (6, 7)]
    found = _of(bonds, 2)
    assert all(len(group) == 2 and nx.Graph(bonds).has_edge(*group) for group in found)
    with pytest.raises(BackmapError, match="8 beads do not make groups of 3"):
        _of(bonds, 3, "error")


def test_a_long_branched_molecule_does_not_recurse() -> None:
    bonds = [*_chain(4000), (2000, 4000)]
    assert {len(group) for group in _of(bonds, 4)} <= {4, 5}
