"""Molecules of very many meshes: what is known of them when they are opened, beside what RDKit says of the whole."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.chemistry import networks
from backmap_plugins.chemistry.chemistry import perceive
from backmap_plugins.chemistry.networks import MANY, opening

from tests import large

Index = np.ndarray


def saturated(carbons: nx.Graph) -> tuple[Index, Index]:
    """Elements and bonds of carbons with four neighbours, three where they are benzene, the rest hydrogens."""
    bonds, element = [tuple(sorted(bond)) for bond in carbons.edges], [6] * len(carbons)
    for atom in carbons:
        for _ in range((3 if carbons.nodes[atom].get("flat") else 4) - carbons.degree(atom)):
            bonds.append((atom, len(element)))
            element.append(1)
    return np.array(element), np.array(sorted(bonds))


def web(seed: int, size: int = 260, bridges: int = 40) -> nx.Graph:
    """A chain of carbons, bridges across it, and benzene rings hanging on it."""
    rng = np.random.default_rng(seed)
    graph = nx.path_graph(size)
    ends = rng.permutation(np.arange(0, size, 2))
    graph.add_edges_from((int(i), int(j)) for i, j in ends[:2 * bridges].reshape(-1, 2))
    for atom in ends[2 * bridges:2 * bridges + 5].tolist():
        ring = [len(graph) + k for k in range(6)]
        nx.add_cycle(graph, ring)
        nx.set_node_attributes(graph, dict.fromkeys(ring, True), "flat")
        graph.add_edge(atom, ring[0])
    return graph


@pytest.mark.parametrize("seed", range(3))
def test_an_opened_molecule_is_known_as_the_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    element, bonds = saturated(web(seed))
    whole = perceive(element, bonds)
    monkeypatch.setattr(networks, "MANY", 5)
    monkeypatch.setattr(networks, "LONGEST", 8)
    opened = perceive(element, bonds)
    assert opening(len(element), bonds).sum() > 5
    assert np.array_equal(opened.bond_order, whole.bond_order)
    assert np.array_equal(opened.aromatic, whole.aromatic)
    assert opened.aromatic.sum() == 30
    assert np.array_equal(opened.ring, np.where(whole.ring <= 8, whole.ring, 0))
    assert whole.ring.max() > 8
    assert len(whole.centres) > 20
    assert np.array_equal(opened.centres, whole.centres)


def test_no_mesh_of_a_network_is_left() -> None:
    carbons = large.network(3, 8)
    bonds = carbons.bonds
    cut = opening(len(carbons.bead), bonds)
    assert MANY < cut.sum() == len(bonds) - len(carbons.bead) + 1
    assert nx.is_connected(nx.Graph(bonds[~cut].tolist()))


def test_what_is_no_network_is_left_whole() -> None:
    bonds = np.array(web(0).edges)
    assert not opening(int(bonds.max()) + 1, bonds).any()
