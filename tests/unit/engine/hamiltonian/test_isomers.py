"""Moves that know which isomer is right: exact on their support, and brought into it by steering."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine import flags
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.hamiltonian.moves import HamiltonianMoves
from backmap.engine.hamiltonian.steering import Steering
from backmap.engine.mending import STRAINED, Mending
from backmap.model.isomers import BOND, CENTRE, CIS, TRANS, PlanarSides, flatness, handedness, sides
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import BOLTZMANN, Bonded
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN, COUNT, HEAT = 1e-4, 1e-5, 300, BOLTZMANN * 300
QUAD = np.array([[0, 1, 2, 3]])
ROW = chains.chain(4, [{0: 1, 1: 1, 2: 1, 3: 1}])
BEND = Bonded("harmonic_angle", np.array([[0, 1, 2], [1, 2, 3]]), np.tile([2.0, 100.0], (2, 1)))


def sided(kind: MoleculeType, side: int) -> MoleculeType:
    return replace(kind, planar=PlanarSides.of(QUAD, [side]))


def twisted(torsion: Array) -> Array:
    """Four atoms with angles of 2 rad and each of the torsions (m,), (m, 4, 3), nm."""
    x, y = np.cos(2.0) * chains.LENGTH, np.sin(2.0) * chains.LENGTH
    zero = np.zeros_like(torsion)
    last = np.stack([chains.LENGTH - x + zero, y * np.cos(torsion), y * np.sin(torsion)], axis=1)
    return np.stack([np.tile([x, y, 0.0], (len(torsion), 1)), np.zeros((len(torsion), 3)),
                     np.tile([chains.LENGTH, 0.0, 0.0], (len(torsion), 1)), last], axis=1)


def torsion_of(atoms: Array) -> Array:
    """Torsion without its sign, (...), radians."""
    first, axis, last = (atoms[..., k + 1, :] - atoms[..., k, :] for k in range(3))
    m, n = np.cross(first, axis), np.cross(axis, last)
    return np.arccos((m * n).sum(-1) / np.linalg.norm(m, axis=-1) / np.linalg.norm(n, axis=-1))


def swept(kind: MoleculeType, shapes: Array, sweeps: int, *bonded: Bonded, flat: float = 0.0) -> Array:
    """Atoms of every molecule after each sweep but the first 20, (s, m, A, 3)."""
    system, atoms = chains.far_apart(kind, shapes)
    moves = HamiltonianMoves(system, chains.field_of(kind, *bonded), 300.0, 6, 30.0)
    moves.keep_flat(flat)
    frame = moves.frame(atoms, system.map(atoms), None)
    states = []
    for sweep in range(sweeps):
        moves.sweep(frame, (1, 2, 0, sweep))
        states.append(frame.atoms[system.groups[0].atoms])
    return np.stack(states[20:])


@pytest.mark.parametrize("side", [CIS, TRANS])
def test_planar_bonds_that_are_nearly_on_the_wrong_side_are_mended(side: int) -> None:
    """Where their terms are soft, nothing else tells: downhill is the way back, from nearly a quarter turn."""
    flat = np.pi if side == TRANS else 0.0
    system, atoms = chains.far_apart(sided(ROW, side), twisted(np.abs(flat - np.radians([10.0, 45.0, 80.0]))))
    field = chains.field_of(sided(ROW, side), Bonded("periodic_proper", QUAD, np.array([[np.pi, 2.0, 2.0]])), BEND)
    moves = HamiltonianMoves(system, field, 300.0, 6, 5.0, sigma=0.05)
    mending = Mending(moves, FrameEnergy(system, field), 4)
    frame = moves.frame(atoms, system.map(atoms), None)
    assert flags.twisted(system, atoms, flags.FLATTEST).tolist() == [False, False, True]
    assert mending.troubles(frame, None)[STRAINED].tolist() == [False, False, True]
    done = mending.mend(frame, None, (1, 2, 0))
    assert done.rounds > 0
    assert not done.left[STRAINED].any()
    np.testing.assert_array_equal(frame.atoms[:8], atoms[:8])  # what is sound is left alone
    assert np.abs(torsion_of(frame.atoms.reshape(3, 4, 3))[2] - flat) < np.pi / 3


def test_the_side_of_a_low_barrier_is_kept_and_the_rest_is_exact() -> None:
    """det G does not depend on the torsion: its density is exp(-V / kT), within its side where it has one."""
    torsion = Bonded("periodic_proper", QUAD, np.array([[np.pi, 2.0, 2.0]]))  # minima at 0 and pi, 4 kJ/mol high
    x = (np.arange(100_000) + 0.5) * np.pi / 100_000
    density = np.exp(-2.0 * (1 + np.cos(2 * x - np.pi)) / HEAT)
    edges = np.linspace(0, np.pi, 13)
    start = np.random.default_rng(1).uniform(np.pi / 2, np.pi, COUNT)

    def expected(there: Array) -> Array:
        return np.histogram(x[there], edges, weights=density[there])[0]

    free = torsion_of(swept(ROW, twisted(start), 260, BEND, torsion)[60:])
    kept = torsion_of(swept(sided(ROW, TRANS), twisted(start), 160, BEND, torsion))
    assert chains.p_value(free, edges, expected(x > 0)) > REFUSED
    assert (kept > np.pi / 2).all()
    assert (free < np.pi / 2).mean() > 0.3
    upper = edges[6:]
    assert chains.p_value(kept, upper, expected(x > np.pi / 2)[6:]) > REFUSED
    assert chains.p_value(kept * 0.9 + 0.1 * np.pi, upper, expected(x > np.pi / 2)[6:]) < SEEN


def test_planar_bonds_that_are_kept_flat_are_exact_within_that() -> None:
    """As above, zero beyond 60 degrees of flat; what begins beyond stays on its side, and comes in."""
    torsion = Bonded("periodic_proper", QUAD, np.array([[np.pi, 2.0, 2.0]]))
    x = 2 * np.pi / 3 + (np.arange(100_000) + 0.5) * np.pi / 3e5
    edges = np.linspace(2 * np.pi / 3, np.pi, 9)
    start = np.random.default_rng(1).uniform(2 * np.pi / 3, np.pi, COUNT)
    start[:20] = np.radians(100.0)
    found = torsion_of(swept(sided(ROW, TRANS), twisted(start), 160, BEND, torsion, flat=0.5))
    kept, came = found[:, 20:], found[:, :20]
    assert (kept > 2 * np.pi / 3).all()
    expected = np.histogram(x, edges, weights=np.exp(-2.0 * (1 + np.cos(2 * x - np.pi)) / HEAT))[0]
    assert chains.p_value(kept, edges, expected) > REFUSED
    assert (came > np.pi / 2).all()
    assert (came[-1] > 2 * np.pi / 3).all()


#: A centre with three arms, as of ammonia, whose inversion costs little.
ARMS = np.array([[0, 1], [0, 2], [0, 3]])


def star(sign: int) -> MoleculeType:
    """Four atoms, the first bonded to the three others, with a hand."""
    chemistry = replace(ROW.chemistry, centres=QUAD, sign=np.array([sign]))
    return replace(ROW, bonds=ARMS, chemistry=chemistry)


def pyramids(sign: int, height: float = 0.5) -> Array:
    """COUNT centres of one hand, (COUNT, 4, 3), nm."""
    angle = np.arange(3) * 2 * np.pi / 3 * sign
    arms = np.stack([np.cos(angle), np.sin(angle), np.full(3, height)], axis=1)
    arms *= chains.LENGTH / np.linalg.norm(arms, axis=1, keepdims=True)
    return np.tile(np.concatenate([np.zeros((1, 3)), arms]), (COUNT, 1, 1))


def height_of(atoms: Array) -> Array:
    """Triple product of the unit arms, (...)."""
    return np.linalg.det((atoms[..., 1:, :] - atoms[..., :1, :]) / chains.LENGTH)


def test_the_hand_of_a_low_barrier_is_kept_and_the_rest_is_exact() -> None:
    """Against quadrature by two million pyramids at random, weighed by sqrt(det G) exp(-U / kT)."""
    bend = Bonded("harmonic_angle", np.array([[1, 0, 2], [1, 0, 3], [2, 0, 3]]), np.tile([1.95, 60.0], (3, 1)))
    rng = np.random.default_rng(2)
    arms = rng.normal(size=(2_000_000, 3, 3))
    arms /= np.linalg.norm(arms, axis=2, keepdims=True)
    cosines = np.stack([(arms[:, i] * arms[:, j]).sum(1) for i, j in ((0, 1), (0, 2), (1, 2))], axis=1)
    a, b, c = cosines.T / 2  # G = 2/m (1 + what couples the bonds)
    weight = np.sqrt(1 + 2 * a * b * c - a * a - b * b - c * c)
    weight *= np.exp(-30.0 * ((np.arccos(cosines) - 1.95)**2).sum(1) / HEAT)
    height = np.linalg.det(arms)
    edges = np.concatenate([[-1.0], np.linspace(-0.6, 0.6, 9), [1.0]])
    free = height_of(swept(star(0), pyramids(1), 260, bend)[60:])
    kept = height_of(swept(star(1), pyramids(1), 160, bend))
    assert (kept > 0).all()
    assert 0.3 < (free < 0).mean() < 0.7
    assert chains.p_value(free, edges, np.histogram(height, edges, weights=weight)[0]) > REFUSED
    upper = edges[5:]
    assert chains.p_value(kept, upper, np.histogram(height, upper, weights=weight)[0]) > REFUSED


@pytest.mark.parametrize("side", [CIS, TRANS])
def test_planar_bonds_are_steered_over_a_high_barrier(side: int) -> None:
    torsion = Bonded("periodic_proper", QUAD, np.array([[np.pi, 60.0, 2.0]]))  # 120 kJ/mol
    wrong = np.random.default_rng(1).uniform(-0.3, 0.3, 40) + (np.pi if side == CIS else 0.0)
    system, atoms = chains.far_apart(sided(ROW, side), twisted(wrong))
    field = chains.field_of(ROW, BEND, torsion)
    frame = HamiltonianMoves(system, field, 300.0).frame(atoms, system.map(atoms), None)
    left = list(Steering(system, field, 300.0, 8, None).steer(frame, (1, 2, "steer", 0)))
    assert left[0] == 40
    assert left == sorted(left, reverse=True)
    assert (sides(frame.atoms[system.groups[0].atoms], QUAD) == side).all()
    np.testing.assert_allclose(system.map(frame.atoms), system.map(atoms), atol=1e-10)


def test_planar_bonds_that_have_only_just_come_to_their_side_are_steered_on() -> None:
    """At 93 degrees of a barrier nothing is another isomer, but all would fall back, which they may not."""
    torsion = Bonded("periodic_proper", QUAD, np.array([[np.pi, 60.0, 2.0]]))
    system, atoms = chains.far_apart(sided(ROW, TRANS), twisted(np.full(40, np.radians(93.0))))
    field = chains.field_of(ROW, BEND, torsion)
    steering = Steering(system, field, 300.0, 8, None)
    frame = HamiltonianMoves(system, field, 300.0).frame(atoms, system.map(atoms), None)
    assert not list(steering.steer(frame, (1, 2, "steer", 0)))
    left = list(steering.steer(frame, (1, 2, "steer", 0), least=0.5))
    assert left[0] == 40
    assert (flatness(frame.atoms[system.groups[0].atoms], QUAD, np.array([TRANS])) >= 0.5).all()


#: Planar bonds and bonds that turn, in turn, six and five of them, two atoms a bead.
LONG = chains.chain(14, [{2 * k: 1, 2 * k + 1: 1} for k in range(7)])
PLANES = np.arange(0, 12, 2)[:, None] + np.arange(4)
PLANAR = replace(LONG, planar=PlanarSides.of(PLANES, [TRANS] * len(PLANES)))
LONG_BENDS = Bonded("harmonic_angle", np.arange(12)[:, None] + np.arange(3), np.tile([2.0, 300.0], (12, 1)))
FLATTENING = Bonded("periodic_proper", PLANES, np.tile([np.pi, 20.0, 2.0], (len(PLANES), 1)))


def crumpled(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Chains (count, 14, 3), nm, at rest and with planar bonds flat; and the same with all torsions at random."""
    torsions = rng.uniform(-np.pi, np.pi, (2, count, 11))
    torsions[0, :, ::2] = np.pi
    torsions[1, :, ::2] = np.pi + np.radians(rng.uniform(40, 60, (count, 6)) * rng.choice([-1, 1], (count, 6)))
    made = np.zeros((2, count, 14, 3))
    for atom in range(1, 14):
        if atom < 3:
            made[..., atom, :] = [[chains.LENGTH, 0, 0], [chains.LENGTH * (1 - np.cos(2.0)),
                                                          chains.LENGTH * np.sin(2.0), 0]][atom - 1]
            continue
        a, b, c = (made[..., atom - k, :] for k in (3, 2, 1))
        along = (c - b) / chains.LENGTH
        normal = np.cross(b - a, along)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        turn = torsions[..., atom - 3, None]
        made[..., atom, :] = c + chains.LENGTH * (-np.cos(2.0) * along + np.sin(2.0) * (
            np.cos(turn) * np.cross(normal, along) + np.sin(turn) * normal))
    return made[0], made[1]


def test_chains_that_are_twisted_become_flat_where_they_are_loosened() -> None:
    """Six planar bonds a chain, each twisted by 40 to 60 degrees, on beads of flat chains; the first is left alone."""
    rng = np.random.default_rng(4)
    true, start = crumpled(rng, 12)
    system, whole = chains.far_apart(PLANAR, true)
    beads = system.map(whole) + rng.normal(scale=0.02, size=(system.n_beads, 3))
    field = chains.field_of(PLANAR, LONG_BENDS, FLATTENING)
    _, wrong = chains.far_apart(PLANAR, start + (true.mean(axis=1) - start.mean(axis=1))[:, None])
    moves = HamiltonianMoves(system, field, 300.0, 10, 5.0, sigma=0.03)
    frame, steering = moves.frame(wrong, beads, None), Steering(system, field, 300.0, 8, moves.sigma)
    around = flags.wound(system, frame.atoms)
    assert around.all()
    around[:7] = False
    steering.loosen(frame, (1, 2, "loosen"), around, 40)
    np.testing.assert_array_equal(steering.moves.sigma, moves.sigma)
    np.testing.assert_array_equal(frame.atoms[:14], wrong[:14])
    flat = flatness(frame.atoms[system.groups[0].atoms[1:]], PLANES, np.full(6, TRANS))
    assert (flat > flags.FLAT).mean() > 0.97
    np.testing.assert_allclose(frame.residual, system.map(frame.atoms) - beads, atol=1e-9)


def test_molecules_are_wound_where_more_planar_bonds_are_twisted_than_by_heat() -> None:
    """Of one in 25 nothing is said; of two in 25 which molecules they are."""
    flat, across = np.full(25, np.pi - 0.1), np.radians(140.0)
    for twisted_ones in ([3], [3, 7]):
        torsions = flat.copy()
        torsions[twisted_ones] = across
        system, atoms = chains.far_apart(sided(ROW, TRANS), twisted(torsions))
        assert np.flatnonzero(flags.wound(system, atoms)).tolist() == (twisted_ones if len(twisted_ones) > 1 else [])


def test_centres_are_steered_over_a_high_barrier_each_type_to_its_own_hand() -> None:
    bend = Bonded("harmonic_angle", np.array([[1, 0, 2], [1, 0, 3], [2, 0, 3]]), np.tile([1.9, 400.0], (3, 1)))
    shapes = pyramids(1)[:20]
    system, atoms = chains.far_apart(star(1), shapes)
    system = replace(system, blocks=((star(1), 10), (star(-1), 10)))
    field = chains.field_of(ROW, bend)
    frame = HamiltonianMoves(system, field, 300.0).frame(atoms, system.map(atoms), None)
    left = list(Steering(system, field, 300.0, 8, None).steer(frame, (1, 2, "steer", 0)))
    assert left[0] == 10
    for group in system.groups:
        assert (handedness(frame.atoms[group.atoms], QUAD) == group.type.chemistry.sign).all()


def test_compiled_signs_are_those_of_the_model() -> None:
    from backmap.engine.hamiltonian.isomers import _signed  # what a trajectory asks, on positions at random

    for points in np.random.default_rng(3).normal(size=(200, 4, 3)):
        assert np.sign(_signed(CENTRE, 0, 1, 2, 3, points)) == handedness(points, QUAD)[0]
        assert np.sign(_signed(BOND, 0, 1, 2, 3, points)) == sides(points, QUAD)[0]
