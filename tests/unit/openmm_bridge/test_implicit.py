"""Implicit solvents of OpenMM in torch: values and forces beside OpenMM's, clashes included, and what is refused."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from backmap_plugins.ensembles.targets.molecule import Molecule
from backmap_plugins.openmm_bridge.implicit import TANH, taken
from openmm import app

from backmap.errors import BackmapError
from backmap.model.solvent import OFFSET

PDB = Path(__file__).parents[3] / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
AMBER96 = ["amber96.xml", "amber96_obc.xml"]
SOLVENTS = {"OBC2": AMBER96, "HCT": ["amber99sb.xml", "implicit/hct.xml"],
            "OBC1": ["amber99sb.xml", "implicit/obc1.xml"], "obc2.xml": ["amber99sb.xml", "implicit/obc2.xml"]}


def molecule(forcefield: list[str]) -> Molecule:
    return Molecule(Molecule.Options(pdb=PDB, forcefield=forcefield, temperature=330,
                                     torsions={"phi": (5, 7, 9, 15), "psi": (7, 9, 15, 17)}))


def conformations(target: Molecule, n: int) -> torch.Tensor:
    """Positions (n, A, 3): torsions anywhere, atoms moved by 0 to 0.1 nm, so that many clash."""
    rng = np.random.default_rng(0)
    x = target.coordinates(torch.as_tensor(target._file.positions)[None]).repeat(n, 1)
    for column in target.internal.leading:
        x[:, column] = torch.as_tensor(rng.uniform(-np.pi, np.pi, n))
    noise = torch.as_tensor(rng.normal(size=(n, 22, 3)))
    return target.positions(x) + torch.linspace(0, 0.1, n)[:, None, None] * noise


def openmms(forcefield: list[str], positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies (n,) and gradients (n, A, 3) by OpenMM."""
    system = app.ForceField(*forcefield).createSystem(app.PDBFile(str(PDB)).topology, constraints=None)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    energies, gradients = [], []
    for each in positions:
        context.setPositions(each)
        state = context.getState(energy=True, forces=True)
        energies.append(state.getPotentialEnergy()._value)
        gradients.append(-state.getForces(asNumpy=True)._value)
    return np.array(energies), np.array(gradients)


@pytest.mark.parametrize("forcefield", SOLVENTS.values(), ids=SOLVENTS)
def test_energy_and_forces_are_those_of_openmm(forcefield: list[str]) -> None:
    target = molecule(forcefield)
    atoms = conformations(target, 100).requires_grad_(True)
    energy = target.energy(atoms)
    gradient, = torch.autograd.grad(energy.sum(), atoms)
    energies, gradients = openmms(forcefield, atoms.detach().numpy())
    assert energies.max() > 1e6, "no clash among them"
    np.testing.assert_allclose(energy.detach().numpy(), energies, rtol=1e-6)
    off = np.abs(gradient.numpy() - gradients).max(axis=(1, 2)) / np.abs(gradients).max(axis=(1, 2))
    assert off.max() < 1e-6


def test_solvent_is_told_by_its_values() -> None:
    """The published constants of amber96 + OBC: tanh of model II, water of 78.3, surface tension of 2.25936."""
    born = molecule(AMBER96)._file.born
    assert born.tanh == TANH["OBC2"]
    assert born.polar == pytest.approx(-138.935456 * (1 - 1 / 78.3), rel=1e-6)
    assert born.surface == pytest.approx(4 * np.pi * 2.25936, rel=1e-6)
    assert float(born.radius[5]) == pytest.approx(0.148 - OFFSET)  # of oxygen


def test_no_surface_term_where_there_is_none() -> None:
    system = app.ForceField(*AMBER96).createSystem(app.PDBFile(str(PDB)).topology)
    force = next(each for each in system.getForces() if isinstance(each, openmm.GBSAOBCForce))
    force.setSurfaceAreaEnergy(0.0)
    force.setSolventDielectric(4.0)
    count = system.getNumForces()
    born = taken(system, molecule(AMBER96)._file.positions.numpy(), "here")
    assert (born.surface, system.getNumForces()) == (0.0, count - 1)
    assert born.polar == pytest.approx(-138.935456 * (1 - 1 / 4), rel=1e-6)


def test_density_is_hotter_by_its_energy_alone() -> None:
    """ln p = ln m - U, and m is the same at another temperature."""
    target = molecule(AMBER96)
    other = Molecule(target.options.model_copy(update={"temperature": 660.0}))
    x = target.start(5, np.random.default_rng(1))
    energy, measure = target.parts(x)
    torch.testing.assert_close(measure - energy, target.log_density(x))
    torch.testing.assert_close(other.log_density(x), measure - energy / 2)


def test_other_solvents_are_refused() -> None:
    with pytest.raises(BackmapError, match=r"its implicit solvent \(CustomGBForce\) is not supported"):
        molecule(["amber99sb.xml", "implicit/gbn2.xml"]).size  # noqa: B018
