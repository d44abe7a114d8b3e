"""How long chains remember: integrated autocorrelation times, and errors that know of them."""
from __future__ import annotations

import math

import numpy as np


def correlation_time(values: np.ndarray, window: float = 5.0) -> float:
    """Integrated autocorrelation time of parallel chains, in steps; 0.5 where states are independent.

    Sums the autocorrelation function, averaged over chains, up to the first lag of ``window`` times the sum so far
    (A. Sokal, Monte Carlo Methods in Statistical Mechanics, 1996). The mean is that of all chains: chains that stay
    in basins of their own do not look decorrelated. A lower bound where chains are shorter than some 50 times this.

    Args:
        values: (T, n), T states of n chains.
        window: Of the sum.

    Returns:
        The time; nan if the values do not change.
    """
    function = correlation_function(values)
    if function is None:
        return math.nan
    length = len(function)
    total = 0.5 + np.concatenate([[0.0], np.cumsum(function[1:])])
    enough = np.flatnonzero(np.arange(length) >= window * total)
    return float(max(0.5, total[enough[0] if len(enough) else -1]))


def correlation_function(values: np.ndarray) -> np.ndarray | None:
    """Normalised autocorrelation function of (T, n) states of parallel chains, (T,); None if they do not change."""
    length = len(values)
    centred = values - values.mean()
    variance = float((centred**2).mean())
    if variance <= 1e-24 * max(1.0, float(np.abs(values).max())**2) or length < 2:
        return None
    spectrum = np.fft.rfft(centred, n=2 * length, axis=0)
    sums = np.fft.irfft(np.abs(spectrum)**2, axis=0)[:length].mean(1)
    return sums / (length - np.arange(length)) / variance


def mean_and_error(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float, float]:
    """Mean of (T, n) states of parallel chains, its standard error, and the autocorrelation time in steps.

    Args:
        values: (T, n).
        weights: That each state counts with, (T, n): of chains that sample another density. Error and time are then
            those of weights times deviations from the mean, which is the ratio of two averages.
    """
    mean = float(np.average(values, weights=weights))
    if weights is not None:
        values = (values - mean) * weights / weights.mean()
    time = correlation_time(values)
    independent = values.size / max(1.0, 2 * time) if math.isfinite(time) else values.size
    return mean, float(values.std() / math.sqrt(max(1.0, independent))), time
