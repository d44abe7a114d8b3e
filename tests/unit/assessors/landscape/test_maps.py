"""Sketch-maps, clusters and what is kept of them, on points whose map is known."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.assessors.landscape import clusters
from backmap_plugins.assessors.landscape.chart import Chart, Drawing
from backmap_plugins.assessors.landscape.kernels import MoleculeKernel
from backmap_plugins.assessors.landscape.sketch_map import Sigmoid, fitted

from backmap.errors import BackmapError

pytest.importorskip("sklearn")
SETTINGS = {"radius": 0.5, "kernel": "environment"}


@pytest.mark.parametrize(("a", "b"), [(6, 6), (2, 2), (8, 3), (1, 2)])
def test_sigmoids_are_one_half_at_sigma(a: float, b: float) -> None:
    sigmoid = Sigmoid(0.3, a, b)
    np.testing.assert_allclose(sigmoid(np.array([0.0, 0.3, 300.0])), [0, 0.5, 1], atol=2e-3)


def test_points_of_a_plane_are_found_again() -> None:
    """With the same exponents on both sides there is a map without stress."""
    z = np.random.default_rng(1).normal(size=(25, 2))
    apart = np.linalg.norm(z[:, None] - z[None], axis=2)
    sigmoid = Sigmoid(1.5, 2.0, 2.0)
    sketch = fitted(apart, np.ones(25), sigmoid, sigmoid, 3, 1)
    assert sketch.stress < 1e-8
    again = np.linalg.norm(sketch.z[:, None] - sketch.z[None], axis=2)
    np.testing.assert_allclose(again[apart > 0.1], apart[apart > 0.1], rtol=0.01)


def blobs(rng: np.random.Generator, n: int, which: tuple[int, ...] = (0, 1, 2)) -> tuple[np.ndarray, np.ndarray]:
    """Points of norm 1 about directions of 20 dimensions, weights .6, .3, .1; (n, 1, 20) and their cluster."""
    weights = np.array([0.6, 0.3, 0.1, 1.0])[list(which)]
    label = rng.choice(which, size=n, p=weights / weights.sum())
    points = np.eye(20)[3 * label] + 0.04 * rng.normal(size=(n, 20))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points[:, None].astype(np.float32), label


@pytest.fixture(scope="module")
def chart() -> Chart:
    points, _ = blobs(np.random.default_rng(2), 1500)
    return Chart.drawn(points, MoleculeKernel("environment"), Drawing(150, (6.0, 6.0, 2.0, 2.0), 3, None, 1),
                       SETTINGS, ("a",))


def test_three_clusters_are_found_with_their_populations(chart: Chart) -> None:
    kernel, rng = MoleculeKernel("environment"), np.random.default_rng(3)
    assert len(chart.centres) == 3
    points, label = blobs(rng, 1000)
    found = chart.classes(*chart.places(points, kernel))
    populations = np.bincount(found, minlength=4) / 1000
    np.testing.assert_allclose(populations[:3], np.bincount(label) / 1000, atol=0.02)
    assert (found == label).mean() >= 0.98  # the largest cluster is the first; 0.5 % are outliers by construction
    foreign, _ = blobs(rng, 200, (3,))
    assert (chart.classes(*chart.places(foreign, kernel)) == 3).mean() > 0.95


def test_a_map_that_was_kept_is_the_same(chart: Chart, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    path.write_bytes(chart.to_bytes())
    again, (points, _) = Chart.read(path), blobs(np.random.default_rng(4), 50)
    kernel = MoleculeKernel("environment")
    again.expect(SETTINGS, path)
    for here, there in zip(chart.places(points, kernel), again.places(points, kernel)):
        np.testing.assert_array_equal(here, there)
    with pytest.raises(BackmapError, match="radius"):
        again.expect(SETTINGS | {"radius": 0.6}, path)


@pytest.mark.parametrize("content", [b"", b"no map", b"PK\x03\x04 cut off"])
def test_what_is_no_map_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "map.npz").write_bytes(content)
    with pytest.raises(BackmapError):
        Chart.read(tmp_path / "map.npz")


def test_frames_that_are_there_twice_do_not_change_a_confusion() -> None:
    first, second = np.array([[0, 0, 1], [1, 1, 1]]), np.array([[0, 1, 1], [1, 1, 0]])
    found = clusters.confusion(first, second, 2)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(found[0], [[1 / 3, 1 / 3], [0, 1 / 3]])
    np.testing.assert_allclose(clusters.shares(first, 2), [[2 / 3, 1 / 3], [0, 1]])
