"""Densities of angles and distances from energies, which can be drawn from and evaluated exactly."""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..equivariant.density import HALF_LOG_2PI, Torsions

SHORTEST = 0.01  #: nm


class Angles:
    """Densities on (0, pi) whose logarithm is linear between N nodes.

    Both ends count as one node: the sine makes them equal, so a density on the circle serves.

    Args:
        logits: Log-density per radian at the nodes pi k / N, up to a constant, (T, N).
    """

    def __init__(self, logits: Tensor) -> None:
        self.circle = Torsions(logits)

    def sample(self, uniform: Tensor) -> Tensor:
        """Angles (T,) from uniform numbers (T, 2)."""
        return ((self.circle.sample(uniform) + math.pi) / 2).clamp(1e-4, math.pi - 1e-4)

    def log_density(self, angle: Tensor) -> Tensor:
        """Log-density per radian of angles (T,)."""
        return self.circle.log_density(2 * angle - math.pi) + math.log(2)


@dataclass(frozen=True, eq=False)
class Lengths:
    """Gaussians above ``SHORTEST``, normalised there: mean and standard deviation (nm), each (T,)."""

    mean: Tensor
    sd: Tensor

    @property
    def _below(self) -> Tensor:
        """Logarithm of the probability that is cut off."""
        return torch.special.log_ndtr((SHORTEST - self.mean) / self.sd)

    def sample(self, uniform: Tensor) -> Tensor:
        """Distances (T,) from uniform numbers (T,)."""
        below = self._below.exp()
        inside = below + uniform * (1 - below)
        return (self.mean + self.sd * torch.special.ndtri(inside)).clamp_min(SHORTEST)

    def log_density(self, distance: Tensor) -> Tensor:
        """Log-density per nm."""
        z = (distance - self.mean) / self.sd
        return -0.5 * z * z - torch.log(self.sd) - HALF_LOG_2PI - torch.log1p(-self._below.exp())


def sine_logits(energy: Tensor) -> Tensor:
    """Logits (T, N) of sin(theta) exp(-energy) for reduced energies (T, N + 1) at pi k / N, k = 0..N."""
    n = energy.shape[1] - 1
    angle = torch.linspace(0, math.pi, n + 1, dtype=energy.dtype, device=energy.device)
    # At the ends the sine is that of a fraction of a segment: a straight angle must stay within reach.
    sine = angle.sin().clamp_min(math.pi / n / 8)
    logits = torch.log(sine) - energy
    return torch.cat([torch.maximum(logits[:, :1], logits[:, -1:]), logits[:, 1:-1]], dim=1)


def interpolated(at: Tensor, place: Tensor, values: Tensor) -> Tensor:
    """Piecewise linear functions (T, N): ``values`` (T, J) at even places ``place`` (T, J), constant outside.

    Args:
        at: Where, (N,).
    """
    step = (place[:, 1:2] - place[:, :1]).clamp_min(1e-12)
    where = ((at - place[:, :1]) / step).clamp(0, place.shape[1] - 1)
    cell = where.floor().long().clamp_max(place.shape[1] - 2)
    low, high = values.gather(1, cell), values.gather(1, cell + 1)
    return low + (where - cell) * (high - low)
