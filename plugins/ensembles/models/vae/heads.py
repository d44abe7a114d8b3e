"""What a decoder says about one variable: a probability, or a mixture on the circle or on the line."""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...numbers import normal, uniform

#: Narrowest component of a mixture: ln of a standard deviation, and the largest concentration on the circle.
NARROWEST, SHARPEST = -7.0, 1e4


def bernoulli_density(x: Tensor, logit: Tensor) -> Tensor:
    """ln of the probability of x, 0 or 1; elementwise, float32 (a network's accuracy)."""
    return -functional.softplus(torch.where(x > 0.5, -logit, logit))


def bernoulli_draw(logit: Tensor, rng: np.random.Generator) -> Tensor:
    """0 or 1, float64."""
    return (uniform(rng, *logit.shape) < torch.sigmoid(logit.double())).double()


class Mixture:
    """Mixtures of ``components`` normal or von Mises densities, three numbers (four) each: weight, place, width.

    Args:
        parameters: (..., components, 4), float64: logit of the weight, place (as a vector of two on the circle; the
            first of them on the line), ln of the width.
        circular: Angles in radians instead of reals.
    """

    def __init__(self, parameters: Tensor, circular: bool) -> None:
        logit, self.first, self.second, width = parameters.double().unbind(-1)
        self.log_weight, self.circular = functional.log_softmax(logit, dim=-1), circular
        self.log_width = width.clamp_min(NARROWEST)
        self.concentration = (-2 * self.log_width).exp().clamp_max(SHARPEST)

    @property
    def place(self) -> Tensor:
        """Centres of the components."""
        return torch.atan2(self.second, self.first + 1e-12) if self.circular else self.first

    def log_density(self, x: Tensor) -> Tensor:
        """ln p(x), elementwise."""
        gap = x[..., None] - self.place
        if self.circular:
            kappa = self.concentration
            each = kappa * (gap.cos() - 1) - math.log(2 * math.pi) - torch.special.i0e(kappa).log()
        else:
            each = -0.5 * (gap * (-self.log_width).exp())**2 - self.log_width - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(self.log_weight + each, dim=-1)

    def draw(self, rng: np.random.Generator) -> Tensor:
        """One number each."""
        below = uniform(rng, *self.log_weight.shape[:-1])
        which = (self.log_weight.exp().cumsum(-1) < below[..., None]).sum(-1, keepdim=True)
        which = which.clamp_max(self.log_weight.shape[-1] - 1)
        place, concentration, log_width = (t.gather(-1, which)[..., 0] for t in
                                           (self.place, self.concentration, self.log_width))
        if self.circular:
            return torch.from_numpy(rng.vonmises(place.numpy(), concentration.numpy()))
        return place + log_width.exp() * normal(rng, *place.shape)
