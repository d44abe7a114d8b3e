"""Uniform numbers of named streams in compiled loops: those of ``engine.random.Stream.uniform``."""
from __future__ import annotations

import numpy as np

from .compiled import part


@part
def _mixed(word):
    """SplitMix64's finaliser, as in ``engine.random``."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@part
def uniform(key, number):
    """The number-th uniform number, from 0, of the stream ``key`` (int64): ``engine.random.Stream.uniform``."""
    word = _mixed(np.uint64(key) + np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(11)
    return min((np.float64(word) + 0.5) * 2.0**-53, 1.0 - 2.0**-53)


@part
def normal(key, number):
    """A standard normal number from the uniform numbers ``number`` and the next (Box, Muller)."""
    return np.sqrt(-2.0 * np.log(uniform(key, number))) * np.cos(2.0 * np.pi * uniform(key, number + 1))
