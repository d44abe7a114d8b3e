"""Energies of whole frames: closed forms, OpenMM, sums over images written out, finite differences."""
from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import openmm
import pytest
import torch
from openmm import unit

from backmap.engine.energy import bonded
from backmap.engine.energy.frame import EnergyTerms, FrameEnergy
from backmap.engine.energy.layout import TERMS
from backmap.engine.energy.pair import NEAREST
from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.errors import BackmapError
from backmap.model.parameters import COULOMB, FUNCTIONS, ForceField
from backmap.model.system import System, Window
from tests import builders, forcefields, scenes

CUTOFF = 0.7
#: Expressions of OpenMM for functions that it has no force of its own for.
CUSTOM = {"quartic_bond": "k/4*(r^2-r0^2)^2", "cosine_angle": "k/2*(cos(theta)-cos(t0))^2",
          "harmonic_improper": "k/2*d^2; d=theta-p0-6.283185307179586*floor((theta-p0)/6.283185307179586+0.5)"}


def mixture(coulomb: str = "reaction_field", cutoff: float = CUTOFF) -> tuple[System, Window, ForceField]:
    """Octane and rings at random in a box narrower than two cut-offs; all terms there are."""
    system, window = scenes.crowd((scenes.octane_system().types[0], 2), (scenes.phenyl(), 2), n_frames=1)
    return system, window, forcefields.everything(system, coulomb, cutoff)


def snapshot(system: System, window: Window) -> Snapshot:
    return next(Snapshot.all_of(window, system, AtomIndex(system), np.zeros(1, dtype=np.int64)))


def pair_of_atoms(distance: float, field: ForceField) -> EnergyTerms:
    """Two molecules of one atom each."""
    system, atoms = argon(2)
    atoms[1, 0] = distance
    return FrameEnergy(system, field).of(atoms)


def argon(n: int) -> tuple[System, np.ndarray]:
    atoms, _ = builders.atoms_of("[Ar]", "AR")
    kind = builders.molecule_type(atoms, builders.beads_of(atoms, {"A1": {"Ar1": 1}}))
    return System(((kind, n),)), np.zeros((n, 3))


def argon_field(system: System, **changes: object) -> ForceField:
    field = forcefields.everything(system)
    (molecule,) = field.molecules.values()
    molecule = replace(molecule, kind=np.array([0]), charge=np.array([0.4]))
    return replace(field, molecules={molecule.name: molecule}, **changes)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "cmap"])
def test_bonded_functions_are_those_of_openmm(function: str) -> None:
    _, size, names = FUNCTIONS[function]
    rng = np.random.default_rng(5)
    atoms = rng.normal(0, 0.2, (40, size, 3))
    values = rng.uniform(0.1, 3.0, (40, len(names)))
    if "n" in names:
        values[:, names.index("n")] = rng.integers(1, 5, 40)
    leaf = torch.as_tensor(atoms).requires_grad_()
    energy = bonded.energies(function, leaf, torch.as_tensor(values))
    energy.sum().backward()
    for k in range(40):
        expected, forces = by_openmm(function, atoms[k], values[k])
        assert energy[k].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(-leaf.grad[k], forces, rtol=1e-6, atol=1e-6)


def by_openmm(function: str, atoms: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    """FrameEnergy and forces of one term."""
    names, size = FUNCTIONS[function][2], len(atoms)
    system, forces, members = openmm.System(), [], list(range(size))
    for _ in range(size):
        system.addParticle(1.0)
    if function in CUSTOM:
        force = (openmm.CustomBondForce, openmm.CustomAngleForce, openmm.CustomTorsionForce)[size - 2](CUSTOM[function])
        for name in names:
            getattr(force, f"addPer{('Bond', 'Angle', 'Torsion')[size - 2]}Parameter")(name)
        getattr(force, f"add{('Bond', 'Angle', 'Torsion')[size - 2]}")(*members, values)
        forces.append(force)
    elif function == "harmonic_bond":
        forces.append(openmm.HarmonicBondForce())
        forces[0].addBond(*members, *values)
    elif function in ("harmonic_angle", "urey_bradley"):
        forces.append(openmm.HarmonicAngleForce())
        forces[0].addAngle(*members, *values[:2])
        if function == "urey_bradley":
            forces.append(openmm.HarmonicBondForce())
            forces[1].addBond(0, 2, *values[2:])
    elif function == "ryckaert_bellemans":
        forces.append(openmm.RBTorsionForce())
        forces[0].addTorsion(*members, *values)
    else:
        forces.append(openmm.PeriodicTorsionForce())
        forces[0].addTorsion(*members, int(values[2]), *values[:2])
    for force in forces:
        system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(atoms)
    state = context.getState(getEnergy=True, getForces=True)
    return (state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole),
            state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer))


def test_dihedrals_are_zero_in_cis_and_grow_clockwise() -> None:
    x = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1]], dtype=torch.float64)
    assert float(bonded.dihedral(*x)) == 0.0
    assert abs(float(bonded.dihedral(x[0], x[1], x[2], -x[0] + x[2]))) == pytest.approx(np.pi)
    side = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    assert float(bonded.dihedral(x[0], x[1], x[2], side)) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "cmap"])
def test_gradients_are_finite_where_atoms_line_up_or_coincide(function: str) -> None:
    _, size, names = FUNCTIONS[function]
    line = torch.zeros(2, size, 3, dtype=torch.float64)
    line[0, :, 0] = torch.arange(size) * 0.1
    line.requires_grad_()
    bonded.energies(function, line, torch.ones(len(names), dtype=torch.float64)).sum().backward()
    assert torch.isfinite(line.grad).all()


def test_two_atoms_have_the_energy_of_the_textbook() -> None:
    system, _ = argon(2)
    field = argon_field(system, cutoff=1.0, epsilon_rf=2.5)
    c6, c12, r = field.c6[0, 0], field.c12[0, 0], 0.41
    found = pair_of_atoms(r, field)
    assert found["lj"] == pytest.approx(c12 / r**12 - c6 / r**6, rel=1e-12)
    k, c = (2.5 - 1) / (2 * 2.5 + 1), 1 + (2.5 - 1) / (2 * 2.5 + 1)
    # The pair, and -c/2 q^2 for each atom: so GROMACS counts it.
    expected = COULOMB * 0.16 * (1 / r + k * r**2 - c - c)
    assert found["coulomb"] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(found.inter, found["lj"])
    np.testing.assert_allclose(found.lj_of_atom, found["lj"] / 2)
    assert not found.intra.any()
    assert found.total == pytest.approx(found["lj"] + found["coulomb"])


@pytest.mark.parametrize(("coulomb", "expected"), [("cutoff", COULOMB * 0.16 / 0.41), ("none", 0.0)])
def test_other_ways_to_treat_charges(coulomb: str, expected: float) -> None:
    system, _ = argon(2)
    field = argon_field(system, coulomb=coulomb)
    assert pair_of_atoms(0.41, field)["coulomb"] == pytest.approx(expected, rel=1e-12)
    assert ("coulomb" in FrameEnergy(system, field).layout.present) == (coulomb != "none")


def test_beyond_the_cutoff_there_is_only_the_self_term() -> None:
    system, _ = argon(2)
    found = pair_of_atoms(0.7001, argon_field(system, epsilon_rf=0.0))
    assert found["lj"] == 0.0
    assert found["coulomb"] == pytest.approx(-COULOMB * 0.16 * 1.5 / 0.7)  # c = 3/2 / rc in a conductor


@pytest.mark.parametrize("coulomb", ["reaction_field", "cutoff", "none"])
def test_nonbonded_pairs_are_summed_over_all_images(coulomb: str) -> None:
    system, window, field = mixture(coulomb, cutoff=1.1)  # wider than half the box, and nearly the box
    found = FrameEnergy(system, field).of(window.atoms[0], window.box(0))
    lj, electric, intra, inter = written_out(system, window, field)
    assert found["lj"] == pytest.approx(lj, rel=1e-9)
    assert found["coulomb"] == pytest.approx(electric, rel=1e-8, abs=1e-6)
    np.testing.assert_allclose(found.intra - explicit_of(system, field, window.atoms[0]), intra, rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(found.inter, inter, rtol=1e-7, atol=1e-6)


def written_out(system: System, window: Window, field: ForceField) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Lennard-Jones and Coulomb energy by loops over molecules and images, both orders of every pair, halved."""
    atoms, box = window.atoms[0], window.boxes[0]
    parameters = [(rows, field.molecules[group.type.name]) for group in system.groups for rows in group.atoms]
    k, c = field.reaction_field if field.coulomb == "reaction_field" else (0.0, 0.0)
    factor = 0.0 if field.coulomb == "none" else COULOMB
    lj, electric, intra, inter = 0.0, 0.0, np.zeros(len(parameters)), np.zeros(len(parameters))
    for (p, (rows, first)), (q, (others, second)) in itertools.product(enumerate(parameters), repeat=2):
        for cell in itertools.product(range(-3, 4), repeat=3):
            r = np.linalg.norm(atoms[others][None] + np.array(cell) @ box - atoms[rows][:, None], axis=-1)
            out = first.excluded_table if p == q and not any(cell) else np.zeros(r.shape, dtype=bool)
            near = (r < field.cutoff) & (r > 0)
            r = np.where(near, r, 1.0)
            charges = factor * np.outer(first.charge, second.charge)
            a, b = field.c6[np.ix_(first.kind, second.kind)], field.c12[np.ix_(first.kind, second.kind)]
            energy = (np.where(near & ~out, b / r**12 - a / r**6, 0.0)).sum() / 2
            lj += energy
            (intra if p == q else inter)[p] += energy * (1 if p == q else 2)
            reaction = k * r**2 - c
            electric += (charges * near * np.where(out, reaction, 1 / r + reaction)).sum() / 2
    return lj, electric - 0.5 * factor * c * sum((m.charge**2).sum() for _, m in parameters), intra, inter


def explicit_of(system: System, field: ForceField, atoms: np.ndarray) -> np.ndarray:
    """Lennard-Jones energy of the explicit pairs of each molecule, one after the other."""
    found = []
    for group in system.groups:
        molecule = field.molecules[group.type.name]
        for rows in group.atoms:
            r = np.linalg.norm(np.subtract(*atoms[rows[molecule.pairs]].transpose(1, 0, 2)), axis=1)
            found.append((molecule.pair_parameters[:, 1] / r**12 - molecule.pair_parameters[:, 0] / r**6).sum())
    return np.array(found)


@pytest.mark.parametrize(("coulomb", "tail"), [
    ("reaction_field", "none"), ("cutoff", "shift"), ("none", "force_switch"), ("reaction_field", "potential_switch")])
def test_the_kernel_and_the_tensors_agree(coulomb: str, tail: str) -> None:
    system, window, field = mixture(coulomb)
    field = replace(field, tail=tail, switch=0.6 * field.cutoff)
    energy, atoms, box = FrameEnergy(system, field), window.atoms[0], window.box(0)
    quick, slow = energy.of(atoms, box), energy.differentiable(torch.as_tensor(atoms), box)
    for term in TERMS:
        assert quick[term] == pytest.approx(float(slow[term]), rel=1e-11, abs=1e-9), term
    for name in ("intra", "inter", "lj_of_atom"):
        np.testing.assert_allclose(getattr(quick, name), getattr(slow, name), rtol=1e-9, atol=1e-9)
    assert {term for term in TERMS if quick[term]} == set(energy.layout.present)


def test_parts_add_up() -> None:
    system, window, field = mixture()
    found = FrameEnergy(system, field).of(window.atoms[0], window.box(0))
    lj = found["lj"] + found["lj_14"]
    assert found.intra.sum() + found.inter.sum() / 2 == pytest.approx(lj)
    assert found.lj_of_atom.sum() == pytest.approx(lj)
    charges = found.coulomb_of_atom + FrameEnergy(system, field).layout.self_energies
    assert charges.sum() == pytest.approx(found["coulomb"] + found["coulomb_14"])


def test_forces_are_minus_the_gradient() -> None:
    system, window, _ = mixture()
    # Without a jump at the cut-off, which a step of a finite difference would feel.
    field = forcefields.everything(system, "none", 1.2)
    field = replace(field, c6=field.c6 * 0, c12=field.c12 * 1e-6)
    energy, atoms, box = FrameEnergy(system, field), window.atoms[0], window.box(0)
    forces = energy.forces(atoms, box)
    step = 1e-5
    for atom, axis in [(0, 0), (7, 1), (30, 2), (60, 0), (system.n_atoms - 1, 1)]:
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved[atom, axis] += sign * step
            ends.append(energy.of(moved, box).total)
        assert forces[atom, axis] == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-5, abs=1e-3)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-6)


def test_broken_molecules_count_as_whole() -> None:
    system, window, field = mixture()
    rng = np.random.default_rng(2)
    broken = window.atoms[0] + rng.integers(-2, 3, (system.n_atoms, 3)) @ window.boxes[0]
    energy, box = FrameEnergy(system, field), window.box(0)
    whole, torn = energy.of(window.atoms[0], box), energy.of(broken, box)
    for term in TERMS:
        assert torn[term] == pytest.approx(whole[term], rel=1e-7), term
    np.testing.assert_allclose(energy.forces(broken, box), energy.forces(window.atoms[0], box), rtol=1e-6, atol=1e-3)


def test_a_snapshot_gives_the_same_as_its_atoms() -> None:
    system, window, field = mixture()
    energy, frame = FrameEnergy(system, field), snapshot(system, window)
    frame.pairs(1.2)  # a longer search made by someone else
    found, expected = energy.of(frame), energy.of(window.atoms[0], window.box(0))
    assert found.total == pytest.approx(expected.total, rel=1e-12)
    np.testing.assert_allclose(found.inter, expected.inter, rtol=1e-9, atol=1e-9)


def test_threads_and_repetition_change_no_digit() -> None:
    system, window, field = mixture()
    energy, before = FrameEnergy(system, field), torch.get_num_threads()
    try:
        totals = set()
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            totals.add(energy.of(window.atoms[0], window.box(0)).total)
    finally:
        torch.set_num_threads(before)
    assert len(totals) == 1


def test_molecules_of_a_type_that_comes_up_twice_are_numbered_as_listed() -> None:
    octane, ring = scenes.octane_system().types[0], scenes.phenyl()
    system, window = scenes.crowd((octane, 1), (ring, 1), (octane, 1), n_frames=1)
    field = forcefields.everything(system)
    found = FrameEnergy(system, field).of(window.atoms[0], window.box(0))
    alone = [FrameEnergy(System(((kind, 1),)), field).of(window.atoms[0, rows]).intra[0]
             for kind, rows in ((octane, np.arange(26)), (ring, 26 + np.arange(18)), (octane, 44 + np.arange(26)))]
    far = FrameEnergy(system, field).of(window.atoms[0], np.eye(3) * 50)
    np.testing.assert_allclose(far.intra, alone, rtol=1e-9)
    assert found.intra.shape == (3,)


def test_atoms_on_top_of_each_other_have_a_finite_energy() -> None:
    system, _ = argon(2)
    found = pair_of_atoms(0.0, argon_field(system))
    assert np.isfinite(found.total)
    assert found["lj"] == pytest.approx(pair_of_atoms(NEAREST, argon_field(system))["lj"])


def test_what_cannot_be_computed_is_refused() -> None:
    system, _, field = mixture("pme")
    with pytest.raises(BackmapError, match="PME"):
        FrameEnergy(system, field)
    with pytest.raises(BackmapError, match="no parameters for molecule type 'OCT'"):
        FrameEnergy(system, replace(field, coulomb="none", molecules={}))
