"""The target ``double_well``: two wells in the plane with a barrier between them, the smallest test of a sampler."""
from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from backmap.api import Options, Target

POINTS, FARTHEST = 20_001, 60.0  #: of the integral along x1, and kT above the deeper well up to which it reaches
#: With the options as they are by default: minima and saddle of U along x1: real roots of x1^3 - 6 x1 + 1 = 0.
LEFT, SADDLE, RIGHT = -2.528917957294362, 0.16744919110853515, 2.3614687661858267


class DoubleWellOptions(Options):
    """Options of ``double_well``."""

    beta: float = Field(1.0, gt=0, description="Inverse temperature, in units of the potential.")
    quartic: float = Field(0.25, gt=0, description="Coefficient of x1^4.")
    quadratic: float = Field(3.0, gt=0, description="Coefficient of -x1^2: how far wells are apart and how deep.")
    tilt: float = Field(1.0, description="Coefficient of x1.")
    stiffness: float = Field(1.0, gt=0, description="Twice the coefficient of x2^2.")
    step: float = Field(0.5, gt=0, description="Standard deviation of a local move's displacement.")

    @property
    def stationary(self) -> np.ndarray:
        """Where U is stationary along x1, rising: real roots of 4 quartic x1^3 - 2 quadratic x1 + tilt = 0."""
        roots = np.roots([4 * self.quartic, 0.0, -2 * self.quadratic, self.tilt])
        return np.sort(roots[np.abs(roots.imag) < 1e-9].real)

    @model_validator(mode="after")
    def _two_wells(self) -> DoubleWellOptions:
        if len(self.stationary) < 3:
            raise ValueError(f"with a 'tilt' of {self.tilt:g} there is one well alone; make it smaller")
        return self


class DoubleWell(Target):
    """Two wells in the plane: p(x) ~ exp(-beta U) with U = x1^4/4 - 3 x1^2 + x1 + x2^2/2, or with other coefficients.

    With these the left well is the deeper one; barriers are 11.57 from the left and 6.68 from the right. Basins: 0 left
    of the saddle, 1 right of it.
    """

    Options = DoubleWellOptions
    variables = ("real", "real")

    def energy(self, x: Tensor) -> Tensor:
        """U (n,) of configurations (n, 2)."""
        first, second = x.double().unbind(1)
        return self._along(first) + 0.5 * self.options.stiffness * second**2

    def _along(self, first: Tensor) -> Tensor:
        options = self.options
        return options.quartic * first**4 - options.quadratic * first**2 + options.tilt * first

    @cached_property
    def stationary(self) -> np.ndarray:
        """Both minima and the saddle between them along x1, rising, (3,)."""
        return self.options.stationary

    def log_normaliser(self) -> float:
        """By quadrature along x1."""
        beta, least = self.options.beta, self._along(torch.from_numpy(self.stationary)).min()
        edge = np.abs(self.stationary).max() + 1.0
        while beta * float(min(self._along(torch.tensor([-edge, edge], dtype=torch.float64))) - least) < FARTHEST:
            edge *= 1.1
        x = torch.linspace(-edge, edge, POINTS, dtype=torch.float64)
        mass = torch.trapezoid((-beta * (self._along(x) - least)).exp(), x)
        return float(mass.log() - beta * least + 0.5 * np.log(2 * np.pi / (beta * self.options.stiffness)))

    def log_density(self, x: Tensor) -> Tensor:
        return -self.options.beta * self.energy(x)

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Half of the configurations in each well, in turn."""
        x = torch.zeros(n, 2, dtype=torch.float64)
        x[:, 0] = torch.where(torch.arange(n) % 2 == 0, self.stationary[0], self.stationary[2])
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
        return (x[:, 0] > self.stationary[1]).long().numpy()
