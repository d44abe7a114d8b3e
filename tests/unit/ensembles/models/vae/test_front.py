"""Particles one after the other, from left to right: densities are normalised, drawn as evaluated, and blind ahead."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.vae import plane
from backmap_plugins.ensembles.models.vae.decoders import build
from backmap_plugins.ensembles.models.vae.front import FrontDecoder, NormalMixture
from backmap_plugins.ensembles.models.vae.model import Vae
from backmap_plugins.ensembles.samplers.latent import Latent
from backmap_plugins.ensembles.targets.dimer_fluid import DimerFluid
from scipy import stats

from backmap import testing
from tests.ensembles import acceptance, errors_off, exact_dimer, taught


def fluid(**options: object) -> DimerFluid:
    return DimerFluid(DimerFluid.Options(**options))


def decoder_of(target: DimerFluid) -> FrontDecoder:
    """One that says something about everything."""
    torch.manual_seed(3)
    decoder = build("autoregressive", target, 1, 16, 1, 4, 8)
    decoder.adapt(target.start(50, np.random.default_rng(0)))
    with torch.no_grad():
        for parameter in decoder.network.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
        decoder.first.latent += torch.randn_like(decoder.first.latent)
    return decoder


def windows(m: int, columns: int = 5, rows: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """c, room and beginnings of m densities."""
    rng = np.random.default_rng(4)
    c = torch.from_numpy(rng.normal(size=(m, -(-columns // 2), -(-rows // 2))).astype(np.float32))
    return c, torch.from_numpy(rng.random((m, columns, rows)).astype(np.float32)), torch.from_numpy(rng.random(m))


def density(c: torch.Tensor, room: torch.Tensor, begin: torch.Tensor, place: torch.Tensor) -> np.ndarray:
    """The first of some densities at places (p, 2)."""
    many = [part[:1].expand(len(place), *part.shape[1:]).contiguous() for part in (c, room, begin)]
    return plane.log_density(*many, place).exp().numpy()


@pytest.mark.parametrize(("columns", "rows"), [(5, 7), (6, 8), (4, 7)])
def test_densities_in_windows_are_normalised(columns: int, rows: int) -> None:
    parts = windows(1, columns, rows)
    across = torch.linspace(0, columns - 1, 400 * (columns - 1) + 1).double()
    across = (across[1:] + across[:-1]) / 2
    along = torch.linspace(0, rows - 1, 20 * (rows - 1) + 1).double()
    along = (along[1:] + along[:-1]) / 2  # midpoints are exact for what is linear
    found = density(*parts, torch.cartesian_prod(across, along)).sum() / 400 / 20
    assert found == pytest.approx(1.0, abs=2e-3)  # where it begins is between two points


def test_draws_in_windows_have_their_density() -> None:
    parts, n = windows(1), 40_000
    drawn = plane.draw(*(part.expand(n, *part.shape[1:]).contiguous() for part in parts),
                       np.random.default_rng(5)).numpy()
    assert (drawn[:, 0] >= float(parts[2])).all()
    edges = np.linspace(0, 4, 33), np.linspace(0, 6, 13)
    counts = np.histogram2d(*drawn.T, bins=edges)[0]
    assert counts.sum() == n
    fine = torch.cartesian_prod(torch.linspace(0, 4, 1025).double()[1:] - 1 / 512,
                                torch.linspace(0, 6, 61).double()[1:] - 0.05)
    share = np.histogram2d(*fine.numpy().T, bins=edges, weights=density(*parts, fine))[0]
    expected = n * share / share.sum()
    likely = expected > 20
    assert likely.sum() > 200
    statistic = ((counts - expected)[likely]**2 / expected[likely]).sum()
    assert stats.chi2.sf(statistic, likely.sum()) > 1e-4


def test_slopes_are_those_of_differences() -> None:
    c, room, begin = windows(3)
    place = torch.tensor([[1.3, 2.2], [2.9, 5.5], [3.4, 0.1]], dtype=torch.float64)
    leaf = c.clone().requires_grad_()
    plane.log_density(leaf, room, begin, place).sum().backward()
    for index in ((0, 0, 1), (0, 1, 1), (1, 1, 2), (2, 2, 0), (2, 1, 3)):
        there, back = c.clone(), c.clone()
        there[index] += 0.01
        back[index] -= 0.01
        change = plane.log_density(there, room, begin, place) - plane.log_density(back, room, begin, place)
        assert float(leaf.grad[index]) == pytest.approx(float(change.sum()) / 0.02, abs=2e-4)


def test_nothing_is_outside_of_a_window() -> None:
    c, room, begin = (part[:1].expand(5, *part.shape[1:]).contiguous() for part in windows(1))
    place = torch.tensor([[float(begin[0]) - 0.01, 1.0], [4.0, 1.0], [9.0, 1.0], [2.0, -0.1], [2.0, 6.0]]).double()
    assert (plane.log_density(c, room, begin, place) == -torch.inf).all()


@torch.no_grad()
def test_drawn_as_evaluated_and_in_order() -> None:
    target = fluid(solvent=12)
    decoder, z = decoder_of(target), torch.randn(30, 1, dtype=torch.float64)
    x, found = decoder.draw(z, np.random.default_rng(6))
    assert torch.allclose(decoder.log_density(x, z), found, atol=1e-4)
    assert (decoder.log_density(x, z.flip(0)) - found).abs().max() > 0.1  # the latents have a say
    assert target.canonical(x).all()
    swapped = x.clone()
    swapped[:, 4:8] = x[:, [6, 7, 4, 5]]
    assert (decoder.log_density(swapped, z) == -torch.inf).all()


def test_particles_do_not_see_what_comes_after() -> None:
    target = fluid(solvent=9)
    x = target.local(target.start(5, np.random.default_rng(7)), 5, np.random.default_rng(8))[0]
    places = x[:, 4:].reshape(5, 9, 2).numpy()
    seen = target.front.windows(target.obstacles(x), places)
    for k in (0, 3, 8):
        changed = places.copy()
        changed[:, k:] += 0.3
        assert np.array_equal(target.front.windows(target.obstacles(x), changed)[:, :k + 1], seen[:, :k + 1])


def test_room_is_what_the_energies_leave() -> None:
    """Against the target's energies of a particle more, at nodes of the first particle's window and the last one's."""
    target, more = fluid(solvent=5), fluid(solvent=6)
    x = target.local(target.start(1, np.random.default_rng(9)), 20, np.random.default_rng(9))[0]
    front, places = target.front, x[:, 4:].reshape(1, 5, 2)
    field = front.begin(target.obstacles(x))
    for k in range(5):
        front.add(field, places[:, k].numpy())
    last = float(places[0, -1, 0])
    room, first = front.window(field, np.array([last]))[0], int(front.column(last))
    for i, j in ((2, 10), (5, 33), (9, 60)):
        node = torch.tensor([[first + i, j]]) * front.spacing - front.edge
        change = target.log_density(x) - more.log_density(torch.cat([x, node.double()], dim=1))
        assert room[i, j] == pytest.approx(float((-change).exp()), abs=1e-3)


def test_mixture_of_the_first_coordinates() -> None:
    rng = np.random.default_rng(10)
    x = torch.from_numpy(np.where(rng.random((20_000, 1)) < 0.3, rng.normal([1, 5], [0.1, 2.0], (20_000, 2)),
                                  rng.normal([2, 4], [0.2, 1.0], (20_000, 2))))
    mixture = NormalMixture(2, 1, 2)
    mixture.adapt(x)
    z = torch.zeros(20_000, 1, dtype=torch.float64)
    exact = np.logaddexp(math.log(0.3) + stats.norm.logpdf(x.numpy(), [1, 5], [0.1, 2.0]).sum(1),
                         math.log(0.7) + stats.norm.logpdf(x.numpy(), [2, 4], [0.2, 1.0]).sum(1))
    with torch.no_grad():
        assert (mixture.log_density(x, z).numpy() - exact).mean() == pytest.approx(0.0, abs=0.01)
        drawn = mixture.draw(z, rng).numpy()
    for k in range(2):
        assert stats.ks_2samp(drawn[:, k], x[:, k].numpy()).pvalue > 1e-4


def test_keeps_what_models_promise() -> None:
    testing.check_model(Vae(Vae.Options(hidden=16)), fluid(solvent=4), n=40)


@pytest.mark.parametrize("trials", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_chains_stay_in_equilibrium_whatever_was_learned(trials: int) -> None:
    """A model of few steps, taught at the wrong temperature; no local moves beside it."""
    open_share, energy = exact_dimer(2, 8.0)
    rng, target, wrong = np.random.default_rng(12), *(fluid(solvent=2, temperature=t) for t in (8.0, 11.0))
    samples = wrong.local(wrong.start(400, rng), 60, rng)[0]
    model = taught(target, samples, 40, hidden=16, blocks=1)
    x = target.local(target.start(300, rng), 500, rng)[0]
    chain = Latent(Latent.Options(trials=trials)).run(target, model, x, 40, rng)
    assert 0.01 < acceptance(chain) < 0.9
    rows = {name: chain.rows[name][10:].astype(float) for name in ("open", "energy_kT")}
    assert abs(errors_off(rows["open"], open_share)) < 4
    assert abs(errors_off(rows["energy_kT"], energy)) < 4
