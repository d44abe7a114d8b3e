"""Carried and then moved, atoms have the law of their frame: a rotor beyond three beads whose angles are known.

Beads are the first three atoms of four in a row, and wander: whole triples turn, their angle opens and closes. What is
hidden is the angle and the torsion of the fourth, whose law is the same whatever the beads: exp(-U / kT), with the
sine of the angle. 300 of them do not see each other, so that a chi-squared of mean shares is exact. A carry that bends
on purpose is refused at p < 1e-5, the truth once in 10,000 seeds.
"""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.engine.carrying import Carrying
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.parameters import BOLTZMANN, Bonded
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
COUNT, HEAT = 300, BOLTZMANN * 300.0
ANGLE, STIFFNESS, BARRIER = np.radians(110.0), 120.0, 4.0
KIND = chains.chain(4, [{0: 1}, {1: 1}, {2: 1}])
FIELD = chains.field_of(KIND, Bonded("harmonic_angle", np.array([[1, 2, 3]]), np.array([[ANGLE, STIFFNESS]])),
                        Bonded("periodic_proper", np.array([[0, 1, 2, 3]]), np.array([[0.0, BARRIER / 2, 2.0]])))
FINE = (np.arange(20_000) + 0.5) / 20_000
TURNS, BENDS = np.linspace(-np.pi, np.pi, 13), np.radians([0, 95, 100, 104, 107, 110, 113, 116, 120, 125, 180])


def expected() -> tuple[Array, Array]:
    """Shares of the torsion's and of the angle's bins, by quadrature."""
    phi, theta = np.pi * (2 * FINE - 1), np.pi * FINE
    turning = np.exp(-BARRIER / 2 * (1 + np.cos(2 * phi)) / HEAT)
    bending = np.sin(theta) * np.exp(-STIFFNESS / 2 * (theta - ANGLE)**2 / HEAT)
    return tuple(np.histogram(x, edges, weights=density)[0] / density.sum()
                 for x, edges, density in ((phi, TURNS, turning), (theta, BENDS, bending)))


def beads_in_time(frames: int, seed: int = 5) -> Array:
    """Triples about the origin that turn by some .1 rad from frame to frame, at angles about 110 degrees."""
    rng, bend = np.random.default_rng(seed), np.zeros(COUNT)
    turn, found = Rotation.random(COUNT, rng=rng), []
    for _ in range(frames):
        bend = 0.9 * bend + 0.44 * rng.normal(0, 0.06, COUNT)
        half = (ANGLE + bend) / 2
        arms = chains.LENGTH * np.stack([np.sin(half), np.cos(half), np.zeros(COUNT)], axis=1)
        shape = np.stack([arms, np.zeros_like(arms), arms * [-1, 1, 1]], axis=1)
        turn = Rotation.from_rotvec(rng.normal(0, 0.1, (COUNT, 3))) * turn
        found.append(np.einsum("mij,mbj->mbi", turn.as_matrix(), shape))
    return np.stack(found)


def started(beads: Array, seed: int = 6) -> Array:
    """Fourth atoms drawn from their law, (m, 4, 3)."""
    rng = np.random.default_rng(seed)
    phi, theta = np.pi * (2 * FINE - 1), np.pi * FINE
    phi, theta = (rng.choice(x, COUNT, p=density / density.sum()) for x, density in (
        (phi, np.exp(-BARRIER / 2 * (1 + np.cos(2 * phi)) / HEAT)),
        (theta, np.sin(theta) * np.exp(-STIFFNESS / 2 * (theta - ANGLE)**2 / HEAT))))
    along, arm = beads[:, 2] - beads[:, 1], beads[:, 0] - beads[:, 1]
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    up = arm - (arm * along).sum(axis=1, keepdims=True) * along
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    out = np.cos(phi)[:, None] * up + np.sin(phi)[:, None] * np.cross(along, up)
    last = beads[:, 2] + chains.LENGTH * (-np.cos(theta)[:, None] * along + np.sin(theta)[:, None] * out)
    return np.concatenate([beads, last[:, None]], axis=1)


def torsions(atoms: Array) -> Array:
    """Of molecules (..., 4, 3), (...)."""
    one, two, three = np.moveaxis(np.diff(atoms, axis=-2), -2, 0)
    left, right = np.cross(one, two), np.cross(two, three)
    return np.arctan2((np.cross(left, right) * two).sum(-1) / np.linalg.norm(two, axis=-1), (left * right).sum(-1))


def opened(atoms: Array, angle: float) -> Array:
    """Atoms (m, 4, 3) with the angle of the last one opened."""
    along, arm = atoms[:, 2] - atoms[:, 1], atoms[:, 3] - atoms[:, 2]
    axis = np.cross(arm, along)
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis, axis=1, keepdims=True))
    return np.concatenate([atoms[:, :3], (atoms[:, 2] + turn.apply(arm))[:, None]], axis=1)


def carried(sweeps: int, frames: int, burn: int, bent: float = 0.0) -> Array:
    """Atoms of frames each of which is carried from the one before, then moved in some sweeps, (s, m, 4, 3).

    Before they are moved, angles of fourth atoms are opened by ``bent`` radians.
    """
    places = beads_in_time(frames)
    system, atoms = chains.far_apart(KIND, started(places[0]))
    corner = atoms.reshape(COUNT, 4, 3)[:, 1] - places[0][:, 1]
    along = Carrying(system)
    moves = HamiltonianMoves(system, FIELD, temperature=300.0, steps=6, timestep=12.0, fixman_potential=True)
    before, states = system.map(atoms), []
    for number, beads in enumerate((places + corner[:, None]).reshape(frames, -1, 3)):
        atoms = along.carried(atoms, before, beads)
        if bent:
            atoms = opened(atoms.reshape(COUNT, 4, 3), bent).reshape(-1, 3)
        frame = moves.frame(atoms, beads, None)
        for sweep in range(sweeps):
            moves.sweep(frame, (1, 2, number, sweep))
        atoms, before = frame.atoms.copy(), beads
        states.append(atoms.reshape(COUNT, 4, 3))
    return np.stack(states[burn:])


@pytest.mark.parametrize("sweeps", [1, 3, pytest.param(10, marks=pytest.mark.slow)])
def test_a_hidden_rotor_has_its_law_however_many_moves_there_are(sweeps: int) -> None:
    states = carried(sweeps, frames=60, burn=20)
    turning, bending = expected()
    assert chains.p_value(torsions(states), TURNS, turning) > REFUSED
    assert chains.p_value(chains.angle_of(states, 1, 2, 3), BENDS, bending) > REFUSED
    assert np.linalg.norm(states[:, :, 3] - states[:, :, 2], axis=-1) == pytest.approx(chains.LENGTH, abs=1e-6)


def test_without_moves_it_stays_where_it_was() -> None:
    states = torsions(carried(0, frames=30, burn=0))
    change = np.angle(np.exp(1j * (states[1:] - states[:-1])))
    assert np.abs(change).mean() < 0.02
    assert np.abs(np.angle(np.exp(1j * (states[-1] - states[0])))).max() < 1.0


def test_a_carry_that_bends_is_seen() -> None:
    """Angles opened by 0.2 radians each time: a sweep does not lead them back."""
    assert chains.p_value(chains.angle_of(carried(1, frames=40, burn=20, bent=0.2), 1, 2, 3), BENDS,
                          expected()[1]) < SEEN


def test_more_moves_forget_more() -> None:
    """Jumps between the two wells: five sweeps make several times as many as one."""
    jumps = {}
    for sweeps in (1, 5):
        side = torsions(carried(sweeps, frames=30, burn=10)) > 0
        jumps[sweeps] = (side[1:] != side[:-1]).mean()
    assert 0 < 2 * jumps[1] < jumps[5]
