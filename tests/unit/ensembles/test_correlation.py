"""Autocorrelation times against processes of which they are known."""
from __future__ import annotations

import math

import numpy as np
import pytest
from backmap_plugins.ensembles.correlation import correlation_time, mean_and_error


def autoregressive(memory: float, steps: int, n: int) -> np.ndarray:
    """x' = a x + noise, started in its stationary state; tau = (1 + a) / (1 - a) / 2."""
    rng = np.random.default_rng(1)
    rows = [rng.normal(size=n)]
    for _ in range(steps - 1):
        rows.append(memory * rows[-1] + math.sqrt(1 - memory**2) * rng.normal(size=n))
    return np.stack(rows)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.98])
def test_time_of_an_autoregressive_process(memory: float) -> None:
    exact = 0.5 * (1 + memory) / (1 - memory)
    assert correlation_time(autoregressive(memory, 10_000, 20)) == pytest.approx(exact, rel=0.1)


def test_chains_in_basins_of_their_own_are_not_independent() -> None:
    values = np.random.default_rng(1).normal(size=(1000, 10)) + 5 * (np.arange(10) % 2)
    assert correlation_time(values) > 100


def test_what_does_not_change_has_no_time() -> None:
    assert math.isnan(correlation_time(np.ones((100, 4))))


def test_errors_are_those_seen_among_repetitions() -> None:
    values = autoregressive(0.9, 2000, 400)
    _, error, _ = mean_and_error(values[:, :1])
    assert error == pytest.approx(values.mean(0).std(), rel=0.3)
