"""A bias that makes chains visit all of the latent space: proposals, its weights, and the way back."""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from backmap.api import Model

#: Draws from the prior by which its reach is found, and the share of them that is left out on either side.
DRAWS, TAIL = 4000, 0.001


class Flat:
    """r(z) = (1 - s) P(z) + s U(z), with U even in the box where the prior has its latent variables.

    Weights P(z) / r(z), by which biased chains are reweighted, are at most 1 / (1 - s): no state counts for many.

    Args:
        model: The prior is its own.
        share: s.
        rng: For the draws by which the box is found.
    """

    def __init__(self, model: Model, share: float, rng: np.random.Generator) -> None:
        self.model, self.share = model, share
        drawn = model.prior(DRAWS, rng)[0]
        self.low, self.high = (torch.quantile(drawn, q, dim=0) for q in (TAIL, 1 - TAIL))
        self.height = -float(torch.log(self.high - self.low).sum())

    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw z (n, L) from r(z); returns z and ln P(z), not ln r(z)."""
        z = self.model.prior(n, rng)[0]
        even = self.low + (self.high - self.low) * torch.from_numpy(rng.random(tuple(z.shape)))
        z = torch.where(torch.from_numpy(rng.random((n, 1)) < self.share), even, z)
        return z, self.model.log_prior(z)

    def log_reweight(self, z: Tensor) -> Tensor:
        """ln P(z) / r(z), (n,)."""
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        even = torch.where(inside, self.height - self.model.log_prior(z), -torch.inf)
        return -torch.logaddexp(torch.full_like(even, math.log1p(-self.share)), math.log(self.share) + even)

    def accepts(self, z: Tensor, new: Tensor, rng: np.random.Generator) -> Tensor:
        """Whether to go from z to new z, by the ratio of the bias r(z) / P(z) there and here, (n,)."""
        return torch.from_numpy(np.log1p(-rng.random(len(z)))) < self.log_reweight(z) - self.log_reweight(new)
