"""Columns near a point, packed side by side."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.engine.compiling.compiled import compiled
from backmap.engine.compiling.lanes import WIDE, pack_near, pack_near_slowly


@compiled
def packed(source, x, y, z, squared, target):
    """All columns that are near, from the second of ``target`` on; returns where they end."""
    used = np.uint64(1)
    for column in range(np.uint64(0), np.uint64(source.shape[1]), np.uint64(WIDE)):
        used = pack_near(source, column, x, y, z, squared, target, used)
    return used


@pytest.mark.parametrize("radius", [0.0, 0.3, 1.0, 10.0])
def test_columns_are_packed_as_one_by_one(radius: float) -> None:
    source = np.random.default_rng(1).uniform(-1.5, 1.5, (4, 5 * WIDE)).astype(np.float32)
    point = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    found, expected = np.zeros((2, 4, 6 * WIDE + 1), dtype=np.float32)
    end, used = packed(source, *point, np.float32(radius**2), found), 1
    for column in range(0, source.shape[1], WIDE):
        used = pack_near_slowly(source, column, *point, np.float32(radius**2), expected, used)
    assert end == used == 1 + (np.linalg.norm(source[:3] - point[:, None], axis=0) < radius).sum()
    np.testing.assert_array_equal(found[:, :end], expected[:, :end])
