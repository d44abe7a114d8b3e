"""Mixtures on the circle and on the line, for torsions, angles and distances: fitted, evaluated, drawn.

On the circle the components are von Mises densities, on the line Gaussians; both are given by mean and standard
deviation, with kappa = 1 / sd^2.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
BROADEST, NARROWEST = 20.0, 1e-4  #: standard deviations of components


@dataclass(frozen=True, eq=False)
class Mixtures:
    """One density for each of some places (...): means, logarithms of standard deviations and of weights, (..., M).

    Attributes:
        circular: Which places are on a circle, bool: one for all, or (D,) for places (n, D).
    """

    mean: Tensor
    log_sd: Tensor
    log_weight: Tensor
    circular: Tensor

    @classmethod
    def of(cls, mean: Tensor, log_sd: Tensor, logits: Tensor, circular: Tensor) -> Mixtures:
        """From what a network says: weights not normalised, standard deviations not bounded."""
        limits = math.log(NARROWEST), math.log(BROADEST)
        return cls(mean, log_sd.clamp(*limits), torch.log_softmax(logits, dim=-1), circular)

    def components(self, x: Tensor) -> Tensor:
        """ln (weight times density) of every component at x (...), (..., M), in the precision of the means."""
        x = x.to(self.mean.dtype)
        if bool(self.circular.all()):
            return self.log_weight + _on_circle(x, self.mean, self.log_sd)
        if not bool(self.circular.any()):
            return self.log_weight + _on_line(x, self.mean, self.log_sd)
        kinds = torch.nonzero(self.circular)[:, 0], torch.nonzero(~self.circular)[:, 0]
        parts = [density(x[:, columns], self.mean[:, columns], self.log_sd[:, columns])
                 for density, columns in zip((_on_circle, _on_line), kinds)]
        return self.log_weight + torch.cat(parts, dim=1)[:, torch.argsort(torch.cat(kinds))]

    def log_density(self, x: Tensor) -> Tensor:
        """ln p(x), (...)."""
        return torch.logsumexp(self.components(x), dim=-1)

    def sample(self, rng: np.random.Generator) -> Tensor:
        """One number for each place (n,) of a batch, within -pi and pi on circles; no gradients."""
        weights = self.log_weight.exp().cumsum(dim=-1)
        uniform = torch.as_tensor(rng.random(len(weights)))[:, None] * weights[:, -1:]
        pick = torch.searchsorted(weights, uniform).clamp_max(weights.shape[-1] - 1)
        mean, sd = (part.gather(-1, pick)[:, 0].numpy() for part in (self.mean, self.log_sd.exp()))
        if bool(self.circular.all()):
            turned = (mean + rng.vonmises(0.0, 1 / sd**2) + np.pi) % (2 * np.pi) - np.pi
            return torch.as_tensor(turned)
        if bool(self.circular.any()):
            raise ValueError("places on circles and on lines are drawn separately")
        return torch.as_tensor(mean + sd * rng.standard_normal(len(mean)))


def _on_circle(x: Tensor, mean: Tensor, log_sd: Tensor) -> Tensor:
    """ln of von Mises densities (..., M) at x (...)."""
    half, inverse = torch.sin(0.5 * (x[..., None] - mean)), torch.exp(-2 * log_sd)
    return -2 * inverse * half * half - 2 * HALF_LOG_2PI - torch.log(torch.special.i0e(inverse))


def _on_line(x: Tensor, mean: Tensor, log_sd: Tensor) -> Tensor:
    """ln of normal densities (..., M) at x (...)."""
    scaled = (x[..., None] - mean) * torch.exp(-log_sd)
    return -0.5 * scaled * scaled - log_sd - HALF_LOG_2PI


def fitted(x: Tensor, components: int, circular: bool, rounds: int = 60) -> tuple[Tensor, Tensor, Tensor]:
    """Maximum likelihood by expectation maximisation, for values x (n,): means, ln sd and ln weights (M,)."""
    x = x.double()
    kind = torch.tensor(circular)
    ordered = x.sort().values
    mean = ordered[((torch.arange(components) + 0.5) / components * len(x)).long()]
    least = 0.02 * float(_spread(x, circular)) + NARROWEST
    log_sd = x.new_full((components,), math.log(max(least, float(_spread(x, circular)) / components)))
    mixture = Mixtures.of(mean, log_sd, torch.zeros(components).double(), kind)
    for _ in range(rounds):
        share = torch.softmax(mixture.components(x), dim=-1)
        total = share.sum(dim=0).clamp_min(1e-9)
        if circular:
            sine, cosine = share.T @ x.sin() / total, share.T @ x.cos() / total
            length = torch.hypot(sine, cosine).clamp(1e-6, 1 - 1e-12)
            mean = torch.atan2(sine, cosine)
            variance = (1 - length**2) / (length * (2 - length**2))  # 1 / kappa (Banerjee et al., JMLR 6, 1345 (2005))
        else:
            mean = share.T @ x / total
            variance = (share * (x[:, None] - mean)**2).sum(dim=0) / total
        mixture = Mixtures.of(mean, 0.5 * torch.log(variance.clamp_min(least**2)), torch.log(total / len(x)), kind)
    return mixture.mean, mixture.log_sd, mixture.log_weight


def _spread(x: Tensor, circular: bool) -> Tensor:
    """Standard deviation, on the circle that of its best von Mises density, at most 1.8."""
    if not circular:
        return x.std()
    return (-2 * torch.log(torch.hypot(x.sin().mean(), x.cos().mean()).clamp(0.2, 1 - 1e-12))).sqrt()


def centre(x: Tensor, circular: Tensor) -> tuple[Tensor, Tensor]:
    """Means (D,) and standard deviations (D,) of the columns of x (n, D)."""
    x = x.double()
    turned = torch.atan2(x.sin().mean(dim=0), x.cos().mean(dim=0))
    spread = torch.stack([_spread(column, bool(kind)) for column, kind in zip(x.T, circular)])
    return torch.where(circular, turned, x.mean(dim=0)), spread
