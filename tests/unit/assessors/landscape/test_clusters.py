"""Clusters of points in the plane, their shares and confusion."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.clusters import classes, confusion, found, mean_and_error, shares

from backmap.errors import BackmapError


def islands(*counts: int) -> np.ndarray:
    """Points about (0, 0), (10, 0), (20, 0), ..."""
    rng = np.random.default_rng(1)
    return np.concatenate([rng.normal(loc=(10 * k, 0), size=(count, 2)) for k, count in enumerate(counts)])


@pytest.mark.parametrize("counts", [(50, 80), (40, 90, 60), (30, 80, 50, 60, 70)])
def test_the_number_of_islands_is_found_and_the_largest_is_first(counts: tuple[int, ...]) -> None:
    pytest.importorskip("sklearn")
    centres = found(islands(*counts), None, 1)
    expected = np.argsort(-np.array(counts)) * 10.0
    assert centres[:, 0] == pytest.approx(expected, abs=0.7)


def test_a_number_that_is_given_is_taken() -> None:
    pytest.importorskip("sklearn")
    z = islands(40, 90, 60)
    assert found(z, 1, 1) == pytest.approx(z.mean(axis=0, keepdims=True))
    assert len(found(z, 5, 1)) == 5


def test_more_clusters_than_points_are_refused() -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(BackmapError, match="2 points make no 3 clusters"):
        found(np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0), 3, 1)


def test_outliers_are_the_last_class() -> None:
    z = np.array([[0.0, 0.0], [9.0, 0.0], [11.0, 1.0]])
    centres = np.array([[10.0, 0.0], [0.0, 0.0]])
    assert classes(z, np.array([False, False, True]), centres).tolist() == [1, 0, 2]


def test_shares_and_confusion_by_frame() -> None:
    first, second = np.array([[0, 0, 1, 2], [0, 0, 0, 0]]), np.array([[0, 1, 1, 0], [0, 0, 1, 2]])
    assert shares(first, 3).tolist() == [[0.5, 0.25, 0.25], [1, 0, 0]]
    table = confusion(first, second, 3)
    assert table[0].tolist() == [[0.25, 0.25, 0], [0, 0.25, 0], [0.25, 0, 0]]
    assert table.sum(axis=2) == pytest.approx(shares(first, 3))
    assert table.sum(axis=1) == pytest.approx(shares(second, 3))


def test_the_error_is_that_of_a_mean_over_frames() -> None:
    mean, error = mean_and_error(np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]]))
    assert mean.tolist() == [3, 2]
    assert error == pytest.approx([2 / np.sqrt(3), 0])
    assert np.isnan(mean_and_error(np.ones((1, 2)))[1]).all()
