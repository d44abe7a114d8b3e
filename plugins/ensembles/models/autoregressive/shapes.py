"""Densities of one coordinate whose draws move with their parameters: sinh-arcsinh normals, and tents on a circle."""
from __future__ import annotations

import math

import torch
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
TURN = 2 * math.pi


def bent(normal: Tensor, skew: Tensor, log_tail: Tensor) -> Tensor:
    """Draws of a sinh-arcsinh normal (M. C. Jones, A. Pewsey, Biometrika 96, 761 (2009)) from standard normal ones."""
    return torch.sinh((torch.asinh(normal) + skew) * torch.exp(-log_tail))


def log_bent(x: Tensor, skew: Tensor, log_tail: Tensor) -> Tensor:
    """ln of its density."""
    tail = torch.exp(log_tail)
    inner = tail * torch.asinh(x) - skew
    normal = torch.sinh(inner)
    # cosh(inner) / sqrt(1 + x^2) is what the transformation stretches by.
    return (-0.5 * normal**2 - HALF_LOG_2PI + log_tail + 0.5 * torch.log1p(normal**2) - 0.5 * torch.log1p(x**2))


def log_tents(turn: Tensor, logit: Tensor) -> Tensor:
    """ln of a density on a circle of circumference 1, linear between G nodes, at ``turn`` (...), logits (..., G)."""
    height = logit.softmax(-1) * logit.shape[-1]
    left, right, share = _between(turn, logit.shape[-1])
    low, high = (height.gather(-1, at[..., None])[..., 0] for at in (left, right))
    return torch.log(low + share * (high - low))


def tents(level: Tensor, logit: Tensor) -> Tensor:
    """Draws on a circle of circumference 1, from levels (...) evenly between 0 and 1; no gradients.

    They are the levels' quantiles, counted from the first node.
    """
    height = logit.softmax(-1) * logit.shape[-1]
    after = height.roll(-1, -1)
    mass = (0.5 * (height + after) / logit.shape[-1]).cumsum(-1)
    level = level * mass[..., -1]
    cell = torch.searchsorted(mass, level[..., None]).clamp_max(logit.shape[-1] - 1)
    below = torch.where(cell > 0, mass.gather(-1, (cell - 1).clamp_min(0)), 0.0)[..., 0]
    low, high = (part.gather(-1, cell)[..., 0] for part in (height, after))
    rest = (level - below) * logit.shape[-1]  # = low t + (high - low) t^2 / 2
    share = 2 * rest / (low + (low**2 + 2 * (high - low) * rest).clamp_min(0).sqrt())
    return (cell[..., 0] + share.clamp(0, 1)) / logit.shape[-1]


def level_of(turn: Tensor, logit: Tensor) -> Tensor:
    """The share of the density of ``tents`` from the first node up to ``turn`` (...), differentiable by the logits."""
    size = logit.shape[-1]
    height = logit.softmax(-1) * size
    after = height.roll(-1, -1)
    mass = (0.5 * (height + after) / size).cumsum(-1)
    left, _, share = _between(turn, size)
    at = left[..., None]
    below = torch.where(at > 0, mass.gather(-1, (at - 1).clamp_min(0)), 0.0)[..., 0]
    low, high = (part.gather(-1, at)[..., 0] for part in (height, after))
    return below + (low * share + 0.5 * (high - low) * share**2) / size


def moved(turn: Tensor, logit: Tensor) -> Tensor:
    """The same places on the circle, which now move as the logits change their levels (implicit reparametrisation:
    M. Figurnov, S. Mohamed, A. Mnih, NeurIPS 2018)."""
    level = level_of(turn, logit)
    return turn - (level - level.detach()) / log_tents(turn, logit).detach().exp()


def _between(turn: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes on either side, and how far from the left one, in units of their distance."""
    place = torch.remainder(turn, 1.0) * size
    left = place.detach().floor().long().clamp_max(size - 1)
    return left, (left + 1) % size, place - left
