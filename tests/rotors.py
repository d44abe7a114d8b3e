"""A rotor beyond three beads that wander: the fourth of four atoms in a row, whose law is the same whatever the beads.

What is hidden is its angle and its torsion: exp(-U / kT), with the sine of the angle. ``COUNT`` of them do not see each
other.
"""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.engine.carrying import Carrying
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.parameters import BOLTZMANN, Bonded, ForceField
from tests import chains

Array = NDArray[np.float64]

COUNT, HEAT = 300, BOLTZMANN * 300.0
ANGLE, STIFFNESS, BARRIER = np.radians(110.0), 120.0, 4.0
KIND = chains.chain(4, [{0: 1}, {1: 1}, {2: 1}])
FINE = (np.arange(20_000) + 0.5) / 20_000
PHI, THETA = np.pi * (2 * FINE - 1), np.pi * FINE


def field(barrier: float = BARRIER) -> ForceField:
    """A harmonic angle, and two wells of the torsion, at +-90 degrees, with barriers between them, kJ/mol."""
    return chains.field_of(KIND, Bonded("harmonic_angle", np.array([[1, 2, 3]]), np.array([[ANGLE, STIFFNESS]])),
                           Bonded("periodic_proper", np.array([[0, 1, 2, 3]]), np.array([[0.0, barrier / 2, 2.0]])))


def densities(barrier: float = BARRIER) -> tuple[Array, Array]:
    """Of the torsion at ``PHI`` and of the angle at ``THETA``."""
    return (np.exp(-barrier / 2 * (1 + np.cos(2 * PHI)) / HEAT),
            np.sin(THETA) * np.exp(-STIFFNESS / 2 * (THETA - ANGLE)**2 / HEAT))


def beads_in_time(frames: int, seed: int = 5, count: int = COUNT) -> Array:
    """Triples about the origin that turn by some .1 rad from frame to frame, at angles about 110 degrees."""
    rng, bend = np.random.default_rng(seed), np.zeros(count)
    turn, found = Rotation.random(count, rng=rng), []
    for _ in range(frames):
        bend = 0.9 * bend + 0.44 * rng.normal(0, 0.06, count)
        half = (ANGLE + bend) / 2
        arms = chains.LENGTH * np.stack([np.sin(half), np.cos(half), np.zeros(count)], axis=1)
        shape = np.stack([arms, np.zeros_like(arms), arms * [-1, 1, 1]], axis=1)
        turn = Rotation.from_rotvec(rng.normal(0, 0.1, (count, 3))) * turn
        found.append(np.einsum("mij,mbj->mbi", turn.as_matrix(), shape))
    return np.stack(found)


def started(beads: Array, barrier: float = BARRIER, seed: int = 6) -> Array:
    """Fourth atoms drawn from their law, (m, 4, 3)."""
    rng = np.random.default_rng(seed)
    phi, theta = (rng.choice(x, len(beads), p=density / density.sum())
                  for x, density in zip((PHI, THETA), densities(barrier), strict=True))
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


def carried(sweeps: int, frames: int, burn: int, bent: float = 0.0, barrier: float = BARRIER,
            **options: object) -> Array:
    """Atoms of rotors in frames carried each from the one before, then moved in some sweeps, (s, m, 4, 3).

    Before they are moved, angles of fourth atoms are opened by ``bent`` radians.
    """
    return np.stack([*islice(course(sweeps, frames, bent, barrier, **options), burn, None)])


def course(sweeps: int, frames: int, bent: float = 0.0, barrier: float = BARRIER, count: int = COUNT,
           **options: object) -> Iterator[Array]:
    """The same of ``count`` rotors, frame by frame, (m, 4, 3) each."""
    places = beads_in_time(frames, count=count)
    system, atoms = chains.far_apart(KIND, started(places[0], barrier))
    corner = atoms.reshape(count, 4, 3)[:, 1] - places[0][:, 1]
    along = Carrying(system)
    moves = HamiltonianMoves(system, field(barrier), 300.0, fixman_potential=True,
                             **({"steps": 6, "timestep": 12.0} | options))
    before, velocity = system.map(atoms), np.full_like(atoms, np.nan)
    for number, beads in enumerate((places + corner[:, None]).reshape(frames, -1, 3)):
        atoms, velocity = along.carried(atoms, before, beads), along.turned(velocity, before, beads)
        if bent:
            atoms = opened(atoms.reshape(count, 4, 3), bent).reshape(-1, 3)
        frame = moves.frame(atoms, beads, None, velocity)
        for sweep in range(sweeps):
            moves.sweep(frame, (1, 2, number, sweep))
        atoms, velocity, before = frame.atoms.copy(), frame.velocity, beads
        yield atoms.reshape(count, 4, 3)
