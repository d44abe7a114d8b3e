"""Molecules that share a bead begin in packed clusters about it."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.molecules.clusters import Spread, packed, spacing
from scipy.spatial.distance import pdist

from tests import builders

from .test_contents import Points


@pytest.mark.parametrize("count", range(1, 20))
def test_spheres_touch_and_do_not_overlap(count: int) -> None:
    points = np.array(packed(count))
    assert points.shape == (count, 3)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=1e-12)
    if count > 1:
        assert pdist(points).min() == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "radius"), [(2, 1 / 2), (3, 3**-0.5), (4, (3 / 8)**0.5), (6, 0.5**0.5), (13, 1.0)])
def test_clusters_are_as_close_as_they_can_be(count: int, radius: float) -> None:
    """Pair, triangle, tetrahedron, octahedron, and one with all its neighbours."""
    assert np.linalg.norm(packed(count), axis=1).max() == pytest.approx(radius)


def test_waters_are_as_far_apart_as_in_water() -> None:
    assert spacing(builders.water()) == pytest.approx(0.28, abs=0.002)


def spread(seed: int = 1) -> Spread:
    """Of six points the last five are molecules about two beads of the file, four and one."""
    source = Points(None, None, np.array([[9.0, 9, 9], *[[1.0, 2, 3]] * 4, [5.0, 5, 5]]), n_frames=2)
    return Spread(source, [(np.arange(1, 6), np.array([3, 3, 3, 3, 7]), 0.28)], seed)


def test_clusters_stand_about_their_beads() -> None:
    found = spread().frame(0).positions
    np.testing.assert_array_equal(found[0], 9.0)
    np.testing.assert_allclose(found[1:5].mean(axis=0), [1, 2, 3], atol=1e-12)
    np.testing.assert_allclose(pdist(found[1:5]), 0.28)
    np.testing.assert_allclose(found[5], 5.0)


def test_they_are_turned_at_random_by_seed_and_frame() -> None:
    same, other, later = spread().frame(0).positions, spread(2).frame(0).positions, spread().frame(1).positions - 1
    np.testing.assert_array_equal(spread().frame(0).positions, same)
    assert np.abs(other - same).max() > 0.01
    assert np.abs(later - same).max() > 0.01
