"""Accepted sweeps against quadrature of the joint density that forward sampling has."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from backmap.api import DensityGenerator, Draw, Options, Order, View
from backmap.engine.metropolis.joint import JointSweeps
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.engine.sites.schedule import Batch, forward_schedule
from backmap.engine.sites.sweep import Sweeper
from backmap.model.system import System, Window
from backmap.testing.examples import molecule_type

WIDTH = 0.15
EDGES = np.log(np.linspace(0.15, 0.9, 26))


class Stretcher(DensityGenerator):
    """Two particles about each of three beads: the logarithm of their distance is normal, about a mean that depends on
    the distance next door, strongly before and the other way round behind: conditionals of no joint density."""

    meets_beads = True
    view = View(cutoff=1.0, context=4)

    def __init__(self) -> None:
        super().__init__(Options())

    def _mean(self, env) -> torch.Tensor:
        rows = env.fragments.context[env.row]
        pair = rows // 2
        mean = torch.full((env.size,), -0.9, dtype=torch.float64)
        for step, pull in ((-1, 1.2), (1, -1.4)):
            own = (env.atoms[:, :1] // 2 + step == pair) & env.context_placed
            there = own.sum(dim=1) == 2
            ends = env.context[there][own[there]].double().reshape(-1, 2, 3)
            mean[there] += pull * ((ends[:, 1] - ends[:, 0]).norm(dim=1) - 0.4)
        return mean

    def draw(self, env, rng, candidates=1) -> Draw:
        length = (self._mean(env)[:, None] + WIDTH * rng.normal(candidates)).exp()
        way = rng.normal(candidates, 3)
        half = 0.5 * length[:, :, None] * way / way.norm(dim=2, keepdim=True)
        positions = torch.stack([-half, half], dim=2)
        weigh = torch.stack([self.log_density(env, positions[:, k]) for k in range(candidates)], dim=1)
        return Draw(positions, weigh)

    def log_density(self, env, positions) -> torch.Tensor:
        length = (positions[:, 1] - positions[:, 0]).double().norm(dim=1)
        z = (length.log() - self._mean(env)) / WIDTH
        return -0.5 * z**2 - math.log(WIDTH * math.sqrt(2 * math.pi)) - 3 * length.log() - math.log(4 * math.pi)


def _chain(n_frames: int):
    kind = molecule_type("C", [6] * 6, [(k, k + 1) for k in range(5)], [[0, 1], [2, 3], [4, 5]])
    system = System(((kind, 1),))
    beads = np.tile(np.array([[0.4 * k, 0.0, 0.0] for k in range(3)]), (n_frames, 1, 1))
    window = Window(np.arange(n_frames), np.zeros(n_frames), np.zeros((n_frames, 3, 3)), beads, system=system)
    atoms = np.repeat(beads, 2, axis=1)
    atoms[:, ::2, 1] -= 0.4  # all three distances are 0.8 nm: some three standard deviations off
    atoms[:, 1::2, 1] += 0.4
    return kind, system, window.with_atoms(atoms)


def _lengths(scene: Scene) -> np.ndarray:
    return (scene.atoms[:, 1::2] - scene.atoms[:, ::2]).norm(dim=2).numpy()


def _exact() -> np.ndarray:
    """Probability of each bin of the logarithm of each distance under q(a) q(b | a) q(c | b), (3, bins)."""
    grid = np.linspace(-2.2, 0.6, 1401)
    step = grid[1] - grid[0]
    densities = [norm.pdf(grid, -0.9 + 0.0, WIDTH)]
    kernel = norm.pdf(grid[:, None], (-0.9 + 1.2 * (np.exp(grid) - 0.4))[None], WIDTH)
    for _ in range(2):
        densities.append(kernel @ densities[-1] * step)
    cumulative = [np.concatenate([[0], np.cumsum((d[1:] + d[:-1]) / 2) * step]) for d in densities]
    return np.array([np.diff(np.interp(EDGES, grid, c)) for c in cumulative])


def _histogram(samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Share of each bin and its standard error over frames, which are independent, (3, bins) each."""
    logs = np.log(np.array(samples))  # (sweeps, frames, 3)
    shares = np.array([[np.histogram(logs[:, w, k], EDGES)[0] / len(logs) for k in range(3)]
                       for w in range(logs.shape[1])])
    return shares.mean(axis=0), shares.std(axis=0, ddof=1) / math.sqrt(len(shares))


@pytest.fixture(scope="module")
def swept():
    """Distances after accepted sweeps from a bad start, 300 frames."""
    kind, system, window = _chain(300)
    orders = [Order(np.arange(3), np.array([-1, 0, 1]))]
    generator = Stretcher()
    scene = Scene.of(window, system, FragmentTable.build([kind], generator.view, orders, sequential=True),
                     generator.view)
    sweeps = JointSweeps(generator, scene, forward_schedule(scene.surroundings, system, orders), 0.03)
    samples = []
    for number in range(60):
        list(sweeps.sweep((7, "test", number)))
        if number >= 15:
            samples.append(_lengths(scene))
    return sweeps, scene, samples


def test_sweeps_converge_to_the_joint_density_of_forward_sampling(swept):
    # 13,500 samples: a bin of 10 % has an error of 0.3 %; the pseudo-Gibbs sweeps below are off by more than 8.
    share, error = _histogram(swept[2])
    exact = _exact()
    counted = exact > 0.003
    z = (share - exact)[counted] / error[counted]
    assert np.abs(z).max() < 4.5
    assert (z**2).mean() < 1.8


def test_factors_are_those_of_the_positions_that_stand(swept):
    sweeps, scene, _ = swept
    afresh = JointSweeps(sweeps.generator, scene, [[*_batches(sweeps)]], 0.03)
    torch.testing.assert_close(sweeps.factors, afresh.factors, atol=1e-4, rtol=0)


def _batches(sweeps: JointSweeps):
    turns = sweeps.turns.numpy()
    return [Batch(*np.nonzero(turns == turn)) for turn in range(turns.max() + 1)]


def test_sweeps_leave_beads_where_they_are(swept):
    _, scene, _ = swept
    centres = 0.5 * (scene.atoms[:, ::2] + scene.atoms[:, 1::2])
    assert float((centres - scene.beads).abs().max()) < 1e-12


def test_sweeps_without_acceptance_have_another_law():
    kind, system, window = _chain(300)
    generator = Stretcher()
    tables = FragmentTable.build([kind], generator.view, [resting_order(kind)])
    scene = Scene.of(window, system, tables, generator.view)
    samples = []
    for number in range(30):
        Sweeper(generator).gibbs(scene, (7, "pseudo", number))
        if number >= 10:
            samples.append(_lengths(scene))
    share, error = _histogram(samples)
    exact = _exact()
    assert np.abs((share - exact) / np.maximum(error, 1e-4))[exact > 0.003].max() > 8
