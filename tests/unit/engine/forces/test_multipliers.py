"""Forces of rigid bonds: against velocities drawn one by one, and against dynamics that keeps bonds."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap import testing
from backmap.engine.forces.multipliers import BondForces
from backmap.model.molecule import MoleculeType
from tests import builders, scenes

HEAT = 2.9


def rigid(kind: MoleculeType, hydrogens_alone: bool = False) -> MoleculeType:
    """The molecule with bonds of any length that is rigid: all of them, or those to hydrogen."""
    element = kind.chemistry.element[kind.bonds]
    held = (element == 1).any(axis=1) if hydrogens_alone else np.ones(len(element), dtype=bool)
    return replace(kind, bond_length=np.where(held, 0.1, np.nan))


def by_velocities(kind: MoleculeType, atoms: np.ndarray, forces: np.ndarray, n: int) -> np.ndarray:
    """Forces of bonds (A, 3) by the plain formula: multipliers for each of n draws of velocities, averaged."""
    bonds = kind.bonds[np.isfinite(kind.bond_length)]
    jacobian = np.zeros((len(bonds), kind.n_atoms, 3))
    for k, (i, j) in enumerate(bonds):
        unit = (atoms[i] - atoms[j]) / np.linalg.norm(atoms[i] - atoms[j])
        jacobian[k, i], jacobian[k, j] = unit, -unit
    mass = np.repeat(kind.mass, 3)
    flat = jacobian.reshape(len(bonds), -1)
    gram = (flat / mass) @ flat.T
    loose = np.random.default_rng(1).normal(size=(n, len(mass))) * np.sqrt(HEAT / mass)
    velocity = loose - (np.linalg.solve(gram, flat @ loose.T).T @ flat) / mass
    assert np.abs(velocity @ flat.T).max() < 1e-9
    relative = velocity.reshape(n, -1, 3)[:, bonds[:, 0]] - velocity.reshape(n, -1, 3)[:, bonds[:, 1]]
    turning = (relative**2).sum(axis=2) / np.linalg.norm(atoms[bonds[:, 0]] - atoms[bonds[:, 1]], axis=1)
    multipliers = -np.linalg.solve(gram, (flat @ (forces.ravel() / mass))[:, None] + turning.T)
    return (multipliers.mean(axis=1) @ flat).reshape(-1, 3)


@pytest.mark.parametrize("hydrogens_alone", [False, True])
def test_average_over_velocities(hydrogens_alone: bool) -> None:
    kind = rigid(builders.butane(), hydrogens_alone)
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(kind.n_atoms, 3))
    forces = rng.normal(size=atoms.shape) * 50
    found = BondForces(kind).of(atoms[None], forces[None], HEAT)[0]
    expected = by_velocities(kind, atoms, forces, 40_000)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=0.01 * scale)
    without = by_velocities(kind, atoms, forces, 1) - expected
    assert np.abs(without).max() > 0.02 * scale  # one draw alone is off by more than what is allowed above


def test_forces_along_rigid_bonds_do_not_count() -> None:
    """Springs along rigid bonds, however stiff, are made up for."""
    kind = rigid(builders.butane())
    atoms = np.random.default_rng(3).normal(size=(1, kind.n_atoms, 3))
    springs = np.zeros_like(atoms)
    i, j = kind.bonds.T
    pull = 1e4 * (atoms[:, i] - atoms[:, j])
    np.add.at(springs, (slice(None), i), pull)
    np.add.at(springs, (slice(None), j), -pull)
    bonds = BondForces(kind)
    with_them = springs + bonds.of(atoms, springs, HEAT)
    np.testing.assert_allclose(with_them, bonds.of(atoms, 0 * springs, HEAT), atol=1e-6 * np.abs(springs).max())


def test_bonds_inside_one_bead_add_nothing_to_its_sum() -> None:
    system, window = scenes.octane_window(1)
    (kind,) = system.types
    found = BondForces(rigid(kind, hydrogens_alone=True)).of(window.reference[0].reshape(-1, kind.n_atoms, 3),
                                                            np.zeros((64, kind.n_atoms, 3)), HEAT)
    assert np.abs(found).max() > 1
    assert np.abs((kind.mapping.matrix > 0) @ found).max() < 1e-9 * np.abs(found).max()


def test_no_rigid_bonds() -> None:
    kind = builders.butane()
    loose = replace(kind, bond_length=np.full(len(kind.bonds), np.nan))
    assert not BondForces(loose).of(np.zeros((2, kind.n_atoms, 3)), np.ones((2, kind.n_atoms, 3)), HEAT).any()


def triangle(n_bonds: int = 3) -> MoleculeType:
    """Three equal atoms, all distances rigid, the last one twice if there are four."""
    kind = testing.molecule_type("TRI", [6] * 3, [(0, 1), (1, 2), (0, 2)], [range(3)])
    bonds = np.array([[0, 1], [1, 2], [0, 2], [0, 2]])[:n_bonds]
    return replace(kind, bonds=bonds, bond_length=np.full(n_bonds, 0.15))


def test_bonds_that_depend_on_each_other_share_their_force() -> None:
    """A bond that is there twice, for which G has no inverse: sums on atoms are those of the bond alone."""
    rng = np.random.default_rng(5)
    atoms, forces = rng.normal(size=(2, 4, 3, 3))
    once, twice = (BondForces(triangle(n)).of(atoms, forces, 0.0) for n in (3, 4))
    np.testing.assert_allclose(twice, once, atol=1e-6 * np.abs(once).max())


def test_one_molecule_does_not_spoil_the_others() -> None:
    """Three atoms on a line, for which G of a triangle is singular, and atoms in one place, beside usual molecules."""
    rng = np.random.default_rng(6)
    atoms, forces = rng.normal(size=(2, 4, 3, 3))
    alone = BondForces(triangle()).of(atoms, forces, HEAT)
    atoms[1] = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    atoms[2] = 0.0
    with np.errstate(invalid="ignore"):
        found = BondForces(triangle()).of(atoms, forces, HEAT)
    np.testing.assert_allclose(found[[0, 3]], alone[[0, 3]])
    assert np.isfinite(found[1]).all()
    assert np.isnan(found[2]).all()
