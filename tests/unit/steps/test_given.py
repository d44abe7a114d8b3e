"""Molecules whose atoms are given: every step leaves them where they are, and everything else sees them."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.generators.force_field.generator import ForceFieldOptions, FromForceField
from backmap_plugins.generators.template.generator import Template, TemplateOptions
from backmap_plugins.molecules.assemble import molecule_type, own_beads, rigid_lengths
from backmap_plugins.refiners.equilibrate import Equilibrate
from backmap_plugins.refiners.minimize import Minimize
from backmap_plugins.regularizers.steric import Steric
from backmap_plugins.steps.forward import Forward
from backmap_plugins.steps.gibbs import Gibbs
from backmap_plugins.steps.hamiltonian import Hamiltonian
from backmap_plugins.steps.metropolis import Metropolis
from backmap_plugins.steps.refine import Refine
from backmap_plugins.traversals import DepthFirst

from backmap import api
from backmap.engine.checkpoints.library import collect
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.sites.environment import Scene
from backmap.engine.sites.repair import overlaps
from backmap.engine.sites.schedule import drawn
from backmap.model.system import System, Window
from tests import builders, forcefields, scenes


def still() -> tuple[System, Window]:
    """Rings, chains whose atoms are given, rings again; all bonds of the rings rigid."""
    atoms, _ = builders.atoms_of(scenes.PHENYL, "PEF")
    given = replace(molecule_type(atoms, own_beads(atoms), constraints="all-bonds"), name="STILL")
    assert given.given
    assert np.isnan(given.bond_length).all()
    blocks = ((scenes.phenyl(), 2), (given, 2), (scenes.phenyl(), 2))
    known = System(tuple((replace(kind, name="PEF"), count) for kind, count in blocks))
    _, window = scenes.crowd(*known.blocks, box=2.4 * scenes.SMALL, n_frames=2, seed=4)
    system = System(blocks)
    return system, replace(window, beads=system.map(window.atoms))


def state_of(system: System) -> api.State:
    field = forcefields.everything(system, cutoff=0.5)
    field = replace(field, molecules={name: each if name == "STILL" else replace(each, bonded=())
                                      for name, each in field.molecules.items()})
    return api.State(Path(), Path(), 3, "cpu", log=lambda line: None, system=system, forcefield=field)


def rows(system: System) -> np.ndarray:
    return system.groups[system.types.index(next(kind for kind in system.types if kind.given))].atoms.ravel()


def equivariant(system: System, window: Window, folder: Path) -> api.Generator:
    """Weights that never saw the molecules that are given."""
    blocks = tuple(block for block in system.blocks if not block[0].given)
    part, inside = System(blocks), np.isin(np.arange(system.n_atoms), rows(system), invert=True)
    taught = replace(window, beads=part.map(window.atoms[:, inside]), reference=None).with_atoms(
        window.atoms[:, inside])
    scenes.tiny().save(folder / "tiny.safetensors", part, collect(scenes.scene_of(part, taught), 8, 0), {})
    return type(scenes.tiny())(scenes.tiny().options.model_copy(update={"checkpoint": folder / "tiny.safetensors"}))


def swept(step: api.Step, window: Window, state: api.State) -> Window:
    step.start(state)
    return step.frames(replace(window, system=state.system), state)


def forward(generator: api.Generator, window: Window, state: api.State, start: str = "parallel") -> Window:
    blank = replace(window, atoms=None, placed=None, reference=None)
    return swept(Forward(Forward.Options(generator=generator, start=start,
                                         traversal=DepthFirst(DepthFirst.Options()))), blank, state)


STARTS: dict[str, Callable[[System, Window, Path], tuple[api.Generator, str]]] = {
    "template": lambda system, window, folder: (Template(TemplateOptions(conformers=2)), "parallel"),
    "parallel": lambda system, window, folder: (equivariant(system, window, folder), "parallel"),
    "sequential": lambda system, window, folder: (equivariant(system, window, folder), "sequential"),
    "force field": lambda system, window, folder: (FromForceField(ForceFieldOptions(conformers=2)), "sequential")}


@pytest.mark.parametrize("name", STARTS)
def test_a_start_places_the_others(name: str, tmp_path: Path) -> None:
    system, window = still()
    generator, start = STARTS[name](system, window, tmp_path)
    done = forward(generator, window, state_of(system), start)
    kept = rows(system)
    np.testing.assert_array_equal(done.atoms[:, kept], window.atoms[:, kept])
    assert done.placed.all()
    assert np.abs(done.residual[:, ~drawn(system)]).max() == 0
    assert np.isfinite(done.atoms).all()


def test_sweeps_leave_them_alone(tmp_path: Path) -> None:
    system, window = still()
    state = state_of(system)
    state.generator = equivariant(system, window, tmp_path)
    state.system = state.generator.prepare(system, "cpu")
    step = Gibbs(Gibbs.Options(sweeps=1, regularizer=Steric(Steric.Options()), repair=1))
    done = swept(step, window, state)
    kept = rows(system)
    np.testing.assert_array_equal(done.atoms[:, kept], window.atoms[:, kept])
    assert not done.flags["clash"][:, ~drawn(system)].any()
    moved = np.abs(done.atoms - window.atoms).max(axis=(0, 2))
    assert (np.delete(moved, kept) > 0).any()


def test_metropolis_sweeps_and_hamiltonian_moves_leave_them_alone(tmp_path: Path) -> None:
    system, window = still()
    state = state_of(system)
    state.generator = equivariant(system, window, tmp_path)
    state.system = state.generator.prepare(system, "cpu")
    soft = {"sigma": 0.03, "proposal_sigma": 1.0}
    accepted = swept(Metropolis(Metropolis.Options(sweeps=1, temperature=1e6, beads=soft)), window, state)
    moves = swept(Hamiltonian(Hamiltonian.Options(sweeps=2, steps=3, timestep=0.1, temperature=300,
                                                  beads={"sigma": 0.01})), window, state)
    kept = rows(system)
    for done in (accepted, moves):
        np.testing.assert_allclose(done.atoms[:, kept], window.atoms[:, kept], rtol=0, atol=1e-12)
        assert np.abs(done.atoms - window.atoms).max() > 1e-4


@pytest.mark.parametrize("refiner", [Minimize(Minimize.Options(max_iterations=20)),
                                     Equilibrate(Equilibrate.Options(time=0.01, max_iterations=20))])
def test_refiners_leave_them_alone(refiner: api.Refiner) -> None:
    system, window = still()
    done = swept(Refine(Refine.Options(refiners=[refiner])), window, state_of(system))
    kept = rows(system)
    np.testing.assert_array_equal(done.atoms[:, kept], window.atoms[:, kept])
    assert np.abs(done.atoms - window.atoms).max() > 1e-4


def test_generators_and_energies_see_them(tmp_path: Path) -> None:
    """A ring on top of a given atom is an overlap, and costs energy."""
    system, window = still()
    state = state_of(system)
    generator = equivariant(system, window, tmp_path)
    taught = generator.prepare(system, "cpu")
    onto = window.atoms[0, rows(system)[0]] - window.atoms[0, 0]
    atoms = window.atoms.copy()
    atoms[0, :18] += onto
    beads = system.map(atoms)
    scene = Scene.of(replace(window, beads=beads).with_atoms(atoms), taught, scenes.tables_of(taught), scenes.DEFAULT)
    found = overlaps(scene, Steric(Steric.Options()), 10.0)
    assert found[0, :3].any()
    assert not found[:, ~drawn(system)].any()
    energy = FrameEnergy(system, state.forcefield)
    before, after = (energy.of(x[0], window.box(0)).total for x in (window.atoms, atoms))
    assert float(after) > float(before) + 100


def test_what_is_given_is_not_judged_rigid() -> None:
    system, window = still()
    for kind in rigid_lengths(system, window.atoms).types:
        assert np.isnan(kind.bond_length).all() == kind.given
