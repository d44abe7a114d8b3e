"""The target ``lattice_gas``: particles on a periodic square lattice that attract their nearest neighbours."""
from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from scipy import ndimage
from scipy.special import expit, logsumexp
from torch import Tensor

from backmap.api import Options, Target

from .lattice_moves import heat_bath, wolff

#: Chemical potential at which particles and holes are alike: half of the energy of a full lattice, per site.
COEXISTENCE = -2.0


class LatticeGasOptions(Options):
    """Options of ``lattice_gas``."""

    size: int = Field(28, ge=2, description="Sites along each side.")
    beta: float = Field(1.77, gt=0, description="Inverse temperature, in units of the attraction of two neighbours; "
                                                "the critical one is 1.7627.")
    mu: float = Field(COEXISTENCE, description="Chemical potential; -2 is where dilute and dense phase coexist.")


class LatticeGas(Target):
    """Lattice gas on a periodic square lattice: p(n) ~ exp(-beta H) with H = -sum n_i n_j - mu sum n_i, n_i = 0 or 1.

    The first sum is over pairs of nearest neighbours. Basins: 0 dilute (less than a quarter of the sites filled), 1 in
    between, 2 dense (three quarters or more).
    """

    Options = LatticeGasOptions

    def __init__(self, options: LatticeGasOptions) -> None:
        super().__init__(options)
        self.grid = (options.size, options.size)
        self.variables = ("binary",) * options.size**2

    @property
    def symmetric(self) -> bool:
        """Particles and holes are alike."""
        return self.options.mu == COEXISTENCE

    def bonds(self, x: Tensor) -> Tensor:
        """Pairs of neighbours that are both filled, (n,)."""
        sites = x.reshape(-1, *self.grid)
        return (sites * (sites.roll(1, 1) + sites.roll(1, 2))).sum((1, 2))

    def energy(self, x: Tensor) -> Tensor:
        """H (n,)."""
        return -self.bonds(x) - self.options.mu * x.sum(1)

    def log_density(self, x: Tensor) -> Tensor:
        return -self.options.beta * self.energy(x.double())

    def start(self, n: int, rng: np.random.Generator) -> Tensor:
        """Sites filled independently, at densities that go evenly from empty to full."""
        density = (np.arange(n) + 0.5) / n
        return torch.from_numpy((rng.random((n, self.size)) < density[:, None]).astype(np.float64))

    def local(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Heat bath, one site at a time; the share accepted is that of sites that change."""
        sites = self._sites(x)
        filled = np.arange(5)
        flip = expit(self.options.beta * (filled + self.options.mu))
        changed = heat_bath(sites, sweeps, flip, rng)
        return self._rows(sites), changed / max(1, sweeps * sites.size)

    def collective(self, x: Tensor, sweeps: int, rng: np.random.Generator) -> Tensor:
        """A heat bath after every tenth cluster, one cluster a sweep; local moves alone where a dense lattice
        is not the image of a dilute one."""
        if not self.symmetric:
            return self.local(x, sweeps, rng)[0]
        sites = self._sites(x)
        wolff(sites, sweeps, -np.expm1(-self.options.beta / 2), rng)
        return self.local(self._rows(sites), -(-sweeps // 10), rng)[0]

    def augment(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """Shifted, turned, mirrored at random; particles and holes exchanged where they are alike."""
        sites = x.reshape(-1, *self.grid)
        side, n = self.options.size, len(sites)
        shift = torch.from_numpy(rng.integers(side, size=(2, n)))
        turn, image = torch.from_numpy(rng.integers(8, size=n)), torch.empty_like(sites)
        along = torch.arange(side)
        down, across = (along + shift[0][:, None]) % side, (along + shift[1][:, None]) % side
        moved = sites[torch.arange(n)[:, None, None], down[:, :, None], across[:, None, :]]
        for number in range(8):
            chosen = turn == number
            turned = torch.rot90(moved[chosen], number % 4, (1, 2))
            image[chosen] = turned.transpose(1, 2) if number >= 4 else turned
        if self.symmetric:
            swapped = torch.from_numpy(rng.integers(2, size=n)).bool()
            image[swapped] = 1 - image[swapped]
        return image.reshape(n, -1)

    def log_normaliser(self) -> float | None:
        """ln Xi from Kaufman's solution of the Ising model, Phys. Rev. 76, 1232 (1949); mu = -2 only.

        With n = (1 + s)/2, H = -1/4 sum s s' + V/2 and K = beta/4.
        """
        if not self.symmetric:
            return None
        side, coupling = self.options.size, self.options.beta / 4
        wave = np.pi * np.arange(2 * side) / side
        gamma = np.arccosh(np.maximum(np.cosh(2 * coupling)**2 / np.sinh(2 * coupling) - np.cos(wave), 1.0))
        gamma[0] = 2 * coupling + np.log(np.tanh(coupling))  # its sign changes at the critical point
        products, signs = [], []
        for half in (gamma[1::2] * side / 2, gamma[0::2] * side / 2):
            products += [np.logaddexp(half, -half).sum(), np.log(2 * np.abs(np.sinh(half))).sum()]
            signs += [1.0, np.prod(np.sign(half))]
        log_ising = side**2 / 2 * np.log(2 * np.sinh(2 * coupling)) - np.log(2) + logsumexp(products, b=signs)
        return float(log_ising - self.options.beta * side**2 / 2)

    def observables(self, x: Tensor) -> dict[str, np.ndarray]:
        return {"particles": x.sum(1).numpy(), "energy": self.energy(x).double().numpy()}

    def clusters(self, x: Tensor) -> list[np.ndarray]:
        """Sizes of the connected clusters of particles in each configuration, across the boundaries."""
        return [_cluster_sizes(sites) for sites in self._sites(x)]

    def basins(self, x: Tensor) -> np.ndarray:
        density = x.mean(1).numpy()
        return np.digitize(density, (0.25, 0.75))

    def _sites(self, x: Tensor) -> np.ndarray:
        return x.reshape(-1, *self.grid).to(torch.int8).numpy().copy()

    def _rows(self, sites: np.ndarray) -> Tensor:
        return torch.from_numpy(sites.reshape(len(sites), -1).astype(np.float64))


def _cluster_sizes(sites: np.ndarray) -> np.ndarray:
    """Sizes of clusters of nearest neighbours on a torus: labels inside, joined across the two seams."""
    labels, count = ndimage.label(sites)
    parent = np.arange(count + 1)

    def root(label: int) -> int:
        while parent[label] != label:
            label = parent[label]
        return label

    for a, b in (*zip(labels[0], labels[-1]), *zip(labels[:, 0], labels[:, -1])):
        if a and b:
            parent[root(a)] = root(b)
    found = np.array([root(label) for label in range(count + 1)])
    sizes = np.bincount(found[labels[sites > 0]], minlength=count + 1)
    return sizes[sizes > 0]
