"""The autoregressive density: its parts are normalised, draws move with parameters, and it learns what is known."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.models.autoregressive import shapes
from backmap_plugins.ensembles.models.autoregressive.density import AutoregressiveDensity
from backmap_plugins.ensembles.models.autoregressive.model import Autoregressive
from backmap_plugins.ensembles.models.autoregressive.table import TorsionTable
from backmap_plugins.ensembles.targets.molecule import Molecule
from backmap_plugins.ensembles.tempering import Ladder, LadderPlan
from torch import Tensor

from backmap.errors import BackmapError
from backmap.testing.ensembles import Pendulum

A, B, K = 2.0, 3.0, 1.5  #: how strong the torsions of ``Hinge`` are
WIDTHS = torch.tensor([0.05, 0.1, 0.003], dtype=torch.float64)


class Hinge(Pendulum):
    """Two torsions, one of them with two wells, a methyl group, and three stiff coordinates that follow the first."""

    variables = ("angle", "angle", "angle", "angle", "real", "real")

    def log_density(self, x: Tensor) -> Tensor:
        stiff = x[:, 3:] - torch.stack([2 * WIDTHS[0] * x[:, 0].sin(), 0 * x[:, 0], WIDTHS[2] * x[:, 1].cos()], 1)
        return (A * x[:, 0].cos() + B * (2 * x[:, 1]).cos() + K * (3 * x[:, 2]).cos()
                - 0.5 * ((stiff / WIDTHS)**2).sum(1))

    def log_normaliser(self) -> float:
        turns = [2 * math.pi * float(torch.special.i0(torch.tensor(k, dtype=torch.float64))) for k in (A, B, K)]
        return float(np.log(turns).sum() + WIDTHS.log().sum() + 1.5 * math.log(2 * math.pi))


def density(hidden: int = 16) -> AutoregressiveDensity:
    torch.manual_seed(1)
    circular = torch.tensor([kind == "angle" for kind in Hinge.variables])
    width = torch.cat([torch.ones(3, dtype=torch.float64), WIDTHS])
    return AutoregressiveDensity(circular, [0, 1], [2], torch.zeros(6, dtype=torch.float64), width, 24, hidden, 2, 12)


def bent_out_of_shape(network: AutoregressiveDensity) -> AutoregressiveDensity:
    with torch.no_grad():
        network.network.weights[-1].normal_(std=0.3)
        network.base.normal_(std=0.2)
        network.table.logit.normal_(std=1.0)
    return network


def test_bent_normals_are_normalised_and_drawn() -> None:
    x = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    for skew, tail in ((0.0, 0.0), (0.6, 0.3), (-0.4, -0.2)):
        skew, tail = torch.tensor(skew), torch.tensor(tail)
        height = shapes.log_bent(x, skew, tail).exp()
        assert float(torch.trapezoid(height, x)) == pytest.approx(1, abs=1e-6)
        made = shapes.bent(torch.from_numpy(np.random.default_rng(1).normal(size=100_000)), skew, tail)
        assert float(made.mean()) == pytest.approx(float(torch.trapezoid(x * height, x)), abs=0.03)


def test_tents_are_normalised_drawn_and_move() -> None:
    logit = torch.tensor([0.3, -1.0, 0.5, 2.0, -0.7], dtype=torch.float64, requires_grad=True)
    level = (torch.arange(5000, dtype=torch.float64) + 0.5) / 5000
    turn = shapes.tents(level, logit.detach().expand(5000, 5))
    torch.testing.assert_close(shapes.level_of(turn, logit.detach().expand(5000, 5)), level, atol=1e-9, rtol=0)
    grid = (torch.arange(5000, dtype=torch.float64) + 0.5) / 5000
    assert float(shapes.log_tents(grid, logit.detach().expand(5000, 5)).exp().mean()) == pytest.approx(1, abs=1e-6)
    some = slice(100, 5000, 611)
    row = torch.stack([torch.autograd.grad(each, logit, retain_graph=True)[0]
                       for each in shapes.moved(turn[some], logit.expand(len(turn[some]), 5))])
    for k in range(5):
        shifted = [logit.detach() + sign * 1e-5 * torch.eye(5, dtype=torch.float64)[k] for sign in (1, -1)]
        ends = [shapes.tents(level[some], each.expand(len(turn[some]), 5)) for each in shifted]
        torch.testing.assert_close(row[:, k], (ends[0] - ends[1]) / 2e-5, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("torsions", [1, 2])
def test_tables_are_normalised_and_settle(torsions: int) -> None:
    table = TorsionTable(torsions, 12)
    table.logit.copy_(torch.from_numpy(np.random.default_rng(1).normal(size=12**torsions)))
    line = (torch.arange(240, dtype=torch.float64) + 0.5) / 240 * 2 * math.pi - math.pi
    grid = torch.cartesian_prod(*[line] * torsions).reshape(-1, torsions)
    area = (2 * math.pi / 240)**torsions
    assert float(table.log_density(grid).exp().sum() * area) == pytest.approx(1, abs=1e-4)
    assert float(table.log_flatter(grid).exp().sum() * area) == pytest.approx(1, abs=1e-4)
    rng = np.random.default_rng(2)
    made = table.draw(100_000, rng)
    exact = (table.log_density(grid).exp() * area) @ grid.cos()
    torch.testing.assert_close(made.cos().mean(0), exact, atol=0.01, rtol=0)
    wanted = torch.cos(grid).sum(1).exp()
    drawn = table.draw(200_000, rng, flatter=True)
    table.settle(drawn, drawn.cos().sum(1) - table.log_flatter(drawn))
    found = table.log_density(grid)
    assert float(((found - (wanted / wanted.sum() / area).log()) * found.exp() * area).sum()) < 0.003


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_tables_find_narrow_wells_and_keep_them(rate: float) -> None:
    """Two wells of 99.6 and 0.4 %, 12 degrees wide, by noisy ln q/p: neither is lost, and nothing runs away."""
    table, rng = TorsionTable(2, 36), np.random.default_rng(1)
    middles, shares = torch.tensor([[-1.5, 1.0], [1.0, -1.8]], dtype=torch.float64), torch.tensor([0.996, 0.004])

    def log_wanted(x: Tensor) -> Tensor:
        return torch.logsumexp(23 * torch.cos(x[:, None] - middles).sum(2) + shares.log(), 1).clamp_min(20.0)

    for k in range(600):
        x = table.draw(512, rng, flatter=True)
        table.notice(x, table.log_density(x) - log_wanted(x) + torch.from_numpy(rng.normal(size=512))
                     + (30 if k < 50 else 0) * (x[:, 0] > 0), rate)  # the rare one is not known at first
    x = table.draw(100_000, rng)
    assert float((x[:, 0] > 0).double().mean()) == pytest.approx(0.004, rel=0.5)
    off = table.log_density(x) - log_wanted(x)
    assert float(off.mean() + torch.logsumexp(-off, 0) - math.log(len(x))) < 0.1


def test_draws_have_the_density_that_is_evaluated() -> None:
    network = bent_out_of_shape(density())
    x, log_q = network.sample(500, np.random.default_rng(3))
    torch.testing.assert_close(network.log_density(x), log_q, atol=1e-4, rtol=0)
    third = x.clone()
    third[:, 2] = torch.remainder(third[:, 2] + 2 * math.pi / 3 + math.pi, 2 * math.pi) - math.pi
    torch.testing.assert_close(network.log_density(third), log_q, atol=1e-4, rtol=0)  # of a methyl group


def test_draws_move_with_the_parameters() -> None:
    """Gradients of a function of draws, against differences with the same random numbers."""
    network = bent_out_of_shape(density())

    def value() -> Tensor:
        x = network.drawn(400, np.random.default_rng(4)).x
        return ((x[:, 2] * 3).sin() + (x[:, 3:] / WIDTHS).pow(2).sum(1)).mean()

    value().backward()
    parameter, small = network.network.biases[-1], 1e-3
    for d, k in ((3, 0), (4, 1), (5, 2), (5, 3)):
        given, ends = parameter.grad[d, 0, k].item(), []
        for sign in (1, -1):
            parameter.data[d, 0, k] += sign * small
            ends.append(value().item())
            parameter.data[d, 0, k] -= sign * small
        assert given == pytest.approx((ends[0] - ends[1]) / (2 * small), rel=0.02, abs=1e-3)


def test_a_known_density_is_learned_from_its_energy() -> None:
    target = Hinge(Hinge.Options())
    found = Ladder(target, density(), LadderPlan(hottest=0.3, draws=256, iterations=20, last=400, learning_rate=5e-3),
                   np.random.default_rng(1))
    rungs = list(found.climb())
    assert rungs[-1].log_z == pytest.approx(target.log_normaliser(), abs=0.01)
    assert rungs[-1].summed == pytest.approx(target.log_normaliser(), abs=0.02 + 4 * rungs[-1].summed_error)
    assert target.log_normaliser() - rungs[-1].bound < 0.03
    x, _ = found.network.sample(50_000, np.random.default_rng(5))
    assert float((x[:, 1].cos() > 0).double().mean()) == pytest.approx(0.5, abs=0.02)  # both wells


def dipeptide(**options: object) -> Molecule:
    pdb = Path(__file__).parents[4] / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
    return Molecule(Molecule.Options(pdb=pdb, **options))


def test_other_targets_are_refused() -> None:
    with pytest.raises(BackmapError, match="autoregressive is for molecules in internal coordinates"):
        Autoregressive(Autoregressive.Options()).prepare(Pendulum(Pendulum.Options()))


def test_torsions_must_be_known_and_turn_something() -> None:
    with pytest.raises(BackmapError, match="table of autoregressive is of one or two torsions, and there are 0"):
        Autoregressive(Autoregressive.Options()).prepare(dipeptide())
    for table, numbers, words in (("psi", (5, 7, 9, 15), "measures no torsion 'psi'. It measures: phi"),
                                  ("phi", (5, 7, 15, 9), "nothing turns about the middle bond of torsion 'phi'")):
        with pytest.raises(BackmapError) as error:
            Autoregressive(Autoregressive.Options(table=[table])).prepare(dipeptide(torsions={"phi": numbers}))
        assert words in str(error.value)


def test_files_have_what_is_seen_alone(tmp_path: Path) -> None:
    """In single precision the same density; in half of it nearly so, in a smaller file."""
    target, sizes = dipeptide(torsions={"phi": (5, 7, 9, 15)}), {}
    torch.manual_seed(2)
    for precision, close in (("single", 1e-9), ("half", 0.3)):
        model = Autoregressive(Autoregressive.Options(hidden=16, precision=precision))
        model.prepare(target)
        with torch.no_grad():
            model.network.network.weights[-1].normal_(std=0.05)
        x, log_q = model.network.sample(50, np.random.default_rng(1))
        path = tmp_path / f"{precision}.safetensors"
        model.save(path, {})
        again = Autoregressive(Autoregressive.Options(weights=path))
        again.prepare(target)
        assert float((again.network.log_density(x) - log_q).abs().max()) < close
        sizes[precision] = path.stat().st_size
    assert sizes["half"] < 0.7 * sizes["single"]


def test_weights_of_another_molecule_are_refused(tmp_path: Path) -> None:
    model = Autoregressive(Autoregressive.Options(hidden=4))
    model.prepare(dipeptide(torsions={"phi": (5, 7, 9, 15)}))
    model.save(tmp_path / "weights.safetensors", {})
    with pytest.raises(BackmapError, match="was trained on a target of 48 coordinates, but this one has 60"):
        Autoregressive(Autoregressive.Options(weights=tmp_path / "weights.safetensors")).prepare(
            dipeptide(torsions={"phi": (5, 7, 9, 15)}, rigid="none"))
