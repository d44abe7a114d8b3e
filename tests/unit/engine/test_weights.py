"""Weights of whole structures against log Z by quadrature."""
from __future__ import annotations

import math

import numpy as np
import pytest

from backmap.engine.contracts import Draw, LocalEnvironment
from backmap.engine.fragments import resting_order
from backmap.engine.random import Stream
from backmap.engine.weights import Weights, weigh
from backmap.errors import BackmapError
from backmap.model.system import System, Window
from tests.acceptance import KT, LENGTH, TEMPERATURE, VIEW, Tunable, World, angle_field, chain

BENT = np.array([[np.cos(2.0), np.sin(2.0), 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]) * LENGTH
K, T0, AWAY, SIGMA = 15.0, 2.0, 0.12, 0.1
#: First atom a bead, the others one bead of two atoms that is AWAY from it.
HUNG = World(chain(3, [([0], [1.0]), ([1, 2], [0.5, 0.5])]), BENT - BENT[0], np.array([[0.0, 0, 0], [AWAY, 0, 0]]),
             angle_field(chain(3, [([0], [1.0])]), K, T0), sigma=SIGMA)


class Silent(Tunable):
    """Does not tell its density."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        return Draw(super().draw(env, rng, candidates).positions)


def weights(world: World, options: Tunable.Options, draws: int = 4000, rigid: bool = True) -> Weights:
    system, one = System(((world.kind, 1),)), np.arange(1)
    window = Window(one, one * 1.0, np.zeros((1, 3, 3)), world.beads[None])
    return weigh(Tunable(options), VIEW, system, world.field, window, [resting_order(world.kind)],
                 temperature=TEMPERATURE, sigma=world.sigma, draws=draws, seed=1, rigid=rigid)


def log_z(rigid: bool) -> float:
    """Of ``HUNG``: over the angle, with the mean over all turns of a Gaussian at the outer bond's middle.

    The measure delta(b - b0) dr of two bonds of length d is d^4 times two spheres, 8 pi^2 sin(theta) dtheta.
    """
    n = 200_000
    angle = (np.arange(n) + 0.5) * np.pi / n
    m = LENGTH * np.sqrt(1.25 - np.cos(angle))
    x = m * AWAY / SIGMA**2
    gauss = np.exp(-(m - AWAY)**2 / 2 / SIGMA**2) * -np.expm1(-2 * x) / 2 / x / (2 * np.pi * SIGMA**2)**1.5
    mass = HUNG.kind.mass[0]
    gram = np.sqrt(4 - np.cos(angle)**2) / mass if rigid else 1.0
    density = np.sin(angle) * gram * gauss * np.exp(-0.5 * K * (angle - T0)**2 / KT)
    return math.log(LENGTH**4 * 8 * np.pi**2 * density.sum() * np.pi / n)


@pytest.mark.parametrize("rigid", [True, False])
@pytest.mark.parametrize("lump", [0.0, 0.5], ids=["good", "bad"])
def test_log_z_of_a_trimer(rigid: bool, lump: float) -> None:
    """A missing volume element of one atom is 3.8 in log Z, a missing sqrt(det G) 1.8: many errors of what is found."""
    found = weights(HUNG, Tunable.Options(lump=lump), rigid=rigid)
    assert found.error < 0.06
    assert found.log_z == pytest.approx(log_z(rigid), abs=4 * found.error)


def test_a_bad_generator_has_fewer_effective_draws() -> None:
    good, bad = (weights(HUNG, Tunable.Options(lump=lump), 1000).effective for lump in (0.0, 0.8))
    assert 200 < good < 500
    assert bad < 0.3 * good
    assert Weights(np.empty((3, 1, 3)), np.array([2.0, 2.0, -np.inf])).effective == pytest.approx(2.0)


def test_a_structure_that_cannot_be_drawn_is_an_error() -> None:
    """Two fragments meet in a third between them, which hangs on one of them alone."""
    kind = chain(3, [([0], [1.0]), ([1], [1.0]), ([2], [1.0])])
    world = World(kind, BENT, np.array([[0.0, 0, 0], [0.2, 0, 0], [0.4, 0, 0]]), angle_field(kind))
    with pytest.raises(BackmapError, match="no draw lies in the target"):
        weights(world, Tunable.Options(), 10)


def test_a_generator_without_a_density_is_refused() -> None:
    system, one = System(((HUNG.kind, 1),)), np.arange(1)
    window = Window(one, one * 1.0, np.zeros((1, 3, 3)), HUNG.beads[None])
    with pytest.raises(BackmapError, match="no density"):
        weigh(Silent(Tunable.Options()), VIEW, system, HUNG.field, window, [resting_order(HUNG.kind)],
              temperature=TEMPERATURE, sigma=SIGMA, draws=2, seed=1)
