"""Latents of a block: their prior given the surroundings, and the encoder that reads the block's atoms as well.

Both work on what does not change when everything is turned: the summary of a site that the decoder makes, and internal
coordinates. Densities of latents are in double precision.
"""
from __future__ import annotations

import math
from functools import partial

import torch
import zuko
from torch import Tensor, nn
from zuko.transforms import MonotonicRQSTransform

BOUND = 10.0  #: splines reach from minus to plus this
NARROWEST, WIDEST = -5.0, 1.0  #: of ln of a standard deviation of q(z|x)
COORDINATES = 7  #: what the encoder is told of an atom's place: ``coordinates``
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Prior(nn.Module):
    """P(z | surroundings): rational-quadratic splines on a standard normal, conditioned on a summary (n, width).

    C. Durkan et al., Neural Spline Flows, NeurIPS 2019, as zuko has them.
    """

    def __init__(self, latents: int, width: int, bins: int, transforms: int) -> None:
        super().__init__()
        self.flow = zuko.flows.MAF(
            features=latents, context=width, transforms=transforms if latents > 1 else 1,
            passes=2 if latents > 1 else None, univariate=partial(MonotonicRQSTransform, bound=BOUND),
            shapes=[(bins,), (bins,), (bins - 1,)], hidden_features=(64,)).double()
        with torch.no_grad():  # starts close to the normal it is built on
            for name, weight in self.flow.named_parameters():
                if name.endswith("weight"):
                    weight.mul_(0.3)

    def log_density(self, z: Tensor, summary: Tensor) -> Tensor:
        """ln P(z) (n,) of z (n, L)."""
        u, volume = self.flow(summary.double()).transform.call_and_ladj(z)
        return (-0.5 * u * u - _HALF_LOG_2PI).sum(dim=1) + volume

    def draw(self, normal: Tensor, summary: Tensor) -> Tensor:
        """z (n, L) from standard normal numbers (n, L)."""
        return self.flow(summary.double()).transform.inv(normal)


class Encoder(nn.Module):
    """q(z | atoms, surroundings): a diagonal Gaussian from a sum over the atoms of the block."""

    def __init__(self, latents: int, width: int, described: int, hidden: int = 96) -> None:
        super().__init__()
        self.atom = nn.Sequential(nn.Linear(described + COORDINATES, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.mix = nn.Sequential(nn.Linear(hidden + width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.last = nn.Linear(hidden, 2 * latents)
        with torch.no_grad():
            self.last.weight *= 0.3
            self.last.bias.zero_()

    def forward(self, atoms: Tensor, row: Tensor, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and ln of the standard deviation of z, (n, L) each, float64.

        Args:
            atoms: What is known of T atoms and where they are, (T, described + COORDINATES).
            row: To which of the n blocks each belongs, (T,).
            summary: What is known of each block before anything is drawn, (n, width).
        """
        said = self.atom(atoms)
        pooled = said.new_zeros(len(summary), said.shape[1]).index_add(0, row, said) * 0.3
        mean, width = self.last(self.mix(torch.cat([pooled, summary], dim=1))).double().chunk(2, dim=1)
        half, middle = (WIDEST - NARROWEST) / 2, (WIDEST + NARROWEST) / 2
        return mean, middle + half * torch.tanh(width / half + math.atanh(-middle / half))


def log_normal(z: Tensor, mean: Tensor, log_sd: Tensor) -> Tensor:
    """ln of a product of normal densities, (n,), of z (n, L)."""
    return (-0.5 * ((z - mean) * (-log_sd).exp())**2 - log_sd - _HALF_LOG_2PI).sum(dim=1)


def coordinates(distance: Tensor, angle: Tensor, torsion: Tensor, no_axis: Tensor, no_plane: Tensor) -> Tensor:
    """Internal coordinates (T,) as numbers of order 1, (T, COORDINATES), float32; 0 where they mean nothing."""
    axis, plane = (~no_axis).double(), (~no_plane).double()
    told = [angle.cos() * axis, angle.sin() * axis, torsion.cos() * plane, torsion.sin() * plane,
            (2 * torsion).cos() * plane, (2 * torsion).sin() * plane, (distance - 0.13) * 10]
    return torch.stack(told, dim=1).float()
