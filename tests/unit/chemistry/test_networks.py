"""Molecules of very many meshes: what is known of them when they are opened, beside what RDKit says of the whole."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.chemistry import networks
from backmap_plugins.chemistry.chemistry import perceive
from backmap_plugins.chemistry.networks import MANY, of_sheets, opening

from backmap.model import cycles
from tests import large, sheets

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


def flake(across: int, along: int) -> tuple[Index, Index]:
    """Elements and bonds of a sheet of hexagons, saturated by hydrogens."""
    carbons = nx.Graph()
    for i, j in np.ndindex(2 * across, 2 * along):  # a wall of bricks
        for k, m in ((i, j + 1), *(((i + 1, j),) if (i + j) % 2 else ())):
            if k < 2 * across and m < 2 * along:
                carbons.add_edge((i, j), (k, m))
    while ends := [atom for atom in carbons if carbons.degree(atom) < 2]:
        carbons.remove_nodes_from(ends)
    carbons = nx.convert_node_labels_to_integers(carbons)
    nx.set_node_attributes(carbons, True, "flat")
    return saturated(carbons)


@pytest.mark.parametrize(("across", "along"), [(5, 6), (3, 9)])
def test_a_sheet_is_known_as_rdkit_knows_it(across: int, along: int, monkeypatch: pytest.MonkeyPatch) -> None:
    element, bonds = flake(across, along)
    whole = perceive(element, bonds)
    assert not of_sheets(len(element), bonds).any()
    monkeypatch.setattr(cycles, "FUSED", 10)
    own = perceive(element, bonds)
    assert of_sheets(len(element), bonds).sum() > 50
    assert np.array_equal(own.ring, whole.ring)
    assert np.array_equal(own.aromatic, whole.aromatic)
    assert np.array_equal(own.bond_order, whole.bond_order)
    assert own.aromatic.sum() > 50


def test_a_sheet_around_the_box_is_aromatic() -> None:
    """RDKit looks for aromatic rings among all that are fused, and needs hours where some go around the box."""
    sheet, *_ = sheets.graphene(8, 14)
    assert (np.bincount(sheet.bonds.ravel()) == 3).all()
    found = perceive(sheet.element, sheet.bonds)
    assert found.aromatic.all()
    assert (found.ring == 6).all()
    assert (found.bond_order == 1.5).all()
    assert not len(found.centres)


def test_a_crystal_has_rings_and_no_aromatic_ones() -> None:
    cells = nx.Graph()
    for cell in np.ndindex(4, 4, 4):  # diamond: face-centred cubic, two atoms a cell
        for step in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
            cells.add_edge((*cell, 0), (*((np.array(cell) - step) % 4).tolist(), 1))
    element, bonds = saturated(nx.convert_node_labels_to_integers(cells))
    found = perceive(element, bonds)
    assert len(element) == 128
    assert (found.ring == 6).all()
    assert not found.aromatic.any()
    assert not len(found.centres)
