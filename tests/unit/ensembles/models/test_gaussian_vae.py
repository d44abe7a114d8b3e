"""The published autoencoder: the one case in which its optimum is known, and the bound that it never passes."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.gaussian_vae.model import GaussianVae, GaussianVaeDensity
from backmap_plugins.ensembles.tempering import Ladder, LadderPlan
from torch import Tensor

from backmap.errors import BackmapError
from backmap.testing.ensembles import Pendulum

#: W^T S^-1 W is diagonal, so that a diagonal Gaussian can be the posterior of z.
S = torch.tensor([0.5, 1.0, 0.3, 0.8, 0.4], dtype=torch.float64)
W = torch.tensor([[1.0, 0.5], [0.8, -0.4], [0.0, 1.0], [0.6, 0.0], [-0.3, 0.0]], dtype=torch.float64)
W[:, 1] -= W[:, 0] * float((W[:, 0] / S) @ W[:, 1]) / float((W[:, 0] / S) @ W[:, 0])


class Linear(Pendulum):
    """N(0, W W^T + S) in five dimensions, not normalised."""

    variables = ("real",) * 5

    def log_density(self, x: Tensor) -> Tensor:
        return -0.5 * (x @ torch.linalg.inv(W @ W.T + S.diag()) * x).sum(1)

    def log_normaliser(self) -> float:
        return 2.5 * math.log(2 * math.pi) + 0.5 * float(torch.logdet(W @ W.T + S.diag()))


def test_linear_gaussian_case_reaches_its_normaliser() -> None:
    torch.manual_seed(2)
    target, network = Linear(Linear.Options()), GaussianVaeDensity(5, 2, 0)
    found = Ladder(target, network, LadderPlan(ladder=[0.5, 1.0], draws=256, iterations=300, last=2500,
                                                 width=2.0), np.random.default_rng(1))
    rung = list(found.climb())[-1]
    assert rung.bound == pytest.approx(target.log_normaliser(), abs=1e-3)
    torch.testing.assert_close((2 * network.log_sigma).exp().detach(), S, atol=0.06, rtol=0)
    decoder = network.decoder[0].weight.detach()
    torch.testing.assert_close(decoder @ decoder.T, W @ W.T, atol=0.1, rtol=0)


def test_bound_is_never_above_the_normaliser() -> None:
    torch.manual_seed(2)
    target, rng = Linear(Linear.Options()), np.random.default_rng(2)
    for _ in range(10):
        network = GaussianVaeDensity(5, 2, 8)
        with torch.no_grad():
            network.log_sigma.normal_(std=0.5)
        x, log_q = network.sample(20_000, rng)
        value = target.log_density(x) - log_q
        assert float(value.mean()) <= target.log_normaliser() + 4 * float(value.std()) / math.sqrt(20_000)


def test_angles_are_refused() -> None:
    with pytest.raises(BackmapError, match="gaussian_vae is for real coordinates, and the target has angle, real ones"):
        GaussianVae(GaussianVae.Options()).prepare(Pendulum(Pendulum.Options()))
