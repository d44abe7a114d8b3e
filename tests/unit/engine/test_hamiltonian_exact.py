"""Hamiltonian moves leave known distributions as they are, and would be seen not to if the weight were wrong.

Each test runs hundreds of molecules that do not see each other. They are independent, so a chi-squared of mean
shares of ten bins is exact, and its power is stated: what differs from the truth by the factor left out on purpose
is refused at p < 1e-6, while the truth is refused once in 10,000 seeds.
"""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import Bonded
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-6
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


def trimer_shares(measure: str, energy: Array | float = 0.0) -> Array:
    angle = (np.arange(100_000) + 0.5) * np.pi / 100_000
    fixman = np.sqrt(4 - np.cos(angle)**2) if measure == "rigid" else 1.0
    return shares(np.sin(angle) * fixman * np.exp(-energy), angle)


def run(kind: MoleculeType, shapes: Array, sweeps: int, burn: int, bonded: tuple[Bonded, ...] = (),
        **options: object) -> tuple[Array, float]:
    """Atoms of every molecule after each sweep, (sweeps - burn, m, A, 3), and the acceptance."""
    system, atoms = chains.far_apart(kind, shapes)
    options = {"temperature": 300.0, "steps": 4, "timestep": 60.0} | options
    moves = HamiltonianMoves(system, chains.field_of(kind, *bonded), **options)
    frame = moves.frame(atoms, system.map(atoms), None)
    states, accepted = [], []
    for sweep in range(sweeps):
        accepted.append(moves.sweep(frame, (1, 2, 0, sweep)).accepted.mean())
        states.append(frame.atoms[system.groups[0].atoms])
    if moves.rules.exact:
        np.testing.assert_allclose(system.map(frame.atoms), system.map(atoms), atol=1e-10)
    return np.stack(states[burn:]), float(np.mean(accepted))


def angles_of_trimers(kind: MoleculeType, **options: object) -> Array:
    states, accepted = run(kind, trimers(), 120, 10, **options)
    assert 0.3 < accepted <= 1.0
    return chains.angle_of(states, 0, 1, 2)


@pytest.mark.parametrize(("kind", "measure"), [(WHOLE, "rigid"), (WHOLE, "stiff"), (TWO_ATOMS, "rigid"),
                                               (UNEVEN, "stiff")])
def test_rigid_trimer(kind: MoleculeType, measure: str) -> None:
    found = angles_of_trimers(kind, measure=measure)
    assert chains.p_value(found, EDGES, trimer_shares(measure)) > REFUSED
    other = "stiff" if measure == "rigid" else "rigid"
    assert chains.p_value(found, EDGES, trimer_shares(other)) < SEEN


@pytest.mark.parametrize("measure", ["rigid", "stiff"])
def test_trimer_that_is_moved_in_parts(measure: str) -> None:
    """Soft beads so wide that they do not matter; each block moves one or two atoms, the rest stands still."""
    found = angles_of_trimers(TWO_BEADS, size=1, sigma=5.0, measure=measure)
    assert chains.p_value(found, EDGES, trimer_shares(measure)) > REFUSED


@pytest.mark.parametrize("powers", [(1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (-1.0, -1.0)],
                         ids=["without block", "sign of block", "no weight", "sign of molecule"])
def test_a_wrong_weight_is_seen(powers: tuple[float, float]) -> None:
    found = angles_of_trimers(TWO_BEADS, size=1, sigma=5.0, powers=powers)
    assert chains.p_value(found, EDGES, trimer_shares("rigid")) < SEEN


def test_trimer_with_an_angle_potential_and_long_steps() -> None:
    """Half of the moves are refused: it is the refusals that make the distribution right."""
    bend = Bonded("harmonic_angle", np.array([[0, 1, 2]]), np.array([[1.9, 60.0]]))
    angle = (np.arange(100_000) + 0.5) * np.pi / 100_000
    expected = trimer_shares("rigid", 0.5 * 60.0 * (angle - 1.9)**2 / (8.31446e-3 * 300))
    edges = np.linspace(1.2, 2.6, 9)
    inside = (angle > 1.2) & (angle < 2.6)
    weight = np.sin(angle) * np.sqrt(4 - np.cos(angle)**2) * np.exp(-30.0 * (angle - 1.9)**2 / (8.31446e-3 * 300))
    assert weight[inside].sum() / weight.sum() > 0.99
    assert len(expected) == 10
    states, accepted = run(TWO_ATOMS, trimers(), 150, 40, (bend,), timestep=60.0)
    assert 0.2 < accepted < 0.9
    found = np.clip(chains.angle_of(states, 0, 1, 2), 1.2001, 2.5999)
    cut = shares(weight, np.clip(angle, 1.2001, 2.5999), edges)
    assert chains.p_value(found, edges, cut) > REFUSED


def four_atoms(distance: float, n: int = 3000) -> tuple[Array, Array, Array]:
    """Quadrature of four atoms on three rigid bonds, beads halfway between the outer pairs, ``distance`` apart.

    With u and w half the outer bonds, at angles a and b to the axis and twisted by t, the middle bond is D - u + w;
    its delta function fixes cos t, and leaves sqrt(det G) / |sin t| da db. Returns cos of the two inner angles'
    half-bond vectors to the middle bond, and weights.
    """
    half = chains.LENGTH / 2
    a, b = np.meshgrid(*2 * [(np.arange(n) + 0.5) * np.pi / n], indexing="ij")
    rest = distance**2 + 2 * half**2 - 2 * distance * half * (np.cos(a) - np.cos(b)) - chains.LENGTH**2
    twist = (rest / (2 * half**2) - np.cos(a) * np.cos(b)) / (np.sin(a) * np.sin(b))
    there = np.abs(twist) < 1
    a, b, twist = a[there], b[there], twist[there]
    u = half * np.stack([np.sin(a), 0 * a, np.cos(a)], axis=-1)
    w = half * np.stack([np.sin(b) * twist, np.sin(b) * np.sqrt(1 - twist**2), np.cos(b)], axis=-1)
    middle = np.array([0, 0, distance]) - u + w
    first = (u * middle).sum(-1) / half / chains.LENGTH  # from atom 1 towards atom 0, and towards atom 2
    last = (w * -middle).sum(-1) / half / chains.LENGTH
    gram = 2 * (4 - first**2 - last**2)  # of the tridiagonal 3 x 3 matrix, in units of 1 / mass^3
    return first, last, np.sqrt(gram) / np.sqrt(1 - twist**2)


def test_four_atoms_with_two_exact_beads_moved_one_by_one() -> None:
    kind = chains.chain(4, [{0: 1, 1: 1}, {2: 1, 3: 1}])
    distance = 0.27
    first, _, weight = four_atoms(distance)
    edges = np.quantile(first, np.linspace(0, 1, 9))
    edges[0], edges[-1] = -1, 1
    expected = np.histogram(first, edges, weights=weight)[0]
    shape = _shape_of_four(distance)
    for size, timestep in ((1, 25.0), (2, 25.0)):
        states, accepted = run(kind, np.tile(shape, (COUNT, 1, 1)), 160, 40, size=size, timestep=timestep)
        assert accepted > 0.3
        found = np.cos(chains.angle_of(states, 0, 1, 2))
        assert chains.p_value(found, edges, expected) > REFUSED, size
    states, _ = run(kind, np.tile(shape, (COUNT, 1, 1)), 160, 40, size=1, timestep=25.0, powers=(1.0, 0.0))
    assert chains.p_value(np.cos(chains.angle_of(states, 0, 1, 2)), edges, expected) < SEEN


def _shape_of_four(distance: float) -> Array:
    """Four atoms in a plane with beads ``distance`` apart."""
    half = chains.LENGTH / 2
    along = np.arccos((distance - chains.LENGTH) / (2 * half))  # trans, the middle bond along x
    u = half * np.array([-np.cos(along), np.sin(along), 0])
    w = half * np.array([np.cos(along), -np.sin(along), 0])
    return np.stack([2 * u, np.zeros(3), [chains.LENGTH, 0, 0], np.array([chains.LENGTH, 0, 0]) + 2 * w])
