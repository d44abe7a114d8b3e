"""Molecule types."""
from __future__ import annotations

import numpy as np

from backmap.model.isomers import handedness
from tests import builders


def test_sizes_graphs_and_bead_bonds_of_butane() -> None:
    kind = builders.butane()
    assert (kind.n_atoms, kind.n_beads) == (14, 2)
    assert kind.bead_bonds.tolist() == [[0, 1]]
    assert kind.graph.edges[0, 1]["bond"] == kind.bonds.tolist().index([0, 1])
    assert len(kind.atom_edges) == 13
    assert kind.bead_edges.tolist() == [[0, 1]]
    assert np.isnan(kind.bond_length).all()


def test_distances_on_the_graph_end_at_eight() -> None:
    distance = builders.butane().distance
    assert distance[0, 3] == 3
    assert (distance == distance.T).all()
    assert (np.diag(distance) == 0).all()


def test_a_mirror_turns_handedness_round_and_a_rotation_does_not() -> None:
    kind = builders.chiral()
    positions = builders.conformation(kind)
    turned = positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + 3.0
    signs = handedness(np.stack([positions, turned, positions * [1, 1, -1]]), kind.chemistry.centres)
    assert abs(signs[0, 0]) == 1
    assert signs[:, 0].tolist() == [signs[0, 0], signs[0, 0], -signs[0, 0]]
    assert kind.chemistry.sign.tolist() == signs[0].tolist()


def test_bonds_that_the_topology_constrains_are_rigid() -> None:
    assert np.isfinite(builders.water().bond_length).all()
