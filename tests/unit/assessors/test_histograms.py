"""Bins and quantiles, against numpy."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.histograms import Bins


def test_counts_are_those_of_numpy_with_the_rest_at_the_edges() -> None:
    bins = Bins(-1.0, 1.0, 0.1)
    values = np.random.default_rng(1).normal(0, 0.8, 5000)
    expected = np.histogram(np.clip(values, -1 + 1e-9, 1 - 1e-9), bins.edges)[0]
    assert bins.n == 20
    assert bins.count(values).tolist() == expected.tolist()
    group = np.arange(5000) % 3
    assert bins.count_by(values, group, 3).sum(axis=0).tolist() == expected.tolist()
    assert (bins.density(expected) * 0.1).sum() == pytest.approx(1)


def test_a_width_that_does_not_fit_makes_one_more_bin() -> None:
    assert Bins(0.0, 1.0, 0.3).n == 4


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.99, 1.0])
def test_quantiles_are_those_of_numpy_to_within_a_bin(share: float) -> None:
    bins, values = Bins(0.0, 1.0, 1e-4), np.random.default_rng(2).beta(3, 5, 20_000)
    for some in (values, values[:700], values[:2], values[:1]):
        assert bins.quantile(bins.count(some), share) == pytest.approx(np.quantile(some, share), abs=1.01e-4)


def test_there_is_no_quantile_of_nothing() -> None:
    assert np.isnan(Bins(0.0, 1.0, 0.1).quantile(np.zeros(10, dtype=int), 0.5))
