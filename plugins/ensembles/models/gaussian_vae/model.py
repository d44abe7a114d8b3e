"""The model ``gaussian_vae``: one Gaussian about a network of continuous latent variables, and an encoder beside it."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from backmap.api import Options, Target, WeightsPath
from backmap.errors import BackmapError

from ...numbers import normal
from ..drawn import WeighedDraws
from ..network import NetworkModel
from ..vae.encoder import log_normal


class GaussianVaeOptions(Options):
    """Options of ``gaussian_vae``."""

    weights: WeightsPath | None = Field(None, description="Weights of an earlier training; they bring their own "
                                                          "options.")
    latents: int = Field(1, ge=1, description="Latent variables.")
    hidden: int = Field(100, ge=0, description="Width of the hidden layers, two in the decoder and three in the "
                                               "encoder; 0 for linear networks.")


class GaussianVaeDensity(nn.Module):
    """q(z) q(x|z), with z normal and x Gaussian about mu(z), and r(z|x), Gaussian with mean and widths that x sets.

    Args:
        size: D.
        latents: L.
        hidden: Width of hidden layers; 0 for none.
    """

    clashes = False

    def __init__(self, size: int, latents: int, hidden: int) -> None:
        super().__init__()
        self.latents = latents
        if hidden:
            decoder = [nn.Linear(latents, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()]
            encoder = [nn.Linear(size, hidden), nn.SELU(), nn.Linear(hidden, hidden), nn.SELU(),
                       nn.Linear(hidden, hidden), nn.Tanh()]
        else:
            decoder, encoder = [], []
        self.decoder = nn.Sequential(*decoder, nn.Linear(hidden or latents, size)).double()
        self.encoder = nn.Sequential(*encoder, nn.Linear(hidden or size, 2 * latents)).double()
        self.log_sigma = nn.Parameter(torch.zeros(size, dtype=torch.float64))

    @property
    def unit(self) -> Tensor:
        """Units in which forces on coordinates are compared, (D,)."""
        return torch.ones_like(self.log_sigma)

    def begin(self, width: float, share: float, rng: np.random.Generator) -> None:
        """Begin as wide as the box."""
        with torch.no_grad():
            self.log_sigma.fill_(math.log(width / math.sqrt(3)))

    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        """ln q(x|z), (n,)."""
        mean = self.decoder(z)
        return log_normal(x, mean, self.log_sigma.expand_as(mean))

    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        """ln r(z|x), (n,)."""
        return log_normal(z, *self.encoder(x).chunk(2, 1))

    def log_prior(self, z: Tensor) -> Tensor:
        """ln q(z), (n,)."""
        return log_normal(z, torch.zeros_like(z), torch.zeros_like(z))

    def drawn(self, count: int, rng: np.random.Generator) -> WeighedDraws:
        """Draws, and ln q(x, z) / r(z|x) of each, whose mean is no less than that of ln q(x)."""
        z = normal(rng, count, self.latents)
        x = self.decoder(z) + self.log_sigma.exp() * normal(rng, count, len(self.log_sigma))
        log_q = self.log_prior(z) + self.log_decoder(x, z) - self.log_encoder(x, z)
        return WeighedDraws(x, log_q, torch.full((count,), 1 / count, dtype=torch.float64), 1)

    @torch.no_grad()
    def sample(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draws (n, D), and ln q(x, z) / r(z|x) of each, (n,)."""
        x, log_q, _, _ = self.drawn(n, rng)
        return x, log_q

    def notice(self, x: Tensor, off: Tensor, near: float) -> None:
        """Nothing: all of it is learned."""

    def settle(self, log_density: Callable[[Tensor], Tensor], rng: np.random.Generator) -> None:
        """Nothing: all of it is learned."""


class GaussianVae(NetworkModel[GaussianVaeDensity]):
    """A variational autoencoder with one Gaussian of a free diagonal covariance for all z, as published for learning
    from an energy: M. Schoeberl, N. Zabaras, P.-S. Koutsourelakis, arXiv 2002.10148 (2020), equations 20 to 24.

    For targets of real coordinates. ``mixture`` and ``autoregressive`` are what to take: this one loses small wells.
    """

    Options, kind = GaussianVaeOptions, "ensemble gaussian_vae"

    def expect(self, target: Target) -> None:
        if set(target.variables) != {"real"}:
            raise BackmapError("gaussian_vae is for real coordinates, and the target has "
                               f"{', '.join(sorted(set(target.variables)))} ones", hint="Take the model vae.")

    def built(self, options: GaussianVaeOptions) -> GaussianVaeDensity:
        return GaussianVaeDensity(self.target.size, options.latents, options.hidden)

    @torch.no_grad()
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        mean, log_width = self.network.encoder(x.double()).chunk(2, 1)
        z = mean + log_width.exp() * normal(rng, *mean.shape)
        return z, self.network.log_encoder(x.double(), z)

    @torch.no_grad()
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self.network.log_encoder(x.double(), z)

    @torch.no_grad()
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = normal(rng, n, self.sizes.latents)
        return z, self.network.log_prior(z)

    @torch.no_grad()
    def log_prior(self, z: Tensor) -> Tensor:
        return self.network.log_prior(z)

    @torch.no_grad()
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x = self.network.decoder(z) + self.network.log_sigma.exp() * normal(rng, len(z), self.target.size)
        return x, self.network.log_decoder(x, z)

    @torch.no_grad()
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self.network.log_decoder(x.double(), z)

    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        x, network = x.double(), self.network
        mean, log_width = network.encoder(x).chunk(2, 1)
        z = mean + log_width.exp() * normal(rng, *mean.shape)
        return annealing * (network.log_encoder(x, z) - network.log_prior(z)) - network.log_decoder(x, z)
