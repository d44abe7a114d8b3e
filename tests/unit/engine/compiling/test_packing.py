"""Columns near a point, packed side by side."""
from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from backmap.engine.compiling.compiled import part
from backmap.engine.compiling.lanes import WIDTH
from backmap.engine.compiling.packing import pack_near, pack_near_slowly


@pytest.mark.parametrize("pack", [pack_near, part(pack_near_slowly)], ids=["lanes", "loop"])
def test_columns_are_packed_as_one_by_one(pack: Any) -> None:
    @numba.njit
    def packed(source, x, y, z, squared, target):
        """All columns that are near, from the second of ``target`` on; returns where they end."""
        used = np.uint64(1)
        for column in range(np.uint64(0), np.uint64(source.shape[1]), np.uint64(WIDTH)):
            used = pack(source, column, x, y, z, squared, target, used)
        return used

    source = np.random.default_rng(1).uniform(-1.5, 1.5, (4, 5 * WIDTH)).astype(np.float32)
    point = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    for radius in (0.0, 0.3, 1.0, 10.0):
        near = np.linalg.norm(source[:3] - point[:, None], axis=0) < radius
        target = np.zeros((4, 6 * WIDTH + 1), dtype=np.float32)
        end = packed(source, *point, np.float32(radius**2), target)
        assert end == 1 + near.sum()
        np.testing.assert_array_equal(target[:, 1:end], source[:, near])
