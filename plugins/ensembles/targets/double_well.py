"""The target ``double_well``: two wells in the plane with a barrier between them, the smallest test of a sampler."""
from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Target

#: Minima and saddle of U along x1: real roots of x1^3 - 6 x1 + 1 = 0.
LEFT, SADDLE, RIGHT = -2.528917957294362, 0.16744919110853515, 2.3614687661858267


class DoubleWellOptions(Options):
    """Options of ``double_well``."""

    beta: float = Field(1.0, gt=0, description="Inverse temperature, in units of the potential.")
    step: float = Field(0.5, gt=0, description="Standard deviation of a local move's displacement.")


class DoubleWell(Target):
    """Two wells in the plane: p(x) ~ exp(-beta U) with U = x1^4/4 - 3 x1^2 + x1 + x2^2/2.

    The left well is the deeper one; barriers are 11.57 from the left and 6.68 from the right. Basins: 0 left of the
    saddle, 1 right of it.
    """

    Options = DoubleWellOptions
    variables = ("real", "real")

    def energy(self, x: Tensor) -> Tensor:
        """U (n,) of configurations (n, 2)."""
        first, second = x.double().unbind(1)
        return first**4 / 4 - 3 * first**2 + first + second**2 / 2

    def log_density(self, x: Tensor) -> Tensor:
        return -self.options.beta * self.energy(x)

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Half of the configurations in each well, in turn."""
        x = torch.zeros(n, 2, dtype=torch.float64)
        x[:, 0] = torch.where(torch.arange(n) % 2 == 0, LEFT, RIGHT)
        return x

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Metropolis moves of both coordinates by a Gaussian step, one a sweep."""
        now, accepted = self.log_density(x), 0
        for _ in range(sweeps):
            moved = x + self.options.step * torch.from_numpy(rng.standard_normal(tuple(x.shape)))
            there = self.log_density(moved)
            take = torch.from_numpy(np.log1p(-rng.random(len(x)))) < there - now
            x, now = torch.where(take[:, None], moved, x), torch.where(take, there, now)
            accepted += int(take.sum())
        return x, accepted / max(1, sweeps * len(x))

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        return {"x1": x[:, 0].numpy(), "x2": x[:, 1].numpy(), "energy": self.energy(x).numpy()}

    def basins(self, x: Tensor) -> np.ndarray:
        return (x[:, 0] > SADDLE).long().numpy()
