"""Mixtures and the decoder for angles and reals: normalised, drawn as evaluated, blind to what comes after."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae.angular import AngularDecoder
from backmap_plugins.ensembles.models.vae.angular_mixtures import Mixtures, fitted
from backmap_plugins.ensembles.targets.polymer import UnitedAtomChain
from scipy import stats

from backmap.api import Options, Target


class Ring(Target):
    """Three coordinates, of which nothing is known but their kinds."""

    variables = ("angle", "real", "angle")

    def log_density(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(x), dtype=torch.float64)

    def start(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        return torch.as_tensor(rng.normal(size=(n, 3)))

    def local(self, x: torch.Tensor, sweeps: int, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
        return x, 0.0


def mixtures(circular: bool, n: int = 1) -> Mixtures:
    parts = torch.tensor([[[0.3, 2.9, -1.0]], [[-1.0, -2.0, 0.5]], [[0.1, 1.0, -1.0]]], dtype=torch.float64)
    return Mixtures.of(*(part.expand(n, 3) for part in parts), torch.tensor(circular))


def shaken(target: Target, latents: int) -> AngularDecoder:
    """A decoder whose coordinates depend on all that they may depend on."""
    decoder = AngularDecoder(target, latents, components=3, width=16)
    decoder.adapt(target.start(500, np.random.default_rng(0)))
    with torch.no_grad():
        for parameter in decoder.network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return decoder


@pytest.mark.parametrize("circular", [True, False])
def test_mixtures_are_normalised_and_drawn_as_they_are(circular: bool) -> None:
    low, high = (-np.pi, np.pi) if circular else (-20.0, 20.0)
    grid = torch.linspace(low, high, 20001, dtype=torch.float64)
    density = mixtures(circular, len(grid)).log_density(grid).exp().numpy()
    assert np.trapezoid(density, grid.numpy()) == pytest.approx(1.0, abs=1e-6)
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid.numpy()))])
    drawn = mixtures(circular, 20_000).sample(np.random.default_rng(1)).numpy()
    assert stats.kstest(drawn, lambda x: np.interp(x, grid.numpy(), total)).pvalue > 0.001


def test_components_are_those_of_scipy() -> None:
    x = torch.tensor([1.2], dtype=torch.float64)
    for circular in (True, False):
        made = mixtures(circular)
        weight, mean, sd = (part[0].numpy() for part in (made.log_weight.exp(), made.mean, made.log_sd.exp()))
        each = stats.vonmises.pdf(1.2, 1 / sd**2, mean) if circular else stats.norm.pdf(1.2, mean, sd)
        assert made.log_density(x).item() == pytest.approx(np.log(weight @ each), abs=1e-10)


def test_fit_finds_what_was_there() -> None:
    rng = np.random.default_rng(2)
    x = np.where(rng.random(20_000) < 0.3, rng.vonmises(3.1, 50, 20_000), rng.vonmises(-1, 10, 20_000))
    mean, log_sd, log_weight = fitted(torch.as_tensor(x), 2, True)
    order = mean.abs().argsort()
    assert mean[order].abs().tolist() == pytest.approx([1.0, 3.1], abs=0.03)
    assert (-2 * log_sd[order]).exp().tolist() == pytest.approx([10, 50], rel=0.1)
    assert log_weight[order].exp().tolist() == pytest.approx([0.7, 0.3], abs=0.02)


@pytest.mark.parametrize("target", [Ring(Options()), UnitedAtomChain(UnitedAtomChain.Options(sites=8))])
def test_drawn_as_evaluated(target: Target) -> None:
    decoder, z = shaken(target, 2), torch.randn(40, 2, dtype=torch.float64)
    x, log_density = decoder.draw(z, np.random.default_rng(3))
    assert torch.allclose(decoder.log_density(x, z), log_density, atol=1e-4)
    assert (decoder.log_density(x, z.flip(0)) - log_density).abs().max() > 0.1  # the latents have a say


def test_coordinates_do_not_see_what_comes_after() -> None:
    target = Ring(Options())
    decoder, z = shaken(target, 1), torch.zeros(5, 1, dtype=torch.float64)
    x = target.start(5, np.random.default_rng(4)).requires_grad_()
    outputs = decoder.network(decoder._scaled(x, slice(0, 3)), x, z, range(3))
    for d in range(3):
        gradient = torch.autograd.grad(outputs[:, d].sum(), x, retain_graph=True, allow_unused=True)[0]
        assert (gradient[:, d:] == 0).all()
        assert d == 0 or (gradient[:, :d] != 0).all()


def test_density_is_normalised() -> None:
    target = Ring(Options())
    decoder = shaken(target, 1)
    turn, line = torch.linspace(-torch.pi, torch.pi, 61)[:-1].double(), torch.linspace(-8, 8, 161).double()
    grid = torch.cartesian_prod(turn, line, turn)
    with torch.no_grad():
        parts = [decoder.log_density(part, torch.zeros(len(part), 1)).exp().sum() for part in grid.split(20_000)]
    volume = (turn[1] - turn[0])**2 * (line[1] - line[0])
    assert (sum(parts) * volume).item() == pytest.approx(1.0, abs=2e-3)
