"""What ``learn`` asks of the density of a model that is known without latent variables."""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor


class Drawn(NamedTuple):
    """Draws that move with the parameters of a density.

    Attributes:
        x: Configurations, (n, D): as many of each group, one group after the other.
        share: By how much each counts, (n,), which may move with the parameters, too.
        groups: How many there are.
    """

    x: Tensor
    share: Tensor
    groups: int


class LearnedDensity(Protocol):
    """A torch module with a density of configurations (n, D)."""

    #: Units in which forces on coordinates are compared, (D,).
    unit: Tensor

    def begin(self, width: float, share: float, rng: np.random.Generator) -> None:
        """Begin broad: within ``width`` of 0, or as wide as this share of ln p is."""

    def log_density(self, x: Tensor) -> Tensor:
        """Return ln q of configurations, (n,), differentiable by both."""

    def drawn(self, count: int, rng: np.random.Generator) -> Drawn:
        """Return draws to learn by, of what is rare more than there is of it."""

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return draws (n, D) of the density in random order, and ln q of each, (n,); no gradients."""

    def notice(self, x: Tensor, off: Tensor, near: float) -> None:
        """Take notice of ``drawn`` configurations and their ln q/p, (n,): of what is set rather than learned.

        ``near`` is 0 at hot rungs and grows to 1 at the target.
        """

    def settle(self, log_density: Callable[[Tensor], Tensor], rng: np.random.Generator) -> None:
        """Set in the end what is set rather than learned, for the density that was learned."""
