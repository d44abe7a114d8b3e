"""Beads that are let go leave energies of exact samples where they are, and those of trapped atoms fall."""
from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.release import SPLITS, Release, places
from tests.exact_chains import ExactChain

Array = NDArray[np.float64]

CHAIN = ExactChain(6, ({0: 1, 1: 1, 2: 1, 3: 0.5}, {3: 0.5, 4: 1, 5: 1}), stiffness=100.0,
                   masses=(14.0, 2.0, 14.0, 2.0, 14.0, 2.0))  # light atoms: the measure of the bonds matters
SWEEPS = 8


@cache
def states() -> Array:
    return CHAIN.states(1500, seed=3)


def released(atoms: Array, temperature: float = 300.0) -> tuple[Array, Array]:
    """By how much energies change, kT a molecule, by term, and their standard errors."""
    frame = CHAIN.snapshot(atoms)
    release = Release(frame.system, CHAIN.field, temperature, timestep=4.0)
    course, accepted = release.course(frame.atoms, None, SWEEPS, (1, "test"))
    assert course.shape == (SWEEPS + 1, len(release.terms), 2**SPLITS)
    assert accepted > 0.7
    change = (course[SWEEPS // 2:].mean(axis=0) - course[0]) / 2.494 / len(atoms)
    return change.sum(axis=1), change.std(axis=1, ddof=1) * 2**(SPLITS / 2)


def test_energies_of_exact_samples_stay() -> None:
    change, error = released(states())
    assert (np.abs(change) < 4 * error).all()
    assert (error < 0.05).all()


def test_energies_of_atoms_that_are_trapped_fall() -> None:
    """Molecules whose beads are near each other because atoms are where their torsions are high."""
    atoms = states()
    phi = _torsion(atoms[:, :4])
    high = atoms[np.cos(3 * phi) > np.quantile(np.cos(3 * phi), 0.5)]
    change, error = released(high)
    assert change.min() < -5 * error[change.argmin()]


def test_energies_of_a_colder_sample_rise() -> None:
    change, error = released(states(), temperature=360.0)
    assert (change > 3 * error).any()


def test_pieces_are_places_of_as_many_molecules() -> None:
    frame, count = CHAIN.snapshot(states()[:160]), 2**SPLITS
    box = np.eye(3) * 12.0  # 6 molecules along each edge
    piece = places(frame.system, frame.atoms, box)
    assert np.bincount(piece).tolist() == [2 * 160 / count] * count  # beads
    shifted = places(frame.system, frame.atoms + np.array([12.0, -24.0, 0.0]), box)
    assert (shifted == piece).all()
    centre = frame.atoms.reshape(160, 6, 3).mean(axis=1) % 12.0
    within = [centre[piece[::2] == k].var(axis=0).sum() for k in range(count)]
    assert np.mean(within) < 0.2 * centre.var(axis=0).sum()


def _torsion(atoms: Array) -> Array:
    """Of four atoms, (n, 4, 3)."""
    a, b, c = (atoms[:, k + 1] - atoms[:, k] for k in range(3))
    n, m = np.cross(a, b), np.cross(b, c)
    return np.arctan2((np.cross(n, m) * b).sum(1) / np.linalg.norm(b, axis=1), (n * m).sum(1))
