"""Moves in an implicit solvent: values and forces beside OpenMM's, the law that they lead to, and what is refused."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from backmap_plugins.forcefields.openmm import OpenMM
from backmap_plugins.openmm_bridge.system import build
from backmap_plugins.steps.forcefield import expect_plain, summary
from numpy.typing import NDArray
from openmm import app

from backmap import testing
from backmap.engine.energy import born
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.energy.layout import FieldLayout
from backmap.engine.geometry.constraint import SystemProjector
from backmap.engine.hamiltonian.born import born_room, medium, solvated
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.identities.slopes import EnergySlopes
from backmap.errors import BackmapError
from backmap.model.mapping import Mapping
from backmap.model.parameters import ForceField
from backmap.model.solvent import ImplicitSolvent
from backmap.model.system import System
from tests import chains
from tests.unit.engine.hamiltonian.test_exact import COUNT, EDGES, REFUSED, SEEN, TWO_ATOMS, WHOLE, shares, trimers
from tests.unit.engine.hamiltonian.test_move import follow, move, start

Array = NDArray[np.float64]

PDB = Path(__file__).parents[4] / "recipes" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
SOLVENTS = {"OBC2": ("amber96.xml", "amber96_obc.xml"), "HCT": ("amber99sb.xml", "implicit/hct.xml"),
            "OBC1": ("amber99sb.xml", "implicit/obc1.xml")}
#: Carbonyl carbons, nitrogens, C-alpha and C-beta.
HEAVY = [4, 6, 8, 10, 14, 16]


@cache
def dipeptide(files: tuple[str, ...], alone: bool, count: int = 1) -> tuple[System, ForceField, Array]:
    """Some molecules 6 nm apart, and atoms (count, A, 3) a little off; beads are six atoms, or all atoms are one."""
    pdb = app.PDBFile(str(PDB))
    element = [atom.element.atomic_number for atom in pdb.topology.atoms()]
    bonds = sorted(tuple(sorted((a.index, b.index))) for a, b in pdb.topology.bonds())
    at = np.array(pdb.getPositions(asNumpy=True)._value)
    kind = testing.molecule_type("ALA2", element, bonds, [list(range(22))] if not alone else _fragments(bonds))
    if alone:
        heavy = np.array(element) > 1
        kind = replace(kind, mapping=Mapping.from_rows([([atom], [1.0]) for atom in HEAVY], kind.graph, heavy))
    system = System(((kind, count),))
    field = OpenMM(OpenMM.Options(xml=list(files), pdb=PDB)).read(system)
    noise = np.random.default_rng(2).normal(0, 0.006, (count, 22, 3))
    atoms = at + noise + 6.0 * np.arange(count)[:, None, None]
    return system, replace(field, cutoff=3.0, coulomb="cutoff"), atoms


def _fragments(bonds: list[tuple[int, int]]) -> list[list[int]]:
    """Atoms nearest to each of the six."""
    near = {4: [0, 1, 2, 3, 4, 5], 6: [6, 7], 8: [8, 9], 10: [10, 11, 12, 13], 14: [14, 15],
            16: [16, 17, 18, 19, 20, 21]}
    return [near[atom] for atom in HEAVY]


def openmms(files: tuple[str, ...], frames: Array, solvent: bool) -> tuple[Array, Array]:
    """Energies (n,) and forces (n, A, 3) by OpenMM, of all terms or of the solvent alone."""
    system = app.ForceField(*files).createSystem(app.PDBFile(str(PDB)).topology, constraints=None)
    for force in system.getForces():
        force.setForceGroup(int(isinstance(force, openmm.GBSAOBCForce | openmm.CustomGBForce)))
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    energies, forces = [], []
    for each in frames:
        context.setPositions(each)
        state = context.getState(energy=True, forces=True, groups={1} if solvent else -1)
        energies.append(state.getPotentialEnergy()._value)
        forces.append(state.getForces(asNumpy=True)._value)
    return np.array(energies), np.array(forces)


@pytest.mark.parametrize("files", SOLVENTS.values(), ids=SOLVENTS)
def test_the_compiled_term_is_openmms(files: tuple[str, ...]) -> None:
    """Up to atoms that lie in one another: moved by as much as 0.1 nm."""
    _, field, (at,) = dipeptide(files, alone=False)
    solvent = field.molecules["ALA2"].solvent
    table = np.column_stack([solvent.charge, solvent.radius, solvent.screen])
    rng = np.random.default_rng(1)
    frames = at + np.linspace(0, 0.1, 30)[:, None, None] * rng.normal(size=(30, 22, 3))
    energies, forces = openmms(files, frames, solvent=True)
    for frame, energy, force in zip(frames, energies, forces, strict=True):
        found = np.zeros((22, 3))
        value = solvated(table, medium(solvent), frame, born_room(22), found)
        assert value == pytest.approx(energy, rel=1e-6)
        np.testing.assert_allclose(found, force, atol=1e-6 * np.abs(force).max())


@pytest.mark.parametrize("files", SOLVENTS.values(), ids=SOLVENTS)
def test_blocks_in_a_solvent_have_openmms_energies_and_forces(files: tuple[str, ...]) -> None:
    """All terms together, whose pairs in single precision set the limit: 1e-5 of the largest force."""
    system, field, atoms = dipeptide(files, alone=False, count=2)
    moves = HamiltonianMoves(system, field, 300.0, steps=0, sigma=10.0)
    energies, forces = openmms(files, atoms, solvent=False)
    assert FrameEnergy(system, field).of(atoms.reshape(-1, 3), None).total == pytest.approx(energies.sum(), rel=1e-6)
    frame = moves.frame(atoms.reshape(-1, 3), system.map(atoms.reshape(-1, 3)), None)
    potential = []
    for one in range(2):
        room = start(moves, frame, one)
        potential.append(follow(moves, frame, one)[1][0, 0])
        place = moves.tables.copies.atom[:22]
        np.testing.assert_allclose(room.force[:22], forces[one][place], atol=1e-5 * np.abs(forces[one]).max())
        move.leave(moves.tables, moves.places, one, room)
    assert potential[1] - potential[0] == pytest.approx(energies[1] - energies[0], rel=1e-5)


def test_atoms_that_stand_still_have_their_part() -> None:
    """Beads that are six atoms do not move, and are not all held in a term with what does."""
    system, field, atoms = dipeptide(SOLVENTS["OBC2"], alone=True)
    at = atoms[0]
    moves = HamiltonianMoves(system, field, 300.0, steps=0)
    frame, energy = moves.frame(at, system.map(at), None), FrameEnergy(system, field)
    tables = moves.tables
    assert tables.places.moving[0] < 22 == len(tables.solvent.atom)
    local = tables.copies.atom[:tables.places.moving[0]]
    before, potential = energy.of(at, None).total, follow(moves, frame, _entered(moves, frame))[1][0, 0]
    moved = at.copy()
    moved[local] += np.random.default_rng(3).normal(0, 0.005, (len(local), 3))
    start(moves, frame, 0)
    moves.room.x[:len(local)] = moved[local]
    potential = follow(moves, frame, 0)[1][0, 0] - potential
    assert potential == pytest.approx(energy.of(moved, None).total - before, rel=1e-5, abs=1e-4)


def _entered(moves: HamiltonianMoves, frame: object) -> int:
    start(moves, frame, 0)
    return 0


def test_sweeps_account_for_the_energy() -> None:
    system, field, atoms = dipeptide(SOLVENTS["OBC2"], alone=False, count=3)
    at, energy = atoms.reshape(-1, 3), FrameEnergy(system, field)
    (at,), _ = SystemProjector(system).project(at[None], system.map(at)[None])
    moves = HamiltonianMoves(system, field, 330.0, steps=20, timestep=0.5)
    frame, before = moves.frame(at, system.map(at), None), energy.of(at, None)
    outcomes = [moves.sweep(frame, (1, 2, 0, sweep)) for sweep in range(20)]
    after = energy.of(frame.atoms, None)
    assert np.mean([outcome.accepted.mean() for outcome in outcomes]) > 0.8
    assert sum(outcome.change.sum() for outcome in outcomes) == pytest.approx(after.total - before.total, abs=2e-3)
    assert abs(after["solvent"] - before["solvent"]) > 0.1


def charged(kind: object) -> ForceField:
    """Trimers with charges at their ends that the solvent parts, and a surface that draws them together."""
    field = chains.field_of(kind)
    solvent = ImplicitSolvent(np.array([0.13, -0.03, 0.13]), np.array([0.11, 0.12, 0.11]), np.array([0.08, 0.09, 0.08]),
                              (1.0, 0.8, 4.85), -137.2, 28.4)
    return replace(field, coulomb="cutoff", cutoff=0.5, molecules={
        name: replace(known, solvent=solvent) for name, known in field.molecules.items()})


@pytest.mark.parametrize("kind", [WHOLE, TWO_ATOMS], ids=["all move", "on two atoms"])
def test_the_law_is_that_of_the_solvent(kind: object) -> None:
    """Against quadrature; and without the solvent it would be seen."""
    angle = (np.arange(20_000) + 0.5) * np.pi / 20_000
    ends = chains.LENGTH * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    along = np.broadcast_to([chains.LENGTH, 0.0, 0.0], ends.shape)
    shape = torch.as_tensor(np.stack([along, 0 * along, ends], axis=1))
    field = charged(kind)
    energy = born.energies(field.molecules[kind.name].solvent, shape).sum(1).numpy() / (8.31446e-3 * 300.0)
    plain = np.sin(angle) * np.sqrt(4 - np.cos(angle)**2)
    system, atoms = chains.far_apart(kind, trimers())
    moves = HamiltonianMoves(system, field, 300.0, steps=4, timestep=40.0)
    frame, states = moves.frame(atoms, system.map(atoms), None), []
    for sweep in range(160):
        moves.sweep(frame, (1, 2, 0, sweep))
        states.append(frame.atoms.reshape(COUNT, 3, 3).copy())
    found = chains.angle_of(np.stack(states[10:]), 0, 1, 2)
    assert chains.p_value(found, EDGES, shares(plain * np.exp(-energy), angle)) > REFUSED
    assert chains.p_value(found, EDGES, shares(plain, angle)) < SEEN


def test_parts_of_a_molecule_are_refused() -> None:
    system, field, _ = dipeptide(SOLVENTS["OBC2"], alone=True)
    with pytest.raises(BackmapError, match=r"couples all atoms of 'ALA2', but its blocks are 3 of 6 beads\. "
                                           r"Write 'block_size: 6'"):
        HamiltonianMoves(system, field, 300.0, size=3)


@pytest.mark.parametrize(("apart", "box", "named"), [
    (3.0, None, "molecule 1 sees molecule 2"), (20.0, 22.0 * np.eye(3), "molecule 1 sees molecule 2"),
    (0.0, 2.5 * np.eye(3), "molecule 1 sees an image of itself")])
def test_molecules_that_see_each_other_are_refused(apart: float, box: Array | None, named: str) -> None:
    count = 2 if apart else 1
    system, field, atoms = dipeptide(SOLVENTS["OBC2"], alone=False, count=count)
    at = (atoms + (apart - 6.0) * np.array([1, 0, 0]) * np.arange(count)[:, None, None]
          - 6.0 * np.array([0, 1, 1]) * np.arange(count)[:, None, None]).reshape(-1, 3)
    for asked in (lambda: FrameEnergy(system, field).of(at, box),
                  lambda: HamiltonianMoves(system, field, 300.0, sigma=1.0).frame(at, system.map(at), box)):
        with pytest.raises(BackmapError, match=named):
            asked()


def test_a_cutoff_inside_of_molecules_is_refused() -> None:
    system, field, atoms = dipeptide(SOLVENTS["OBC2"], alone=False)
    with pytest.raises(BackmapError, match=r"a molecule 'ALA2' is 0\.\d\d nm wide.*cutoff larger than the 0\.8 nm"):
        FrameEnergy(system, replace(field, cutoff=0.8)).of(atoms[0], None)


@pytest.mark.parametrize("use", [FieldLayout, EnergySlopes, build], ids=["sites", "slopes", "OpenMM"])
def test_who_does_not_know_solvents_says_so(use: object) -> None:
    system, field, _ = dipeptide(SOLVENTS["OBC2"], alone=False)
    with pytest.raises(BackmapError, match="has an implicit solvent, which this step does not know"):
        use(*((field, system) if use is build else (system, field)))


def test_coulomb_of_a_solvent_is_plain() -> None:
    system, field, _ = dipeptide(SOLVENTS["OBC2"], alone=False)
    assert "implicit solvent, " in summary(field, system)
    expect_plain(field, "steps[1].forcefield")
    with pytest.raises(BackmapError, match=r"steps\[1\]\.forcefield\.coulomb: is reaction_field, but amber96\.xml, "
                                           r"amber96_obc\.xml has an implicit solvent, in which Coulomb is plain\. "
                                           r"Write 'coulomb: cutoff'"):
        expect_plain(replace(field, coulomb="reaction_field"), "steps[1].forcefield")


def test_without_charges_the_surface_is_left() -> None:
    """As starts of solutions are made."""
    system, field, atoms = dipeptide(SOLVENTS["OBC2"], alone=False)
    solvent = field.molecules["ALA2"].solvent
    at = torch.as_tensor(atoms)
    plain, none = (born.energies(one, at).sum() for one in (solvent, solvent.screened(np.inf)))
    polar, surface = born.parts(solvent, at)
    assert float(none) == pytest.approx(solvent.surface * float(surface.sum()))
    assert float(plain) == pytest.approx(float(none) + solvent.polar * float(polar.sum()))
    assert FrameEnergy(system, field.screened(np.inf)).of(atoms[0], None)["solvent"] == pytest.approx(float(none))
