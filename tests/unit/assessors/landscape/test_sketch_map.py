"""Sketch-map: sigmoids, gradients, planar points that come back, and projections onto landmarks."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.sketch_map import (
    Sigmoid,
    _stress,
    farthest,
    fitted,
    projected,
    sigma_of,
)
from scipy.optimize import approx_fprime
from scipy.spatial.distance import cdist


def plane(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 2)) * [2.0, 1.0]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 2), (6, 6), (8, 4), (2, 6), (1.5, 3)])
def test_sigmoids_are_one_half_at_sigma(a: float, b: float) -> None:
    sigmoid = Sigmoid(0.37, a, b)
    assert sigmoid(np.array([0.0, 0.37, 1e6])) == pytest.approx([0, 0.5, 1], abs=1e-6)
    assert (np.diff(sigmoid(np.linspace(0.1, 1.5, 100))) > 0).all()


def test_the_gradient_of_the_stress_is_its_derivative() -> None:
    rng = np.random.default_rng(2)
    z, weights = plane(8), rng.random(8)
    targets = Sigmoid(0.5, 6, 6)(cdist(plane(8, 3), plane(8, 3)))

    def stress(flat: np.ndarray) -> float:
        return _stress(flat.reshape(-1, 2), targets, weights, 0.5, 2.0, 3.0)[0]

    gradient = _stress(z, targets, weights, 0.5, 2.0, 3.0)[1]
    assert gradient.reshape(-1) == pytest.approx(approx_fprime(z.reshape(-1), stress, 1e-7), abs=1e-6)


def test_the_stress_is_that_of_the_equation() -> None:
    z, weights = plane(9), np.random.default_rng(4).random(9)
    targets, low = Sigmoid(0.4, 6, 6)(cdist(plane(9, 5), plane(9, 5))), Sigmoid(0.4, 1.0, 2.0)
    upper = np.triu_indices(9, 1)
    pairs = np.outer(weights, weights)[upper]
    expected = (pairs * (low(cdist(z, z)) - targets)[upper]**2).sum() / pairs.sum()
    assert _stress(z, targets, weights, 0.4, 1.0, 2.0)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_points_of_a_plane_come_back(exponent: float) -> None:
    """With A = a and B = b the stress of the plane itself is 0: it is found, and distances to 1 %."""
    z = plane(40)
    distances = cdist(z, z)
    sigmoid = Sigmoid(0.6, exponent, exponent)
    weights = np.random.default_rng(6).integers(1, 9, 40).astype(float)
    sketch = fitted(distances, weights, sigmoid, sigmoid, 3, 1)
    found, upper = cdist(sketch.z, sketch.z), np.triu_indices(40, 1)
    assert sketch.stress < 1e-8
    assert sketch.stress == pytest.approx(sketch.stresses.min())
    assert found[upper] == pytest.approx(distances[upper], rel=0.01)


def test_a_map_is_the_same_again_and_stands_the_same() -> None:
    """The seed decides; weights' middle is 0, and the long axis is along x."""
    points = np.random.default_rng(7).normal(size=(30, 5))
    distances, weights = cdist(points, points), np.ones(30)
    high, low = Sigmoid(3.0, 6, 6), Sigmoid(3.0, 2, 2)
    first, again = (fitted(distances, weights, high, low, 3, 1) for _ in range(2))
    assert np.array_equal(first.z, again.z)
    assert first.z.mean(axis=0) == pytest.approx(0, abs=1e-9)
    moments = first.z.T @ first.z
    assert moments[0, 1] == pytest.approx(0, abs=1e-8)
    assert moments[0, 0] > moments[1, 1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_landmarks_make_a_map(count: int) -> None:
    points = np.random.default_rng(8).normal(size=(count, 5))
    sigmoid = Sigmoid(3.0, 2, 2)
    sketch = fitted(cdist(points, points), np.ones(count), sigmoid, sigmoid, 2, 1)
    assert np.isfinite(sketch.z).all()
    assert sketch.z.shape == (count, 2)


def test_points_among_landmarks_are_put_where_they_are() -> None:
    """Other points of the same plane, within 1 % of its size, residual 0; landmarks at their own places."""
    z, others = plane(40), plane(60, 9)
    others = others[(others > 0.1).all(axis=1) & (others < [1.9, 0.9]).all(axis=1)]
    sigmoid = Sigmoid(0.6, 2, 2)
    sketch = fitted(cdist(z, z), np.ones(40), sigmoid, sigmoid, 3, 1)
    places, residual = projected(sketch, cdist(others, z))
    assert residual.max() < 1e-3
    assert cdist(places, sketch.z) == pytest.approx(cdist(others, z), abs=0.02)
    own, _ = projected(sketch, cdist(z, z))
    assert own == pytest.approx(sketch.z, abs=0.005)


def test_points_far_from_all_landmarks_have_a_large_residual() -> None:
    z = plane(40)
    sigmoid = Sigmoid(0.6, 2, 2)
    sketch = fitted(cdist(z, z), np.ones(40), sigmoid, sigmoid, 3, 1)
    near = projected(sketch, cdist(z, z))[1]
    far = projected(sketch, np.sqrt(cdist(z, z)**2 + 4.0))[1]  # over the plane, so that nowhere in it fits
    assert far.min() > 100 * near.max()


def test_sigma_is_at_half_the_height_before_the_main_mode() -> None:
    """A normal distribution is half as high 1.177 widths before its middle; a small peak before it is passed over."""
    rng = np.random.default_rng(10)
    distances = np.concatenate([rng.normal(1.0, 0.1, 100_000), rng.normal(0.3, 0.03, 5_000)])
    sigma, edges, counts = sigma_of(distances)
    assert sigma == pytest.approx(1.0 - 1.177 * 0.1, abs=2.5 * (edges[1] - edges[0]))
    assert counts.sum() == len(distances)


def test_the_farthest_point_is_taken_next() -> None:
    line = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 9.0, 10.0])
    chosen, apart = farthest(0, 4, len(line), lambda k: np.abs(line - line[k]))
    assert line[chosen].tolist() == [0.0, 10.0, 5.0, 9.0]
    assert apart == pytest.approx(np.abs(line[:, None] - line[chosen]))
    assert len(farthest(0, 100, len(line), lambda k: np.abs(line - line[k]))[0]) == len(line)
