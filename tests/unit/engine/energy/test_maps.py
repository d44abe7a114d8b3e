"""Correction maps against OpenMM, scipy's periodic splines, and a function that is known everywhere."""
from __future__ import annotations

import numpy as np
import openmm
import pytest
import torch
from scipy.interpolate import CubicSpline

from backmap.engine.energy import bonded
from backmap.engine.energy.maps import interpolated, splines
from tests import forcefields


def _energies(maps: np.ndarray, number: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    angles = (torch.as_tensor(np.atleast_1d(angle)) for angle in (first, second))
    return interpolated(torch.as_tensor(splines(maps)), torch.tensor(number), *angles).numpy()


def test_they_are_periodic_cubic_splines_of_both_dihedrals() -> None:
    maps, rng = forcefields.maps(10), np.random.default_rng(3)
    nodes = np.linspace(-np.pi, np.pi, 11)
    closed = np.pad(maps[1], ((0, 1), (0, 1)), mode="wrap")
    for one, two in rng.uniform(-np.pi, np.pi, (20, 2)):
        along = CubicSpline(nodes, closed, axis=0, bc_type="periodic")(one)
        expected = CubicSpline(nodes, along, bc_type="periodic")(two)
        assert _energies(maps, 1, one, two)[0] == pytest.approx(expected, rel=1e-9)


def test_nodes_are_met_and_the_ends_of_a_turn_are_one() -> None:
    maps = forcefields.maps(24)
    nodes = np.linspace(-np.pi, np.pi, 24, endpoint=False)
    np.testing.assert_allclose(_energies(maps, 0, np.repeat(nodes, 24), np.tile(nodes, 24)), maps[0].ravel(), atol=1e-9)
    ends = np.array([-np.pi, np.pi])
    np.testing.assert_allclose(_energies(maps, 0, ends, ends[::-1].copy()), maps[0, 0, 0], atol=1e-9)


def test_a_smooth_function_is_met_between_nodes() -> None:
    nodes = np.linspace(-np.pi, np.pi, 24, endpoint=False)
    maps = (np.cos(nodes)[:, None] * np.sin(2 * nodes) + np.sin(nodes + 0.4)[:, None])[None]
    one, two = np.random.default_rng(4).uniform(-np.pi, np.pi, (2, 50))
    expected = np.cos(one) * np.sin(2 * two) + np.sin(one + 0.4)
    np.testing.assert_allclose(_energies(maps, 0, one, two), expected, atol=2e-4)


def test_energies_and_forces_are_those_of_openmm() -> None:
    maps, rng = forcefields.maps(), np.random.default_rng(6)
    atoms = rng.normal(0, 0.2, (30, 5, 3))
    leaf = torch.as_tensor(atoms).requires_grad_()
    number = torch.as_tensor(rng.integers(0, 2, (30, 1)).astype(float))
    energy = bonded.energies("cmap", leaf, number, torch.as_tensor(splines(maps)))
    energy.sum().backward()
    for k in range(30):
        expected, forces = _by_openmm(maps[int(number[k])], atoms[k])
        assert energy[k].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(-leaf.grad[k], forces, rtol=1e-6, atol=1e-6)


def _by_openmm(grid: np.ndarray, atoms: np.ndarray) -> tuple[float, np.ndarray]:
    """One term; OpenMM counts nodes from 0, the first dihedral fastest."""
    system, force, size = openmm.System(), openmm.CMAPTorsionForce(), len(grid)
    for _ in range(5):
        system.addParticle(1.0)
    node = [(i + size // 2) % size for i in range(size)]
    force.addMap(size, [grid[node[i], node[j]] for j in range(size) for i in range(size)])
    force.addTorsion(0, 0, 1, 2, 3, 1, 2, 3, 4)
    system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(atoms)
    state = context.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, np.array(state.getForces(asNumpy=True)._value)


def test_atoms_in_line_or_at_one_place_leave_gradients_finite() -> None:
    line = torch.zeros(2, 5, 3, dtype=torch.float64)
    line[0, :, 0] = torch.arange(5) * 0.1
    line.requires_grad_()
    known = torch.as_tensor(splines(forcefields.maps()))
    bonded.energies("cmap", line, torch.zeros(1, dtype=torch.float64), known).sum().backward()
    assert torch.isfinite(line.grad).all()
