"""Added forces have the energies that they are said to have."""
from __future__ import annotations

import numpy as np
import openmm
import pytest
from backmap_plugins.openmm_bridge.chirality import chirality_restraint
from backmap_plugins.openmm_bridge.contexts import cell
from backmap_plugins.refiners.forces import CAP, STIFF, bead_restraint, soft_repulsion, springs
from numpy.typing import NDArray

from backmap.model import box as periodic
from tests import builders
from tests.unit.refiners.fields import made_up

BOX = np.diag([3.0, 3.0, 3.0])


def energy(force: openmm.Force, positions: NDArray, **parameters: float) -> float:
    """kJ/mol, in double precision; forces are checked to be finite."""
    made = openmm.System()
    for _ in positions:
        made.addParticle(1.0)
    made.addForce(force)
    found = openmm.Context(made, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    for name, value in parameters.items():
        found.setParameter(name, value)
    found.setPositions(positions)
    state = found.getState(getEnergy=True, getForces=True)
    assert np.isfinite(state.getForces(asNumpy=True)._value).all()
    return state.getPotentialEnergy()._value


def test_restraint_has_the_weights_of_the_mapping() -> None:
    system = builders.system()
    atoms = builders.place(system, BOX)
    beads = system.map(atoms) + np.random.default_rng(0).normal(0, 0.05, (system.n_beads, 3))
    force = bead_restraint(system, 250.0)
    for bead, place in enumerate(beads.tolist()):
        force.setBondParameters(bead, [bead], place)
    expected = 250.0 * ((system.map(atoms) - beads)**2).sum()
    assert energy(force, atoms) == pytest.approx(expected, rel=1e-6)


def test_restraint_at_its_minimum_has_no_force() -> None:
    system = builders.system((builders.water(), 1))
    assert energy(bead_restraint(system, 1e5), np.zeros((3, 3))) == 0


@pytest.mark.parametrize("distance", [0.01, 0.1, 0.25, 0.3, 0.4])
def test_soft_repulsion_is_that_of_the_force_field_with_a_linear_core(distance: float) -> None:
    system = builders.system((builders.water(), 2))
    field, cap = made_up(system), 5.0
    atoms = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [distance, 0, 0], [-9, 0, 0], [0, -9, 0.0]])
    c12 = field.c12[1, 1]
    d = (c12 / cap)**(1 / 12)
    expected = c12 / distance**12 if distance > d else cap * (13 - 12 * distance / d)
    assert energy(soft_repulsion(field, system), atoms, **{CAP: cap}) == pytest.approx(expected, rel=1e-5)


def test_springs_only_where_the_force_field_has_none() -> None:
    system = builders.system((builders.water(), 2), (builders.butane(), 1))  # only water has rigid bonds
    assert springs(made_up(system), system, every=False).getNumBonds() == 0
    assert springs(made_up(system), system, every=True).getNumBonds() == 4
    bare = springs(made_up(system, bonds=False), system, every=False)
    assert bare.getNumBonds() == 4
    i, j, length, k = bare.getBondParameters(0)
    assert (i, j, length._value, k._value) == (0, 1, builders.water().bond_length[0], STIFF)


def test_hands_act_on_the_wrong_hand_alone() -> None:
    system = builders.system((builders.chiral(), 1))
    right = builders.conformation(builders.chiral())
    assert energy(chirality_restraint(system), right) == 0
    assert energy(chirality_restraint(system), right * [1, 1, -1]) > 100


@pytest.mark.parametrize("box", [BOX, builders.TRICLINIC, builders.TRICLINIC @ np.linalg.qr(
    np.random.default_rng(1).normal(size=(3, 3)))[0], builders.TRICLINIC[[1, 0, 2]]])
def test_any_box_becomes_one_that_openmm_takes(box: NDArray) -> None:
    made, turn = cell(box)
    np.testing.assert_allclose(np.triu(made, 1), 0)
    assert np.linalg.det(turn) == pytest.approx(1)
    vectors = np.random.default_rng(0).normal(0, 2, (50, 3))
    np.testing.assert_allclose(np.linalg.norm(periodic.minimum_image(vectors @ turn, made), axis=1),
                               np.linalg.norm(periodic.minimum_image(vectors, box), axis=1), atol=1e-9)
    openmm.System().setDefaultPeriodicBoxVectors(*made.tolist())
