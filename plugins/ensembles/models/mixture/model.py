"""The model ``mixture``: Gaussians with free weights, which of them is the latent variable."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from backmap.api import Options, Target, WeightsPath
from backmap.errors import BackmapError

from ...numbers import normal, uniform
from ..drawn import WeighedDraws, of_draws_alone
from ..network import NetworkModel


class MixtureOptions(Options):
    """Options of ``mixture``."""

    weights: WeightsPath | None = Field(None, description="Weights of an earlier training; they bring their own "
                                                          "number of components.")
    components: int = Field(24, ge=1, description="Gaussians, each with a mean, a spread of each coordinate, and a "
                                                  "weight.")


class MixtureDensity(nn.Module):
    """K Gaussians in D dimensions with diagonal covariances.

    Attributes:
        logit: Logarithms of their weights, up to a constant, (K,).
        mean: (K, D).
        log_spread: Logarithms of standard deviations, (K, D).
    """

    clashes = False

    def __init__(self, components: int, size: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(components, dtype=torch.float64))
        self.mean = nn.Parameter(torch.zeros(components, size, dtype=torch.float64))
        self.log_spread = nn.Parameter(torch.zeros(components, size, dtype=torch.float64))

    @property
    def unit(self) -> Tensor:
        """Units in which forces on coordinates are compared, (D,)."""
        return torch.ones_like(self.mean[0])

    def begin(self, width: float, share: float, rng: np.random.Generator) -> None:
        """Begin with equal weights, means evenly within ``width`` of 0, and spreads that overlap."""
        with torch.no_grad():
            self.logit.zero_()
            self.mean.copy_((2 * uniform(rng, *self.mean.shape) - 1) * width)
            self.log_spread.fill_(math.log(width) - math.log(len(self.mean)) / self.mean.shape[1])

    def log_weight(self) -> Tensor:
        """Logarithms of the weights, (K,)."""
        return self.logit.log_softmax(0)

    def log_each(self, x: Tensor) -> Tensor:
        """Logarithms of the density of each Gaussian at configurations (n, D), (n, K)."""
        off = (x[:, None] - self.mean) / self.log_spread.exp()
        return (-0.5 * off**2 - self.log_spread).sum(2) - 0.5 * x.shape[1] * math.log(2 * math.pi)

    def log_density(self, x: Tensor) -> Tensor:
        """ln q of configurations (n, D), (n,)."""
        return torch.logsumexp(self.log_weight() + self.log_each(x), 1)

    def drawn(self, count: int, rng: np.random.Generator) -> WeighedDraws:
        """``count`` draws of every Gaussian, one after the other, whatever its weight."""
        components, size = self.mean.shape
        x = self.mean[:, None] + self.log_spread.exp()[:, None] * normal(rng, components, count, size)
        x = x.reshape(-1, size)
        share = (self.log_weight().exp() / count).repeat_interleave(count)
        return WeighedDraws(x, of_draws_alone(self, x), share, components)

    @torch.no_grad()
    def sample(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draws (n, D) of the mixture in random order, and ln q of each, (n,)."""
        edges = self.log_weight().exp().cumsum(0)
        places = (torch.arange(n) + uniform(rng, n)) / n  # one in each n-th: less noise of weights
        which = torch.searchsorted(edges, places).clamp_max(len(edges) - 1)
        which = which[torch.from_numpy(rng.permutation(n))]
        x = self.mean[which] + self.log_spread[which].exp() * normal(rng, n, self.mean.shape[1])
        return x, self.log_density(x)

    def notice(self, x: Tensor, off: Tensor, near: float) -> None:
        """Nothing: all of it is learned."""

    def settle(self, log_density: Callable[[Tensor], Tensor], rng: np.random.Generator) -> None:
        """Nothing: all of it is learned."""


class GaussianMixture(NetworkModel[MixtureDensity]):
    """Gaussians with free weights: a discrete latent variable, of which the encoder is known exactly by Bayes' rule.

    So the weights p(x) q(z|x) / (P(z) P(x|z)) of moves are p(x) / q(x). For targets of real coordinates.
    """

    Options, kind = MixtureOptions, "ensemble mixture"

    def expect(self, target: Target) -> None:
        if set(target.variables) != {"real"}:
            raise BackmapError(f"mixture is for real coordinates, and the target has {', '.join(set(target.variables))}"
                               " ones", hint="Take the model vae.")

    def built(self, options: MixtureOptions) -> MixtureDensity:
        return MixtureDensity(options.components, self.target.size)

    def adapt(self, x: Tensor) -> None:
        """Begin with means among the configurations, and the spread that these have."""
        rows = torch.linspace(0, len(x) - 1, len(self.network.mean)).round().long()
        with torch.no_grad():
            self.network.mean.copy_(x[rows].double())
            self.network.log_spread.copy_(x.double().std(0).clamp_min(1e-3).log().expand_as(self.network.log_spread))

    @torch.no_grad()
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        shares = self._posterior(x)
        z = (shares + torch.from_numpy(rng.gumbel(size=tuple(shares.shape)))).argmax(1, keepdim=True)
        return z.double(), shares.gather(1, z)[:, 0]

    @torch.no_grad()
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self._posterior(x).gather(1, z.long())[:, 0]

    def _posterior(self, x: Tensor) -> Tensor:
        return (self.network.log_weight() + self.network.log_each(x.double())).log_softmax(1)

    @torch.no_grad()
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        weight = self.network.log_weight()
        z = torch.searchsorted(weight.exp().cumsum(0), uniform(rng, n)).clamp_max(len(weight) - 1)
        return z[:, None].double(), weight[z]

    @torch.no_grad()
    def log_prior(self, z: Tensor) -> Tensor:
        return self.network.log_weight()[z[:, 0].long()]

    @torch.no_grad()
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        of, which = self.network, z[:, 0].long()
        x = of.mean[which] + of.log_spread[which].exp() * normal(rng, len(z), of.mean.shape[1])
        return x, self.log_decoder(x, z)

    @torch.no_grad()
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self.network.log_each(x.double()).gather(1, z.long())[:, 0]

    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        return -self.network.log_density(x.double())
