"""Ranks of blocks among states of chains: uniform for exact samples, by quadrature, and not for others."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.ranks import ALL, BlockRanks
from backmap.model.parameters import BOLTZMANN
from backmap.model.system import System
from tests.acceptance import APART, LENGTH, TEMPERATURE, angle_field, chain

Array = NDArray[np.float64]

SIGMA, STIFF, BENT = 0.01, 40.0, 2.0  #: of the beads, nm; of the angle, kJ/mol/rad^2 and rad
COUNT = 150


def trimers(rng: np.random.Generator, temperature: float) -> Array:
    """Exact samples of rigid trimers, (COUNT, 3, 3), nm: angles by quadrature, turned and put down at random.

    p(t) ~ exp(-U(t) / kT) sin t sqrt(det G), with det G ~ 4 - cos^2 t for equal masses.
    """
    t = np.linspace(0, np.pi, 20001)
    density = np.exp(-0.5 * STIFF * (t - BENT)**2 / (BOLTZMANN * temperature)) * np.sin(t) * np.sqrt(4 - np.cos(t)**2)
    cumulative = np.cumsum(density)
    angle = np.interp(rng.uniform(size=COUNT), cumulative / cumulative[-1], t)
    flat = np.zeros((COUNT, 3, 3))
    flat[:, 0, 0] = LENGTH
    flat[:, 2, 0], flat[:, 2, 1] = LENGTH * np.cos(angle), LENGTH * np.sin(angle)
    flat -= flat.mean(axis=1, keepdims=True)
    turned = np.einsum("mxy,may->max", Rotation.random(COUNT, random_state=rng).as_matrix(), flat)
    return turned + SIGMA * rng.normal(size=(COUNT, 1, 3))


def ranks_of(atoms: Array, states: int = 9, between: int = 2) -> tuple[Array, list[str], BlockRanks]:
    """Ranks of all trimers, (COUNT, statistics), and the names of these."""
    kind = chain(3, [([0, 1, 2], [1 / 3] * 3)])
    field, system = angle_field(kind, STIFF, BENT), System(((kind, COUNT),))
    beads = APART * np.arange(COUNT)[:, None] * np.array([1.0, 0, 0])
    moves = HamiltonianMoves(system, field, TEMPERATURE, steps=12, timestep=20.0, size=1, sigma=SIGMA)
    ranks = BlockRanks(moves, FrameEnergy(system, field))
    frame = moves.frame((atoms + beads[:, None]).reshape(-1, 3), beads, None)
    before = frame.atoms.copy(), frame.residual.copy()
    found = np.array([ranks.of(frame, block, states, between, (1, "test", block))[0] for block in range(COUNT)])
    assert np.array_equal(frame.atoms, before[0])
    assert np.array_equal(frame.residual, before[1])
    return found, ranks.statistics, ranks


def test_ranks_of_exact_samples_are_uniform() -> None:
    found, names, _ = ranks_of(trimers(np.random.default_rng(1), TEMPERATURE))
    assert names == [ALL, "angle"]
    for column in found.T:
        assert kstest(column, "uniform").pvalue > 0.01
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=0.3)  # the same energy, ties apart


@pytest.mark.parametrize(("times", "side"), [(4.0, 1), (0.2, -1)])
def test_ranks_of_samples_at_another_temperature_are_not(times: float, side: int) -> None:
    found = ranks_of(trimers(np.random.default_rng(2), times * TEMPERATURE))[0][:, 0]
    assert side * (found.mean() - 0.5) * np.sqrt(12 * COUNT) > 3.5
    assert kstest(found, "uniform").pvalue < 1e-3


def test_chains_that_go_nowhere_say_nothing() -> None:
    """Uniform ranks without mixing: of moves too short to change anything, ties are broken at random."""
    atoms = trimers(np.random.default_rng(3), 3 * TEMPERATURE)
    kind = chain(3, [([0, 1, 2], [1 / 3] * 3)])
    field, system = angle_field(kind, STIFF, BENT), System(((kind, COUNT),))
    beads = APART * np.arange(COUNT)[:, None] * np.array([1.0, 0, 0])
    moves = HamiltonianMoves(system, field, TEMPERATURE, steps=1, timestep=1e-9, size=1, sigma=SIGMA)
    ranks = BlockRanks(moves, FrameEnergy(system, field))
    frame = moves.frame((atoms + beads[:, None]).reshape(-1, 3), beads, None)
    found = np.array([ranks.of(frame, block, 4, 1, (1, block))[0][0] for block in range(COUNT)])
    assert kstest(found, "uniform").pvalue > 1e-3
