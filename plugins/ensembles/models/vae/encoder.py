"""Encoders q(z|x): a diagonal Gaussian, and a mapping that says how full a lattice is."""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from backmap.api import Target

from ...numbers import normal, uniform
from .networks import Features, Residual

#: Smallest and largest ln of a standard deviation of q(z|x).
NARROWEST, WIDEST = -7.0, 2.0
LOG_TWO_PI = math.log(2 * math.pi)


def log_normal(value: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """ln of a product of normal densities over the last axis."""
    return -(0.5 * ((value - mean) * (-log_scale).exp())**2 + log_scale + 0.5 * LOG_TWO_PI).sum(-1)


class Encoder(nn.Module):
    """q(z|x): mean and standard deviation by a network of the configuration's features."""

    def __init__(self, target: Target, latents: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.features = Features(target.variables, target.grid)
        self.network = Residual(self.features.size, hidden, 2 * latents, blocks)
        nn.init.normal_(self.network.beside.weight[:latents], std=self.features.size**-0.5)
        if target.grid:  # a lattice's mean is told apart at once
            self.network.beside.weight.data[:latents, -1] = 1.0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and ln of the standard deviation of z, (n, L) each, float64."""
        mean, width = self.network(self.features(x)).double().chunk(2, dim=1)
        middle, half = (WIDEST + NARROWEST) / 2, (WIDEST - NARROWEST) / 2
        return mean, middle + half * torch.tanh(width / half + math.atanh(-middle / half))

    def draw(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """z (n, L) from q(z|x), and ln q(z|x); differentiable in both."""
        mean, log_scale = self(x)
        z = mean + log_scale.exp() * normal(rng, *mean.shape)
        return z, log_normal(z, mean, log_scale)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """ln q(z|x) of given pairs, (n,)."""
        return log_normal(z, *self(x))

    def adapt(self, x: Tensor) -> None:
        """See training data once, before the first step."""
        self.features.adapt(x)


class Filling(nn.Module):
    """A mapping in place of a network: z says how many of the D binary variables are 1, and nothing else.

    To be a density it is drawn evenly from a cell of its own for each number: q(z|x) is (D + 1) / ``SPAN`` within that
    cell, 0 elsewhere. With an encoder that learns nothing, the bound is the relative entropy of a coarse-grained model
    P(z) and its way back P(x|z), up to a constant: M. S. Shell, J. Chem. Phys. 129, 144108 (2008).
    """

    SPAN = 8.0

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.cells = target.size + 1

    def _place(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)

    def draw(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """z (n, 1), and ln q(z|x)."""
        z = self.SPAN * ((self._place(x) + uniform(rng, len(x), 1)) / self.cells - 0.5)
        return z, torch.full((len(x),), math.log(self.cells / self.SPAN), dtype=torch.float64)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """ln q(z|x), -inf where z is not in the cell of x."""
        inside = (self.place_of(z) == self._place(x)).all(1)
        return torch.where(inside, math.log(self.cells / self.SPAN), -torch.inf).double()

    def place_of(self, z: Tensor) -> Tensor:
        """The number of variables that are 1 that z says."""
        return torch.floor((z / self.SPAN + 0.5) * self.cells)

    def adapt(self, x: Tensor) -> None:
        """There is nothing to learn."""
