"""1/2 log det G of rigid bonds, against dense matrices of numerical gradients and the closed form of a trimer."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.geometry.measure import REACH, BondGram
from backmap.model.molecule import MoleculeType
from tests import builders, chains, scenes

Array = NDArray[np.float64]


def rigid(kind: MoleculeType, rows: slice = slice(None)) -> MoleculeType:
    """The molecule with some of its bonds rigid, of any length."""
    length = np.full(len(kind.bonds), np.nan)
    length[rows] = 0.1
    return replace(kind, bond_length=length)


def dense(kind: MoleculeType, positions: Array) -> float:
    """1/2 log det G from finite differences of every bond along every coordinate."""
    bonds = kind.bonds[np.isfinite(kind.bond_length)]

    def lengths(flat: Array) -> Array:
        atoms = flat.reshape(-1, 3)
        return np.linalg.norm(atoms[bonds[:, 0]] - atoms[bonds[:, 1]], axis=1)

    steps = 1e-6 * np.eye(positions.size)
    flat = positions.ravel()
    gradient = np.stack([(lengths(flat + step) - lengths(flat - step)) / 2e-6 for step in steps], axis=1)
    return 0.5 * np.linalg.slogdet(gradient / np.repeat(kind.mass, 3) @ gradient.T)[1]


@pytest.mark.parametrize("kind", [builders.butane(), scenes.phenyl(), scenes.octane_system().types[0]],
                         ids=["butane", "ring", "octane"])
@pytest.mark.parametrize("rows", [slice(None), slice(0, None, 2)], ids=["all", "every other"])
def test_determinant_is_that_of_the_dense_matrix(kind: MoleculeType, rows: slice) -> None:
    kind = rigid(kind, rows)
    positions = np.random.default_rng(3).normal(0, 0.2, (4, kind.n_atoms, 3))
    found = BondGram(kind).half_log_det(positions)
    np.testing.assert_allclose(found, [dense(kind, each) for each in positions], atol=1e-6)


def test_trimer_of_equal_masses_has_the_closed_form() -> None:
    kind = builders.water()
    kind = rigid(replace(kind, mass=np.full(3, 14.0)))
    angle = np.linspace(0.3, 2.8, 6)
    oxygen, (one, other) = 0, (1, 2)
    positions = np.zeros((6, 3, 3))
    positions[:, one, 0] = 0.1
    positions[:, other] = 0.1 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert sorted(kind.bonds.ravel().tolist()).count(oxygen) == 2
    expected = 0.5 * np.log((4 - np.cos(angle)**2) / 14.0**2)
    np.testing.assert_allclose(BondGram(kind).half_log_det(positions), expected, atol=1e-12)


def test_what_some_atoms_change_is_seen_from_the_bonds_near_them() -> None:
    kind = chains.chain(80, [{k: 1.0} for k in range(80)])
    rng = np.random.default_rng(5)
    positions = np.tile(np.cumsum(rng.normal(0, 0.1, (80, 3)), axis=0), (6, 1, 1))
    moved = np.array([40, 41, 42])
    positions[:, moved] += rng.normal(0, 0.05, (6, 3, 3))
    gram = BondGram(kind)
    near, whole = gram.near(moved), gram.half_log_det(positions)
    ends = np.union1d(near.bonds, moved)
    assert len(near.bonds) == 3 - 1 + 2 * (REACH + 1)
    found = near.half_log_det(ends, positions[:, ends])
    np.testing.assert_allclose(found - found[0], whole - whole[0], atol=1e-9)


def test_flexible_molecules_have_none() -> None:
    kind = replace(builders.butane(), bond_length=np.full(len(builders.butane().bonds), np.nan))
    assert BondGram(kind).half_log_det(np.zeros((2, kind.n_atoms, 3))).tolist() == [0.0, 0.0]


def test_bonds_that_depend_on_each_other_have_no_measure() -> None:
    """Four atoms in a plane, all six distances rigid: one too many."""
    butane = builders.butane()
    corners = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
    kind = replace(butane, bonds=corners, bond_length=np.full(6, 0.1))
    positions = np.zeros((1, kind.n_atoms, 3))
    positions[0, :4, :2] = 0.1 * np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    assert BondGram(kind).half_log_det(positions)[0] < -15
