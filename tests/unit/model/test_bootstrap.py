"""Errors from frames that are drawn again."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.model.bootstrap import block_error, errors, resamplings
from backmap.model.tally import Tally


def tally(values: np.ndarray) -> Tally:
    found = Tally()
    for place, value in enumerate(values):
        found.row("x", place, [value])
        found.count("n", place, [1])
    return found


def apart(one: Tally, other: Tally) -> dict[str, float]:
    return {"mean": float(one.rows("x").mean() - other.rows("x").mean())}


def test_error_of_a_difference_of_means() -> None:
    """Standard errors of both, in quadrature; 200 draws know them to 5 %."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=50), 3 * rng.normal(size=30)
    expected = np.hypot(one.std() / 50**0.5, other.std() / 30**0.5)
    assert errors(apart, tally(one), tally(other))["mean"] == pytest.approx(expected, rel=0.2)


def test_the_same_draws_every_time() -> None:
    one, other = tally(np.arange(9.0)), tally(np.arange(5.0))
    assert errors(apart, one, other) == errors(apart, one, other)


def test_a_single_frame_has_no_error() -> None:
    assert np.isnan(errors(apart, tally(np.ones(1)), tally(np.arange(5.0)))["mean"])


def test_rows_are_drawn_and_counts_left_out() -> None:
    (part,), *_ = resamplings(tally(np.arange(7.0)), draws=3)
    assert part.n_frames == 7
    assert set(part.rows("x").ravel()) < set(range(7))
    assert "n" not in part
    assert tally(np.arange(7.0)).resampled([2, 2, 5]).rows("x").tolist() == [[2], [2], [5]]


def test_blocks_of_frames_that_are_alike() -> None:
    """Of 100 frames, ten successive ones are the same: there are 10 numbers, not 100. Blocks know it to 40 %."""
    numbers = np.random.default_rng(3).normal(size=10)
    series, still = tally(np.repeat(numbers, 10)), tally(np.zeros(100))
    expected = numbers.std() / 10**0.5
    assert errors(apart, series, still, blocks=10)["mean"] == pytest.approx(expected, rel=0.4)
    assert errors(apart, series, still)["mean"] < 0.5 * expected
    assert block_error(series.rows("x"), lambda mean: mean[0], 10) == pytest.approx(numbers.std(ddof=1) / 10**0.5)
    assert block_error(series.rows("x")[:1], lambda mean: mean[0], 10) is None
