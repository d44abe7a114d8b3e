"""The energy regularizer against whole frames, OpenMM, finite differences, and by hand."""
from __future__ import annotations

import time
from dataclasses import replace
from functools import cache

import numpy as np
import openmm
import pydantic
import pytest
import torch
from backmap_plugins.regularizers.energy import EnergyOptions, ForceFieldEnergy
from openmm import app, unit
from torch import Tensor

from backmap import testing
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.sites.contracts import LocalEnvironment, View
from backmap.engine.sites.environment import Scene
from backmap.errors import BackmapError
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System, Window
from tests import forcefields, scenes

#: The made-up terms join any two atoms of a molecule, so the context is all of it; no molecule meets its own image.
VIEW = View(cutoff=2.1, context=14)
BOX = np.array([[3.4, 0.0, 0.0], [0.7, 3.3, 0.0], [-0.5, 0.9, 3.2]])
#: Exact: nothing is capped or limited.
EXACT = {"cap": 1e12, "max_force": 1e12}
NAMES = ("bond", "angle", "dihedral", "lennard_jones")


def regularizer(field: ForceField, **options: object) -> ForceFieldEnergy:
    made = ForceFieldEnergy(EnergyOptions.model_validate(options))
    made.use(field)
    return made


@cache
def world() -> tuple[System, Window, ForceField, Scene]:
    """Octane and rings at random without rigid bonds, in a force field in which every function occurs."""
    blocks = (scenes.octane_system("none").types[0], 3), (scenes.phenyl("none"), 3)
    system, window = scenes.crowd(*blocks, box=BOX, n_frames=2)
    field = forcefields.everything(system, "none", cutoff=0.7)
    return system, window, field, scenes.scene_of(system, window, VIEW)


def sites(scene: Scene, n: int = 3, size: float = 0.02, block: Tensor | None = None
          ) -> tuple[Tensor, Tensor, LocalEnvironment, Tensor, Tensor]:
    """All sites: frame, bead, environment, present positions (S, 1, F, 3), and candidates with every atom moved."""
    frame, bead = scenes.every_site(scene)
    own = scene.atoms[frame[:, None], scene.layout.owned[bead].clamp_min(0)] - scene.beads[frame, bead][:, None]
    own = own[:, None]
    moved = own + torch.as_tensor(np.random.default_rng(0).normal(0, size, (len(own), n, *own.shape[2:])))
    env = scene.gather(frame, bead, temperature=350.0, block=block)
    return frame, bead, env, own, torch.where(env.block[:, None, :, None], moved, own)


def some(scene: Scene, share: float) -> Tensor:
    """A block of some atoms of every site, (S, F) bool."""
    shape = len(scenes.every_site(scene)[0]), scene.layout.owned.shape[1]
    return torch.as_tensor(np.random.default_rng(3).random(shape) < share)


def put(scene: Scene, frame: int, bead: int, positions: Tensor) -> np.ndarray:
    """Atoms of a frame with one fragment put elsewhere."""
    atoms, rows = scene.atoms[frame].clone(), scene.layout.owned[bead]
    atoms[rows[rows >= 0]] = (positions + scene.beads[frame, bead])[rows >= 0]
    return atoms.numpy()


@pytest.mark.parametrize("whole", [True, False])
def test_differences_are_those_of_whole_frames(whole: bool) -> None:
    system, window, field, scene = world()
    block = None if whole else some(scene, 0.5)
    frame, bead, env, own, moved = sites(scene, block=block)
    energy = regularizer(field, **EXACT)
    before, after = energy.terms(env, own), energy.terms(env, moved)
    frames = FrameEnergy(system, field)
    start = [frames.of(window.atoms[w], window.box(w)) for w in range(window.size)]
    for s in range(len(frame)):
        w = int(frame[s])
        end = frames.of(put(scene, w, int(bead[s]), moved[s, s % 3]), window.box(w))
        change = {name: end[name] - start[w][name] for name in end.terms}
        expected = {"bond": change["bond"], "angle": change["angle"], "dihedral": change["proper"] + change["improper"],
                    "lennard_jones": change["lj"] + change["lj_14"]}
        for name in NAMES:  # environments are in single precision, and molecules overlap
            found = (after[name][s, s % 3] - before[name][s, 0]).item()
            assert found == pytest.approx(expected[name], rel=3e-5, abs=1e-4), name


@cache
def octane() -> tuple[System, Window, ForceField, Scene]:
    """The recipe's liquid with every bond flexible, and sites that see all of the cut-off."""
    system = scenes.octane_system("none")
    atoms, boxes = scenes.octane_atoms()
    window = Window(np.zeros(1, dtype=int), np.zeros(1), boxes, system.map(atoms)).with_atoms(atoms)
    field = forcefields.read(scenes.RECIPE / "octane.top", system, cutoff=0.9)
    return system, window, field, scenes.scene_of(system, window, View(cutoff=1.3))


def test_terms_are_those_of_openmm() -> None:
    """Octane of the recipe, its topology read by OpenMM, charges taken away."""
    _, window, field, scene = octane()
    frame, bead, env, own, moved = sites(scene, n=1)
    energy = regularizer(field, **EXACT)
    before, after = energy.terms(env, own), energy.terms(env, moved)
    topology = app.GromacsTopFile(str(scenes.RECIPE / "octane.top"), periodicBoxVectors=window.boxes[0])
    built = topology.createSystem(nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=0.9, constraints=None)
    groups = {openmm.HarmonicBondForce: 0, openmm.HarmonicAngleForce: 1, openmm.RBTorsionForce: 2,
              openmm.PeriodicTorsionForce: 2}
    for force in built.getForces():
        force.setForceGroup(groups.get(type(force), 3))
        if isinstance(force, openmm.NonbondedForce):
            force.setUseDispersionCorrection(False)
            for k in range(force.getNumParticles()):
                force.setParticleParameters(k, 0.0, *force.getParticleParameters(k)[1:])
            for k in range(force.getNumExceptions()):
                i, j, _, sigma, epsilon = force.getExceptionParameters(k)
                force.setExceptionParameters(k, i, j, 0.0, sigma, epsilon)
    context = openmm.Context(built, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))

    def of(atoms: np.ndarray) -> list[float]:
        context.setPositions(atoms)
        states = [context.getState(getEnergy=True, groups={group}) for group in range(4)]
        return [state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) for state in states]

    start = of(window.atoms[0])
    for s in range(0, len(frame), 37):
        change = np.subtract(of(put(scene, 0, int(bead[s]), moved[s, 0])), start)
        found = [(after[name][s, 0] - before[name][s, 0]).item() for name in NAMES]
        np.testing.assert_allclose(found, change, rtol=2e-5, atol=2e-3)


FORMS = [{}, {"form": "flat_bottom"}, {"terms": {"angle": 2.0}}, {"cap": 1.0, "max_force": 200.0},
         {"form": "flat_bottom", "limits": {"bond": 0.004, "angle": 4.0, "dihedral": 15.0}}]


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize("size", [0.01, 0.2])
def test_the_kernels_and_the_tensors_agree(options: dict, size: float) -> None:
    *_, field, scene = world()
    _, _, env, _, moved = sites(scene, size=size, block=some(scene, 0.7))
    laid = regularizer(field, **options)._of(env.fragments)
    quick, plain = (torch.zeros(4, *moved.shape[:2], dtype=torch.float64) for _ in range(2))
    slope, other = (torch.zeros(4, *moved.shape, dtype=torch.float64) for _ in range(2))
    laid.bonded.quickly(env, moved, quick, slope)
    laid.bonded.anywhere(env, moved, plain, other)
    torch.testing.assert_close(quick, plain, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(slope, other, rtol=1e-6, atol=1e-6)
    for one, two in zip(laid.pairs.quickly(env, moved, True), laid.pairs.anywhere(env, moved, True), strict=True):
        drawn = env.block[:, None, :, None] if one.dim() == 4 else True
        torch.testing.assert_close(one * drawn, two * drawn, rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("options", [EXACT, {**EXACT, "cap": 5.0}, {**EXACT, "form": "flat_bottom"},
                                     {**EXACT, "terms": {"lennard_jones": 0.5, "angle": 2.0}}])
def test_gradients_are_finite_differences(options: dict) -> None:
    *_, field, scene = world()
    _, _, env, _, moved = sites(scene, n=2)
    energy = regularizer(field, **options)
    leaf = moved.clone().requires_grad_()
    (slope,) = torch.autograd.grad(energy.energy(env, leaf).sum(), leaf)
    rng = np.random.default_rng(1)
    for _ in range(12):
        way = torch.as_tensor(rng.normal(size=moved.shape))
        step = 1e-6
        ends = [energy.energy(env, moved + sign * step * way) for sign in (1, -1)]
        numeric = (ends[0] - ends[1]) / (2 * step)
        exact = (slope * way).sum(dim=(2, 3))
        smooth = (numeric - exact).abs() <= 1e-4 * exact.abs() + 1e-2
        assert smooth.double().mean() > 0.98  # the rest has a pair at the cut-off, or at an edge of a flat bottom


@pytest.mark.parametrize("form", ["force_field", "flat_bottom"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_wherever_atoms_are(form: str, dtype: torch.dtype) -> None:
    *_, field, scene = octane()
    _, _, env, own, _ = sites(scene)
    energy = regularizer(field, form=form)
    line = torch.linspace(-0.1, 0.1, own.shape[2])[:, None] * torch.tensor([1.0, 0.0, 0.0])
    for places in (torch.zeros_like(own), line.expand_as(own), own * 1e-4, own * 5, own + 0.3):
        padded = torch.where(env.block[:, None, :, None], places, torch.nan).to(dtype).requires_grad_()
        found = energy.energy(env, padded)
        (slope,) = torch.autograd.grad(found.sum(), padded)
        assert bool(found.isfinite().all())
        assert bool(slope.isfinite().all())
        assert slope.abs().max() < 1e8


def test_the_gradient_of_a_term_on_an_atom_is_limited_and_its_energy_is_not() -> None:
    system = System(((testing.molecule_type("B", [6, 6], [(0, 1)], [[0, 1]]), 1),))
    _, env, own = _alone(system, [[0, 0, 0], [0.5, 0, 0]])
    leaf = own.clone().requires_grad_()
    found = regularizer(_springs(system), max_force=1000.0).energy(env, leaf)
    assert found.item() == pytest.approx(0.5 * 2.0e5 * 0.35**2, rel=1e-6)
    (slope,) = torch.autograd.grad(3 * found.sum(), leaf)
    assert slope[0, 0].norm(dim=1).tolist() == pytest.approx([3000.0, 3000.0])


def _alone(system: System, atoms: list[list[float]], view: View = VIEW) -> tuple[Scene, LocalEnvironment, Tensor]:
    """Atoms without a box; environment and present positions (S, 1, F, 3) of all sites."""
    positions = np.array([atoms], dtype=float)
    window = Window(np.zeros(1, dtype=int), np.zeros(1), np.zeros((1, 3, 3)), system.map(positions))
    stage = scenes.scene_of(system, window.with_atoms(positions), view)
    frame, bead = scenes.every_site(stage)
    return stage, stage.gather(frame, bead, temperature=300.0), stage.own(frame, bead)[:, None].double()


def _springs(system: System, angle: tuple[float, float] | None = None, c6: float = 0.0, c12: float = 0.0) -> ForceField:
    """Springs of 0.15 nm along every bond, one angle, and one Lennard-Jones type."""
    molecules = {}
    for kind in system.types:
        terms = [Bonded("harmonic_bond", kind.bonds, np.tile([0.15, 2.0e5], (len(kind.bonds), 1)))]
        if angle is not None:
            terms.append(Bonded("harmonic_angle", np.array([[0, 1, 2]]), np.array([angle])))
        pairs = np.argwhere(np.triu(kind.distance <= 2, 1))
        molecules[kind.name] = MoleculeParameters(kind.name, tuple(terms), np.zeros(kind.n_atoms, dtype=np.int64),
                                                  np.zeros(kind.n_atoms), pairs, np.empty((0, 2), dtype=np.int64),
                                                  np.empty((0, 3)))
    return ForceField(molecules, ["X"], np.array([[c6]]), np.array([[c12]]), cutoff=1.0, coulomb="none")


def test_rigid_bonds_are_springs_about_their_length() -> None:
    free = testing.molecule_type("B", [6, 6, 6], [(0, 1), (1, 2)], [[0, 1, 2]])
    kind = replace(free, bond_length=np.array([0.14, np.nan]))
    system = System(((kind, 1),))
    _, env, own = _alone(system, [[0, 0, 0], [0.15, 0, 0], [0.15, 0.16, 0]])
    found = regularizer(_springs(system), rigid_stiffness=1.0e5).terms(env, own)["bond"]
    assert found.item() == pytest.approx(0.5 * 1.0e5 * 0.01**2 + 0.5 * 2.0e5 * 0.01**2, rel=1e-5)


def test_a_term_counts_if_all_its_atoms_are_drawn_or_placed() -> None:
    """A chain of three beads: its middle, with both ends and with one."""
    system = System(((testing.molecule_type("B", [6, 6, 6], [(0, 1), (1, 2)], [[0], [1], [2]]), 1),))
    stage, env, own = _alone(system, [[0, 0, 0], [0.16, 0, 0], [0.16, 0.17, 0]])
    energy = regularizer(_springs(system, (np.radians(100), 500.0)))
    one, two, bend = 1.0e5 * 0.01**2, 1.0e5 * 0.02**2, 250 * np.radians(10)**2
    found = energy.terms(env, own)
    assert found["bond"][:, 0].tolist() == pytest.approx([one, one + two, two], rel=1e-4)
    assert found["angle"][:, 0].tolist() == pytest.approx([bend] * 3, rel=1e-4)
    stage.placed[0, 2] = False
    env = stage.gather(*scenes.every_site(stage))
    found = energy.terms(env, own)
    assert found["bond"][1, 0].item() == pytest.approx(one, rel=1e-4)
    assert found["angle"][1, 0].item() == 0


@pytest.mark.parametrize("distance", [0.4, 0.25, 0.2, 0.1, 0.0])
def test_short_pairs_rise_linearly_from_the_cap(distance: float) -> None:
    c6, c12, cap = 2e-3, 3e-6, 50.0
    system = System(((testing.molecule_type("A", [6], [], [[0]]), 2),))
    _, env, own = _alone(system, [[0, 0, 0], [distance, 0, 0]])
    leaf = own.clone().requires_grad_()
    found = regularizer(_springs(system, c6=c6, c12=c12), cap=cap).terms(env, leaf)["lennard_jones"]
    core = ((c6 + np.sqrt(c6**2 + 4 * c12 * cap)) / (2 * c12))**(-1 / 6)
    far = max(distance, core)
    force = 12 * c12 / far**13 - 6 * c6 / far**7
    expected = c12 / far**12 - c6 / far**6 + force * (far - distance)
    assert found[:, 0].tolist() == pytest.approx([expected] * 2, rel=1e-5)
    assert (expected > cap) == (distance < core)
    (slope,) = torch.autograd.grad(found[0].sum(), leaf)
    assert slope[0, 0, 0].tolist() == pytest.approx([force if distance else 0.0, 0, 0], rel=1e-4)


@pytest.mark.parametrize(("options", "width"), [
    ({}, 2.0), ({"deviations": 1.0}, 1.0), ({"limits": {"angle": 5.0}}, None)])
def test_a_flat_bottom_is_harmonic_beyond_its_limits(options: dict, width: float | None) -> None:
    """k/2 (|t - t0| - w)^2, and w as many standard deviations sqrt(kT / k)."""
    k, middle = 400.0, np.radians(110)
    w = np.radians(5) if width is None else width * np.sqrt(8.31446261815324e-3 * 300 / k)
    system = System(((testing.molecule_type("B", [6, 6, 6], [(0, 1), (1, 2)], [[0, 1, 2]]), 1),))
    energy = regularizer(_springs(system, (middle, k)), form="flat_bottom", **options)
    for away in (-2.0 * w, -1.1 * w, -0.9 * w, 0.0, 0.9 * w, 1.5 * w, 3 * w):
        t = middle + away
        _, env, own = _alone(system, [[0.15, 0, 0], [0, 0, 0], [0.15 * np.cos(t), 0.15 * np.sin(t), 0]])
        expected = 0.5 * k * max(0.0, abs(away) - w)**2
        assert energy.terms(env, own)["angle"].item() == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_terms_are_weighted_and_add_up() -> None:
    *_, field, scene = world()
    _, _, env, _, moved = sites(scene)
    plain = regularizer(field).terms(env, moved)
    weights = {"bond": 0.5, "lennard_jones": 2.0, "dihedral": 0.0}
    weighted = regularizer(field, terms=weights)
    found = weighted.terms(env, moved)
    assert list(found) == list(weights)
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight * plain[name])
    torch.testing.assert_close(weighted.energy(env, moved), sum(found.values()))


def test_sites_without_parameters_or_a_force_field_are_errors() -> None:
    *_, field, scene = octane()
    _, _, env, own, _ = sites(scene)
    with pytest.raises(BackmapError, match=r"energy: the energy regularizer needs a force field. Read one"):
        ForceFieldEnergy(EnergyOptions()).energy(env, own)
    with pytest.raises(BackmapError, match="has no parameters for molecule type 'OCT'"):
        regularizer(replace(field, molecules={})).energy(env, own)
    near = scenes.scene_of(*octane()[:2], View(cutoff=1.3, context=1))
    with pytest.raises(BackmapError, match="beyond the context"):
        regularizer(field).energy(near.gather(*scenes.every_site(near)), own)


@pytest.mark.parametrize(("options", "message"), [
    ({"terms": {"bond": -1.0}}, "a term cannot count negatively"), ({"terms": {}}, "at least 1 item"),
    ({"deviations": 3.0}, "are for form: flat_bottom"), ({"limits": {"bond": 0.01}}, "are for form: flat_bottom"),
    ({"form": "flat_bottom", "limits": {"angle": 0.0}}, "must be above zero"),
    ({"terms": {"coulomb": 1.0}}, "coulomb")])
def test_options_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        EnergyOptions.model_validate(options)


def test_a_call_costs_milliseconds() -> None:
    """96 sites of a liquid with gradients, by the time of the process: 2 ms when it was written."""
    *_, field, scene = octane()
    _, _, env, own, _ = sites(scene)
    chosen = torch.arange(96)
    env, leaf = env.at(chosen), own[chosen].float().requires_grad_()
    energy, spent = regularizer(field), []
    for _ in range(5):
        start = time.process_time()
        torch.autograd.grad(energy.energy(env, leaf).sum(), leaf)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.05
