"""What ``learn`` asks of the density of a model."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class WeighedDraws(NamedTuple):
    """Draws that move with the parameters of a density.

    Attributes:
        x: Configurations, (n, D): as many of each group, one group after the other.
        log_q: ln q of each, (n,): where it is known as a function of x alone, as what else its gradient has is zero on
            average; else ln q(x, z) / r(z|x), with latent variables z.
        share: By how much each counts, (n,), which may move with the parameters, too.
        groups: How many there are.
    """

    x: Tensor
    log_q: Tensor
    share: Tensor
    groups: int


class LearnedDensity(Protocol):
    """A torch module with a density of configurations (n, D)."""

    #: Whether forces on some draws may be of any size, so that the median tells what is usual, and not the mean.
    clashes: bool
    #: Units in which forces on coordinates are compared, (D,).
    unit: Tensor

    def begin(self, width: float, share: float, rng: np.random.Generator) -> None:
        """Begin broad: within ``width`` of 0, or as wide as this share of ln p is."""

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln q of configurations, (n,), differentiable by both; for the forward divergence."""

    def drawn(self, count: int, rng: np.random.Generator) -> WeighedDraws:
        """Return draws to learn by, of what is rare more than there is of it."""

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return draws (n, D) of the density in random order, and ln q of each as in ``WeighedDraws``; no gradients."""

    def notice(self, x: Tensor, off: Tensor, near: float) -> None:
        """Take notice of ``drawn`` configurations and their ln q/p, (n,): of what is set rather than learned.

        ``near`` is 0 at hot rungs and grows to 1 at the target.
        """

    def settle(self, log_density: Callable[[Tensor], Tensor], rng: np.random.Generator) -> None:
        """Set in the end what is set rather than learned, for the density that was learned."""


def of_draws_alone(network: nn.Module, x: Tensor) -> Tensor:
    """ln q (n,) of a network with a ``log_density``, through which gradients go to x (n, D) alone."""
    kept = {f"of.{name}": value.detach() for name, value in network.named_parameters()}
    return torch.func.functional_call(_Density(network), kept, (x,))


class _Density(nn.Module):
    """ln q as a function of configurations, with parameters that are handed in."""

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor) -> Tensor:
        return self.of.log_density(x)
