"""Collective moves leave the target as it is, whatever the model: against exact distributions of small lattices."""
from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers import latent
from backmap_plugins.ensembles.samplers.latent import Latent, LatentOptions, proposals
from backmap_plugins.ensembles.samplers.local import Local
from backmap_plugins.ensembles.targets.double_well import DoubleWell
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas
from scipy.special import logsumexp

from backmap import testing
from backmap.api import Chain, Options
from tests.ensembles import acceptance, agreement, counted_lattice, errors_off, exact_lattice, taught

CHAINS = 500


def lattice(size: int, beta: float = 1.77) -> LatticeGas:
    return LatticeGas(LatticeGas.Options(size=size, beta=beta))


def equilibrated(target: LatticeGas, n: int, seed: int) -> torch.Tensor:
    """Starts that are distributed as the target is: by cluster moves."""
    rng = np.random.default_rng(seed)
    return target.collective(target.start(n, rng), 400, rng)


@cache
def bad_model(size: int = 4, decoder: str = "autoregressive", steps: int = 40) -> Vae:
    """A model that has seen dilute configurations only, a few times."""
    target = lattice(size)
    x = equilibrated(target, 3000, 11)
    return taught(target, x[x.mean(1) < 0.7], steps, decoder=decoder, hidden=8, encoder_hidden=8)


def run(target: LatticeGas, model: Vae, sampler: Latent, steps: int, chains: int = CHAINS, seed: int = 5) -> Chain:
    return sampler.run(target, model, equilibrated(target, chains, seed), steps, np.random.default_rng(seed))


@pytest.mark.parametrize(("decoder", "trials", "local"), [
    ("autoregressive", 1, 0), ("autoregressive", 4, 0), ("independent", 1, 1)])
def test_small_lattice_is_sampled_exactly_from_a_bad_model(decoder: str, trials: int, local: int) -> None:
    target = lattice(4)
    sampler = Latent(LatentOptions(trials=trials, local_sweeps=local))
    chain = run(target, bad_model(target.options.size, decoder), sampler, 120)
    distribution, energy = exact_lattice(target)
    assert 0.01 < acceptance(chain) < 0.9
    assert agreement(chain.rows["particles"][20:], distribution) > 0.01
    assert abs(errors_off(chain.rows["energy"][20:], energy)) < 3.5


@pytest.mark.slow
@pytest.mark.parametrize("size", [4, 6])
@pytest.mark.parametrize("decoder", ["autoregressive", "independent"])
def test_a_million_moves_from_a_bad_model(size: int, decoder: str, reference_data: Path) -> None:
    """P(N) and <E> against numbers of states counted by another program."""
    target = lattice(size)
    local = 1 if decoder == "independent" else 0  # weights of independent sites are so uneven that chains get stuck
    sampler = Latent(LatentOptions(local_sweeps=local))
    chain = run(target, bad_model(target.options.size, decoder), sampler, 200, chains=5000)
    path = reference_data / "ensembles" / f"lattice_{size}x{size}_dos_N_bonds.csv"
    distribution, energy = counted_lattice(np.loadtxt(path, delimiter=",", skiprows=1), 1.77, -2.0)
    assert sum(chain.tried["vae"].values()) == 1_000_000
    assert agreement(chain.rows["particles"][20:], distribution) > 0.01
    assert abs(errors_off(chain.rows["energy"][20:], energy)) < 3.5


def test_other_temperatures_than_the_training_are_exact_too() -> None:
    model = bad_model()
    for beta in (1.4, 2.0):
        target = lattice(4, beta)
        chain = run(target, model, Latent(LatentOptions()), 150)
        distribution, energy = exact_lattice(target)
        assert agreement(chain.rows["particles"][30:], distribution) > 0.01
        assert abs(errors_off(chain.rows["energy"][30:], energy)) < 3.5


@pytest.mark.parametrize("fault", ["sign", "no_encoder", "no_prior"])
def test_a_broken_acceptance_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above has the power to tell: the same run with a fault in the rule fails it by far."""
    target = lattice(4)
    model = deepcopy(bad_model())
    with torch.no_grad():  # the latent variable tells much, so that its densities matter
        model.network["encoder"].network.beside.weight[0, -1] += 3.0
    broken = {"sign": lambda x, z: -model_encoder(x, z), "no_encoder": lambda x, z: torch.zeros(len(x)).double(),
              "no_prior": None}[fault]
    model_encoder, model_prior = model.log_encoder, model.log_prior
    distribution, energy = exact_lattice(target)
    if fault == "sign":  # once is enough: nothing is wrong with this model
        chain = run(target, model, Latent(LatentOptions()), 100)
        assert agreement(chain.rows["particles"][20:], distribution) > 0.01
    if broken is None:
        monkeypatch.setattr(model, "log_prior", lambda z: 0 * model_prior(z))
    else:
        monkeypatch.setattr(model, "log_encoder", broken)
    monkeypatch.setattr(latent, "log_weight_of", _asked)
    chain = run(target, model, Latent(LatentOptions()), 100)
    off = errors_off(chain.rows["energy"][20:], energy)
    assert agreement(chain.rows["particles"][20:], distribution) < 1e-6 or abs(off) > 6


def _asked(target: LatticeGas, model: Vae, x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    z, _ = model.encode(x, rng)
    return target.log_density(x) + model.log_encoder(x, z) - model.log_prior(z) - model.log_decoder(x, z)


def test_weights_of_proposals_give_the_normaliser() -> None:
    """<w> over proposals is Xi, whatever the model."""
    target = lattice(4)
    _, weight = proposals(target, bad_model(4, steps=150), 20_000, np.random.default_rng(2))
    share = np.exp(weight.numpy() - logsumexp(weight.numpy()))
    error = np.sqrt((share**2).sum() - 1 / len(share))
    estimate = logsumexp(weight.numpy()) - np.log(len(share))
    assert abs(estimate - target.log_normaliser()) < 4 * error
    assert error < 0.1


def test_more_trials_are_accepted_more_often() -> None:
    target = lattice(4)
    model = bad_model()
    shares = [acceptance(run(target, model, Latent(LatentOptions(trials=m)), 40)) for m in (1, 8)]
    assert shares[1] > 1.2 * shares[0]


def test_configurations_that_are_not_canonical_are_rejected() -> None:
    class Half(DoubleWell):
        def canonical(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, 0] < 0

    target = Half(Half.Options())
    model = taught(target, target.local(target.start(400, None), 50, np.random.default_rng(1))[0], 100,
                   decoder="independent")
    x = target.start(200, np.random.default_rng(1))[::2]
    chain = Latent(LatentOptions()).run(target, model, x, 30, np.random.default_rng(1))
    assert (chain.rows["x1"] < 0).all()


def test_a_chain_says_what_happened() -> None:
    target = testing.Pendulum(Options())
    model = testing.Guess(Options())
    rng = np.random.default_rng(1)
    heard = []
    chain = Latent(LatentOptions(local_sweeps=2)).run(target, model, target.start(7, rng), 5, rng, heard.append)
    assert chain.rows["square"].shape == chain.rows["log_weight"].shape == chain.rows["basin"].shape == (5, 7)
    assert chain.tried == {"vae": {0: 35}, "local": {-1: 5 * 2 * 7 * 2}}
    assert 0 <= chain.longest["vae"] <= 5
    assert heard[-1] == 1.0
    assert set(chain.seconds) == {"vae", "local"}
    alone = Local(Local.Options(sweeps=3)).run(target, None, target.start(7, rng), 5, rng)
    assert "log_weight" not in alone.rows
    assert alone.rows["square"].shape == (5, 7)
