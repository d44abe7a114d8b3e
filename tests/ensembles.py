"""Exact references for Monte Carlo: small lattices counted out, and a chi-squared test of chains against them."""
from __future__ import annotations

from functools import cache

import numpy as np
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.targets.dimer_fluid import DimerFluid
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from scipy.stats import f as f_distribution

from backmap.api import Chain, Target


@cache
def every_configuration(size: int) -> torch.Tensor:
    """All 2^(size^2) configurations of a lattice, (n, D)."""
    numbers = np.arange(2**(size * size))
    return torch.from_numpy(((numbers[:, None] >> np.arange(size * size)) & 1).astype(np.float64))


def exact_lattice(target: LatticeGas) -> tuple[np.ndarray, float]:
    """P(N) and <E> by enumeration; for 4 x 4 and smaller."""
    x = every_configuration(target.options.size)
    energy = target.energy(x).numpy()
    weight = np.exp(-target.options.beta * (energy - energy.min()))
    weight /= weight.sum()
    return np.bincount(x.sum(1).long().numpy(), weight), float(weight @ energy)


def counted_lattice(states: np.ndarray, beta: float, mu: float) -> tuple[np.ndarray, float]:
    """P(N) and <E> from the numbers of states (N, bonds, count), rows of a file."""
    particles, bonds, count = states.T
    energy = -bonds - mu * particles
    weight = count * np.exp(-beta * (energy - energy.min()))
    weight /= weight.sum()
    return np.bincount(particles.astype(int), weight), float(weight @ energy)


def agreement(rows: np.ndarray, exact: np.ndarray) -> float:
    """p of the hypothesis that chains (T, n) of whole numbers have the distribution ``exact``.

    The chi-squared of the counts with their covariance as n independent chains show it (Hotelling's T^2): so
    autocorrelation within chains is accounted for whatever its time is. Rare values are put together.
    """
    n = rows.shape[1]
    group = np.minimum(np.cumsum(exact) * 25, 24).astype(int)  # about equally likely
    group = np.unique(group, return_inverse=True)[1]
    counts = [np.bincount(group[rows[:, k].astype(int)], minlength=group.max() + 1) for k in range(n)]
    share = np.stack(counts) / len(rows)
    expected = np.bincount(group, exact)
    off, covariance = (share.mean(0) - expected)[:-1], np.cov(share[:, :-1].T) / n
    k = len(off)
    statistic = float(off @ np.linalg.pinv(np.atleast_2d(covariance), rcond=1e-10) @ off) * (n - k) / (k * (n - 1))
    return float(f_distribution.sf(statistic, k, n - k))


def errors_off(rows: np.ndarray, exact: float) -> float:
    """By how many standard errors the mean of independent chains (T, n) misses an exact value."""
    each = rows.mean(0)
    return float((each.mean() - exact) / (each.std(ddof=1) / np.sqrt(len(each))))


def taught(target: Target, samples: torch.Tensor, steps: int, **options: object) -> Vae:
    """A model that has seen a little; the same each time."""
    torch.manual_seed(1)
    model = Vae(Vae.Options(**options))
    model.prepare(target)
    model.adapt(samples)
    optimiser = torch.optim.Adam(model.network.parameters(), lr=0.01)
    rng = np.random.default_rng(1)
    for _ in range(steps):
        batch = samples[torch.from_numpy(rng.integers(len(samples), size=64))]
        optimiser.zero_grad()
        model.loss(batch, 1.0, rng).mean().backward()
        optimiser.step()
    model.network.eval()
    return model


def acceptance(chain: Chain, kind: str = "vae") -> float:
    """Share of all moves of a kind that were accepted."""
    return sum(chain.accepted.get(kind, {}).values()) / sum(chain.tried[kind].values())


@cache
def exact_dimer(solvent: int, temperature: float, points: int = 600_000) -> tuple[float, float]:
    """Share of open dimers and mean energy (kT) among few particles, to about a part in 200, by integration.

    Over points drawn evenly, but for the dimer's centre, which is normal; weighted with the density.
    """
    target, rng = DimerFluid(DimerFluid.Options(solvent=solvent, temperature=temperature)), np.random.default_rng(11)
    sd = 1.2 * np.sqrt(temperature / target.options.hold / np.array([8, 4]))
    centre = rng.standard_normal((points, 2))
    edge = target.options.half + 2.5 * np.sqrt(temperature / target.options.wall)
    x = torch.from_numpy(np.concatenate([
        rng.uniform(0.4, 2.7, (points, 1)), rng.uniform(-np.pi / 2, np.pi / 2, (points, 1)), sd * centre,
        rng.uniform(-edge, edge, (points, 2 * solvent))], axis=1))
    weight = np.exp(target.log_density(x).numpy() + 0.5 * (centre**2).sum(1))
    weight /= weight.sum()
    return float(weight @ target.basins(x)), float(weight @ target.observables(x)["energy_kT"])
