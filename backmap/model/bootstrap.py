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


def errors(compare: Compare, tally: Tally, reference: Tally, draws: int = DRAWS,
           blocks: int = 0) -> dict[Hashable, float]:
    """Standard errors of what a comparison of two trajectories finds, by name; NaN where one has a single frame.

    Args:
        compare: Distances of a tally from another, from their rows alone.
        tally: Of a trajectory.
        reference: Of the reference; its frames need not be those of the trajectory.
        draws: How often frames are drawn.
        blocks: At most so many blocks of successive frames are drawn instead of frames, where neighbours in time are
            alike; 0 draws single frames.
    """
    names = compare(tally, reference)
    if min(tally.n_bead_frames, reference.n_bead_frames) < 2:
        return dict.fromkeys(names, float("nan"))
    found = [compare(ours, theirs) for ours, theirs in resamplings(tally, reference, draws=draws, blocks=blocks)]
    return {name: float(np.std([one[name] for one in found], ddof=1)) for name in names}


def resamplings(*tallies: Tally, draws: int = DRAWS, blocks: int = 0) -> Iterator[tuple[Tally, ...]]:
    """Tallies of frames that are drawn with replacement, each trajectory by itself; the same draws every time."""
    streams = [np.random.default_rng(k) for k in range(len(tallies))]
    for _ in range(draws):
        yield tuple(tally.resampled(picked(tally.n_bead_frames, stream, blocks))
                    for tally, stream in zip(tallies, streams))


def picked(n: int, rng: np.random.Generator, blocks: int = 0) -> NDArray[np.int64]:
    """Numbers of frames drawn with replacement from n: single ones, or whole blocks of successive ones."""
    if not 0 < blocks < n:
        return rng.integers(n, size=n)
    parts = np.array_split(np.arange(n), blocks)
    return np.concatenate([parts[k] for k in rng.integers(blocks, size=blocks)])


def block_error(rows: NDArray, value: Callable[[NDArray], float], blocks: int) -> float | None:
    """Standard error of what follows from the mean of rows (n, ...), from blocks of successive ones; None of one."""
    parts = np.array_split(rows, min(blocks, len(rows))) if len(rows) > 1 else []
    found = [value(part.mean(axis=0)) for part in parts]
    return float(np.std(found, ddof=1) / len(found)**0.5) if len(found) > 1 else None
