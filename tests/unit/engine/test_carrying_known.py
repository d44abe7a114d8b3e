"""Carried atoms jump as often as they should: a hidden rotor of two wells beyond beads that wander.

Its rate is known by an integration of Langevin's equation that has nothing in common with the package: an atom on a
sphere, in the coordinates of its angle and torsion, by great circles (BAOAB), beads at rest.
"""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import chains
from tests.rotors import ANGLE, COUNT, HEAT, PHI, STIFFNESS, THETA, carried, densities, torsions

Array = NDArray[np.float64]

FRICTION = 1.0  #: 1/ps
BARRIER = 15.0  #: kJ/mol, for some five jumps per ns
SWEEPS, STEPS, TIMESTEP = 5, 20, 10.0  #: of each frame: a picosecond


def jumps(phi: Array) -> tuple[float, float]:
    """Changes of side from frame to frame of torsions (n, m) a picosecond apart, per ns, and the standard error."""
    each = 1e3 * ((phi[1:] > 0) != (phi[:-1] > 0)).mean(axis=0)
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def langevin(count: int, time: int, timestep: float = 0.005, seed: int = 2) -> Array:
    """Torsions of rotors after each picosecond of Langevin dynamics, (time, count)."""
    rng, spread = np.random.default_rng(seed), np.sqrt(HEAT / chains.MASS)
    phi, theta = (rng.choice(x, count, p=density / density.sum())
                  for x, density in zip((PHI, THETA), densities(BARRIER), strict=True))
    out = np.pi - theta  # angle to the axis that the rotor turns about, which is z
    at = np.stack([np.sin(out) * np.cos(phi), np.sin(out) * np.sin(phi), np.cos(out)])
    velocity = _tangent(at, spread * rng.normal(size=at.shape))
    keeps, found = np.exp(-FRICTION * timestep), []
    for _ in range(time):
        for _ in range(round(1 / timestep)):
            velocity = velocity + timestep / 2 * _acceleration(at)
            at, velocity = _along(at, velocity, timestep / 2)
            velocity = keeps * velocity + np.sqrt(1 - keeps**2) * _tangent(at, spread * rng.normal(size=at.shape))
            at, velocity = _along(at, velocity, timestep / 2)
            velocity = velocity + timestep / 2 * _acceleration(at)
        found.append(np.arctan2(at[1], at[0]))
    return np.stack(found)


def _tangent(at: Array, vector: Array) -> Array:
    return vector - (at * vector).sum(axis=0) * at


def _along(at: Array, velocity: Array, time: float) -> tuple[Array, Array]:
    """On the great circle."""
    speed = np.linalg.norm(velocity, axis=0)
    turn, along = speed * time / chains.LENGTH, velocity / speed
    return np.cos(turn) * at + np.sin(turn) * along, speed * (np.cos(turn) * along - np.sin(turn) * at)


def _acceleration(at: Array) -> Array:
    """nm/ps^2."""
    across = np.hypot(at[0], at[1])
    bend = STIFFNESS * (np.pi - np.arctan2(across, at[2]) - ANGLE)  # minus dU / d(angle to the axis), with its sign
    twist = 2 * BARRIER * at[0] * at[1] / across**2  # minus dU / d(torsion) of B / 2 (1 + cos 2 phi)
    outwards = np.stack([at[2] * at[0] / across, at[2] * at[1] / across, -across])
    around = np.stack([-at[1], at[0], 0 * across]) / across
    return (bend * outwards + twist / across * around) / (chains.MASS * chains.LENGTH)


def transition_state() -> float:
    """The rate at which a side is left that is never come back to at once, per ns: no rate is larger."""
    turning, bending = densities(BARRIER)
    speed = np.sqrt(HEAT / (2 * np.pi * chains.MASS)) / chains.LENGTH  # of the torsion, times the sine of the angle
    across = (bending / np.sin(THETA)).sum() / bending.sum()
    top = np.exp(-BARRIER / HEAT) / (turning.mean() * np.pi)  # density on a barrier, of one side
    return float(1e3 * 2 * speed * across * top)


@pytest.mark.slow
def test_a_rotor_jumps_as_often_as_langevin_dynamics_says() -> None:
    """10^5 frames: within three standard errors, some 15 %."""
    known, uncertain = jumps(langevin(1500, 250))
    assert 3 < known < 8
    assert 0.3 * transition_state() < known < 1.05 * transition_state()
    found, error = jumps(torsions(carried(SWEEPS, 340, 6, barrier=BARRIER, steps=STEPS, timestep=TIMESTEP,
                                          friction=FRICTION)))
    assert error < 0.08 * known
    assert abs(found - known) < 3 * np.hypot(error, uncertain)


@pytest.mark.slow
def test_long_trajectories_leave_nothing_of_the_frame_before() -> None:
    """Hardly a barrier, and 5 ps of moves: sides are those of frames by themselves, within three standard errors."""
    side = np.sign(torsions(carried(5, 25, 5, barrier=1.0, steps=100, timestep=TIMESTEP, friction=FRICTION)))
    alike = (side[1:] * side[:-1]).mean(axis=0)
    assert abs(alike.mean()) < 3 * alike.std(ddof=1) / np.sqrt(COUNT)


