"""Molecules of one bead that move all at once: their forces are those of the frame, and they turn as they should."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.rotors import Rotors, turn
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System
from tests import chains

from .test_rigid import SEEN, beside_ions, expected_heights

Array = NDArray[np.float64]

MASSES = [12.0, 2.0, 3.0]
BENT = np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [-0.03, 0.09, 0.0]])


def springy(width: float, kinds: int) -> tuple[System, ForceField, Array, Array]:
    """Molecules of three charged atoms on springs in a narrow box; a force field, atoms and the box."""
    kind = chains.chain(3, [{0: 12, 1: 2, 2: 3}], MASSES)
    kind = replace(kind, bond_length=np.full(2, np.nan))
    rng, side = np.random.default_rng(4), round(width / 0.4)
    corner = np.stack(np.unravel_index(np.arange(side**3), (side,) * 3), axis=1) * width / side
    atoms = (corner[:, None] + BENT @ np.linalg.qr(rng.normal(size=(side**3, 3, 3)))[0]).reshape(-1, 3)
    bonds = Bonded("harmonic_bond", np.array([[0, 1], [1, 2]]), np.array([[0.11, 900.0], [0.15, 400.0]]))
    every = np.column_stack(np.triu_indices(3, 1))
    values = MoleculeParameters("CHN", (bonds,), np.arange(3) % kinds, np.array([-0.6, 0.4, 0.2]), every,
                                np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    single = np.sqrt([1e-3, 4e-4, 2e-4])[:kinds]
    c6 = np.outer(single, single)
    field = ForceField({"CHN": values}, ["A", "B", "C"][:kinds], c6, c6 * 1e-5, 0.45, where="made up")
    return System(((kind, side**3),)), field, atoms, np.eye(3) * width


@pytest.mark.parametrize("kinds", [1, 2])
@pytest.mark.parametrize("width", [0.8, 1.2])  # 0.8: molecules meet images of themselves
def test_forces_are_those_of_the_frame(width: float, kinds: int) -> None:
    """From rest, a step leads dt^2 / 2m along the force."""
    system, field, atoms, box = springy(width, kinds)
    moves = HamiltonianMoves(system, field, 300.0, 1, 0.5, sigma=10.0)
    frame = moves.frame(atoms, system.map(atoms), box)
    moves.sweep(frame, (1, 2, 0, 0), temperature=0.0, together=True)
    found = (frame.atoms - atoms) * 2 * np.tile(MASSES, len(atoms) // 3)[:, None] / 5e-4**2
    expected = FrameEnergy(system, field).forces(atoms, box)
    np.testing.assert_allclose(found, expected, atol=3e-4 * np.abs(expected).max())
    np.testing.assert_allclose(frame.residual, system.map(frame.atoms) - system.map(atoms), atol=1e-12)
    assert np.abs(frame.residual).max() > 1e-7


def test_all_move_in_the_forces_of_where_all_are() -> None:
    """As many steps of velocity Verlet by the forces of the frame lead to the same place."""
    system, field, atoms, box = springy(1.2, 2)
    moves = HamiltonianMoves(system, field, 300.0, 20, 1.0, sigma=10.0)
    frame = moves.frame(atoms, system.map(atoms), box)
    moves.sweep(frame, (1, 2, 0, 0), temperature=0.0, together=True)
    energy, mass, dt = FrameEnergy(system, field), np.tile(MASSES, len(atoms) // 3)[:, None], 1e-3
    x, v, force = atoms.copy(), np.zeros(atoms.shape), energy.forces(atoms, box)
    for _ in range(20):
        v += 0.5 * dt * force / mass
        x += dt * v
        force = energy.forces(x, box)
        v += 0.5 * dt * force / mass
    np.testing.assert_allclose(frame.atoms, x, atol=1e-3 * np.abs(x - atoms).max())


@pytest.mark.parametrize("directions", [0, 5], ids=["by dynamics", "drawn"])
@pytest.mark.parametrize("sites", [False, True], ids=["three charges", "charges on virtual sites"])
def test_orientations_beside_an_ion(sites: bool, directions: int) -> None:
    """With short steps that of their error nothing is seen; at twice the temperature they would be others.

    Those that are drawn move for so short a time that dynamics change nothing.
    """
    height, weight = expected_heights(sites)
    order = np.argsort(height)
    edges = np.interp(np.linspace(0, 1, 9), np.cumsum(weight[order]) / weight.sum(), height[order])
    edges[0], edges[-1] = -1, 1
    system, field, atoms, beads = beside_ions(sites)
    moves, found, group = HamiltonianMoves(system, field, 300.0, *((1, 1e-6) if directions else (30, 2.0))), [], \
        system.groups[1]
    moves._together._turning &= not directions  # rigid bodies are not drawn
    frame = moves.frame(atoms, beads, None)
    for sweep in range(160):
        moves.sweep(frame, (1, 2, 0, sweep), together=True, directions=directions)
        found.append(frame.atoms[group.atoms[:, 0], 2] - beads[group.beads[:, 0], 2])
    states = np.stack(found[60:])
    assert chains.p_value(states, edges, np.histogram(height, edges, weights=weight)[0]) > 1e-4
    assert chains.p_value(states, edges, np.histogram(height, edges, weights=np.sqrt(weight))[0]) < SEEN
    np.testing.assert_allclose(system.map(frame.atoms), beads, atol=1e-6)
    rigid = group.type.rigid
    for (i, j), length in zip(rigid.pairs, rigid.lengths, strict=True):
        away = frame.atoms[group.atoms[:, i]] - frame.atoms[group.atoms[:, j]]
        np.testing.assert_allclose(np.linalg.norm(away, axis=1), length, atol=1e-6)


def test_others_are_moved_as_ever() -> None:
    """Molecules of two beads are no part of it."""
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    shape = chains.LENGTH * np.array([[-0.6, 0.8, 0], [0, 0, 0], [1, 0, 0], [1.6, -0.8, 0]])
    system, atoms = chains.far_apart(kind, np.tile(shape, (20, 1, 1)))
    moves, frames = HamiltonianMoves(system, chains.field_of(kind), 300.0, 4, 20.0), []
    for together in (True, False):
        frame = moves.frame(atoms, system.map(atoms), None)
        outcome = moves.sweep(frame, (1, 2, 0, 0), together=together)
        frames.append(frame.atoms)
        assert len(outcome.centre) == 20
    np.testing.assert_array_equal(*frames)
    assert (frames[0] != atoms).any()


@pytest.mark.parametrize("sites", [False, True], ids=["three charges", "charges on virtual sites"])
def test_rigid_bodies_go_where_their_constraints_lead(sites: bool) -> None:
    """From the same velocities, in the same forces; half the time step leaves a quarter of the difference."""
    system, field, atoms, beads = beside_ions(sites)
    apart = []
    for steps, timestep in ((20, 2.0), (40, 1.0)):
        ends = []
        for turns in (True, False):
            moves = HamiltonianMoves(system, field, 300.0, steps, timestep)
            assert moves._together._turning.any()
            moves._together._turning &= turns
            frame = moves.frame(atoms, beads, None)
            moves.sweep(frame, (1, 2, 0, 0), together=True)
            assert np.abs(system.map(frame.atoms) - beads).max() < 1e-6
            ends.append(frame.atoms)
        assert np.abs(ends[0] - atoms).max() > 0.02
        apart.append(np.abs(ends[0] - ends[1]).max())
    assert apart[0] < 1e-3
    assert 3 < apart[0] / apart[1] < 5


def test_a_body_that_nothing_turns_keeps_what_it_has() -> None:
    """Angular momentum in space to rounding; its energy to the second order of the time step."""
    shape = np.array([[0.0, 0.0, 0.04], [0.09, 0.0, -0.02], [-0.05, 0.07, -0.03]])
    mass, rng = np.array([16.0, 2.0, 3.0]), np.random.default_rng(3)
    inertia = (mass * (shape**2).sum(axis=1)).sum() * np.eye(3) - np.einsum("i,ia,ib->ab", mass, shape, shape)
    moment, axes = np.linalg.eigh(inertia)
    body = Rotors(np.array([True]), np.zeros((1, 3)), axes[None].copy(), (shape @ axes)[None], 1 / moment[None],
                  rng.normal(size=(1, 3)), np.zeros((1, 3)))
    space = body.axes[0] @ body.spin[0]
    energy, x, course = 0.5 * (body.spin**2 * body.rate).sum(), np.empty((3, 3)), []
    for _ in range(2000):
        turn(body, 0, 0.004, x)
        course.append(0.5 * (body.spin**2 * body.rate).sum() / energy - 1)
        np.testing.assert_allclose(body.axes[0] @ body.spin[0], space, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(x[0] - x[1]), np.linalg.norm(shape[0] - shape[1]), atol=1e-10)
    assert np.abs(course).max() < 0.01
    assert np.abs(x - shape).max() > 0.01
