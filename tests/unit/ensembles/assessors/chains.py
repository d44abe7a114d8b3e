"""Chains whose averages and memories are known."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.api import Chain, Options
from backmap.testing import Pendulum

TARGET = Pendulum(Options())


def remembering(memory: float, n: int = 50, steps: int = 400, seed: int = 1) -> NDArray[np.float64]:
    """Autoregressive chains of mean 0 and variance 1, (steps, n): the autocorrelation falls by ``memory`` a step."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=n)]
    for _ in range(steps - 1):
        values.append(memory * values[-1] + np.sqrt(1 - memory**2) * rng.normal(size=n))
    return np.array(values)


def chain(height: NDArray[np.float64], tried: dict[int, int] | None = None, accepted: dict[int, int] | None = None,
          longest: int = 3, **rows: NDArray) -> Chain:
    """A chain with one observable, in one basin."""
    basin = np.zeros(height.shape, dtype=np.int64)
    tried = {0: height.size} if tried is None else tried
    accepted = {0: height.size // 2} if accepted is None else accepted
    return Chain(None, {"height": height, "basin": basin, **rows}, {"vae": accepted}, {"vae": tried}, {"vae": longest},
                 {"vae": 1.0})
