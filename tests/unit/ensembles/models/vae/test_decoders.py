"""Decoders and the prior are densities: they sum or integrate to one, and draws are distributed as they say."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae.decoder import Decoder
from backmap_plugins.ensembles.models.vae.decoders import build
from backmap_plugins.ensembles.models.vae.heads import Mixture
from backmap_plugins.ensembles.models.vae.order import stages
from backmap_plugins.ensembles.models.vae.prior import Prior
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from scipy.stats import chi2, kstest

from backmap import testing
from backmap.api import Options
from tests.ensembles import every_configuration


def shaken(module: torch.nn.Module, by: float = 0.3) -> torch.nn.Module:
    """Weights moved at random, so that nothing is as it starts."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in module.parameters():
            weight += by * torch.randn_like(weight)
    return module


def lattice_decoder(kind: str, size: int) -> Decoder:
    target = LatticeGas(LatticeGas.Options(size=size))
    return shaken(build(kind, target, 1, 8, 1, 2, 8))


@pytest.mark.parametrize("kind", ["autoregressive", "independent"])
@pytest.mark.parametrize("size", [2, 3, 4])
@torch.no_grad()
def test_probabilities_of_all_configurations_sum_to_one(kind: str, size: int) -> None:
    x = every_configuration(size)
    for value in (-1.3, 0.4):
        density = lattice_decoder(kind, size).log_density(x, torch.full((len(x), 1), value, dtype=torch.float64))
        assert float(density.exp().sum()) == pytest.approx(1.0, abs=1e-4)


@torch.no_grad()
def test_draws_are_distributed_as_the_probabilities_say() -> None:
    decoder, n = lattice_decoder("autoregressive", 3), 40_000
    z = torch.full((n, 1), 0.7, dtype=torch.float64)
    x, density = decoder.draw(z, np.random.default_rng(1))
    assert torch.allclose(density, decoder.log_density(x, z), atol=1e-4)
    every = every_configuration(3)
    expected = n * decoder.log_density(every, z[:len(every)]).exp().numpy()
    seen = np.bincount((x @ 2.0**torch.arange(9, dtype=torch.float64)).long().numpy(), minlength=len(every))
    often = expected > 5
    statistic = ((seen - expected)**2 / expected)[often].sum()
    assert chi2.sf(statistic, often.sum()) > 0.001


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 8, 12, 28])
def test_every_site_is_decoded_once_and_sees_only_what_came_before(size: int) -> None:
    decoded = set()
    for stage in stages((size, size), 64):
        for rank in range(stage.ranks):
            rows = np.flatnonzero(stage.rank == rank)
            for row in rows:
                assert set(stage.seen[row][stage.known[row]].tolist()) <= decoded
                assert stage.before[row] == len(decoded)
            decoded |= set(stage.sites[rows].tolist())
    assert decoded == set(range(size * size))


@pytest.mark.parametrize("size", [4, 8, 28])
def test_last_sites_see_all_that_nearest_neighbours_ask_for(size: int) -> None:
    """Given the others, a site depends on its four neighbours alone."""
    last = stages((size, size), 64)[-1]
    for site, seen, known in zip(last.sites, last.seen, last.known):
        i, j = divmod(int(site), size)
        around = {(i + a) % size * size + (j + b) % size for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))}
        assert around <= set(seen[known].tolist())


@pytest.mark.parametrize("circular", [False, True])
def test_mixtures_integrate_to_one_and_draw_what_they_say(circular: bool) -> None:
    torch.manual_seed(1)
    mixture = Mixture(torch.randn(1, 3, 4), circular)
    grid = torch.linspace(-np.pi if circular else -40, np.pi if circular else 40, 40_001, dtype=torch.float64)
    density = mixture.log_density(grid[:, None]).exp()[:, 0]
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1.0, abs=1e-6)
    drawn = Mixture(torch.stack([mixture.log_weight, mixture.first, mixture.second, mixture.log_width], -1)
                    .expand(20_000, -1, -1), circular).draw(np.random.default_rng(1))
    below = torch.cumulative_trapezoid(density, grid)
    assert kstest(drawn.numpy(), lambda v: np.interp(v, grid[1:].numpy(), below.numpy())).pvalue > 0.001


@pytest.mark.parametrize("latents", [1, 2])
@torch.no_grad()
def test_the_prior_integrates_to_one_and_draws_what_it_says(latents: int) -> None:
    prior = shaken(Prior(latents, 32, 10.0, 3, 16), 0.2)
    step = 0.02 if latents == 1 else 0.05
    line = torch.arange(-9, 9 + step / 2, step, dtype=torch.float64)
    grid = torch.cartesian_prod(*[line] * latents).reshape(-1, latents)
    density = prior.log_density(grid).exp()
    assert float(density.sum()) * step**latents == pytest.approx(1.0, abs=5e-3)
    z = prior.draw(torch.from_numpy(np.random.default_rng(1).standard_normal((4000, latents))))
    first = density.reshape(len(line), -1).sum(1) * step**(latents - 1)
    below = (first.cumsum(0) - 0.5 * first) * step
    assert kstest(z[:, 0].numpy(), lambda v: np.interp(v, line.numpy(), below.numpy())).pvalue > 0.001


@torch.no_grad()
def test_independent_decoder_of_angles_and_reals_is_a_density() -> None:
    """Importance weights of its own density are one on average: exp(ln p - ln q) with p another decoder."""
    target = testing.Pendulum(Options())
    first, second = (shaken(build("independent", target, 1, 8, 1, 2, 8), by) for by in (0.1, 0.15))
    z = torch.full((40_000, 1), 0.3, dtype=torch.float64)
    x, density = first.draw(z, np.random.default_rng(1))
    weight = (second.log_density(x, z) - density).exp()
    assert abs(float(weight.mean()) - 1) < 5 * float(weight.std()) / 200
