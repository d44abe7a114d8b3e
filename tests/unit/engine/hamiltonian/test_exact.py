"""Hamiltonian moves leave known distributions as they are, and would be seen not to if the weight were wrong.

Each test runs hundreds of molecules that do not see each other. They are independent, so a chi-squared of mean
shares of ten bins is exact, and its power is stated: what differs from the truth by the factor left out on purpose
is refused at p < 1e-5, while the truth is refused once in 10,000 seeds.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from backmap.engine.energy import bonded as bonded_terms
from backmap.engine.hamiltonian.moves import HamiltonianMoves, Tempering
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import Bonded
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
COUNT = 300
EDGES = np.linspace(0, np.pi, 11)
#: Trimers of equal masses; the angle does not care where the beads are, but the constraints do.
WHOLE = chains.chain(3, [{0: 1, 1: 1, 2: 1}])
TWO_ATOMS = chains.chain(3, [{0: 14, 1: 14}])
UNEVEN = chains.chain(3, [{0: 1, 1: 5}])
TWO_BEADS = chains.chain(3, [{0: 1, 1: 1}, {2: 1}])


def trimers(seed: int = 3) -> Array:
    """Random angles, (COUNT, 3, 3)."""
    rng = np.random.default_rng(seed)
    ends = rng.normal(size=(COUNT, 2, 3))
    ends *= chains.LENGTH / np.linalg.norm(ends, axis=2, keepdims=True)
    return np.stack([ends[:, 0], np.zeros((COUNT, 3)), ends[:, 1]], axis=1)


def shares(density: Array, x: Array, edges: Array = EDGES) -> Array:
    """Shares of bins of a density on a fine grid ``x``."""
    return np.histogram(x, edges, weights=density)[0] / density.sum()


def trimer_shares(fixman_potential: bool, energy: Array | float = 0.0) -> Array:
    angle = (np.arange(100_000) + 0.5) * np.pi / 100_000
    metric = 1.0 if fixman_potential else np.sqrt(4 - np.cos(angle)**2)
    return shares(np.sin(angle) * metric * np.exp(-energy), angle)


def run(kind: MoleculeType, shapes: Array, sweeps: int, burn: int, bonded: tuple[Bonded, ...] = (),
        pace: tuple[float, ...] = (1.0,), **options: object) -> tuple[Array, float]:
    """Atoms of every molecule after each sweep, (sweeps - burn, m, A, 3), and the acceptance.

    Blocks of beads have time steps of their own, which are these shares of the time step, over and over.
    """
    system, atoms = chains.far_apart(kind, shapes)
    options = {"temperature": 300.0, "steps": 4, "timestep": 60.0} | options
    moves = HamiltonianMoves(system, chains.field_of(kind, *bonded), **options)
    frame = moves.frame(atoms, system.map(atoms), None)
    moves.slow_down(np.resize(pace, system.n_beads))
    states, accepted = [], []
    for sweep in range(sweeps):
        accepted.append(moves.sweep(frame, (1, 2, 0, sweep)).accepted.mean())
        states.append(frame.atoms[system.groups[0].atoms])
    if moves.rules.exact:
        np.testing.assert_allclose(system.map(frame.atoms), system.map(atoms), atol=1e-10)
    return np.stack(states[burn:]), float(np.mean(accepted))


def angles_of_trimers(kind: MoleculeType, sweeps: int = 160, **options: object) -> Array:
    states, accepted = run(kind, trimers(), sweeps, 10, **options)
    assert 0.3 < accepted <= 1.0
    return chains.angle_of(states, 0, 1, 2)


@pytest.mark.parametrize(("kind", "fixman_potential"), [(WHOLE, False), (WHOLE, True), (TWO_ATOMS, False),
                                                        (UNEVEN, True)])
def test_rigid_trimer(kind: MoleculeType, fixman_potential: bool) -> None:
    found = angles_of_trimers(kind, fixman_potential=fixman_potential)
    assert chains.p_value(found, EDGES, trimer_shares(fixman_potential)) > REFUSED
    assert chains.p_value(found, EDGES, trimer_shares(not fixman_potential)) < SEEN


@pytest.mark.parametrize(("fixman_potential", "pace"), [(False, (1.0,)), (True, (1.0,)), (False, (0.4, 1.0))])
def test_trimer_that_is_moved_in_parts(fixman_potential: bool, pace: tuple[float, ...]) -> None:
    """Soft beads so wide that they do not matter; each block moves one or two atoms, the rest stands still.

    In time steps of its own in the last case, in which half of the blocks are slower.
    """
    found = angles_of_trimers(TWO_BEADS, 80, size=1, sigma=5.0, fixman_potential=fixman_potential, pace=pace)
    assert chains.p_value(found, EDGES, trimer_shares(fixman_potential)) > REFUSED


@pytest.mark.parametrize(("powers", "sweeps"), [((1.0, 0.0), 120), ((1.0, 1.0), 60), ((-1.0, -1.0), 200)],
                         ids=["without block", "sign of block", "sign of molecule"])
def test_a_wrong_weight_is_seen(powers: tuple[float, float], sweeps: int) -> None:
    """With p of some 1e-14 in as many sweeps."""
    found = angles_of_trimers(TWO_BEADS, sweeps, size=1, sigma=5.0, powers=powers)
    assert chains.p_value(found, EDGES, trimer_shares("rigid")) < SEEN


def test_hydrogens_may_move_with_another_mass() -> None:
    """The target keeps their own mass: an atom of 1 u between two of 14 that moves as if it had 6."""
    masses = np.array([14.0, 1.0, 14.0])
    kind = replace(TWO_BEADS, mass=masses, chemistry=replace(TWO_BEADS.chemistry, element=np.array([6, 1, 6])))
    found = angles_of_trimers(kind, 80, size=1, sigma=5.0, hydrogen_mass=6.0)
    angle = (np.arange(100_000) + 0.5) * np.pi / 100_000
    for middle, seen in ((1.0, False), (6.0, True)):
        gram = (1 / 14 + 1 / middle)**2 - (np.cos(angle) / middle)**2
        value = chains.p_value(found, EDGES, shares(np.sin(angle) * np.sqrt(gram), angle))
        assert value < SEEN if seen else value > REFUSED


def test_trimer_with_an_angle_potential_and_long_steps() -> None:
    """Many moves are refused: it is the refusals that make the distribution right."""
    bend = Bonded("harmonic_angle", np.array([[0, 1, 2]]), np.array([[1.9, 60.0]]))
    angle = np.linspace(0.0, np.pi, 100_001)
    weight = np.sin(angle) * np.sqrt(4 - np.cos(angle)**2) * np.exp(-30.0 * (angle - 1.9)**2 / (8.31446e-3 * 300))
    edges = np.array([0.0, 1.4, 1.6, 1.75, 1.9, 2.05, 2.2, 2.4, np.pi])
    shape = chains.LENGTH * np.array([[1, 0, 0], [0, 0, 0], [np.cos(1.9), np.sin(1.9), 0]])
    states, accepted = run(TWO_ATOMS, np.tile(shape, (COUNT, 1, 1)), 160, 30, (bend,), timestep=50.0)
    assert 0.2 < accepted < 0.9
    assert chains.p_value(chains.angle_of(states, 0, 1, 2), edges, shares(weight, angle, edges)) > REFUSED


def test_soft_beads_are_gaussian() -> None:
    """A single bead is free of everything else: each coordinate strays by sigma exactly."""
    states, _ = run(UNEVEN, trimers(), 120, 10, sigma=0.02, timestep=30.0)
    beads = np.einsum("a,smax->smx", UNEVEN.mapping.matrix[0], states)
    at = chains.far_apart(UNEVEN, trimers())[0].map(chains.far_apart(UNEVEN, trimers())[1])
    away = (beads - at)[..., 0] / 0.02
    edges = norm.ppf(np.linspace(0, 1, 9))
    assert chains.p_value(away, edges, np.ones(8)) > REFUSED
    assert chains.p_value(away * 1.05, edges, np.ones(8)) < SEEN


#: Four atoms in a plane, with angles of 127 degrees.
ZIGZAG = chains.LENGTH * np.array([[-0.6, 0.8, 0], [0, 0, 0], [1, 0, 0], [1.6, -0.8, 0]])
#: The same, both ends on one side.
CIS = ZIGZAG.copy()
CIS[3, 1] *= -1


def four_atoms(distance: float, energy: Callable[[Array], Array] | None = None, n: int = 3000) -> tuple[Array, Array]:
    """Quadrature of four atoms on three rigid bonds, beads halfway between the outer pairs, ``distance`` apart.

    With u and w half the outer bonds, at angles a and b to the axis and twisted by t, the middle bond is D + u - w;
    its delta function fixes cos t, and leaves sqrt(det G) / |sin t| da db. Returns the cosine of the first angle,
    and weights; ``energy`` is in kT, of atoms (m, 4, 3).
    """
    half = chains.LENGTH / 2
    a, b = np.meshgrid(*2 * [(np.arange(n) + 0.5) * np.pi / n], indexing="ij")
    rest = distance**2 + 2 * half**2 + 2 * distance * half * (np.cos(a) - np.cos(b)) - chains.LENGTH**2
    twist = (rest / (2 * half**2) - np.cos(a) * np.cos(b)) / (np.sin(a) * np.sin(b))
    there = np.abs(twist) < 1
    a, b, twist = a[there], b[there], twist[there]
    u = half * np.stack([np.sin(a), 0 * a, np.cos(a)], axis=-1)
    w = half * np.stack([np.sin(b) * twist, np.sin(b) * np.sqrt(1 - twist**2), np.cos(b)], axis=-1)
    axis = np.array([0, 0, distance])
    middle = axis + u - w
    first = (u * middle).sum(-1) / half / chains.LENGTH  # from atom 1 towards atom 0, and towards atom 2
    last = (w * -middle).sum(-1) / half / chains.LENGTH
    gram = 2 * (4 - first**2 - last**2)  # of the tridiagonal 3 x 3 matrix, in units of 1 / mass^3
    weight = np.sqrt(gram) / np.sqrt(1 - twist**2)
    if energy is not None:
        weight *= np.exp(-energy(np.stack([u, -u, axis - w, axis + w], axis=1)))
    return first, weight


def distance_of(shape: Array) -> float:
    return float(np.linalg.norm(shape[2:].mean(axis=0) - shape[:2].mean(axis=0)))


def test_four_atoms_with_two_exact_beads() -> None:
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    shape = ZIGZAG
    first, weight = four_atoms(distance_of(shape))
    edges = np.quantile(first, np.linspace(0, 1, 9))
    edges[0], edges[-1] = -1, 1
    expected = np.histogram(first, edges, weights=weight)[0]
    for size, timestep in ((1, 60.0), (2, 40.0)):
        states, accepted = run(kind, np.tile(shape, (COUNT, 1, 1)), 150, 30, size=size, timestep=timestep)
        assert accepted > 0.3
        found = np.cos(chains.angle_of(states, 0, 1, 2))
        assert chains.p_value(found, edges, expected) > REFUSED, size
    states, _ = run(kind, np.tile(shape, (COUNT, 1, 1)), 150, 30, size=2, timestep=40.0, powers=(1.0, 0.0))
    assert chains.p_value(np.cos(chains.angle_of(states, 0, 1, 2)), edges, expected) < SEEN


def test_four_atoms_with_angles_and_a_torsion() -> None:
    """Butane of united atoms on two beads: the same with energies."""
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    bend = Bonded("harmonic_angle", np.array([[0, 1, 2], [1, 2, 3]]), np.tile([2.1, 40.0], (2, 1)))
    torsion = Bonded("periodic_proper", np.array([[0, 1, 2, 3]]), np.array([[0.4, 4.0, 2.0]]))

    def energy(atoms: Array) -> Array:
        found = sum(bonded_terms.energies(each.function, torch.as_tensor(atoms[:, each.atoms]),
                                          torch.as_tensor(each.parameters)).sum(1) for each in (bend, torsion))
        return found.numpy() / (8.31446e-3 * 300)

    first, weight = four_atoms(distance_of(ZIGZAG), energy, 1500)
    mirrored, other = four_atoms(distance_of(ZIGZAG), lambda atoms: energy(atoms * (1, -1, 1)), 1500)
    first, weight = np.concatenate([first, mirrored]), np.concatenate([weight, other])
    order = np.argsort(first)
    edges = np.interp(np.linspace(0, 1, 9), np.cumsum(weight[order]) / weight.sum(), first[order])
    edges[0], edges[-1] = -1, 1
    expected = np.histogram(first, edges, weights=weight)[0]
    free, even = four_atoms(distance_of(ZIGZAG), n=1500)
    plain = np.histogram(free, edges, weights=even)[0]
    for size in (1, 2):
        states, accepted = run(kind, np.tile(ZIGZAG, (COUNT, 1, 1)), 150, 30, (bend, torsion), size=size, timestep=30.0)
        assert 0.3 < accepted < 1
        found = np.cos(chains.angle_of(states, 0, 1, 2))
        assert chains.p_value(found, edges, expected) > REFUSED, size
        assert chains.p_value(found, edges, plain) < SEEN


def test_a_sweep_may_have_another_temperature() -> None:
    """As annealing has it: moves that are built for 300 K follow 900 K."""
    bend = Bonded("harmonic_angle", np.array([[0, 1, 2]]), np.array([[1.9, 60.0]]))
    shape = chains.LENGTH * np.array([[1, 0, 0], [0, 0, 0], [np.cos(1.9), np.sin(1.9), 0]])
    system, atoms = chains.far_apart(TWO_ATOMS, np.tile(shape, (COUNT, 1, 1)))
    moves = HamiltonianMoves(system, chains.field_of(TWO_ATOMS, bend), 300.0, 4, 50.0)
    frame, states = moves.frame(atoms, system.map(atoms), None), []
    for sweep in range(80):
        moves.sweep(frame, (1, 2, 0, sweep), temperature=900.0)
        states.append(chains.angle_of(frame.atoms[system.groups[0].atoms], 0, 1, 2))
    angle, edges = np.linspace(0.0, np.pi, 100_001), np.array([0.0, 1.2, 1.5, 1.75, 1.9, 2.05, 2.3, 2.6, np.pi])
    for temperature, right in ((900.0, True), (300.0, False)):
        weight = np.sin(angle) * np.sqrt(4 - np.cos(angle)**2) * np.exp(
            -30.0 * (angle - 1.9)**2 / (8.31446e-3 * temperature))
        value = chains.p_value(np.stack(states[20:]), edges, shares(weight, angle, edges))
        assert value > REFUSED if right else value < SEEN


def test_a_sweep_may_have_longer_trajectories() -> None:
    """As annealing has it: moves of 4 steps come to what those of 8 come to."""
    system, atoms = chains.far_apart(TWO_ATOMS, trimers())
    found = []
    for steps, length in ((4, 2.0), (8, 1.0)):
        moves = HamiltonianMoves(system, chains.field_of(TWO_ATOMS), 300.0, steps, 60.0)
        frame = moves.frame(atoms, system.map(atoms), None)
        moves.sweep(frame, (1, 2, 0, 0), length=length)
        found.append(frame.atoms)
    np.testing.assert_array_equal(*found)
    assert np.abs(found[0] - atoms).max() > 0.01


def test_tempered_trajectories_cross_barriers_and_are_exact() -> None:
    """Two wells behind 48 kJ/mol, 19 kT, and 3 kJ/mol between them; all start in the higher one.

    Torsions have p(phi) ~ exp(-U/kT), as very stiff bonds leave them, whatever the angles do.
    """
    kind = chains.chain(4, [{0: 1, 1: 1, 2: 1, 3: 1}])
    atoms = np.array([[0, 1, 2, 3]])
    torsion = [Bonded("periodic_proper", atoms, np.array([each])) for each in ((np.pi, 24.0, 2.0), (0.0, 1.5, 1.0))]
    phi = np.linspace(0, 2 * np.pi, 100_001)
    weight = np.exp(-(24.0 * (1 - np.cos(2 * phi)) + 1.5 * (1 + np.cos(phi))) / (8.31446e-3 * 300))
    edges = np.radians([0, 8, 90, 172, 180, 188, 270, 352, 360])
    system, start = chains.far_apart(kind, np.tile(CIS, (COUNT, 1, 1)))
    moves = HamiltonianMoves(system, chains.field_of(kind, *torsion), 300.0, 6, 15.0, fixman_potential=True)
    found = []
    for tempering in (None, Tempering(9.0, 900.0)):
        frame, states, accepted = moves.frame(start, system.map(start), None), [], []
        for sweep in range(120):
            accepted.append(moves.sweep(frame, (1, 2, 0, sweep), tempering=tempering).accepted.mean())
            moves.sweep(frame, (2, 2, 0, sweep))
            states.append(torsion_of(frame.atoms[system.groups[0].atoms]))
        assert 0.05 < np.mean(accepted) < 1
        found.append(np.stack(states[40:]))
    plain, tempered = found
    assert (np.cos(plain) < 0).mean() < 0.1  # they cross where atoms lie in line, which is seldom
    assert chains.p_value(tempered, edges, shares(weight, phi, edges)) > REFUSED
    assert chains.p_value(tempered, edges, shares(weight * np.exp(0.3 * np.cos(phi)), phi, edges)) < SEEN


def torsion_of(atoms: Array) -> Array:
    """Of four atoms (..., 4, 3), from 0 to 2 pi."""
    first, axis, last = np.moveaxis(np.diff(atoms, axis=-2), -2, 0)
    n, m = np.cross(first, axis), np.cross(axis, last)
    sine = (np.cross(n, m) * axis).sum(-1) / np.linalg.norm(axis, axis=-1)
    return np.arctan2(sine, (n * m).sum(-1)) % (2 * np.pi)
