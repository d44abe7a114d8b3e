"""Whether sweeps have come to rest: known answers for noise that is forgotten slowly, and for decays."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest

from backmap.engine.relaxation import ENOUGH, SHORTEST, correlation_time, growth, meeting, relaxed


def noise(rng: np.random.Generator, pieces: int, sweeps: int, time: float) -> NDArray[np.float64]:
    """Stationary noise of unit variance with this integrated autocorrelation time, (pieces, sweeps)."""
    decay = (2 * time - 1) / (2 * time + 1)
    rows, state = np.empty((pieces, sweeps)), rng.normal(size=pieces)
    for sweep in range(sweeps):
        state = decay * state + np.sqrt(1 - decay**2) * rng.normal(size=pieces)
        rows[:, sweep] = state
    return rows


@pytest.mark.parametrize(("sweeps", "time"), [(10, 0.5), (10, 10.0), (60, 3.0)])
def test_probabilities_are_uniform_however_slowly_noise_is_forgotten(sweeps: int, time: float) -> None:
    rng = np.random.default_rng(1)
    slopes = [relaxed(noise(rng, 8, sweeps, time)).p for _ in range(400)]
    gaps = [meeting(noise(rng, 8, 1, time)[:, 0], noise(rng, 8, 1, time)[:, 0]).p for _ in range(400)]
    assert kstest(slopes, "uniform").pvalue > 1e-3
    assert kstest(gaps, "uniform").pvalue > 1e-3


def test_a_decay_is_seen_and_what_is_to_come_is_told() -> None:
    """30 exp(-t / 20) over 30 sweeps: 4.1 in the last third but for its curvature, 6.7 still to come."""
    rng = np.random.default_rng(2)
    decay = 30 * np.exp(-np.arange(1, 31) / 20)
    slope = relaxed(decay + noise(rng, 64, 30, 2.0), tolerance=0.5, tests=10)
    assert slope.seen
    assert not slope.relaxed
    assert slope.value == pytest.approx(-4.2, abs=0.6)
    assert slope.ahead == pytest.approx(-6.7, rel=0.35)
    assert slope.needed == pytest.approx(20 * np.log(30 / 0.5), rel=0.35)
    assert relaxed(0.01 * decay + noise(rng, 64, 30, 2.0), tolerance=0.5, tests=10).relaxed


def test_small_changes_do_not_matter_however_well_they_are_seen() -> None:
    rng = np.random.default_rng(3)
    rows = 1e-3 * noise(rng, 64, 30, 0.5) - 0.01 * np.arange(30)
    assert relaxed(rows, tolerance=0.05).seen
    assert not relaxed(rows, tolerance=0.05).relaxed
    assert relaxed(rows, tolerance=2.0).relaxed
    assert relaxed(rows, tolerance=2.0).needed == 30


def test_second_starts_that_do_not_meet_are_seen() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 16)) + np.array([[0.0], [4.0]])
    gap = meeting(first, second, tests=10)
    assert gap.seen
    assert gap.value == pytest.approx(4.0, abs=4 * gap.error)
    assert meeting(first, first + 1e-9 * second).value == pytest.approx(0.0, abs=1e-6)


def test_what_can_be_seen_is_told() -> None:
    """A change as large as ``visible`` is seen half of the time."""
    rng = np.random.default_rng(5)
    visible = np.median([relaxed(noise(rng, 16, 30, 1.0)).visible for _ in range(100)])
    ramp = visible * np.arange(30) / 10
    assert 0.35 < np.mean([relaxed(noise(rng, 16, 30, 1.0) + ramp).seen for _ in range(300)]) < 0.65


def remembering(rng: np.random.Generator, sweeps: int, time: float) -> NDArray[np.float64]:
    """Sixty-four pieces of noise that is forgotten as exp(-t / time)."""
    decay = np.exp(-1 / time)
    return noise(rng, 64, sweeps, 0.5 * (1 + decay) / (1 - decay))


@pytest.mark.parametrize("sweeps", [10, 30])
def test_sweeps_that_are_too_few_to_forget_are_seen_without_a_slope(sweeps: int) -> None:
    rng = np.random.default_rng(9)

    def flagged(times: float) -> float:
        return np.mean([not growth(remembering(rng, sweeps, sweeps * times), tests=10).forgotten for _ in range(60)])

    assert flagged(5.0) > 0.9
    assert flagged(1 / 12) < 0.05
    assert np.mean([relaxed(remembering(rng, sweeps, 5.0 * sweeps), tests=10).seen for _ in range(60)]) < 0.05


def test_sweeps_that_are_needed_to_forget() -> None:
    rng = np.random.default_rng(10)
    grown = growth(np.concatenate([remembering(rng, 40, 20.0) for _ in range(16)]))
    assert grown.value == pytest.approx(np.exp(-40 / 6 / 20), abs=0.1)
    assert grown.needed == pytest.approx(8 * 20, rel=0.5)
    assert growth(np.ones((16, 30))).needed == 300  # nothing moves
    assert growth(np.zeros((16, 30))).forgotten  # a term without energy


def test_too_little_tells_nothing() -> None:
    rng = np.random.default_rng(6)
    for pieces, sweeps in ((ENOUGH - 1, 30), (16, SHORTEST - 1)):
        slope = relaxed(noise(rng, pieces, sweeps, 0.5) + np.arange(sweeps))
        assert not slope.seen
        assert slope.visible == np.inf
    broken = noise(rng, 16, 30, 0.5)
    broken[3, 4] = np.nan
    assert relaxed(broken).visible == np.inf


def test_sweeps_that_were_looked_at_rarely() -> None:
    """Two entries a third tell the slope, if not the noise."""
    rng = np.random.default_rng(8)
    ramp = 3.0 * np.arange(1, 31) + noise(rng, 16, 30, 0.5)
    slope = relaxed(ramp[:, [0, 9, 19, 29]], sweeps=[1, 10, 20, 30])
    assert slope.value == pytest.approx(30.0, abs=2.0)
    assert slope.seen
    assert slope.before == pytest.approx(30.0, abs=2.0)


def test_autocorrelation_times() -> None:
    rng = np.random.default_rng(7)
    for time in (0.5, 2.0, 5.0):
        assert correlation_time(noise(rng, 32, 1000, time)) == pytest.approx(time, rel=0.15)
    rarely = relaxed(noise(rng, 32, 1000, 2.0), sweeps=3 * np.arange(1, 1001))
    assert rarely.correlation == pytest.approx(6.0, rel=0.15)
