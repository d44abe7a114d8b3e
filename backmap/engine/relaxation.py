"""Whether sweeps have come to rest: slopes of what was followed, and two starts that must meet.

A series is (n, T): T sweeps of n pieces, which are frames or stretches of a frame that hardly know of each other.
Slopes and means are taken of every piece by itself, and their scatter among pieces is their error, however slowly each
of them forgets where it was: a series that is not many times as long as its autocorrelation time does not know that
time.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

Array = NDArray[np.float64]

FALSE_ALARMS = 0.01  #: probability that any of the series of a run that is relaxed is said to move
#: Of kT for each degree of freedom: 3 % of its mean kinetic energy. Smaller changes of an energy do not matter.
ENERGY = 0.015
POPULATION = 0.02  #: smaller changes of a share do not matter
#: Nor do those below this part of what one frame fluctuates by: a hundred frames would not show them.
FLUCTUATION = 0.1
ENOUGH = 4  #: fewer pieces do not tell an error by their scatter
SHORTEST = 5  #: sweeps of which nothing can be said if there are fewer
#: Ratio of the mean square differences over a third and a sixth of the sweeps; above, too little is forgotten.
GROWING = 1.5
MANY = 8.0  #: times that something is forgotten in, after which a run is long
MOST = 10.0  #: times as many sweeps as there were: farther than this nobody sees
SLOWEST = 0.9  #: largest ratio of the changes of successive thirds that is believed


@dataclass(frozen=True)
class Change:
    """A difference with its error, against what matters.

    Attributes:
        value: Mean over pieces.
        error: Its standard error; infinite where there is none.
        freedom: Degrees of freedom of the error.
        noise: Standard deviation of one piece about its line; NaN where it is not known.
        tolerance: Smaller differences do not matter.
        tests: How many such differences are looked at together.
    """

    value: float
    error: float
    freedom: float
    noise: float
    tolerance: float = 0.0
    tests: int = 1

    @property
    def p(self) -> float:
        """Probability of a difference as large or larger where there is none."""
        if not np.isfinite(self.error):
            return 1.0
        if self.error == 0:
            return float(self.value == 0)
        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    @property
    def seen(self) -> bool:
        """Whether it is no chance."""
        return self.p < FALSE_ALARMS / self.tests

    @property
    def visible(self) -> float:
        """The smallest difference that would be seen; infinite where none would."""
        if not np.isfinite(self.error):
            return float("inf")
        return float(self.error * stdtrit(self.freedom, 1 - FALSE_ALARMS / self.tests / 2))


@dataclass(frozen=True)
class Slope(Change):
    """The change of a series over its last third, ``value``.

    Attributes:
        sweeps: Of the whole series.
        before: Its change over the third before.
        correlation: Integrated autocorrelation time, sweeps.
    """

    sweeps: int = 0
    before: float = 0.0
    correlation: float = float("nan")

    @property
    def ratio(self) -> float:
        """How much of the change of one third is left in the next, as of an exponential decay."""
        ratio = self.value / self.before if self.before else np.inf
        return float(min(ratio, SLOWEST)) if ratio > 0 else SLOWEST

    @property
    def ahead(self) -> float:
        """What is still to come after the last sweep, if it goes on so; with the sign of ``value``."""
        return self.value * self.ratio / (1 - self.ratio)

    @property
    def largest(self) -> float:
        """The larger of what has changed and of what is still to come."""
        return max(abs(self.value), abs(self.ahead))

    @property
    def relaxed(self) -> bool:
        """Whether nothing that matters is seen to change."""
        return not (self.seen and self.largest > self.tolerance)

    @property
    def needed(self) -> int:
        """Sweeps after which what is to come should not matter, ``MOST`` times as many as there were at most."""
        if self.relaxed or self.tolerance <= 0:
            return self.sweeps
        thirds = np.log(max(self.largest / self.tolerance, 1.0)) / -np.log(self.ratio)
        return int(np.ceil(self.sweeps * min(1 + max(thirds, 1.0) / 3, MOST)))


def relaxed(series: ArrayLike, tolerance: float = 0.0, tests: int = 1, pieces: int = 1,
            sweeps: ArrayLike | None = None) -> Slope:
    """The slope of a series, and whether it matters (``Slope.relaxed``).

    Args:
        series: (n, T) of n pieces, of which any frame has the same number.
        tolerance: Changes that do not matter, of one piece over a third of the series.
        tests: How many series are looked at together.
        pieces: How many pieces a frame has.
        sweeps: After which sweep each entry was taken, ascending, (T,); None: after every one.
    """
    rows = np.atleast_2d(np.asarray(series, dtype=np.float64))
    times = np.arange(1.0, rows.shape[1] + 1) if sweeps is None else np.asarray(sweeps, dtype=np.float64)
    total = int(times[-1]) if len(times) else 0
    last, middle = (parts_of(times, number) for number in (2, 1))
    if total < SHORTEST or last.sum() < 2 or not np.isfinite(rows).all():
        return Slope(0.0, float("inf"), 1.0, float("nan"), tolerance, tests, total)
    slopes, noise = _lines(rows[:, last], times[last])
    error, freedom = _scatter(slopes)
    before = _lines(rows[:, middle], times[middle])[0].mean() if middle.sum() > 1 else 0.0
    late = last | middle
    correlation = correlation_time(rows[:, late]) * (times[-1] - times[-2]) if last.sum() > 2 else float("nan")
    third = total / 3
    tolerance = _tolerance(tolerance, noise, pieces)
    return Slope(float(slopes.mean()) * third, error * third, freedom, noise, tolerance, tests, total,
                 float(before) * third, correlation)


def parts_of(times: Array, number: int) -> NDArray[np.bool_]:
    """Which sweeps (T,), the last of which ends the run, are in a third of it, 0 to 2; (T,) bool."""
    return (times >= times[-1] * number / 3) & (times <= times[-1] * (number + 1) / 3)


@dataclass(frozen=True)
class Growth(Change):
    """How much more a third of the sweeps changes a series than a sixth does, less one.

    Attributes:
        sweeps: Of the whole series.
    """

    sweeps: int = 0

    @property
    def forgotten(self) -> bool:
        """Whether it is not seen that sweeps are too few to forget."""
        return not (self.seen and self.value > self.tolerance)

    @property
    def needed(self) -> int:
        """Sweeps of which a run should have ``MANY`` times as many as it takes to forget, ``MOST`` of these at most."""
        if self.forgotten:
            return self.sweeps
        slow = -1 / np.log(self.value) if self.value < 1 else np.inf
        return int(np.ceil(self.sweeps * min(MANY * slow / 6, MOST)))


def growth(series: ArrayLike, tests: int = 1, sweeps: ArrayLike | None = None) -> Growth:
    """How much more a third of the sweeps changes a series than a sixth does, less one.

    Mean square differences of what is forgotten at the rate 1/t grow with the time L as 1 - exp(-L/t): from one L to
    twice as much by exp(-L/t), nothing where all is forgotten, and as much again where nothing is. It takes no slope:
    a series that stands still because its sweeps are short grows like that as well.

    Args:
        series, tests, sweeps: As of ``relaxed``; sweeps evenly from a third on.
    """
    rows = np.atleast_2d(np.asarray(series, dtype=np.float64))
    times = np.arange(1.0, rows.shape[1] + 1) if sweeps is None else np.asarray(sweeps, dtype=np.float64)
    late, total = (rows[:, times >= times[-1] / 3], int(times[-1])) if len(times) else (rows, 0)
    lag = round(late.shape[1] / 4)
    if not np.isfinite(rows).all() or late.shape[1] < 2 * SHORTEST // 3 or lag < 1 or len(rows) < ENOUGH:
        return Growth(0.0, float("inf"), 1.0, float("nan"), GROWING - 1, tests, total)
    near, far = (((late[:, k:] - late[:, :-k])**2).mean(axis=1) for k in (lag, 2 * lag))
    if not near.sum() > 0:  # moves are never accepted; but a term without energy has nothing to forget
        return Growth(1.0 if rows.any() else 0.0, 0.0, len(rows) - 1.0, float("nan"), GROWING - 1, tests, total)
    ratio, n = far.sum() / near.sum(), len(rows)
    error = np.sqrt(((far - ratio * near)**2).sum() * n / (n - 1)) / near.sum()
    return Growth(float(ratio - 1), float(error), n - 1.0, float("nan"), GROWING - 1, tests, total)


def meeting(first: ArrayLike, second: ArrayLike, tolerance: float = 0.0, tests: int = 1, pieces: int = 1,
            noise: float = float("nan")) -> Change:
    """By how much a second start is above the first.

    Args:
        first, second: Means over the last third of each of the same n pieces, (n,).
        tolerance, tests, pieces: As of ``relaxed``.
        noise: By how much a piece fluctuates about its mean.
    """
    apart = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    if not np.isfinite(apart).all():
        return Change(0.0, float("inf"), 1.0, noise, tolerance, tests)
    return Change(float(apart.mean()), *_scatter(apart), noise, _tolerance(tolerance, noise, pieces), tests)


def correlation_time(series: ArrayLike) -> float:
    """Integrated autocorrelation time of pieces (n, T) with slopes taken out, at least 1/2, in entries.

    Summed up to five times itself (Sokal, in Functional Integration, 131 (1997)); a series that is not many times as
    long does not know it, and then it is too small.
    """
    rows = np.atleast_2d(np.asarray(series, dtype=np.float64))
    covariance = _autocovariance(rows)
    if not covariance[0] > 0:
        return 0.5
    times = 0.5 + np.cumsum(covariance[1:] / covariance[0])
    done = np.flatnonzero(np.arange(1, len(times) + 1) >= 5 * times)
    return float(max(0.5, times[done[0]] if len(done) else times.max(initial=0.5)))


def _scatter(values: Array) -> tuple[float, float]:
    """Standard error of the mean of pieces (n,), and its degrees of freedom."""
    n = len(values)
    return (float(values.std(ddof=1) / np.sqrt(n)), n - 1.0) if n >= ENOUGH else (float("inf"), 1.0)


def _tolerance(tolerance: float, noise: float, pieces: int) -> float:
    """What does not matter of the mean of pieces, of which a frame has so many."""
    return max(tolerance, FLUCTUATION * noise / pieces**0.5) if np.isfinite(noise) else tolerance


def _lines(rows: Array, times: Array) -> tuple[Array, float]:
    """Slopes of the pieces (n, T), (n,), and the standard deviation about their lines; NaN of two entries."""
    centred = times - times.mean()
    slopes = rows @ centred / (centred @ centred)
    left = rows - rows.mean(axis=1, keepdims=True) - slopes[:, None] * centred
    freedom = rows.shape[1] - 2
    return slopes, float(np.sqrt((left**2).sum() / (len(rows) * freedom))) if freedom else float("nan")


def _autocovariance(rows: Array) -> Array:
    """Of what is left of pieces without their lines, by distance in time, (T,), all pieces together."""
    n, total = rows.shape
    time = np.arange(total) - (total - 1) / 2
    left = rows - rows.mean(axis=1, keepdims=True) - (rows @ time / (time @ time))[:, None] * time
    size = 2 * total
    power = np.abs(np.fft.rfft(left, size, axis=1))**2
    return np.fft.irfft(power.sum(axis=0), size)[:total] / (n * max(total - 2, 1))
