"""Rows by frame, beside a dictionary of arrays."""
from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from backmap.model.rows import SMALL, TOGETHER, FrameRows


@pytest.mark.parametrize("shape", [(), (3,), (SMALL, 2)], ids=["numbers", "small", "large"])
def test_rows_in_any_order_are_as_in_a_dictionary(shape: tuple[int, ...]) -> None:
    """Some of them are set twice, some are deleted."""
    rng, rows, plain = np.random.default_rng(1), FrameRows(), {}
    for index in rng.integers(0, 700, 3 * TOGETHER).tolist():
        rows[index] = plain[index] = rng.normal(size=shape)
    for index in sorted(plain)[::7]:
        del rows[index], plain[index]
    assert sorted(rows) == sorted(plain)
    assert len(rows) == len(plain)
    places, values = rows.in_order()
    assert places.tolist() == sorted(plain)
    np.testing.assert_array_equal(values, [plain[index] for index in sorted(plain)])
    assert all((rows[index] == plain[index]).all() for index in plain)
    for missing in (701, 2 * 10**9):
        with pytest.raises(KeyError):
            rows[missing]
        with pytest.raises(KeyError):
            del rows[missing]


def test_rows_of_float32_stay_that() -> None:
    rows = FrameRows((k, np.ones(2, dtype=np.float32)) for k in range(TOGETHER + 1))
    assert rows.in_order()[1].dtype == np.float32


def test_small_rows_take_little_room() -> None:
    """24 bytes each, and what stands loose."""
    tracemalloc.start()
    rows = FrameRows()
    for index in range(50 * TOGETHER):
        rows[index] = np.array([1.0, 2.0])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) == 50 * TOGETHER
    assert held < 30 * 50 * TOGETHER + 400 * TOGETHER
