"""Distances, angles and dihedrals against a slow twin, and their gradients against numerical derivatives."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.tabulated.coordinates import values_and_gradients
from backmap.model.tabulated import MEMBERS, Kind
from tests import tabulated


@pytest.mark.parametrize("kind", ["bond", "angle", "dihedral"])
def test_values_and_gradients(kind: Kind) -> None:
    points = np.random.default_rng(0).normal(size=(50, MEMBERS[kind], 3))
    values, gradients = values_and_gradients(points, kind, None)
    assert values == pytest.approx([tabulated.measured(one) for one in points], abs=1e-9)
    numerical = np.zeros_like(gradients)
    for bead, axis in np.ndindex(MEMBERS[kind], 3):
        for sign in (1, -1):
            moved = points.copy()
            moved[:, bead, axis] += sign * 1e-6
            change = values_and_gradients(moved, kind, None)[0] - values
            change -= 2 * np.pi * np.round(change / (2 * np.pi))
            numerical[:, bead, axis] += sign * change / 2e-6
    np.testing.assert_allclose(gradients, numerical, atol=1e-7 * np.abs(gradients).max())


@pytest.mark.parametrize("kind", ["bond", "angle", "dihedral"])
def test_the_nearest_images_count(kind: Kind) -> None:
    box = np.array([[2.3, 0, 0], [0.4, 2.2, 0], [-0.3, 0.5, 2.4]])
    rng = np.random.default_rng(1)
    points = 0.2 * rng.normal(size=(50, MEMBERS[kind], 3))
    moved = points + rng.integers(-2, 3, points.shape) @ box
    for here, there in zip(values_and_gradients(points, kind, None), values_and_gradients(moved, kind, box)):
        np.testing.assert_allclose(here, there, atol=1e-9 * np.abs(here).max())
