"""The sampler ``local``: the target's own local moves, to compare with and to find training data by."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pydantic import Field
from torch import Tensor

from backmap.api import Chain, Model, Options, Sampler, Target

from .recording import Recorder


class LocalOptions(Options):
    """Options of ``local``."""

    sweeps: int = Field(1, ge=1, description="Sweeps of local moves in each step.")


class Local(Sampler):
    """The target's own local Monte Carlo moves, without a model."""

    Options = LocalOptions

    def run(self, target: Target, model: Model | None, x: Tensor, steps: int, rng: np.random.Generator,
            progress: Callable[[float], None] = lambda fraction: None) -> Chain:
        recorder, sweeps = Recorder(target, len(x)), self.options.sweeps
        for step in range(steps):
            with recorder.timed("local"):
                x, share = target.local(x, sweeps, rng)
            recorder.share("local", sweeps * x.numel(), share)
            recorder.keep(x)
            progress((step + 1) / steps)
        return recorder.finish(x)
