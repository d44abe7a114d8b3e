"""Atoms carried along with their beads."""
from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backmap.engine.carrying import Carrying, alike, between, superposed
from backmap.engine.geometry.constraint import SystemProjector
from backmap.model.system import System
from tests import scenes


def torsions(atoms: np.ndarray, rows: np.ndarray) -> np.ndarray:
    a, b, c, d = (atoms[:, rows[:, k]] for k in range(4))
    left, right = np.cross(b - a, c - b), np.cross(c - b, d - c)
    along = (np.cross(left, right) * (c - b)).sum(-1) / np.linalg.norm(c - b, axis=-1)
    return np.arctan2(along, (left * right).sum(-1))


@cache
def octane() -> tuple[System, np.ndarray, np.ndarray]:
    """Liquid octane, its atoms with bonds of their rigid lengths, and their beads."""
    system, window = scenes.octane_window()
    atoms = SystemProjector(system).project(window.atoms, window.beads)[0][0]
    return system, atoms, system.map(atoms)


def test_beads_that_stay_leave_atoms_where_they_are() -> None:
    system, atoms, beads = octane()
    np.testing.assert_allclose(Carrying(system).carried(atoms, beads, beads), atoms, atol=1e-9)
    assert alike(system, beads, beads) == pytest.approx(1)


def test_a_molecule_that_moves_as_a_whole_takes_its_atoms_along() -> None:
    system, atoms, beads = octane()
    turn = Rotation.from_rotvec([0.1, -0.2, 0.15]).as_matrix()
    moved = Carrying(system).carried(atoms, beads, beads @ turn.T + [0.4, 0.0, -0.2])
    np.testing.assert_allclose(moved, atoms @ turn.T + [0.4, 0.0, -0.2], atol=0.02)  # straight chains say little
    assert np.abs(atoms @ turn.T - atoms).max() > 0.5


def test_velocities_turn_with_their_molecule() -> None:
    system, _, beads = octane()
    turn = Rotation.from_rotvec([0.1, -0.2, 0.15]).as_matrix()
    (group,) = system.groups
    along = np.empty((system.n_atoms, 3))  # of each chain: about its axis, straight chains say little
    along[group.atoms] = (beads[group.beads[:, -1]] - beads[group.beads[:, 0]])[:, None]
    turned = Carrying(system).turned(along, beads, beads @ turn.T + [0.4, 0.0, -0.2])
    assert np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(along, axis=1))
    np.testing.assert_allclose(turned, along @ turn.T, atol=0.02)
    assert np.abs(turned - along).max() > 0.1
    np.testing.assert_allclose(Carrying(system).turned(along, beads, beads), along, atol=1e-9)


def test_beads_of_the_next_frame_are_met_and_torsions_of_hydrogens_stay_in_their_wells() -> None:
    """Beads shaken by 0.01 nm: rigid bonds hold, no methyl turns over into another well."""
    system, atoms, beads = octane()
    onto = beads + np.random.default_rng(1).normal(0, 0.01, beads.shape)
    moved = Carrying(system).carried(atoms, beads, onto)
    off = np.linalg.norm(system.map(moved) - onto, axis=1)
    assert (off < 1e-6).mean() > 0.98  # bonds do not let all of them be met
    assert off.max() < 0.005
    (group,) = system.groups
    kind = group.type
    lengths = np.linalg.norm(moved[group.atoms][:, kind.bonds[:, 1]] - moved[group.atoms][:, kind.bonds[:, 0]], axis=-1)
    assert np.abs(lengths - kind.bond_length).max() < 1e-6
    names = list(kind.atom_names)
    methyls = np.array([[names.index(name) for name in row] for row in (("C3", "C2", "C1", "H1A"),
                                                                        ("C6", "C7", "C8", "H8A"))])
    change = np.angle(np.exp(1j * (torsions(moved[group.atoms], methyls) - torsions(atoms[group.atoms], methyls))))
    assert np.degrees(np.abs(change)).max() < 60
    drawn = torsions(np.random.default_rng(2).permutation(atoms[group.atoms]), methyls)
    anew = np.angle(np.exp(1j * (drawn - torsions(atoms[group.atoms], methyls))))
    assert np.degrees(np.abs(anew)).max() > 60  # of other molecules they would


def test_beads_that_hardly_move_take_their_molecule_along_as_a_whole() -> None:
    """Turned and shaken by 0.001 nm: what is left beyond the turn is what beads ask for, and no more."""
    system, atoms, beads = octane()
    turn = Rotation.from_rotvec([0.02, -0.01, 0.03]).as_matrix()
    onto = beads @ turn.T + np.random.default_rng(3).normal(0, 0.001, beads.shape)
    moved = Carrying(system).carried(atoms, beads, onto)
    assert np.linalg.norm(system.map(moved) - onto, axis=1).max() < 1e-5
    whole = superposed(system, atoms, beads, onto)
    assert np.sqrt(((moved - whole)**2).sum(axis=1).mean()) < 0.004


def test_bonds_of_other_frames_are_not_alike() -> None:
    system, _, beads = octane()
    (group,) = system.groups
    other = beads.copy()
    other[group.beads] = beads[group.beads][np.random.default_rng(0).permutation(len(group.beads))]
    near = beads + np.random.default_rng(1).normal(0, 0.02, beads.shape)
    assert alike(system, beads, near) > 0.99 > 0.97 > alike(system, beads, other)


def test_on_their_way_molecules_turn_and_do_not_shrink() -> None:
    system, _, beads = octane()
    turn = Rotation.from_rotvec([0.0, 0.0, 2.5]).as_matrix()
    onto = beads @ turn.T
    np.testing.assert_allclose(between(system, beads, onto, 1.0), onto, atol=1e-9)
    np.testing.assert_allclose(between(system, beads, onto, 0.0), beads, atol=1e-9)
    half, (group,) = between(system, beads, onto, 0.5), system.groups
    first, second = group.type.bead_bonds.T
    lengths = [np.linalg.norm(x[group.beads][:, second] - x[group.beads][:, first], axis=-1) for x in (beads, half)]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=0.003)  # straight ways would leave a third of them
