"""Traversals on random bead graphs."""
from __future__ import annotations

from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.traversals import BreadthFirst, DepthFirst, Random, Rooted
from hypothesis import given
from hypothesis import strategies as st

from backmap.errors import BackmapError


@st.composite
def molecules(draw: st.DrawFn) -> SimpleNamespace:
    """Bead graphs of up to a dozen beads, in one piece or several, with rings or without."""
    n = draw(st.integers(1, 12))
    pairs = [(i, j) for i in range(n) for j in range(i)]
    graph = nx.empty_graph(n)
    graph.add_edges_from(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])
    names = draw(st.lists(st.sampled_from("ABC"), min_size=n, max_size=n))
    return SimpleNamespace(name="M", n_beads=n, bead_graph=graph, bead_names=names)


every = pytest.mark.parametrize("traversal", [DepthFirst, BreadthFirst, Random])


@every
@given(molecule=molecules(), seed=st.integers(0, 99), data=st.data())
def test_promises(traversal: type, molecule: SimpleNamespace, seed: int, data: st.DataObject) -> None:
    root = data.draw(st.sampled_from(["first", *molecule.bead_names]))
    order = traversal(Rooted(root=root)).order(molecule, np.random.default_rng(seed))
    assert set(order.ranks) == set(range(max(order.ranks) + 1))
    beads, roots = range(molecule.n_beads), [b for b in range(molecule.n_beads) if order.parents[b] < 0]
    assert len(roots) == nx.number_connected_components(molecule.bead_graph)
    for bead in beads:
        parent = order.parents[bead]
        if parent >= 0:
            assert molecule.bead_graph.has_edge(parent, bead)
            assert order.ranks[parent] < order.ranks[bead]
    for component in nx.connected_components(molecule.bead_graph):
        (start,) = component.intersection(roots)
        named = [bead for bead in component if molecule.bead_names[bead] == root]
        assert start == min(named or component)


@given(molecule=molecules())
def test_breadth_first_ranks_are_distances(molecule: SimpleNamespace) -> None:
    order = BreadthFirst(Rooted()).order(molecule, np.random.default_rng(0))
    for root in np.flatnonzero(order.parents < 0):
        for bead, distance in nx.single_source_shortest_path_length(molecule.bead_graph, root).items():
            assert order.ranks[bead] == distance


@pytest.mark.parametrize("traversal", [DepthFirst, Random])
@given(molecule=molecules())
def test_one_bead_after_the_other(traversal: type, molecule: SimpleNamespace) -> None:
    order = traversal(Rooted()).order(molecule, np.random.default_rng(0))
    assert sorted(order.ranks) == list(range(molecule.n_beads))


def chain(n: int) -> SimpleNamespace:
    return SimpleNamespace(name="M", n_beads=n, bead_graph=nx.path_graph(n), bead_names=list("ABCDEFGH"[:n]))


def test_depth_first_ends_a_branch_before_the_next() -> None:
    order = DepthFirst(Rooted(root="C")).order(chain(5), np.random.default_rng(0))
    assert order.ranks.tolist() == [2, 1, 0, 3, 4]
    assert order.parents.tolist() == [1, 2, -1, 2, 3]


def test_random_follows_the_seed() -> None:
    molecule = SimpleNamespace(name="M", n_beads=30, bead_graph=nx.star_graph(29), bead_names=["A"] * 30)
    first, again, other = (Random(Rooted()).order(molecule, np.random.default_rng(k)).ranks for k in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@every
def test_an_unknown_root_is_an_error(traversal: type) -> None:
    with pytest.raises(BackmapError, match=r"molecule type M has no bead 'X' to start at. Known: first, A, B, C"):
        traversal(Rooted(root="X")).order(chain(3), np.random.default_rng(0))
