"""Learning from an energy: gradients, the arithmetic of the ladder, wells that stay and wells that are missed."""
from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles import tempering
from backmap_plugins.ensembles.models.mixture.model import GaussianMixture, MixtureDensity
from backmap_plugins.ensembles.steps.learn import Learn, said
from backmap_plugins.ensembles.targets.double_well import DoubleWell
from backmap_plugins.ensembles.tempering import Ladder, LadderPlan
from torch import Tensor

from backmap.errors import BackmapError
from backmap.testing.ensembles import Pendulum

#: Other wells, to which nothing was fitted: depths, tilts, distances, widths, temperatures.
WELLS = [{}, {"tilt": 0.0}, {"tilt": -0.4, "quadratic": 4.0}, {"stiffness": 20.0}, {"quartic": 1.0, "quadratic": 5.0},
         {"beta": 2.0, "tilt": 0.3}]


class Harmonic(Pendulum):
    """p ~ exp(-x^T x / 2) in three dimensions."""

    variables = ("real",) * 3

    def log_density(self, x: Tensor) -> Tensor:
        return -0.5 * (x**2).sum(1)


def well(**options: float) -> DoubleWell:
    return DoubleWell(DoubleWell.Options(**options))


def ladder(target: DoubleWell | Harmonic, seed: int = 1, components: int = 24, **plan: object) -> Ladder:
    return Ladder(target, MixtureDensity(components, target.size), LadderPlan(**plan), np.random.default_rng(seed))


def off(found: Ladder, target: DoubleWell, draws: int = 400_000) -> tuple[float, float]:
    """KL(q || p) with the exact normaliser, nats; and the share of the right well over the exact one."""
    x, log_q = found.network.sample(draws, found.rng)
    energy = -target.log_density(x)
    edge = torch.linspace(-9, 9, 40_001, dtype=torch.float64)
    line = target.log_density(torch.stack([edge, 0 * edge], dim=1)).softmax(0)
    right = float(line[torch.from_numpy(target.basins(torch.stack([edge, 0 * edge], dim=1))) == 1].sum())
    return float((log_q + energy).mean()) + target.log_normaliser(), float(target.basins(x).mean()) / right


def test_gradient_is_that_of_the_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against differences of <ln q + U> with the same random numbers, many draws, none of them clipped."""
    monkeypatch.setattr(tempering, "CLIP", math.inf)
    target, step = well(beta=0.3), 0.02
    one = ladder(target, components=2, draws=200_000)
    one.network.begin(1.5, 1.0, np.random.default_rng(3))
    loss = one.reverse(1.0)
    loss.backward()

    def value() -> float:
        one.rng = np.random.default_rng(5)
        with torch.no_grad():
            x, _, counts, _ = one.network.drawn(one.plan.draws, one.rng)
            return float((counts * (one.network.log_density(x) - target.log_density(x))).sum())

    for parameter in one.network.parameters():
        flat = parameter.data.view(-1)
        for k in range(len(flat)):
            ends = []
            for sign in (1, -1):
                flat[k] += sign * step
                ends.append(value())
                flat[k] -= sign * step
            assert parameter.grad.view(-1)[k].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=0.05)


def test_ladder_of_a_harmonic_well() -> None:
    """ln Z(s') - ln Z(s) = -(d / 2) ln(s' / s), and one Gaussian is all that it takes."""
    found = ladder(Harmonic(Harmonic.Options()), components=1, iterations=60, last=400)
    rungs = list(found.climb())
    exact = [1.5 * math.log(2 * math.pi / rung.share) for rung in rungs]
    np.testing.assert_allclose([rung.log_z for rung in rungs], exact, atol=5e-3)
    assert rungs[-1].summed == pytest.approx(exact[-1], abs=4 * rungs[-1].summed_error)
    assert rungs[-1].summed_error < 0.02
    assert rungs[-1].bound <= exact[-1] + 3 * rungs[-1].bound_error
    assert rungs[-1].effective > 0.999
    assert rungs[-1].accepted > 0.99


def test_both_wells_are_found() -> None:
    target = well()
    found = ladder(target, iterations=20, last=600)
    rungs = list(found.climb())
    divergence, right = off(found, target)
    assert divergence < 0.005
    assert right == pytest.approx(1.0, abs=0.1)
    assert re.search(r"no well of more than [12]\.\d% was lost", said(rungs)[-1])
    np.testing.assert_allclose([rung.log_z for rung in rungs], [well(beta=rung.share).log_normaliser()
                                                               for rung in rungs], atol=0.02)


def test_a_missing_well_is_not_noticed_by_weights_and_said() -> None:
    """All MixtureDensity in the left well, no hotter rungs: a good effective share, and the right well is not there."""
    target = well()
    found = ladder(target, ladder=[1.0], width=0.3, last=600)
    found.network.begin = lambda width, share, rng: MixtureDensity.begin(found.network, width, share, rng) or (
        found.network.mean.data[:, 0].sub_(2.5))
    rungs = list(found.climb())
    assert off(found, target)[1] < 0.01
    assert rungs[-1].effective > 0.9
    assert said(rungs)[-1].startswith("note: without hotter rungs nothing tells whether wells are missing")


def test_wells_lost_on_the_way_are_said() -> None:
    """The sum along the ladder keeps what the hot end had; weights at the end do not."""
    target = well(tilt=0.2)
    found = ladder(target, ladder=[0.05, 0.1, 0.2, 1.0], iterations=60, last=400)
    for rung in found.climb():
        if rung.share == 0.2:  # wells of like depth: half of what there is goes
            with torch.no_grad():
                found.network.mean[:, 0].copy_(-found.network.mean[:, 0].abs() - 0.5)
                found.network.log_spread.clamp_(max=-1.0)
    assert "wells were lost on the way" in said(found.rungs)[-1]


def test_a_model_that_has_not_learned_is_said() -> None:
    """A box of a thousand units: no rung learns anything, and nothing is said of wells."""
    found = ladder(well(), width=1000.0, iterations=2, last=5)
    list(found.climb())
    assert said(found.rungs)[-1].startswith("note: the model has not learned the target")


def test_a_target_without_forces_is_refused() -> None:
    class Silent(Harmonic):
        def log_density(self, x: Tensor) -> Tensor:
            return super().log_density(x.detach())

    step = Learn(Learn.Options(model=GaussianMixture(GaussianMixture.Options())))
    with pytest.raises(BackmapError, match="has no forces: its log_density is not differentiable"):
        step._expect_forces(Silent(Silent.Options()))
    step._expect_forces(well())


def test_forces_that_are_no_numbers_are_counted() -> None:
    """As where atoms coincide: the rest of the draws teaches all the same."""
    class Torn(Harmonic):
        def log_density(self, x: Tensor) -> Tensor:
            return super().log_density(x) + 0 * torch.where(x[:, 0] > 1, 0 * x[:, 0], 1 + 0 * x[:, 0]).sqrt()

    found = ladder(Torn(Torn.Options()), components=1, ladder=[1.0], last=100)
    list(found.climb())
    assert 0 < found.lost < 32 * 100
    assert all(bool(each.isfinite().all()) for each in found.network.parameters())


def test_mixed_objective_finds_both_wells() -> None:
    target = well()
    found = ladder(target, iterations=20, last=600, forward=0.5)
    list(found.climb())
    assert off(found, target)[1] == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_all_seeds(seed: int) -> None:
    """KL below .001 nats, the right well within 5 %, every rung within .02 nats."""
    target = well()
    found = ladder(target, seed)
    for rung in found.climb():
        assert rung.log_z == pytest.approx(well(beta=rung.share).log_normaliser(), abs=0.02)
    divergence, right = off(found, target, 1_000_000)
    assert divergence < 0.001
    assert right == pytest.approx(1.0, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("options", WELLS[1:], ids=str)
def test_other_wells(options: dict[str, float]) -> None:
    target = well(**options)
    found = ladder(target)
    list(found.climb())
    divergence, right = off(found, target, 1_000_000)
    assert divergence < 0.001
    assert right == pytest.approx(1.0, abs=0.05)
