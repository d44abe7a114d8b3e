"""What samplers write down while they run."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from backmap.api import Chain, Target


class Recorder:
    """Fills a ``Chain``: observables at every kept state, acceptance by basin, runs of rejections, CPU time."""

    def __init__(self, target: Target, n: int) -> None:
        self.target, self.rows = target, {}
        self.chain = Chain(None)
        self.running = np.zeros(n, dtype=np.int64)

    def keep(self, x: Tensor, **more: np.ndarray) -> None:
        """Write down one state of all chains, (n, D)."""
        values = {**self.target.observables(x), "basin": self.target.basins(x), **more}
        for name, value in values.items():
            self.rows.setdefault(name, []).append(np.asarray(value))

    def decided(self, kind: str, basin: np.ndarray, accepted: np.ndarray) -> None:
        """Count one move of each chain, which set out from ``basin`` (n,)."""
        for counts, chosen in ((self.chain.tried, np.ones_like(accepted)), (self.chain.accepted, accepted)):
            numbers = np.bincount(basin[chosen.astype(bool)])
            for number in np.flatnonzero(numbers).tolist():
                by_basin = counts.setdefault(kind, {})
                by_basin[number] = by_basin.get(number, 0) + int(numbers[number])
        self.running = np.where(accepted, 0, self.running + 1)
        self.chain.longest[kind] = max(self.chain.longest.get(kind, 0), int(self.running.max()))

    def share(self, kind: str, tried: int, share: float) -> None:
        """Count moves of which only the share accepted is known."""
        for counts, number in ((self.chain.tried, tried), (self.chain.accepted, round(tried * share))):
            counts.setdefault(kind, {})[-1] = counts.get(kind, {}).get(-1, 0) + number

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Add the CPU seconds of what is done inside to ``kind``."""
        began = time.process_time()
        yield
        self.chain.seconds[kind] = self.chain.seconds.get(kind, 0.0) + time.process_time() - began

    def finish(self, x: Tensor) -> Chain:
        """The chain, with its last configurations."""
        self.chain.x = x
        self.chain.rows = {name: np.stack(values) for name, values in self.rows.items()}
        return self.chain
