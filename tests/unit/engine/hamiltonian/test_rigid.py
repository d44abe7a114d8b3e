"""Rigid molecules and virtual sites: moves and draws give the distributions that quadrature has.

Statistics are those of ``test_exact``: hundreds of molecules, a chi-squared of mean shares, and twins that are wrong on
purpose, which the same test refuses.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.molecules.bodies import with_bodies
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.engine.geometry.dependents import placed
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, COULOMB, ForceField, MoleculeParameters
from backmap.model.rigid import Dependence, Dependents, FixedDistances
from backmap.model.system import System
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
COUNT = 300
#: A rigid triangle, nm, in its plane: two bonds and the distance of their ends.
TRIANGLE = np.array([[0.0, 0.15, 0.0], [0.0, 0.0, 0.0], [0.13, 0.02, 0.0]])
KT = BOLTZMANN * 300


def held(shape: Array, *pairs: tuple[int, int]) -> FixedDistances:
    return FixedDistances.of(pairs, [np.linalg.norm(shape[i] - shape[j]) for i, j in pairs])


def triangle(n: int, beads: list[dict[int, float]], masses: list[float], **changes: object) -> MoleculeType:
    """The first three of ``n`` atoms are ``TRIANGLE``; others hang on in a row, at ``chains.LENGTH``."""
    kind = chains.chain(n, beads, masses)
    lengths = np.array([0.15, np.linalg.norm(TRIANGLE[2]), *[chains.LENGTH] * (n - 3)])
    return replace(kind, bond_length=lengths, held=held(TRIANGLE, (0, 2)), **changes)


def turned(shape: Array, seed: int = 5) -> Array:
    """Copies of a shape (A, 3) in random orientations, (COUNT, A, 3)."""
    return np.einsum("nij,aj->nai", Rotation.random(COUNT, random_state=seed).as_matrix(), shape)


# A triangle with an arm: the angle of the arm has the weight sqrt(det G)

ARM_MASSES = [14.0, 3.0, 2.0, 14.0]
EDGES = np.linspace(0, np.pi, 9)


def arm_shares(metric: bool, masses: list[float] = ARM_MASSES) -> Array:
    """Shares of the angle 1-2-3 by quadrature over all directions of the arm, on the four distances."""
    cosine, around = np.meshgrid((np.arange(800) + 0.5) / 400 - 1, (np.arange(400) + 0.5) * np.pi / 200, indexing="ij")
    sine = np.sqrt(1 - cosine**2)
    arm = np.stack([sine * np.cos(around), sine * np.sin(around), cosine], axis=-1)
    unit = [TRIANGLE[i] - TRIANGLE[j] for i, j in ((0, 1), (1, 2), (0, 2))]
    unit = [u / np.linalg.norm(u) for u in unit]
    rows = np.zeros((*cosine.shape, 4, 4, 3))  # gradients by mass-weighted atoms
    for row, (i, j) in enumerate(((0, 1), (1, 2), (0, 2), (2, 3))):
        direction = unit[row] if row < 3 else -arm
        rows[..., row, i, :], rows[..., row, j, :] = direction, -direction
    flat = (rows / np.sqrt(masses)[:, None]).reshape(*cosine.shape, 4, 12)
    weight = np.sqrt(np.linalg.det(flat @ np.swapaxes(flat, -1, -2))) if metric else np.ones_like(cosine)
    inner = (TRIANGLE[1] - TRIANGLE[2]) / np.linalg.norm(TRIANGLE[1] - TRIANGLE[2])
    return np.histogram(np.arccos(arm @ inner), EDGES, weights=weight)[0]


def run(kind: MoleculeType, shapes: Array, sweeps: int, burn: int, **options: object) -> Array:
    system, atoms = chains.far_apart(kind, shapes)
    moves = HamiltonianMoves(system, chains.field_of(kind), **{"temperature": 300.0, "steps": 4, "timestep": 40.0,
                                                                **options})
    frame = moves.frame(atoms, system.map(atoms), None)
    states, accepted = [], []
    for sweep in range(sweeps):
        accepted.append(moves.sweep(frame, (1, 2, 0, sweep)).accepted.mean())
        states.append(frame.atoms[system.groups[0].atoms])
    assert np.mean(accepted) > 0.3
    for (i, j), length in zip(kind.rigid.pairs, kind.rigid.lengths, strict=True):
        np.testing.assert_allclose(np.linalg.norm(states[-1][:, i] - states[-1][:, j], axis=1), length, atol=1e-6)
    np.testing.assert_allclose(system.map(frame.atoms), system.map(atoms), atol=1e-6 if moves.rules.exact else 1.0)
    return np.stack(states[burn:])


@pytest.mark.parametrize("fixman_potential", [False, True])
@pytest.mark.parametrize("beads", [[{0: 1, 1: 1, 2: 1, 3: 1}], [{0: 1, 1: 5}]], ids=["all", "two"])
def test_triangle_with_an_arm(beads: list[dict[int, float]], fixman_potential: bool) -> None:
    kind = triangle(4, beads, ARM_MASSES)
    shape = np.vstack([TRIANGLE, TRIANGLE[2] + [0.09, 0.12, 0.0]])
    states = run(kind, turned(shape), 120, 10, fixman_potential=fixman_potential)
    found = chains.angle_of(states, 1, 2, 3)
    assert chains.p_value(found, EDGES, arm_shares(not fixman_potential)) > REFUSED
    assert chains.p_value(found, EDGES, arm_shares(fixman_potential)) < SEEN


# Flat and redundant bodies: five atoms in a plane, of which two follow the other three, and an arm

FLAT = np.vstack([TRIANGLE, [0.2, 0.16, 0.0], [0.1, 0.3, 0.0]])
FLAT_MASSES = [4.0, 4.0, 2.0, 3.0, 60.0, 6.0]


def flat_with_an_arm() -> MoleculeType:
    """All ten distances of five atoms are held, and a sixth hangs on the third."""
    kind = chains.chain(6, [dict.fromkeys(range(6), 1)], FLAT_MASSES)
    shape = np.vstack([FLAT, FLAT[2] + [0.0, 0.0, chains.LENGTH]])
    pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    kind = replace(kind, bond_length=np.full(5, np.nan), held=held(shape, *pairs, (2, 5)))
    return with_bodies(kind, "here")


def flat_shares(kind: MoleculeType, masses: list[float]) -> Array:
    """Of the angle 1-2-5, by quadrature: distances of the three that span, places of the two others, and the arm."""
    cosine, around = np.meshgrid((np.arange(500) + 0.5) / 250 - 1, (np.arange(150) + 0.5) * np.pi / 75,
                                 indexing="ij")
    sine = np.sqrt(1 - cosine**2)
    arm = np.stack([sine * np.cos(around), sine * np.sin(around), cosine], axis=-1)
    own = kind.dependents
    rows = np.zeros((*cosine.shape, 10, 6, 3))
    free = [a for a in range(5) if kind.free[a]]
    for row, (i, j) in enumerate([(free[0], free[1]), (free[1], free[2]), (free[0], free[2])]):
        rows[..., row, i, :], rows[..., row, j, :] = FLAT[i] - FLAT[j], FLAT[j] - FLAT[i]
    for d, atom in enumerate(own.atoms):
        for x in range(3):
            rows[..., 3 + 3 * d + x, atom, x] = 1
            for parent, weight in zip(own.parent[own.ranges[d]], own.weight[own.ranges[d], 0], strict=True):
                rows[..., 3 + 3 * d + x, parent, x] -= weight
    rows[..., 9, 2, :], rows[..., 9, 5, :] = -arm, arm
    flat = (rows / np.sqrt(masses)[:, None]).reshape(*cosine.shape, 10, 18)
    weight = np.sqrt(np.linalg.det(flat @ np.swapaxes(flat, -1, -2)))
    inner = (FLAT[1] - FLAT[2]) / np.linalg.norm(FLAT[1] - FLAT[2])
    return np.histogram(np.arccos(arm @ inner), EDGES, weights=weight)[0]


def test_flat_body_with_an_arm() -> None:
    """Two of five atoms in a plane follow the others, with all their mass."""
    kind = flat_with_an_arm()
    assert len(kind.dependents) == 2
    assert len(kind.rigid) == 4
    shape = np.vstack([FLAT, FLAT[2] + [0.09, 0.12, 0.0]])
    states = run(kind, turned(shape), 120, 10)
    found = chains.angle_of(states, 1, 2, 5)
    assert chains.p_value(found, EDGES, flat_shares(kind, FLAT_MASSES)) > REFUSED
    light = np.where(kind.free, FLAT_MASSES, 1e-6).tolist()
    assert chains.p_value(found, EDGES, flat_shares(kind, light)) < SEEN
    whole = states[-1].reshape(-1, 6, 3)
    spread = np.linalg.norm(whole[:, :5, None] - whole[:, None, :5], axis=-1)
    np.testing.assert_allclose(spread, np.tile(np.linalg.norm(FLAT[:, None] - FLAT, axis=-1), (len(spread), 1, 1)),
                               atol=1e-6)


# A rigid molecule and an ion that stands still: orientations are those of the Boltzmann factor

ION, ION_CHARGE = np.array([0.0, 0.0, 0.45]), 0.15
CHARGES = [-0.4, 0.0, 0.4]
#: Two lone pairs out of the plane, as in TIP5P, which carry all of the negative charge.
PAIRS = [Dependence(3 + k, (1, 0, 2), ((1.4, -1.0, -1.0), (-0.2, 1.0, 0.0), (-0.2, 0.0, 1.0)), (0.0, side, 0.0, 0.0))
         for k, side in enumerate((4.0, -3.0))]


def water(sites: bool) -> tuple[MoleculeType, Array, Array]:
    """A triangle on a bead, with or without virtual sites; its shape about the bead, and charges."""
    kind = chains.chain(3, [{0: 1, 1: 16, 2: 1}], [1.0, 16.0, 1.0])
    kind = replace(kind, bond_length=np.array([0.15, np.linalg.norm(TRIANGLE[2])]), held=held(TRIANGLE, (0, 2)))
    shape, charges = TRIANGLE, np.array(CHARGES)
    if sites:
        kind, charges = with_sites(kind), np.array([0.5, 0.0, 0.3, -0.5, -0.3])
        shape = placed(kind.dependents, np.vstack([TRIANGLE, np.zeros((2, 3))]))
    return kind, shape - kind.mapping.apply(shape)[0], charges


def with_sites(kind: MoleculeType) -> MoleculeType:
    n, many = kind.n_atoms + len(PAIRS), len(PAIRS)
    more = {name: np.concatenate([getattr(kind.chemistry, name), np.zeros(many, getattr(kind.chemistry, name).dtype)])
            for name in ("element", "aromatic", "ring", "charge")}
    mapping = Mapping(n, 1, kind.mapping.bead, kind.mapping.atom, kind.mapping.weight, np.zeros(n, dtype=np.int64))
    return replace(kind, atom_names=[*kind.atom_names, *["L"] * many], atom_types=[*kind.atom_types, *["L"] * many],
                   residue_names=["CHN"] * n, residues=np.ones(n, dtype=np.int64),
                   mass=np.concatenate([kind.mass, np.zeros(many)]), partial_charge=np.zeros(n), mapping=mapping,
                   chemistry=replace(kind.chemistry, **more), dependents=Dependents.of(PAIRS))


def beside_ions(sites: bool) -> tuple[System, ForceField, Array, Array]:
    """COUNT molecules, each with an ion, far from the others; atoms and beads."""
    kind, shape, charges = water(sites)
    ion = replace(chains.chain(1, [{0: 1}]), name="ION", given=True)
    system = System(((ion, COUNT), (kind, COUNT)))
    side = int(np.ceil(COUNT ** (1 / 3)))
    corner = np.stack(np.unravel_index(np.arange(COUNT), (side,) * 3), axis=1) * 3.0
    atoms = np.concatenate([(corner + ION), (turned(shape) + corner[:, None]).reshape(-1, 3)])
    nothing = np.empty((0, 2), dtype=np.int64)

    def parameters(name: str, values: Array, excluded: Array) -> MoleculeParameters:
        return MoleculeParameters(name, (), np.zeros(len(values), dtype=np.int64), values, excluded, nothing,
                                  np.empty((0, 3)))

    every = np.column_stack(np.triu_indices(len(charges), 1))
    known = {"ION": parameters("ION", np.array([ION_CHARGE]), nothing), "CHN": parameters("CHN", charges, every)}
    field = ForceField(known, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), 1.4, "cutoff", 0.0, "made up")
    return system, field, atoms, system.map(atoms)


def expected_heights(sites: bool, charges: Array | None = None) -> tuple[Array, Array]:
    """Heights of atom 0 above the bead, towards the ion, in many orientations, and their Boltzmann factors."""
    _, shape, known = water(sites)
    atoms = np.einsum("nij,aj->nai", Rotation.random(400_000, random_state=1).as_matrix(), shape)
    distance = np.linalg.norm(atoms - ION, axis=2)
    energy = COULOMB * ION_CHARGE * ((known if charges is None else charges) / distance).sum(axis=1)
    return atoms[:, 0, 2], np.exp(-energy / KT)


def heights(sites: bool, sweeps: int = 100) -> Array:
    system, field, atoms, beads = beside_ions(sites)
    moves = HamiltonianMoves(system, field, 300.0, 6, 10.0)
    frame = moves.frame(atoms, beads, None)
    found, accepted = [], []
    group = system.groups[1]
    for sweep in range(sweeps):
        accepted.append(moves.sweep(frame, (1, 2, 0, sweep)).accepted.mean())
        found.append(frame.atoms[group.atoms[:, 0], 2] - beads[group.beads[:, 0], 2])
    assert 0.2 < np.mean(accepted) < 1.0
    whole = frame.atoms[group.atoms]
    np.testing.assert_allclose(placed(group.type.dependents, whole), whole, atol=1e-9)
    return np.stack(found[20:])


@pytest.mark.parametrize("sites", [False, True], ids=["three charges", "charges on virtual sites"])
def test_orientations_beside_an_ion(sites: bool) -> None:
    height, weight = expected_heights(sites)
    order = np.argsort(height)
    edges = np.interp(np.linspace(0, 1, 9), np.cumsum(weight[order]) / weight.sum(), height[order])
    edges[0], edges[-1] = -1, 1
    found = heights(sites)
    assert chains.p_value(found, edges, np.histogram(height, edges, weights=weight)[0]) > REFUSED
    twin = np.array([0.5, -0.8, 0.3, 0.0, 0.0]) if sites else np.array([-0.4, 0.2, 0.2])  # charges at other atoms
    _, other = expected_heights(sites, twin)
    assert chains.p_value(found, edges, np.histogram(height, edges, weights=other)[0]) < SEEN
