"""Biased sampling along z: reweighted averages of two wells against quadrature, and a bias that does what it is for."""
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from backmap_plugins.ensembles.correlation import mean_and_error
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.results import summary
from backmap_plugins.ensembles.samplers.flat import Flat
from backmap_plugins.ensembles.samplers.latent import Latent, LatentOptions
from backmap_plugins.ensembles.targets.double_well import SADDLE, DoubleWell

from backmap.api import Chain
from tests.ensembles import taught

TARGET = DoubleWell(DoubleWell.Options(beta=0.5))


@cache
def model() -> Vae:
    """Of both wells as starts have them, half and half: off on purpose."""
    rng = np.random.default_rng(1)
    return taught(TARGET, TARGET.local(TARGET.start(2000, rng), 60, rng)[0], 120, decoder="independent", hidden=16,
                  encoder_hidden=16, bins=8)


def chain(**options: object) -> Chain:
    rng = np.random.default_rng(7)
    return Latent(LatentOptions(**options)).run(TARGET, model(), TARGET.start(1000, rng), 70, rng)


def exact() -> dict[str, float]:
    """<x1> and the share of the right well, by quadrature."""
    x = np.linspace(-6, 6, 20001)
    density = np.exp(-0.5 * (x**4 / 4 - 3 * x**2 + x))
    density /= density.sum()
    return {"x1": float(density @ x), "basin": float(density[x > SADDLE].sum())}


@pytest.mark.parametrize("local", [0, 1])
def test_reweighted_averages_are_exact(local: int) -> None:
    found = chain(flat=0.9, local_sweeps=local)
    weight = np.exp(found.rows["reweight"][20:])
    assert weight.max() < 1 / 0.1 + 1e-6
    for name, value in exact().items():
        mean, error, _ = mean_and_error(found.rows[name][20:].astype(float), weight)
        assert 0 < error < 0.05
        assert abs(mean - value) < 4 * error
        unweighted, spread, _ = mean_and_error(found.rows[name][20:].astype(float))
        assert abs(unweighted - value) > 3 * spread  # the chain itself samples another density


def test_a_table_has_reweighted_averages() -> None:
    found = chain(flat=0.9, local_sweeps=0)
    result = summary(found, TARGET, 20)
    assert "proposals" not in result
    value = result["observables"]["share of basin 1"]
    assert abs(value["mean"] - exact()["basin"]) < 4 * value["error"]


def test_latent_variables_are_drawn_evenly() -> None:
    rng = np.random.default_rng(2)
    flat = Flat(model(), 0.9, rng)
    z, _ = flat.prior(20_000, rng)
    inside = ((z - flat.low) / (flat.high - flat.low)).numpy()
    count = np.histogram(inside, np.linspace(0, 1, 11))[0] / len(z)
    assert count.min() > 0.085
    plain = np.histogram(((model().prior(20_000, rng)[0] - flat.low) / (flat.high - flat.low)).numpy(),
                         np.linspace(0, 1, 11))[0] / 20_000
    assert plain.min() < 0.03


def test_z_drawn_anew_is_not_far_off() -> None:
    """The authors' way, which is exact only for a narrow encoder."""
    found = chain(flat=0.3, redraw=True)
    mean = mean_and_error(found.rows["x1"][20:], np.exp(found.rows["reweight"][20:]))[0]
    assert mean == pytest.approx(exact()["x1"], abs=0.3)


def test_redrawing_without_a_bias_is_refused() -> None:
    with pytest.raises(ValueError, match="'redraw' is for biased sampling"):
        LatentOptions(redraw=True)
