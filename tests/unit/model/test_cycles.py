"""Which bonds are part of short cycles, and which close a cycle."""
from __future__ import annotations

import networkx as nx
import pytest

from backmap.model.cycles import closing, in_short_cycles


def around(graph: nx.Graph, i: int, j: int) -> float:
    """Atoms of the smallest cycle through a bond."""
    rest = nx.Graph(graph)
    rest.remove_edge(i, j)
    return nx.shortest_path_length(rest, i, j) + 1 if nx.has_path(rest, i, j) else float("inf")


@pytest.mark.parametrize("longest", [3, 4, 5, 6, 9, 14])
def test_bonds_of_short_cycles(longest: int) -> None:
    for seed in range(6):
        graph = nx.gnm_random_graph(40, 52, seed=seed)
        expected = {(i, j) for i, j in graph.edges if around(graph, i, j) <= longest}
        assert in_short_cycles(graph, longest) == expected


def test_a_ring_on_a_chain() -> None:
    graph = nx.Graph([(7, 3), (3, 5), (5, 7), (7, 1), (1, 0)])
    assert in_short_cycles(graph, 3) == {(3, 7), (3, 5), (5, 7)}
    assert in_short_cycles(graph, 2) == in_short_cycles(nx.Graph(), 8) == set()


def test_what_closes_a_cycle_is_never_among_the_first() -> None:
    for seed in range(6):
        graph = nx.gnm_random_graph(30, 45, seed=seed)
        bonds = sorted(graph.edges)
        first = {(min(bond), max(bond)) for bond in nx.minimum_spanning_edges(nx.Graph(bonds[10:]), data=False)}
        found = closing(30, first, bonds)
        assert not first & set(found)
        left = nx.Graph([bond for bond in bonds if bond not in found])
        assert nx.is_forest(left)
        assert nx.number_connected_components(left) == nx.number_connected_components(nx.Graph(bonds))
