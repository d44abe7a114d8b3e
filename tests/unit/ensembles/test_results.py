"""What weights of proposals are said to be worth: exact cases, and one proposal that would be all of the mean."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.ensembles.correlation import mean_and_error
from backmap_plugins.ensembles.results import MOST, weights


def test_bound_of_normal_weights() -> None:
    """ln w normal with variance v: the divergence is v/2, the effective share exp(-v)."""
    values = 0.5 * np.random.default_rng(1).normal(size=200_000) + 3
    found = weights(values, None)
    assert found["bound"] == pytest.approx(0.125, abs=0.005)
    assert found["bound_cut"] == 0
    assert found["effective_share"] == pytest.approx(np.exp(-0.25), abs=0.01)
    assert found["log_normaliser"] == pytest.approx(3.125, abs=0.005)
    assert weights(values, 4.125)["bound"] == pytest.approx(1.125, abs=0.005)


def test_an_overlap_does_not_ruin_the_bound() -> None:
    values = np.zeros(1000)
    values[0] = -1e9
    found = weights(values, 0.0)
    assert found["bound"] == pytest.approx(MOST / 1000)
    assert found["bound_cut"] == pytest.approx(0.001)


def test_reweighted_means_and_their_errors() -> None:
    """Even numbers on [0, 1] with weights 2 x: the mean is 2/3, the error that of many repetitions."""
    found = []
    for seed in range(40):
        x = np.random.default_rng(seed).random((20, 50))
        found.append(mean_and_error(x, 2 * x))
    means, errors, _ = np.array(found).T
    assert means.mean() == pytest.approx(2 / 3, abs=0.005)
    assert means.std() == pytest.approx(errors.mean(), rel=0.35)
