"""The double well against quadrature."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers.latent import Latent
from backmap_plugins.ensembles.targets.double_well import LEFT, RIGHT, SADDLE, DoubleWell

from tests.ensembles import acceptance, errors_off, taught


def well(beta: float) -> DoubleWell:
    return DoubleWell(DoubleWell.Options(beta=beta))


def test_stationary_points() -> None:
    x = torch.tensor([[LEFT, 0.0], [SADDLE, 0.0], [RIGHT, 0.0]], dtype=torch.float64, requires_grad=True)
    energy = well(1.0).energy(x)
    assert torch.autograd.grad(energy.sum(), x)[0].abs().max() < 1e-12
    assert energy.tolist() == pytest.approx([-11.489827520059603, 0.08352804592704727, -6.593700525867445])


def test_local_moves_sample_it(reference_data: Path) -> None:
    exact = json.loads((reference_data / "ensembles" / "double_well.json").read_text())["by_beta"]["0.1"]
    target, rng = DoubleWell(DoubleWell.Options(beta=0.1, step=2.0)), np.random.default_rng(1)
    x = target.local(target.start(400, rng), 300, rng)[0]
    rows = []
    for _ in range(100):
        x = target.local(x, 5, rng)[0]
        rows.append(target.observables(x))
    assert abs(errors_off(np.stack([row["x1"] for row in rows]), exact["mean_x1"])) < 3.5
    assert abs(errors_off(np.stack([row["energy"] for row in rows]), exact["mean_U"])) < 3.5


def model_of(target: DoubleWell, steps: int) -> Vae:
    rng = np.random.default_rng(1)
    return taught(target, target.local(target.start(2000, rng), 100, rng)[0], steps, decoder="independent", hidden=16,
                  encoder_hidden=16)


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_moves_of_a_model_sample_it_and_cross_the_barrier(beta: float, reference_data: Path) -> None:
    """Half of the training data are in the shallow well, which holds 0.8 % at beta 1."""
    exact = json.loads((reference_data / "ensembles" / "double_well.json").read_text())["by_beta"][str(beta)]
    target = well(beta)
    rng = np.random.default_rng(2)
    sampler = Latent(Latent.Options(local_sweeps=1))
    chain = sampler.run(target, model_of(well(0.5), 250), target.start(500, rng), 300, rng)
    rows = {name: values[100:] for name, values in chain.rows.items()}
    assert abs(errors_off(rows["x1"], exact["mean_x1"])) < 3.5
    assert abs(errors_off(rows["energy"], exact["mean_U"])) < 3.5
    assert abs(errors_off(rows["basin"] == 0, exact["wells"]["saddle"]["p_left"])) < 3.5
    assert acceptance(chain) > 0.1
