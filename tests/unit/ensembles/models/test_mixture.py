"""The mixture: densities that agree with each other and with quadrature."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.mixture.model import GaussianMixture
from backmap_plugins.ensembles.targets.double_well import DoubleWell
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas

from backmap.errors import BackmapError


def mixture(components: int = 3) -> GaussianMixture:
    model = GaussianMixture(GaussianMixture.Options(components=components))
    model.prepare(DoubleWell(DoubleWell.Options()))
    model.network.begin(2.0, 1.0, np.random.default_rng(1))
    with torch.no_grad():
        model.network.logit.copy_(torch.arange(components))
    return model


def test_density_is_normalised() -> None:
    axis = torch.linspace(-12, 12, 401, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    mass = mixture().network.log_density(x).exp().sum() * (axis[1] - axis[0])**2
    assert mass.item() == pytest.approx(1.0, abs=1e-6)


def test_pairs_weigh_what_configurations_do() -> None:
    """P(z) P(x|z) / q(z|x) is q(x), whatever z."""
    model, rng = mixture(), np.random.default_rng(2)
    z, prior = model.prior(500, rng)
    x, _ = model.decode(z, rng)
    for latent, encoded in ((z, model.log_encoder(x, z)), model.encode(x, rng)):
        pair = model.log_prior(latent) + model.log_decoder(x, latent) - encoded
        torch.testing.assert_close(pair, model.network.log_density(x).detach())
    torch.testing.assert_close(prior, model.log_prior(z))
    share = np.bincount(z[:, 0].long().numpy(), minlength=3) / 500
    np.testing.assert_allclose(share, model.network.log_weight().exp().detach(), atol=0.07)


def test_weights_come_back(tmp_path: Path) -> None:
    model, path = mixture(), tmp_path / "mixture.safetensors"
    model.save(path, {"ladder": []})
    again = GaussianMixture(GaussianMixture.Options(weights=path))
    again.prepare(model.target)
    x = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(again.network.log_density(x), model.network.log_density(x))


def test_other_coordinates_are_refused() -> None:
    with pytest.raises(BackmapError, match="mixture is for real coordinates, and the target has binary ones"):
        GaussianMixture(GaussianMixture.Options()).prepare(LatticeGas(LatticeGas.Options()))
