"""Molecules of one bead or two turn about their beads as their energies say, and find the sides on which they were."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.api import State
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.layout import FieldLayout
from backmap.engine.rotating import Rotating, turnable
from backmap.model.parameters import BOLTZMANN, COULOMB, ForceField, MoleculeParameters
from backmap.model.system import System
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from tests import chains

from .hamiltonian.test_rigid import KT, SEEN, beside_ions, expected_heights

Array = NDArray[np.float64]

LIQUIDS = Path(__file__).parents[3] / "recipes" / "small_liquids"
COUNT, SWEEPS = 300, 240
SHAPE = np.array([[-0.10, 0.00, 0.12], [0.0, 0.0, 0.0], [0.0, 0.0, 0.15], [0.08, 0.05, 0.22]])  #: nm
CHARGES, ION, ION_CHARGE = np.array([0.3, -0.3, -0.2, 0.2]), np.array([0.5, 0.1, 0.1]), 0.4


def edges_of(values: Array, weight: Array) -> Array:
    """Eight bins of the same weight."""
    order = np.argsort(values)
    edges = np.interp(np.linspace(0, 1, 9), np.cumsum(weight[order]) / weight.sum(), values[order])
    edges[0], edges[-1] = -9, 9
    return edges


@pytest.mark.parametrize("sites", [False, True], ids=["three charges", "charges on virtual sites"])
def test_about_one_bead_all_orientations_have_their_weight(sites: bool) -> None:
    """Ways of drawing follow each other; at twice the temperature orientations would be others, which is seen."""
    height, weight = expected_heights(sites)
    edges = edges_of(height, weight)
    system, field, atoms, beads = beside_ions(sites)
    rotating, group, found = Rotating(FieldLayout(system, field)), system.groups[1], []
    made = atoms
    for block in range(SWEEPS // 2):
        made = rotating.turn(made, None, [KT, KT], (1, block), near=False)
        found.append(made[group.atoms[:, 0], 2] - beads[group.beads[:, 0], 2])
    states = np.stack(found[20:])
    assert chains.p_value(states, edges, np.histogram(height, edges, weights=weight)[0]) > 1e-4
    assert chains.p_value(states, edges, np.histogram(height, edges, weights=np.sqrt(weight))[0]) < SEEN
    np.testing.assert_allclose(system.map(made), beads, atol=1e-12)
    before, after = (each[group.atoms] for each in (atoms, made))
    np.testing.assert_allclose(*(np.linalg.norm(x[:, 1:] - x[:, :1], axis=2) for x in (before, after)), atol=1e-12)
    np.testing.assert_array_equal(made[system.groups[0].atoms], atoms[system.groups[0].atoms])


def pairs_beside_ions() -> tuple[System, ForceField, Array]:
    """COUNT molecules of two beads, each with an ion, far from the others."""
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    ion = replace(chains.chain(1, [{0: 1}]), name="ION", given=True)
    system = System(((ion, COUNT), (kind, COUNT)))
    corner = np.stack(np.unravel_index(np.arange(COUNT), (7,) * 3), axis=1) * 3.0
    atoms = np.concatenate([corner + ION, (SHAPE + corner[:, None]).reshape(-1, 3)])
    nothing, every = np.empty((0, 2), dtype=np.int64), np.column_stack(np.triu_indices(4, 1))
    known = {name: MoleculeParameters(name, (), np.zeros(len(charges), dtype=np.int64), charges, excluded, nothing,
                                      np.empty((0, 3)))
             for name, charges, excluded in (("ION", np.array([ION_CHARGE]), nothing), ("CHN", CHARGES, every))}
    return system, ForceField(known, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), 1.4, "cutoff", 0.0, "made up"), atoms


def rolled(angles: Array) -> Array:
    """The molecule turned by angles (n,) about the axis through its beads, (n, 4, 3)."""
    first, second = SHAPE[:2].mean(axis=0), SHAPE[2:].mean(axis=0)
    axis = (second - first) / np.linalg.norm(second - first)
    turns = Rotation.from_rotvec(angles[:, None] * axis).as_matrix()
    return np.einsum("nij,aj->nai", turns, SHAPE - first) + first


def test_about_two_beads_all_angles_have_their_weight() -> None:
    angles = np.linspace(-np.pi, np.pi, 20_001)
    shapes = rolled(angles)
    energy = COULOMB * ION_CHARGE * (CHARGES / np.linalg.norm(shapes - ION, axis=2)).sum(axis=1)
    weight, seen = np.exp(-energy / KT), shapes[:, 3, 0]
    edges = edges_of(seen, weight)
    system, field, atoms = pairs_beside_ions()
    rotating, group, found = Rotating(FieldLayout(system, field)), system.groups[1], []
    corner = atoms[system.groups[0].atoms[:, 0]] - ION
    made = atoms
    for block in range(80):
        made = rotating.turn(made, None, [KT] * 3, (1, block), near=False)
        found.append((made[group.atoms[:, 3]] - corner)[:, 0])
    states = np.stack(found[10:])
    assert chains.p_value(states, edges, np.histogram(seen, edges, weights=weight)[0]) > 1e-4
    assert chains.p_value(states, edges, np.histogram(seen, edges, weights=np.sqrt(weight))[0]) < SEEN
    np.testing.assert_allclose(system.map(made), system.map(atoms), atol=1e-12)


def test_only_some_may_turn_and_larger_molecules_do_not() -> None:
    system, field, atoms = pairs_beside_ions()
    rotating, group = Rotating(FieldLayout(system, field)), system.groups[1]
    only = np.zeros(system.n_beads, dtype=bool)
    only[group.beads[:7]] = True
    moved = np.abs(rotating.turn(atoms, None, [KT] * 3, (1,), only) - atoms).max(axis=1)[group.atoms]
    assert (moved[:7, 0] > 0).all()
    assert not moved[7:].any()
    assert not turnable(chains.chain(6, [{0: 1, 1: 1}, {2: 1, 3: 1}, {4: 1, 5: 1}]))
    assert not turnable(replace(group.type, given=True))


def liquid() -> tuple[System, ForceField, Array, Array]:
    """N,N-dimethylacetamide in two beads, and atoms and box of one of its frames."""
    folder = LIQUIDS / "dimethylacetamide"
    made = recipe.compose("", {"recipe": 1, "steps": [
        {"topology": {"atoms": {"gromacs": "topol.top"}, "mapping": {"votca": "3.xml"}, "constraints": "all-bonds"}},
        {"forcefield": {"gromacs": "topol.top", "cutoff": 0.9, "coulomb": "reaction_field", "epsilon_rf": 30}}]},
        folder / "liquid.yaml", Registry().discover())
    state = State(folder=folder, output=folder, seed=1, device="cpu", log=lambda line: None)
    for step in made.steps:
        step.begin(state)
    frame = MDAnalysis.Universe(str(folder / "aa.gro"), str(folder / "aa.xtc")).trajectory[-1]
    box = frame.triclinic_dimensions.astype(float) / 10
    return state.system, state.forcefield, state.system.whole_atoms(frame.positions / 10.0, box), box


def test_a_liquid_finds_the_sides_on_which_its_molecules_were() -> None:
    """Molecules turned at random about their two beads, and turned while they cool: 94 % find back at the least."""
    system, field, atoms, box = liquid()
    rotating, energy, (group,) = Rotating(FieldLayout(system, field)), FrameEnergy(system, field), system.groups
    hot = rotating.turn(atoms, box, [1e6] * 3, (1, "hot"))
    made = rotating.turn(hot, box, (360 * BOLTZMANN * np.geomspace(2.5, 1, 40)).tolist(), (1, "cooled"))
    made = rotating.turn(made, box, [360 * BOLTZMANN] * 6, (1, "at rest"), near=False)
    oxygen = group.type.chemistry.element == 8
    axis = np.diff(system.map(atoms)[group.beads], axis=1)[:, 0]
    axis /= np.linalg.norm(axis, axis=1)[:, None]
    off = [(x[group.atoms][:, oxygen] - system.map(atoms)[group.beads[:, :1]])[:, 0] for x in (atoms, hot, made)]
    across = [each - (each * axis).sum(axis=1)[:, None] * axis for each in off]
    true, lost, found = (each / np.linalg.norm(each, axis=1)[:, None] for each in across)
    assert ((true * lost).sum(axis=1) > 0.5).mean() < 0.5
    assert ((true * found).sum(axis=1) > 0.5).mean() > 0.94
    gap = (energy.of(made, box).total - energy.of(atoms, box).total) / len(group.atoms)
    assert abs(gap) < 1.0  # kJ/mol a molecule


def test_cold_turns_never_raise_the_energy_of_the_frame() -> None:
    """Lennard-Jones, charges and images are those of the frame: each molecule takes the least of what is drawn."""
    system, field, atoms, box = liquid()
    rotating, energy, (group,) = Rotating(FieldLayout(system, field)), FrameEnergy(system, field), system.groups
    hot = rotating.turn(atoms, box, [1e6] * 3, (1, "hot"))
    fallen = []
    for beads in group.beads[:12]:
        only = np.isin(np.arange(system.n_beads), beads)
        turned = rotating.turn(hot, box, [1e-3], (1, "cold"), only, near=False)
        fallen.append(energy.of(hot, box).total - energy.of(turned, box).total)
    assert min(fallen) > -0.01  # kJ/mol
    assert np.median(fallen) > 1.0
