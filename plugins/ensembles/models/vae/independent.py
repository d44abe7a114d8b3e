"""A decoder whose variables are independent of one another once z is known."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from backmap.api import Target

from .decoder import Decoder
from .heads import Mixture, bernoulli_density, bernoulli_draw
from .networks import Residual


class Independent(Decoder):
    """Variables independent of one another given z: Bernoulli, mixtures of normals, mixtures of von Mises."""

    def __init__(self, target: Target, latents: int, hidden: int, blocks: int, components: int) -> None:
        super().__init__()
        self.components = components
        for kind in ("binary", "angle", "real"):
            columns = [number for number, name in enumerate(target.variables) if name == kind]
            self.register_buffer(kind, torch.tensor(columns, dtype=torch.long), persistent=False)
        self.register_buffer("centre", torch.zeros(len(self.real), dtype=torch.float64))
        self.register_buffer("scale", torch.ones(len(self.real), dtype=torch.float64))
        self.size = target.size
        mixed = len(self.angle) + len(self.real)
        self.network = Residual(latents, hidden, len(self.binary) + 4 * components * mixed, blocks)
        nn.init.normal_(self.network.last.weight, std=0.1 * hidden**-0.5)
        nn.init.normal_(self.network.last.bias, std=0.3)

    def adapt(self, x: Tensor) -> None:
        if len(self.real) and len(x) > 1:
            self.centre.copy_(x[:, self.real].mean(0))
            self.scale.copy_(x[:, self.real].std(0).clamp_min(1e-6))

    def _heads(self, z: Tensor) -> tuple[Tensor, Mixture, Mixture]:
        made = self.network(z.float())
        logit, rest = made[:, :len(self.binary)], made[:, len(self.binary):]
        parts = rest.reshape(len(z), -1, self.components, 4)
        return logit, Mixture(parts[:, :len(self.angle)], True), Mixture(parts[:, len(self.angle):], False)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        logit, angle, real = self._heads(z)
        scaled = (x[:, self.real] - self.centre) / self.scale
        return (bernoulli_density(x[:, self.binary], logit).double().sum(1)
                + angle.log_density(x[:, self.angle]).sum(1)
                + real.log_density(scaled).sum(1) - self.scale.log().sum())

    def draw(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        logit, angle, real = self._heads(z)
        x = torch.empty(len(z), self.size, dtype=torch.float64)
        x[:, self.binary] = bernoulli_draw(logit, rng)
        x[:, self.angle] = angle.draw(rng)
        x[:, self.real] = self.centre + self.scale * real.draw(rng)
        return x, self.log_density(x, z)
