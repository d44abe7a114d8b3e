"""Pairs and rows of atoms that are near, against tables of all."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from backmap.model import pairs
from backmap.model.mapping import Mapping, owners
from backmap.model.pairs import AtomPairs, AtomRows, bonds_apart, places_in, ranges


def random_graph(seed: int, n: int = 40) -> nx.Graph:
    """Several pieces, with rings."""
    return nx.gnm_random_graph(n, int(1.1 * n), seed=seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("at_once", [3, 4096])
def test_bonds_apart_are_the_lengths_of_shortest_paths(seed: int, at_once: int,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_AT_ONCE", at_once)
    graph = random_graph(seed)
    found = bonds_apart(len(graph), np.array(graph.edges), 5)
    expected = np.full((len(graph), len(graph)), 99)
    for a, reached in nx.all_pairs_shortest_path_length(graph, cutoff=5):
        expected[a, list(reached)] = list(reached.values())
    np.testing.assert_array_equal(found.dense(99), expected)
    np.testing.assert_array_equal(found.look_up(np.arange(40)[:, None], np.arange(40), 99), expected)
    assert found.look_up(np.int64(3), np.int64(3), 99) == 0
    own = found.among([7, 2])
    near = expected < 99
    np.testing.assert_array_equal(found.other[own], [*np.flatnonzero(near[7]), *np.flatnonzero(near[2])])


def test_nothing_is_bonded_in_a_gas() -> None:
    found = bonds_apart(3, np.empty((0, 2)), 8)
    assert found.dense(99).tolist() == [[0, 99, 99], [99, 0, 99], [99, 99, 0]]
    none = AtomPairs.of(2, np.empty((0, 2), dtype=int), np.empty(0, dtype=int))
    assert none.look_up(np.array([0, 1]), np.array([1, 0]), 5).tolist() == [5, 5]


def test_rows_of_atoms() -> None:
    table = np.array([[0, 1, 2], [3, 1, 0], [4, 4, 2]])
    rows = AtomRows.of(6, table)
    for atoms in ([], [0], [1, 2], [5], [4, 3]):
        expected = np.flatnonzero(np.isin(table, atoms).any(axis=1))
        np.testing.assert_array_equal(rows.touching(atoms), expected)
    assert ranges(np.array([0, 2, 2, 5]), np.array([2, 0, 1])).tolist() == [2, 3, 4, 0, 1]
    assert places_in(np.array([7, 1, 4]), np.array([[4, 7], [1, 1]])).tolist() == [[2, 0], [1, 1]]


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_a_mapping_are_those_of_its_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bead = np.sort(rng.integers(6, size=25))
    mapping = Mapping(12, 6, bead, rng.integers(12, size=25), rng.choice([0.0, 0.25, 0.5], size=25),
                      rng.integers(6, size=12))
    beads, atoms = rng.permutation(6)[:3], rng.permutation(12)[:5]
    np.testing.assert_array_equal(mapping.part(beads, atoms), mapping.matrix[np.ix_(beads, atoms)])
    np.testing.assert_array_equal(mapping.atoms_in(beads), np.flatnonzero(mapping.matrix[beads].any(axis=0)))
    np.testing.assert_array_equal(mapping.beads_with(atoms), np.flatnonzero(mapping.matrix[:, atoms].any(axis=1)))
    assert [own.tolist() for own in mapping.fragments()] == [
        np.flatnonzero(mapping.owner == b).tolist() for b in range(6)]


@pytest.mark.parametrize("seed", range(4))
def test_owners_by_the_table_of_all_weights(seed: int) -> None:
    rng, graph = np.random.default_rng(seed), nx.path_graph(15)
    graph.add_edge(2, 9)
    bead, atom = np.sort(rng.integers(4, size=12)), rng.integers(15, size=12)
    weight, heavy = rng.choice([0.2, 0.4], size=12), rng.random(15) < 0.6
    dense = np.zeros((4, 15))
    np.add.at(dense, (bead, atom), weight)
    expected = np.where(dense.max(axis=0) > 0, dense.round(12).argmax(axis=0), -1)
    for a in np.flatnonzero(expected < 0):
        away = nx.single_source_shortest_path_length(graph, a)
        mapped = [b for b in away if dense[:, b].any()]
        expected[a] = expected[min(mapped, key=lambda b: (away[b], not heavy[b], b))]
    np.testing.assert_array_equal(owners(bead, atom, weight, 4, graph, heavy), expected)
