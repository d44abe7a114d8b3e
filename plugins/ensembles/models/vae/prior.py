"""The prior: a flow of rational-quadratic splines on a standard normal."""
from __future__ import annotations

from functools import partial

import torch
import zuko
from torch import Tensor, nn
from zuko.transforms import MonotonicRQSTransform

from .encoder import log_normal


class Prior(nn.Module):
    """P(z): splines of ``bins`` bins on [-bound, bound], identity outside; couplings where there are several latents.

    C. Durkan et al., Neural Spline Flows, NeurIPS 2019, as zuko has them. Computes in float64.
    """

    def __init__(self, latents: int, bins: int, bound: float, transforms: int, hidden: int) -> None:
        super().__init__()
        self.latents = latents
        self.flow = zuko.flows.MAF(
            features=latents, transforms=transforms if latents > 1 else 1, passes=2 if latents > 1 else None,
            univariate=partial(MonotonicRQSTransform, bound=bound), shapes=[(bins,), (bins,), (bins - 1,)],
            hidden_features=(hidden, hidden)).double()
        for name, weight in self.flow.named_parameters():  # starts close to the normal it is built on
            if name.split(".")[-1] == "weight":
                weight.data.mul_(0.5)

    def log_density(self, z: Tensor) -> Tensor:
        """ln P(z) (n,) of z (n, L)."""
        transform = self.flow().transform
        u, volume = transform.call_and_ladj(z)
        zero = torch.zeros_like(u)
        return log_normal(u, zero, zero) + volume

    def draw(self, normal: Tensor) -> Tensor:
        """z (n, L) from standard normal numbers (n, L)."""
        return self.flow().transform.inv(normal)
