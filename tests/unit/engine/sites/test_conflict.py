"""Pairs of beads against brute force; colours against the slow twin."""
from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from backmap.engine.sites.conflict import bead_pairs, colour, colour_serially, conflict_graph
from backmap.model import box as periodic

_CELLS = np.array(list(itertools.product(range(-2, 3), repeat=3)))
_seeds = st.integers(0, 2**32 - 1)
_NONE = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    """Lower-triangular boxes with the tilts that GROMACS accepts."""
    a, b, c = (draw(st.floats(1.0, 3.0)) for _ in range(3))
    xy, xz, yz = (draw(st.floats(-0.5, 0.5)) for _ in range(3))
    return np.array([[a, 0, 0], [xy * a, b, 0], [xz * a, yz * b, c]])


def brute_pairs(beads: np.ndarray, box: np.ndarray, cutoff: float) -> list[tuple[int, int, np.ndarray]]:
    """Ordered pairs of different beads over 125 cells, for wrapped beads and cut-offs below the smallest width."""
    found = []
    for i, j in itertools.permutations(range(len(beads)), 2):
        vectors = beads[j] - beads[i] + _CELLS @ box
        found.extend((i, j, vector) for vector in vectors[np.linalg.norm(vectors, axis=1) <= cutoff])
    return found


def assert_same_pairs(found: tuple[np.ndarray, np.ndarray, np.ndarray], expected: list) -> None:
    i, j, vector = found
    assert len(i) == len(expected)
    rows = sorted((a, b, *np.round(v, 6)) for a, b, v in zip(i.tolist(), j.tolist(), vector))
    wanted = sorted((a, b, *np.round(v, 6)) for a, b, v in expected)
    np.testing.assert_allclose(rows, wanted, atol=2e-6)


@given(boxes(), st.floats(0.2, 0.98), st.integers(2, 12), _seeds)
@settings(deadline=None, max_examples=40)
def test_pairs_are_those_of_125_cells(box: np.ndarray, share: float, n: int, seed: int) -> None:
    """The cut-off is up to the whole width of the box, so that one bead is seen in several images."""
    beads = np.random.default_rng(seed).random((n, 3)) @ box
    cutoff = share * periodic.smallest_width(box)
    assert_same_pairs(bead_pairs(beads, box, cutoff), brute_pairs(beads, box, cutoff))


@given(boxes(), _seeds)
@settings(deadline=None, max_examples=25)
def test_pairs_do_not_depend_on_which_image_a_bead_is_in(box: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    beads = rng.random((8, 3)) @ box
    away = beads + rng.integers(-3, 4, beads.shape) @ box
    cutoff = 0.8 * periodic.smallest_width(box)
    i, j, vector = bead_pairs(away, box, cutoff)
    assert_same_pairs((i, j, vector), brute_pairs(beads, box, cutoff))
    cells = (away[i] + vector - away[j]) @ np.linalg.inv(box)
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-9)


def test_two_images_of_one_bead_are_two_pairs() -> None:
    i, j, vector = bead_pairs(np.array([[0.0, 0, 0], [0.5, 0, 0]]), np.eye(3), 0.6)
    assert list(zip(i, j)) == [(0, 1), (0, 1), (1, 0), (1, 0)]
    np.testing.assert_allclose(np.sort(vector[:2, 0]), [-0.5, 0.5])


def test_a_bead_is_no_neighbour_of_its_own_images() -> None:
    i, _, _ = bead_pairs(np.zeros((1, 3)), np.eye(3), 1.7)
    assert len(i) == 0


@given(st.integers(1, 30), st.floats(0.1, 2.0), _seeds)
@settings(deadline=None, max_examples=25)
def test_pairs_without_a_box(n: int, cutoff: float, seed: int) -> None:
    beads = np.random.default_rng(seed).normal(size=(n, 3))
    expected = [(i, j, beads[j] - beads[i]) for i, j in itertools.permutations(range(n), 2)
                if np.linalg.norm(beads[j] - beads[i]) <= cutoff]
    assert_same_pairs(bead_pairs(beads, None, cutoff), expected)


def test_pairs_are_sorted_by_bead_then_neighbour_then_distance() -> None:
    rng = np.random.default_rng(0)
    i, j, vector = bead_pairs(rng.random((20, 3)), np.eye(3), 0.7)
    rows = list(zip(i.tolist(), j.tolist(), np.linalg.norm(vector, axis=1)))
    assert rows == sorted(rows)


def test_conflicts_are_mutual_and_have_no_loops() -> None:
    graph = conflict_graph(5, np.array([0, 1]), np.array([1, 0]), (np.array([2, 3, 4]), np.array([3, 2, 4])))
    assert graph.toarray().tolist() == [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0] * 5]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[csr_array, np.ndarray]:
    """A random graph, and some of its nodes."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(_seeds))
    i, j = np.nonzero(np.triu(rng.random((n, n)) < draw(st.floats(0, 1)), 1))
    members = rng.random(n) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    return conflict_graph(n, i, j, (j, i)), members


@given(graphs())
@settings(deadline=None, max_examples=150)
def test_colours_are_those_of_the_slow_twin_and_proper(drawn: tuple[csr_array, np.ndarray]) -> None:
    graph, members = drawn
    found = colour(graph, members)
    np.testing.assert_array_equal(found, colour_serially(graph, members))
    i, j = graph.nonzero()
    both = members[i] & members[j]
    assert (found[i[both]] != found[j[both]]).all()
    assert (found[~members] == -1).all()
    assert set(found[members]) == set(range(found.max() + 1))


def test_colours_of_a_dense_liquid_are_those_of_the_slow_twin() -> None:
    beads = np.random.default_rng(1).random((600, 3)) * 2.5
    i, j, _ = bead_pairs(beads, 2.5 * np.eye(3), 0.8)
    graph = conflict_graph(600, i, j, _NONE)
    everyone = np.ones(600, dtype=bool)
    np.testing.assert_array_equal(colour(graph, everyone), colour_serially(graph, everyone))


@pytest.mark.parametrize(("edges", "n_colours"), [
    ([], 1), ([(0, 1), (1, 2), (2, 3)], 2), ([(0, 1), (1, 2), (0, 2)], 3)])
def test_known_numbers_of_colours(edges: list[tuple[int, int]], n_colours: int) -> None:
    i, j = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = conflict_graph(4, i, j, (j, i))
    assert colour(graph, np.ones(4, dtype=bool)).max() + 1 == n_colours
