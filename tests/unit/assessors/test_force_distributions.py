"""Distances of distributions of forces: closed forms, and that the tail is never dropped."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.forces.distributions import (
    FLOOR,
    LOGARITHM,
    ForceBins,
    above,
    distances,
    jeffreys,
    logarithm,
    wasserstein,
)

from backmap.model.assessment import divergence

BINS = ForceBins(20.0, 10_000.0)


@pytest.mark.parametrize(("apart", "expected"), [(0, 0.0), (1, 0.11142), (10, 0.69315)])
def test_jensen_shannon_of_two_gaussians(apart: float, expected: float) -> None:
    """By quadrature; never above ln 2."""
    x = np.linspace(-20, 30, 200_001)
    p, q = (np.exp(-0.5 * (x - middle)**2) for middle in (0, apart))
    assert divergence(p, q) == pytest.approx(expected, abs=1e-5)
    assert divergence(p, q) <= np.log(2)


def test_jeffreys_of_two_gaussians() -> None:
    """d^2 of unit Gaussians at a distance d, with a floor that does not matter; finite without overlap."""
    x = np.linspace(-12, 14, 2001)
    p, q = (np.exp(-0.5 * (x - middle)**2) for middle in (0, 1.5))
    assert jeffreys(p, q, floor=1e-15) == pytest.approx(1.5**2, rel=1e-4)
    assert jeffreys(np.eye(2)[0], np.eye(2)[1]) == pytest.approx(2 * np.log(1 / FLOOR), rel=1e-3)


def test_wasserstein_of_a_shift() -> None:
    """Forces that are all twice as large: log10 2."""
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(5, 1, 200_000)
    one, two = (LOGARITHM.count(logarithm(each)) for each in (sizes, 2 * sizes))
    assert wasserstein(one, two, LOGARITHM) == pytest.approx(np.log10(2), abs=1e-3)


def test_tail_of_the_reference_itself() -> None:
    forces = np.random.default_rng(1).normal(size=(400_000, 3)) * 900
    counts = BINS.counts(forces)
    assert distances(counts, counts)["tail mass"] == pytest.approx(0.001, rel=0.02)
    half = above(counts["logarithm"], LOGARITHM.quantile(counts["logarithm"], 0.5), LOGARITHM)
    assert half == pytest.approx(0.5, abs=1e-3)


def test_the_last_bin_is_open() -> None:
    """One force of 1e9 kJ/mol/nm among those of a thousand frames is seen."""
    forces = np.random.default_rng(2).normal(size=(100_000, 3)) * 500
    usual = BINS.counts(forces)
    worse = BINS.counts(np.vstack([forces, [1e9, 0, 0]]))
    found, floor = distances(worse, usual), distances(usual, usual)
    assert found["JSD"] > floor["JSD"] == 0
    assert all(counts.sum() == n for counts, n in zip(worse.values(), (100_001, 100_001, 300_003)))


def test_forces_that_are_no_numbers_are_the_largest() -> None:
    counts = BINS.counts(np.array([[np.nan, 0, 0], [np.inf, 0, 0], [0, 0, 1.0]]))
    assert counts["linear"][-1] == counts["logarithm"][-1] == 2
    assert sum(counts["linear"]) == 3


def test_nothing_measured() -> None:
    none = {name: 0 * counts for name, counts in BINS.counts(np.zeros((1, 3))).items()}
    assert all(np.isnan(value) for value in distances(none, none).values())
