"""Triclinic boxes against brute force."""
from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backmap.model import box as periodic

#: A long, thin box may lean by many widths, so that two cells around are not enough.
_CELLS = np.array(list(itertools.product(range(-5, 6), repeat=3)))
_seeds = st.integers(0, 2**32 - 1)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    """Lower-triangular boxes that GROMACS accepts: tilts up to half of the vector they lean along."""
    a, b, c = (draw(st.floats(0.5, 5.0)) for _ in range(3))
    xy, xz, yz = (draw(st.floats(-0.5, 0.5)) for _ in range(3))
    return np.array([[a, 0, 0], [xy * a, b, 0], [xz * a, yz * b, c]])


@given(boxes(), _seeds)
@example(np.array([[5, 0, 0], [1.25, 1, 0], [0, 0, 1]]), 0)
@settings(deadline=None)
def test_minimum_image_is_the_shortest_of_all_cells(box: np.ndarray, seed: int) -> None:
    displacement = (np.random.default_rng(seed).random((50, 3)) - 0.5) @ box
    shifted = displacement + np.random.default_rng(seed + 1).integers(-4, 5, (50, 3)) @ box
    candidates = displacement[:, None] + _CELLS @ box
    shortest = np.linalg.norm(candidates, axis=-1).min(axis=1)
    found = periodic.minimum_image(shifted, box)
    assert (np.linalg.norm(found, axis=-1) < shortest + 1e-9).all()
    cells = (shifted - found) @ np.linalg.inv(box)
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-9)


@given(boxes())
def test_reduced_vectors_span_the_same_lattice_and_are_shortest(box: np.ndarray) -> None:
    reduced = periodic.reduced(box)
    whole = reduced @ np.linalg.inv(box)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
    assert abs(np.linalg.det(reduced)) == pytest.approx(np.linalg.det(box))
    lattice = _CELLS[np.any(_CELLS != 0, axis=1)] @ box
    shortest = np.linalg.norm(lattice, axis=1).min()
    assert np.linalg.norm(reduced, axis=1).min() == pytest.approx(shortest)


@given(boxes(), _seeds)
def test_wrap_moves_into_the_cell_by_lattice_vectors(box: np.ndarray, seed: int) -> None:
    positions = np.random.default_rng(seed).normal(scale=10, size=(40, 3))
    wrapped = periodic.wrap(positions, box)
    fractional = wrapped @ np.linalg.inv(box)
    assert (fractional > -1e-9).all()
    assert (fractional < 1 + 1e-9).all()
    np.testing.assert_allclose(periodic.minimum_image(wrapped - positions, box), 0, atol=1e-9)


@given(boxes(), st.integers(2, 30), _seeds)
@settings(deadline=None)
def test_make_whole_restores_randomly_wrapped_molecules(box: np.ndarray, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = nx.random_labeled_tree(n, seed=seed)
    edges = periodic.spanning_edges(graph)
    # Bonds shorter than half the smallest width have one nearest image.
    steps = rng.normal(size=(n, 3))
    steps *= 0.45 * periodic.smallest_width(box) * rng.random((n, 1)) / np.linalg.norm(steps, axis=1, keepdims=True)
    whole = np.zeros((3, n, 3)) + rng.random((3, 1, 3)) @ box
    for parent, child in edges:
        whole[:, child] = whole[:, parent] + steps[child]
    broken = whole + rng.integers(-3, 4, whole.shape) @ box
    restored = periodic.make_whole(broken, edges, box)
    np.testing.assert_allclose(restored - restored[:, :1], whole - whole[:, :1], atol=1e-9)
    np.testing.assert_array_equal(restored[:, 0], broken[:, 0])


def test_no_box_changes_nothing() -> None:
    positions = np.full((2, 3), 9.0)
    edges = np.array([[0, 1]])
    for result in (periodic.wrap(positions, None), periodic.minimum_image(positions, None),
                   periodic.make_whole(positions, edges, None)):
        np.testing.assert_array_equal(result, positions)


def test_inputs_are_left_alone() -> None:
    positions, box = np.array([[0.1, 0, 0], [1.9, 0, 0]]), 2 * np.eye(3)
    before = positions.copy()
    periodic.make_whole(positions, np.array([[0, 1]]), box)
    periodic.minimum_image(positions, box)
    np.testing.assert_array_equal(positions, before)


@pytest.mark.parametrize(("box", "valid"), [
    (np.eye(3), True), (np.zeros((3, 3)), False), (np.diag([1.0, 1.0, np.nan]), False),
    (np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]]), False)])
def test_is_valid(box: np.ndarray, valid: bool) -> None:
    assert periodic.is_valid(box) is valid


def test_spanning_edges_cover_every_component_parents_first() -> None:
    graph = nx.Graph([(3, 1), (1, 2), (5, 4)])
    graph.add_node(0)
    edges = periodic.spanning_edges(graph).tolist()
    assert edges == [[1, 2], [1, 3], [4, 5]]
