"""Projection onto rigid bonds and beads: exact, the least displacement, and what happens where there is none."""
from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.dbm import read_owners
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from backmap_plugins.formats.gromacs.topology import Gromacs
from backmap_plugins.formats.mappings.dbm import Dbm
from backmap_plugins.formats.mappings.votca import Votca
from backmap_plugins.generators.template.generator import Template, TemplateOptions
from backmap_plugins.molecules.assemble import assemble, molecule_type, rigid_lengths
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from backmap import testing
from backmap.engine.geometry import constraint
from backmap.engine.geometry.constraint import FLAG, STEP, Projector, SystemProjector, flag_slack
from backmap.engine.sites.schedule import parallel_schedule
from backmap.engine.sites.sweep import Sweeper
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window
from tests import builders, scenes

EXACT = 1e-6  #: nm
_seeds = st.integers(0, 2**32 - 1)


@cache
def butane(constraints: str = "all-bonds") -> tuple[MoleculeType, np.ndarray]:
    """Butane whose two beads share both inner carbons, and a conformation of it."""
    atoms, positions = builders.atoms_of("CCCC", "BUT")
    beads = builders.beads_of(atoms, {"E1": {"C1": 12, "C2": 12, "C3": 6}, "E2": {"C4": 12, "C3": 12, "C2": 6}})
    return molecule_type(atoms, beads, constraints=constraints), positions


@cache
def examples() -> dict[str, tuple[MoleculeType, np.ndarray]]:
    octane, window = scenes.octane_window()
    return {"butane": butane(), "octane": (octane.types[0], window.atoms[0, :26]),
            "phenyl": (scenes.phenyl(), scenes.phenyl_positions()),
            "hydrogens": butane("h-bonds")}


def bond_error(kind: MoleculeType, atoms: np.ndarray) -> float:
    """Largest violation of a rigid length, nm."""
    length = np.linalg.norm(atoms[:, kind.bonds[:, 0]] - atoms[:, kind.bonds[:, 1]], axis=2)
    return float(np.nanmax(np.abs(length - kind.bond_length), initial=0))


def copies(kind: MoleculeType, positions: np.ndarray, n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n turned molecules on the manifold, and the same moved off it: atoms (n, A, 3), beads (n, B, 3)."""
    rng = np.random.default_rng(seed)
    true = np.stack([turn.apply(positions) for turn in Rotation.random(n, rng=rng)]) + rng.normal(size=(n, 1, 3))
    true, _ = Projector(kind).project(true, kind.mapping.apply(true))
    return true + rng.normal(scale=noise, size=true.shape), kind.mapping.apply(true)


@given(st.sampled_from(["butane", "octane", "phenyl", "hydrogens"]), st.floats(0.0005, 0.01), _seeds)
@settings(deadline=None, max_examples=40)
def test_bonds_and_beads_are_met(name: str, noise: float, seed: int) -> None:
    kind, positions = examples()[name]
    atoms, beads = copies(kind, positions, 4, noise, seed)
    found, residual = Projector(kind).project(atoms, beads)
    assert bond_error(kind, found) < EXACT
    assert np.abs(residual).max() < EXACT
    np.testing.assert_allclose(kind.mapping.apply(found) - beads, residual, atol=1e-12)


def test_what_is_met_already_stays() -> None:
    kind, positions = examples()["octane"]
    _, beads = copies(kind, positions, 3, 0.0, 1)
    atoms, _ = copies(kind, positions, 3, 0.0, 1)
    found, _ = Projector(kind).project(atoms, beads)
    np.testing.assert_allclose(found, atoms, atol=1e-6)


@given(_seeds)
@settings(deadline=None, max_examples=15)
def test_turning_molecules_turns_the_projection(seed: int) -> None:
    kind, positions = examples()["phenyl"]
    atoms, beads = copies(kind, positions, 2, 0.01, seed)
    turn, shift = Rotation.random(rng=np.random.default_rng(seed)).as_matrix(), np.array([3.0, -2.0, 1.0])
    here, _ = Projector(kind).project(atoms, beads)
    there, _ = Projector(kind).project(atoms @ turn.T + shift, beads @ turn.T + shift)
    np.testing.assert_allclose(there, here @ turn.T + shift, atol=1e-5)


def newton(kind: MoleculeType, atoms: np.ndarray, beads: np.ndarray) -> np.ndarray:
    """Dense twin for one molecule: steps J^T (J J^T)^-1 (target - value) of the carriers."""
    projector = Projector(kind)
    matrix, carrier = kind.mapping.matrix, projector.carrier
    follows = np.equal.outer(np.arange(kind.n_atoms), carrier).astype(float)  # carriers x atoms
    atoms = projector._restore_riders(atoms[None].copy())[0]
    for _ in range(12):
        vector = atoms[projector.bonds[:, 0]] - atoms[projector.bonds[:, 1]]
        length = np.linalg.norm(vector, axis=1)
        missing = np.concatenate([projector.lengths - length, (beads - matrix @ atoms).ravel()])
        if np.abs(missing).max() < EXACT:
            return atoms
        jacobian = np.zeros((len(missing), kind.n_atoms, 3))
        for row, (i, j) in enumerate(projector.bonds):
            jacobian[row, carrier[i]] += vector[row] / length[row]
            jacobian[row, carrier[j]] -= vector[row] / length[row]
        weights = matrix @ follows.T
        for bead in range(kind.n_beads):
            for axis in range(3):
                jacobian[len(length) + 3 * bead + axis, :, axis] = weights[bead]
        dense = jacobian.reshape(len(missing), -1)
        move = (dense.T @ np.linalg.solve(dense @ dense.T, missing)).reshape(-1, 3)
        move *= STEP / np.maximum(np.linalg.norm(move, axis=1, keepdims=True), STEP)
        atoms = atoms + move[carrier]
    raise AssertionError("did not converge")


@pytest.mark.parametrize("name", ["butane", "octane", "phenyl"])
def test_banded_steps_are_those_of_a_dense_solver(name: str) -> None:
    kind, positions = examples()[name]
    atoms, beads = copies(kind, positions, 3, 0.01, 5)
    found, _ = Projector(kind).project(atoms, beads)
    np.testing.assert_allclose(found, [newton(kind, a, b) for a, b in zip(atoms, beads)], atol=1e-7)


@pytest.mark.parametrize("name", ["butane", "octane", "phenyl"])
def test_wide_bands_are_solved_as_sparse_matrices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, positions = examples()[name]
    atoms, beads = copies(kind, positions, 3, 0.01, 5)
    banded = Projector(kind).project(atoms, beads)
    monkeypatch.setattr(constraint, "WIDEST", -1)
    for found, expected in zip(Projector(kind).project(atoms, beads), banded, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_displacement_is_the_least_there_is(seed: int) -> None:
    """Against a general optimiser, on the carbons of butane."""
    kind, positions = butane()
    atoms, beads = copies(kind, positions, 1, 0.01, seed)
    projector = Projector(kind)
    start = projector._restore_riders(atoms.copy())
    moved = projector.project(atoms, beads)[0][0] - start[0]

    def placed(move: np.ndarray) -> np.ndarray:
        full = np.zeros((kind.n_atoms, 3))
        full[:4] = move.reshape(4, 3)
        return start + full[projector.carrier]

    best = minimize(lambda move: 1e4 * move @ move, np.zeros(12), method="SLSQP",
                    options={"ftol": 1e-12, "maxiter": 200}, constraints={
                        "type": "eq", "fun": lambda move: 10 * projector.residual(placed(move), beads)[0]})
    assert best.success
    found, least = np.linalg.norm(moved[:4]), np.linalg.norm(best.x)
    assert least - 1e-5 < found < 1.02 * least
    np.testing.assert_allclose(moved[:4].ravel(), best.x, atol=0.1 * least)


def test_riders_keep_their_length_and_ride_along() -> None:
    kind, positions = butane("h-bonds")
    atoms, beads = copies(kind, positions, 2, 0.0, 0)
    beads = beads + 0.01
    found, _ = Projector(kind).project(atoms, beads)
    carrier = Projector(kind).carrier
    assert set(carrier) == {0, 1, 2, 3}
    np.testing.assert_allclose(found - found[:, carrier], atoms - atoms[:, carrier], atol=1e-12)
    assert bond_error(kind, found) < 1e-9


def test_riders_that_are_off_are_put_back_along_their_direction() -> None:
    kind, positions = butane()
    atoms, beads = copies(kind, positions, 1, 0.0, 0)
    carrier = Projector(kind).carrier
    stretched = atoms.copy()
    stretched[:, 4:] += 0.3 * (atoms - atoms[:, carrier])[:, 4:]
    found, _ = Projector(kind).project(stretched, beads)
    np.testing.assert_allclose(found, atoms, atol=1e-6)


def test_without_rigid_bonds_the_least_displacement_is_linear() -> None:
    """d = W^T (W W^T)^-1 (R - M r), W the weights gathered on the carriers."""
    kind, positions = butane("none")
    atoms, beads = copies(kind, positions, 3, 0.0, 0)
    beads = beads + np.random.default_rng(1).normal(scale=0.003, size=beads.shape)
    found, residual = Projector(kind).project(atoms, beads)
    weights = Projector(kind).weights.toarray()
    missing = beads - kind.mapping.apply(atoms)
    step = np.einsum("ab,nbx->nax", weights.T @ np.linalg.inv(weights @ weights.T), missing)
    np.testing.assert_allclose(found, atoms + step[:, Projector(kind).carrier], atol=1e-7)
    assert np.abs(residual).max() < EXACT


def dumbbell(weights: list[list[float]], length: float = 0.2) -> MoleculeType:
    """Two heavy atoms at a rigid distance and two beads of given weights."""
    kind = testing.molecule_type("DUM", [6, 6], [(0, 1)], [[0], [1]])
    mapping = replace(kind.mapping, bead=np.array([0, 0, 1, 1]), atom=np.array([0, 1, 0, 1]),
                      weight=np.array(weights).ravel())
    return replace(kind, mapping=mapping, bond_length=np.array([length]))


@given(st.floats(0.1, 0.4), _seeds)
@settings(deadline=None, max_examples=30)
def test_beads_that_bonds_cannot_meet_share_what_is_missing(apart: float, seed: int) -> None:
    """A rigid dumbbell of length b on beads D apart: both stand off by (D - b) / 2 along the line."""
    rng = np.random.default_rng(seed)
    axis = Rotation.random(rng=rng).apply([1.0, 0, 0])
    beads = rng.normal(size=3) + np.array([[-0.5], [0.5]]) * apart * axis
    atoms = beads + rng.normal(scale=0.02, size=(2, 3)) + np.array([[-0.1], [0.1]]) * axis
    kind = dumbbell([[1.0, 0.0], [0.0, 1.0]])
    found, residual = Projector(kind).project(atoms[None], beads[None])
    assert bond_error(kind, found) < EXACT
    expected = np.array([[0.5], [-0.5]]) * (apart - 0.2) * axis
    np.testing.assert_allclose(residual[0], expected, atol=1e-4)


@pytest.mark.parametrize("weights", [[[0.8, 0.2], [0.3, 0.7]], [[1.0, 0.0], [0.5, 0.5]], [[0.6, 0.4], [0.1, 0.9]]])
def test_slack_is_the_least_squares_that_bonds_allow(weights: list[list[float]]) -> None:
    """Against brute force over centre and direction of the dumbbell."""
    kind, rng = dumbbell(weights), np.random.default_rng(2)
    beads = rng.normal(scale=0.1, size=(2, 3))
    matrix = np.array(weights)

    def squares(x: np.ndarray) -> float:
        arm = 0.1 * x[3:] / np.linalg.norm(x[3:])
        return float(((matrix @ np.stack([x[:3] - arm, x[:3] + arm]) - beads) ** 2).sum())

    least = min(minimize(squares, rng.normal(scale=0.2, size=6), options={"gtol": 1e-9}).fun for _ in range(10))
    atoms = beads + rng.normal(scale=0.02, size=(2, 3))
    found, residual = Projector(kind).project(atoms[None], beads[None])
    assert bond_error(kind, found) < EXACT
    assert (residual**2).sum() == pytest.approx(least, rel=5e-3)


def least_squares(kind: MoleculeType, atoms: np.ndarray, beads: np.ndarray) -> float:
    """The least |M(r) - R|^2 near the atoms of one molecule that keeps its heavy bonds, by a general optimiser."""
    projector = Projector(kind)
    heavy = np.flatnonzero(kind.chemistry.heavy)
    away = atoms - atoms[projector.carrier]
    weights = projector.weights.toarray()[:, heavy]
    rest = kind.mapping.matrix @ away  # what the riders add
    i, j = (np.searchsorted(heavy, projector.bonds[:, k]) for k in (0, 1))

    def squares(x: np.ndarray) -> tuple[float, np.ndarray]:
        residual = weights @ x.reshape(-1, 3) + rest - beads
        return float((residual**2).sum()), 2 * (weights.T @ residual).ravel()

    def bonds(x: np.ndarray) -> np.ndarray:
        arms = x.reshape(-1, 3)
        return ((arms[i] - arms[j]) ** 2).sum(axis=1) - projector.lengths**2

    found = minimize(squares, atoms[heavy].ravel(), jac=True, method="SLSQP", options={"ftol": 1e-10, "maxiter": 300},
                     constraints={"type": "eq", "fun": bonds})
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("stretch", [1.4, 1.8, 3.0])
def test_stretched_octane_keeps_its_bonds_and_says_which_beads_are_off(stretch: float) -> None:
    kind, positions = examples()["octane"]
    atoms, beads = copies(kind, positions, 6, 0.005, 3)
    middle = beads.mean(axis=1, keepdims=True)
    beads[3:] = middle[3:] + stretch * (beads - middle)[3:]
    found, residual = Projector(kind).project(atoms, beads)
    assert bond_error(kind, found) < EXACT
    assert np.abs(residual[:3]).max() < EXACT
    assert (np.linalg.norm(residual[3:], axis=2).max(axis=1) > FLAG).all()
    for a, b, s in zip(found[3:], beads[3:], residual[3:]):
        assert (s**2).sum() < 1.02 * least_squares(kind, a, b)


def test_a_molecule_does_not_depend_on_the_others() -> None:
    """Neither a feasible one on infeasible ones, nor on how many are projected at once."""
    kind, positions = examples()["octane"]
    atoms, beads = copies(kind, positions, 5, 0.01, 4)
    beads[1] *= 1.5
    beads[3] = beads[3, ::-1]
    together, _ = Projector(kind).project(atoms, beads)
    for k in range(5):
        alone, _ = Projector(kind).project(atoms[[k]], beads[[k]])
        np.testing.assert_allclose(together[k], alone[0], atol=1e-7)


def test_beads_that_fall_together_stop_nothing() -> None:
    kind, positions = examples()["phenyl"]
    atoms, beads = copies(kind, positions, 3, 0.01, 4)
    beads[:] = beads[:, :1]
    found, residual = Projector(kind).project(atoms, beads)
    assert np.isfinite(found).all()
    assert bond_error(kind, found) < EXACT
    assert (np.linalg.norm(residual, axis=2) > FLAG).any()


def test_a_system_is_projected_type_by_type() -> None:
    octane, (phenyl, shape) = examples()["octane"], examples()["phenyl"]
    system = System(((octane[0], 2), (phenyl, 1), (octane[0], 1)))
    atoms = np.concatenate([octane[1], octane[1] + 1, shape, octane[1] + 2])[None]
    noisy = atoms + np.random.default_rng(0).normal(scale=0.005, size=atoms.shape)
    found, residual = SystemProjector(system).project(noisy, system.map(atoms))
    np.testing.assert_allclose(system.map(found) - system.map(atoms), residual, atol=1e-12)
    assert np.abs(residual).max() < EXACT
    alone, _ = Projector(phenyl).project(noisy[:, 52:70], phenyl.mapping.apply(atoms[:, 52:70]))
    np.testing.assert_allclose(found[:, 52:70], alone, atol=1e-9)


def test_flags_are_beads_with_more_slack_than_a_picometre() -> None:
    residual = np.zeros((1, 3, 3))
    residual[0, :, 0] = [0.0009, 0.0011, -0.5]
    window = Window(np.zeros(1, dtype=int), np.zeros(1), np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), residual=residual)
    assert flag_slack(window).flags["infeasible"].tolist() == [[False, True, True]]


@pytest.fixture(scope="module")
def polystyrene(reference_data: Path) -> tuple[System, np.ndarray, np.ndarray]:
    """The published melt with its rigid bonds: atoms (A, 3) and beads (B, 3)."""
    folder = reference_data / "polystyrene"
    topology = Gromacs(Gromacs.Options(file=folder / "topol.top")).read()
    beads = Votca(Votca.Options(files=folder / "PS1.xml")).read(topology)
    owner = read_owners(folder / "PS1.map", len(topology.types["PS1"].atom_names))
    system = assemble(topology, beads, owners={"PS1": owner})
    atoms, coarse = (GromacsFrames([folder / "train" / f"{name}_90.gro"]).frame(0) for name in ("aa", "cg"))
    placed = system.whole_beads(coarse.positions, coarse.box)
    whole = system.atoms_near_beads(system.whole_atoms(atoms.positions, atoms.box), placed, atoms.box)
    return rigid_lengths(system, whole[None]), whole, placed


@pytest.mark.parametrize(("noise", "most_flagged"), [(0.0, 0.0), (0.005, 0.01), (0.02, 0.15), (0.05, 0.8)])
def test_noise_on_polystyrene_beads(polystyrene: tuple, noise: float, most_flagged: float) -> None:
    """The published frame meets its rounded beads; noise beyond what bonds allow is flagged, and stops nothing."""
    system, atoms, beads = polystyrene
    moved = beads + np.random.default_rng(0).normal(scale=noise, size=beads.shape)
    found, residual = SystemProjector(system).project(atoms[None], moved[None])
    kind, group = system.types[0], system.groups[0]
    assert np.isfinite(kind.bond_length).all()
    assert bond_error(kind, found[0, group.atoms]) < EXACT
    window = Window(np.zeros(1, dtype=int), np.zeros(1), np.zeros((1, 3, 3)), moved[None], residual=residual)
    flagged = flag_slack(window).flags["infeasible"]
    np.testing.assert_array_equal(flagged, np.linalg.norm(residual, axis=2) > 0.001)
    assert flagged.mean() <= most_flagged
    assert flagged.any() == (noise > 0.01)
    # Beads that are not flagged are met, those that are lie no farther off than they were moved.
    assert np.abs(residual[~flagged]).max() < 0.001
    assert np.linalg.norm(residual) <= np.linalg.norm(moved - beads) + 1e-3


def test_martini_dodecane(reference_data: Path) -> None:
    """Beads that were never mapped from atoms: the run goes on, and lists the few that all-atom bonds cannot meet."""
    folder = reference_data / "morphing" / "dodecane"
    topology = Gromacs(Gromacs.Options(file=folder / "dodecane_aa.itp")).read()
    (name,) = topology.types
    beads = Dbm(Dbm.Options(files={name: folder / "dodecane.map"})).read(topology)
    system = assemble(topology, beads, molecules={name: 875}, constraints="all-bonds")
    frame = GromacsFrames([folder / "martini" / "1.gro"]).frame(0)
    placed = system.whole_beads(frame.positions, frame.box)
    window = Window(np.array([0]), np.zeros(1), frame.box[None], placed[None])
    template = Template(TemplateOptions(conformers=4))
    template.prepare(system, "cpu")
    scene = scenes.scene_of(system, window)
    Sweeper(template).sweep(scene, parallel_schedule(scene.surroundings), (1,), window.frames)
    found, residual = SystemProjector(system).project(scene.atoms.numpy(), window.beads)
    kind, group = system.types[0], system.groups[0]
    assert bond_error(kind, found[0, group.atoms]) < EXACT
    window.residual = residual
    listed = np.flatnonzero(flag_slack(window).flags["infeasible"][0])
    assert 0 < len(listed) < 0.01 * system.n_beads
    # Those listed belong to molecules that are stretched farther than the others ever are.
    reach = np.linalg.norm(np.diff(placed.reshape(-1, 3, 3), axis=1), axis=2).max(axis=1)
    molecules = np.unique(listed // 3)
    assert reach[molecules].min() > 0.55
