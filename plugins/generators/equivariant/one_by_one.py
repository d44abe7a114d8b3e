"""What generators share whose networks draw the atoms of a fragment one after the other."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from backmap.api import DensityGenerator
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment

from ..trained import Trained
from .core import Core


class OneByOne(Trained, DensityGenerator):
    """One whose network draws the atoms of a fragment one after the other, with a density of each.

    Attributes:
        core: Draws them, and knows their density.
    """

    core: Core

    @property
    def network(self) -> nn.Module:
        return self.core.network

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return self.core.draw(env, rng, candidates)

    @torch.no_grad()
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return self.core.log_density(env, positions)

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        return -self.core.log_density(env, target)
