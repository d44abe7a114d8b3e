"""Molecules that nothing ties to their beads: they go where the force field takes them, and beads follow."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backmap.engine.hamiltonian import moves as module
from backmap.engine.hamiltonian.moves import STRAYED, HamiltonianMoves, Tempering
from backmap.model.parameters import BOLTZMANN, COULOMB, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System
from tests import chains

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
CHAINS, BURN, SWEEPS = 60, 20, 20
WIDTH, CUTOFF, CHARGE = 1.2, 0.55, 0.15
C6, C12 = 2e-3, 1e-6
KT = BOLTZMANN * 300
EDGES = np.array([0.0, 0.33, 0.4, 0.47, 0.54, 0.62, 0.75, 1.1])
#: Two atoms of opposite charge on a rigid bond.
DUMBBELL = replace(chains.chain(2, [{0: 1, 1: 1}], [2.0, 2.0]), untied=True)
SHAPE = np.array([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]) * chains.LENGTH
ASIDE = np.array([0.35, 0.0, 0.0])


def field() -> ForceField:
    own = np.array([[0, 1]])
    known = MoleculeParameters("CHN", (), np.zeros(2, dtype=np.int64), np.array([CHARGE, -CHARGE]), own,
                               np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    return ForceField({"CHN": known}, ["X"], np.full((1, 1), C6), np.full((1, 1), C12), CUTOFF, "cutoff", 0.0,
                       "made up")


def distances(first: Array, second: Array) -> Array:
    step = first - second
    return np.linalg.norm(step - WIDTH * np.round(step / WIDTH), axis=-1)


def expected_shares(charge: float = CHARGE) -> Array:
    """Shares of the distance of the centres of two of them, by Boltzmann factors of a million states."""
    rng, n = np.random.default_rng(1), 1_000_000
    centre = (rng.random((n, 3)) - 0.5) * WIDTH
    one, other = (np.einsum("nij,aj->nai", Rotation.random(n, rng=rng).as_matrix(), SHAPE) for _ in range(2))
    energy = np.zeros(n)
    for i in range(2):
        for j in range(2):
            r = distances(one[:, i], other[:, j] + centre)
            pair = C12 / r**12 - C6 / r**6 + COULOMB * charge**2 * (1 if i == j else -1) / r
            energy += np.where(r < CUTOFF, pair, 0.0)
    return np.histogram(distances(centre, np.zeros(3)), EDGES, weights=np.exp(-np.clip(energy, -60, 600) / KT))[0]


def sampled(kind=DUMBBELL, **options: object) -> Array:
    """Distances of the centres, (SWEEPS, CHAINS), each chain from where a bead has put both."""
    system = System(((kind, 2),))
    moves = HamiltonianMoves(system, field(), 300.0, 40, 8.0, **options)
    start, found = np.concatenate([SHAPE, SHAPE + ASIDE]), np.empty((SWEEPS, CHAINS))
    for chain in range(CHAINS):
        frame = moves.frame(start, system.map(start), np.eye(3) * WIDTH)
        for sweep in range(BURN + SWEEPS):
            moves.sweep(frame, (1, 2, chain, sweep))
            if sweep >= BURN:
                found[sweep - BURN, chain] = distances(frame.atoms[:2].mean(axis=0), frame.atoms[2:].mean(axis=0))
    return found


@pytest.mark.parametrize("sigma", [None, 0.05])
def test_two_in_a_box_have_the_distances_of_the_force_field(sigma: float | None) -> None:
    found = sampled(sigma=sigma)
    assert chains.p_value(found, EDGES, expected_shares()) > REFUSED
    assert chains.p_value(found, EDGES, expected_shares(0.0)) < SEEN


def test_beads_follow_between_sweeps_and_fragments_are_found() -> None:
    """However far they have gone, also through several boxes, no bead is far from its molecule."""
    system = System(((DUMBBELL, 2),))
    moves = HamiltonianMoves(system, field(), 300.0, 40, 8.0)
    start = np.concatenate([SHAPE, SHAPE + ASIDE])
    frame = moves.frame(start, system.map(start), np.eye(3) * WIDTH)
    for sweep in range(200):
        moves.sweep(frame, (1, 2, 0, sweep))
    assert np.abs(frame.atoms).max() > 1.2 * WIDTH
    moves.follow(frame)
    away = np.linalg.norm(system.map(frame.atoms) - frame.grid.beads, axis=1)
    assert away.max() < STRAYED
    reach = np.linalg.norm((frame.atoms - np.repeat(frame.grid.beads, 2, axis=0)).reshape(2, 2, 3), axis=2).max(axis=1)
    np.testing.assert_allclose(frame.grid.reach, reach, atol=1e-12)
    moves.follow(frame, 0.0)
    np.testing.assert_allclose(frame.grid.beads, system.map(frame.atoms), atol=1e-12)
    assert not frame.residual.any()


def test_molecules_that_are_tied_stay_on_their_beads_beside_them() -> None:
    tied = replace(DUMBBELL, untied=False, name="TIE")
    system = System(((tied, 1), (DUMBBELL, 1)))
    known = field()
    both = replace(known, molecules=known.molecules | {"TIE": replace(known.molecules["CHN"], name="TIE")})
    moves = HamiltonianMoves(system, both, 300.0, 40, 8.0)
    start = np.concatenate([SHAPE, SHAPE + ASIDE])
    frame = moves.frame(start, system.map(start), np.eye(3) * WIDTH)
    for sweep in range(30):
        moves.sweep(frame, (1, 2, 0, sweep))
    first, second = system.map(frame.atoms)
    assert np.linalg.norm(first) < 1e-6
    assert np.linalg.norm(second - ASIDE) > 0.1
    assert np.linalg.norm(frame.atoms[0] - SHAPE[0]) > 0.01  # it turns


def test_tempered_trajectories_leave_out_what_has_no_barriers() -> None:
    tied = replace(DUMBBELL, untied=False, name="TIE")
    system, known = System(((tied, 2), (DUMBBELL, 3))), field()
    both = replace(known, molecules=known.molecules | {"TIE": replace(known.molecules["CHN"], name="TIE")})
    moves = HamiltonianMoves(system, both, 300.0, 10, 2.0)
    start = np.concatenate([SHAPE + 1.5 * k * ASIDE for k in range(5)])
    frame = moves.frame(start, system.map(start), np.eye(3) * 3.0)
    assert sorted(moves.sweep(frame, (1, 2, 0, 0), tempering=Tempering(2.0, 50.0)).centre) == [0, 1]
    assert sorted(moves.sweep(frame, (1, 2, 0, 1)).centre) == [0, 1, 2, 3, 4]


def test_free_bodies_take_longer_steps_beside_bonds_that_are_springs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With steps as long as those of the others, moves are those of one sweep over all, to the byte."""
    loose = replace(DUMBBELL, untied=False, name="LOO", bond_length=np.full(1, np.nan))
    known = field()
    spring = Bonded("harmonic_bond", np.array([[0, 1]]), np.array([[chains.LENGTH, 1e4]]))
    both = replace(known, molecules=known.molecules | {"LOO": replace(known.molecules["CHN"], name="LOO",
                                                                      bonded=(spring,))})
    system = System(((DUMBBELL, 2), (loose, 1), (DUMBBELL, 1)))
    start = np.concatenate([SHAPE + 1.5 * k * ASIDE for k in range(4)])

    def moved(one_by_one: bool) -> tuple[Array, Array]:
        moves = HamiltonianMoves(system, both, 300.0, 40, 1.0)
        assert moves._bodies.tolist() == [True, True, False, True]
        moves._bodies &= one_by_one
        frame = moves.frame(start, system.map(start), np.eye(3) * 3.0)
        outcomes = [moves.sweep(frame, (1, 2, 0, sweep)) for sweep in range(3)]
        return frame.atoms, np.concatenate([outcome.error for outcome in outcomes])

    longer = moved(True)
    monkeypatch.setattr(module, "LONGER", 1.0)
    same, plain = moved(True), moved(False)
    for one, other in zip(same, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(longer[0] - plain[0]).max() > 1e-3
    rigid = HamiltonianMoves(System(((DUMBBELL, 2),)), known, 300.0, 40, 1.0)
    assert not rigid._bodies.any()


def test_starts_are_made_without_charges_where_molecules_are_free() -> None:
    """Nothing screens them yet; moves themselves have them, and what is set for these holds for both."""
    moves = HamiltonianMoves(System(((DUMBBELL, 2),)), field(), 300.0, 40, 1.0, sigma=0.02)
    moves.pace(2.0, 7)
    moves.soften(0.05)
    bare = moves.uncharged
    assert not bare.layout.charge.any()
    assert (bare.rules, bare.sigma.tolist()) == (moves.rules, [0.05, 0.05])
    start = np.concatenate([SHAPE, (SHAPE + 1.2 * ASIDE)[::-1]])
    frames = [moves.frame(start, moves.system.map(start), np.eye(3) * 3.0) for _ in range(2)]
    everywhere = np.ones(2, dtype=bool)
    for each, frame in zip((moves, bare), frames, strict=True):
        each.descend(frame, (1, 2, 0, 0), everywhere, 20)
    np.testing.assert_array_equal(frames[0].atoms, frames[1].atoms)
    assert moves.sweep(frames[0], (1, 2, 0, 1)).energy != pytest.approx(bare.sweep(frames[1], (1, 2, 0, 1)).energy)
    tied = HamiltonianMoves(System(((replace(DUMBBELL, untied=False), 2),)), field(), 300.0, 40, 1.0)
    assert tied.uncharged is tied
