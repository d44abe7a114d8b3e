"""Velocities that whole molecules keep from move to move: as of Langevin dynamics, and with the same distribution.

What is kept is known where nothing acts: the angular momentum of an atom on a sphere about its bead falls off by
exp(-friction t) of each trajectory, whatever its length. The law of states is told by quadrature, as in ``test_exact``,
at time steps so long that many moves are rejected; there, velocities that were not turned round would be seen.
"""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.parameters import BOLTZMANN, Bonded
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
COUNT, HEAT = 300, BOLTZMANN * 300.0
SPHERE = chains.chain(2, [{0: 1}])
#: Its angle is hidden, and wants to be 1.9.
TRIMER, ANGLE, STIFFNESS = chains.chain(3, [{0: 14, 1: 14}]), 1.9, 60.0
EDGES = np.array([0.0, 1.4, 1.6, 1.75, 1.9, 2.05, 2.2, 2.4, np.pi])


def trimers(sweeps: int, turned_round: bool = True, **options: object) -> tuple[Array, float]:
    """Angles after each sweep but the first, (sweeps - 30, COUNT), and the acceptance.

    Args:
        turned_round: Whether velocities are turned round where a move was rejected, as they should.
    """
    bend = Bonded("harmonic_angle", np.array([[0, 1, 2]]), np.array([[ANGLE, STIFFNESS]]))
    shape = chains.LENGTH * np.array([[1, 0, 0], [0, 0, 0], [np.cos(ANGLE), np.sin(ANGLE), 0]])
    system, atoms = chains.far_apart(TRIMER, np.tile(shape, (COUNT, 1, 1)))
    moves = HamiltonianMoves(system, chains.field_of(TRIMER, bend), 300.0, **options)
    frame, states, accepted = moves.frame(atoms, system.map(atoms), None), [], []
    for sweep in range(sweeps):
        outcome = moves.sweep(frame, (1, 2, 0, sweep))
        accepted.append(outcome.accepted.mean())
        states.append(chains.angle_of(frame.atoms[system.groups[0].atoms], 0, 1, 2))
        if not turned_round:
            frame.velocity[system.groups[0].atoms[outcome.centre[~outcome.accepted]]] *= -1
    return np.stack(states[30:]), float(np.mean(accepted))


def expected() -> Array:
    angle = np.linspace(0.0, np.pi, 100_001)
    density = np.sin(angle) * np.sqrt(4 - np.cos(angle)**2) * np.exp(-STIFFNESS / 2 * (angle - ANGLE)**2 / HEAT)
    return np.histogram(angle, EDGES, weights=density)[0] / density.sum()


@pytest.mark.parametrize("friction", [0.1, 5.0])
def test_the_law_of_states_is_the_same(friction: float) -> None:
    states, accepted = trimers(260, steps=2, timestep=65.0, friction=friction)
    assert 0.4 < accepted < 0.9
    assert chains.p_value(states, EDGES, expected()) > REFUSED


def test_velocities_that_are_not_turned_round_are_seen() -> None:
    states, _ = trimers(260, turned_round=False, steps=2, timestep=65.0, friction=0.1)
    assert chains.p_value(states, EDGES, expected()) < SEEN


def sphere(friction: float, sweeps: int, pace: float = 1.0, steps: int = 10, timestep: float = 5.0) -> Array:
    """Angular momenta of atoms on spheres about their beads, by mass, after each sweep, (sweeps, COUNT, 3)."""
    arms = np.random.default_rng(1).normal(size=(COUNT, 3))
    arms *= chains.LENGTH / np.linalg.norm(arms, axis=1, keepdims=True)
    system, atoms = chains.far_apart(SPHERE, np.stack([np.zeros_like(arms), arms], axis=1))
    moves = HamiltonianMoves(system, chains.field_of(SPHERE), 300.0, steps, timestep, friction=friction)
    frame, found = moves.frame(atoms, system.map(atoms), None), []
    moves.slow_down(np.full(COUNT, pace))
    for sweep in range(sweeps):
        moves.sweep(frame, (1, 2, 0, sweep))
        places, velocities = (x.reshape(COUNT, 2, 3) for x in (frame.atoms, frame.velocity))
        found.append(np.cross(places[:, 1] - places[:, 0], velocities[:, 1]))
    return np.stack(found)


@pytest.mark.parametrize("pace", [1.0, 0.4])
def test_a_free_rotor_forgets_its_velocity_as_langevin_dynamics_does(pace: float) -> None:
    friction, momenta = 3.0, sphere(3.0, 120, pace)
    square = (momenta**2).sum(axis=-1).mean()
    assert square == pytest.approx(2 * HEAT / chains.MASS * chains.LENGTH**2, rel=0.02)
    once = np.exp(-friction * pace * np.arange(5, 16) * 0.005).mean()  # of 5 to 15 time steps
    for sweeps in (1, 3, 10):
        kept = (momenta[:-sweeps] * momenta[sweeps:]).sum(axis=-1).mean() / square
        assert kept == pytest.approx(once**sweeps, abs=0.02)


def test_without_friction_velocities_are_drawn_anew_and_nothing_is_kept() -> None:
    assert np.isnan(sphere(np.inf, 2)).all()


def test_parts_of_a_molecule_draw_velocities_anew() -> None:
    """The rest of it stands still while they move: what they were left with is not what they could go on with."""
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    shape = chains.LENGTH * np.array([[-0.6, 0.8, 0], [0, 0, 0], [1, 0, 0], [1.6, -0.8, 0]])
    system, atoms = chains.far_apart(kind, np.tile(shape, (5, 1, 1)))
    ends = {}
    for size in (1, 2):
        for friction in (0.1, np.inf):
            moves = HamiltonianMoves(system, chains.field_of(kind), 300.0, 4, 20.0, size, friction=friction)
            frame = moves.frame(atoms, system.map(atoms), None)
            for sweep in range(3):
                moves.sweep(frame, (1, 2, 0, sweep))
            ends[size, friction] = frame.atoms
    np.testing.assert_array_equal(ends[1, 0.1], ends[1, np.inf])
    assert np.abs(ends[2, 0.1] - ends[2, np.inf]).max() > 0.01


def test_another_temperature_forgets_velocities() -> None:
    kind = SPHERE
    system, atoms = chains.far_apart(kind, np.tile(chains.LENGTH * np.array([[0, 0, 0], [1, 0, 0]]), (5, 1, 1)))
    moves = HamiltonianMoves(system, chains.field_of(kind), 300.0, 4, 5.0, friction=1.0)
    frame = moves.frame(atoms, system.map(atoms), None)
    moves.sweep(frame, (1, 2, 0, 0))
    assert np.isfinite(frame.velocity[1::2]).all()
    moves.sweep(frame, (1, 2, 0, 1), temperature=900.0)
    assert np.isnan(frame.velocity).all()
