"""Densities of lengths and of cosines that can be sampled and evaluated exactly."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
SEGMENTS, WIDEST = 12, 2.4  #: of a reweighted length, and where its first and last end, standard deviations
TINY = 1e-30


@dataclass(frozen=True, eq=False)
class LengthMixture:
    """Mixtures of log-normal densities of a length: mean and log standard deviation of its logarithm, log weight.

    All are (T, M); lengths are in the unit of the logarithm.
    """

    mean: Tensor
    log_sd: Tensor
    log_weight: Tensor

    def sample(self, uniform: Tensor) -> Tensor:
        """Lengths (T,) from uniform numbers (T, 2)."""
        pick = chosen(self.log_weight.exp(), uniform[:, 0])[:, None]
        mean, sd = self.mean.gather(1, pick)[:, 0], self.log_sd.gather(1, pick)[:, 0].exp()
        return (mean + sd * torch.special.ndtri(uniform[:, 1])).exp()

    def log_density(self, length: Tensor) -> Tensor:
        """Log-density of lengths (T,), per unit."""
        logarithm = length.log()
        z = (logarithm[:, None] - self.mean) * (-self.log_sd).exp()
        return torch.logsumexp(self.log_weight - 0.5 * z * z - self.log_sd - HALF_LOG_2PI, dim=1) - logarithm


class LengthDensity:
    """A mixture of log-normal densities that is reweighted: by one factor in each of K segments of the length.

    Args:
        base: The mixture.
        weigh: Returns logarithms of the factors (T, K) from a length in each segment, (T, K).
    """

    def __init__(self, base: LengthMixture, weigh: Callable[[Tensor], Tensor]) -> None:
        self.base = base
        with torch.no_grad():  # segments are where the mixture is; their borders need not be learned
            share = base.log_weight.exp()
            mean = (share * base.mean).sum(dim=1, keepdim=True)
            spread = (share * (base.mean**2 + (2 * base.log_sd).exp())).sum(dim=1, keepdim=True) - mean**2
            places = torch.linspace(-WIDEST, WIDEST, SEGMENTS + 1, dtype=mean.dtype, device=mean.device)
            self.borders = mean + spread.clamp_min(1e-8).sqrt() * places
            inside = (self.borders[:, 1:] + self.borders[:, :-1]) / 2
        self.factor = weigh(inside.exp())
        z = (self.borders[:, None, 1:-1] - base.mean[:, :, None]) * (-base.log_sd[:, :, None]).exp()
        below = torch.special.ndtr(z)
        ends = torch.zeros_like(below[:, :, :1])
        self.below = torch.cat([ends, below, ends + 1], dim=2)  # (T, M, K + 1)
        mass = (self.below.diff(dim=2) * base.log_weight.exp()[:, :, None]).clamp_min(TINY)
        self.log_mass = mass.log() + self.factor[:, None]

    def sample(self, uniform: Tensor) -> Tensor:
        """Lengths (T,) from uniform numbers (T, 2)."""
        pick = chosen(torch.softmax(self.log_mass.flatten(1), dim=1), uniform[:, 0])
        part, segment = (pick // SEGMENTS)[:, None], pick % SEGMENTS
        below = self.below.gather(1, part[:, :, None].expand(-1, -1, SEGMENTS + 1))[:, 0]
        low, high = (below.gather(1, (segment + k)[:, None])[:, 0] for k in (0, 1))
        quantile = (low + uniform[:, 1] * (high - low)).clamp(TINY, 1 - 1e-12)
        mean, sd = self.base.mean.gather(1, part)[:, 0], self.base.log_sd.gather(1, part)[:, 0].exp()
        return (mean + sd * torch.special.ndtri(quantile)).exp()

    def log_density(self, length: Tensor) -> Tensor:
        """Log-density of lengths (T,), per unit."""
        segment = torch.searchsorted(self.borders[:, 1:-1].contiguous(), length.log()[:, None])
        factor = self.factor.gather(1, segment)[:, 0]
        return self.base.log_density(length) + factor - torch.logsumexp(self.log_mass.flatten(1), dim=1)


class CosineDensity:
    """Densities on [-1, 1] whose logarithm is linear between K + 1 even nodes.

    Args:
        logits: Log-density at the nodes, up to a constant, (T, K + 1).
    """

    def __init__(self, logits: Tensor) -> None:
        self.low, self.slope = logits[:, :-1], logits.diff(dim=1)
        self.n = self.low.shape[1]
        size = self.slope.abs()
        # Integral of exp over a segment, from its higher end, without overflow.
        series = torch.log(-torch.expm1(-size.clamp_min(1e-6)) / size.clamp_min(1e-6))
        high = torch.maximum(logits[:, :-1], logits[:, 1:])
        self.log_mass = high + torch.where(size > 1e-4, series, -size / 2) + math.log(2 / self.n)

    def sample(self, uniform: Tensor) -> Tensor:
        """Cosines (T,) from uniform numbers (T, 2)."""
        segment = chosen(torch.softmax(self.log_mass, dim=1), uniform[:, 0])
        slope, u = self.slope.gather(1, segment[:, None])[:, 0], uniform[:, 1]
        size = slope.abs().clamp_min(1e-9)
        from_top = -torch.log1p(u * torch.expm1(-size)) / size
        inside = torch.where(slope.abs() > 1e-6, torch.where(slope > 0, 1 - from_top, from_top), u)
        return ((segment + inside) * (2 / self.n) - 1).clamp(-1 + 1e-9, 1 - 1e-9)

    def log_density(self, cosine: Tensor) -> Tensor:
        """Log-density of cosines (T,)."""
        place = (cosine + 1) * (self.n / 2)
        segment = place.floor().long().clamp(0, self.n - 1)[:, None]
        inside = place - segment[:, 0]
        height = self.low.gather(1, segment)[:, 0] + inside * self.slope.gather(1, segment)[:, 0]
        return height - torch.logsumexp(self.log_mass, dim=1)


def chosen(probability: Tensor, uniform: Tensor) -> Tensor:
    """Indices (T,) drawn from rows of probabilities (T, n) by inversion."""
    steps = probability.cumsum(dim=1)
    index = torch.searchsorted(steps, (uniform * steps[:, -1])[:, None]).squeeze(1)
    return index.clamp_max(probability.shape[1] - 1)
