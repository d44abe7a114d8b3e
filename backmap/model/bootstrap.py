"""Errors of what frames show: whole frames are drawn again, with replacement (Efron, Ann. Stat. 7, 1 (1979)).

Replicas of a frame are not independent: they have its beads in common, and are drawn together.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from .tally import Tally

DRAWS = 200

Compare = Callable[[Tally, Tally], Mapping[Hashable, float]]


def errors(compare: Compare, tally: Tally, reference: Tally, draws: int = DRAWS) -> dict[Hashable, float]:
    """Standard errors of what a comparison of two trajectories finds, by name; NaN where one has a single frame.

    Args:
        compare: Distances of a tally from another, from their rows alone.
        tally: Of a trajectory.
        reference: Of the reference; its frames need not be those of the trajectory.
        draws: How often frames are drawn.
    """
    names = compare(tally, reference)
    if min(tally.n_bead_frames, reference.n_bead_frames) < 2:
        return dict.fromkeys(names, float("nan"))
    found = [compare(ours, theirs) for ours, theirs in resamplings(tally, reference, draws=draws)]
    return {name: float(np.std([one[name] for one in found], ddof=1)) for name in names}


def resamplings(*tallies: Tally, draws: int = DRAWS) -> Iterator[tuple[Tally, ...]]:
    """Tallies of frames that are drawn with replacement, each trajectory by itself; the same draws every time."""
    streams = [np.random.default_rng(k) for k in range(len(tallies))]
    for _ in range(draws):
        yield tuple(tally.resampled(picked(tally.n_bead_frames, stream)) for tally, stream in zip(tallies, streams))


def picked(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of n frames drawn with replacement from n."""
    return rng.integers(n, size=n)
