"""Flips of stereocentres leave a known distribution of hands as it is, and flips that are always accepted do not."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backmap.engine.hamiltonian.flips import ChainCentres, Flips, log_odds
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.model.isomers import handedness
from backmap.model.mapping import Mapping
from backmap.model.molecule import Chemistry, MoleculeType, graph_of, implied_bead_bonds
from backmap.model.parameters import BOLTZMANN, Bonded
from tests import chains

Array = NDArray[np.float64]

COUNT, TEMPERATURE = 150, 300.0
HEAT = BOLTZMANN * TEMPERATURE
ARMS = [(1, 2), (2, 3), (1, 3)]
REST, STIFFNESS = 1.9, 40.0
#: An improper dihedral that tells hands apart: k (1 + cos(p - p0)).
UNEVEN, PHASE = 3.0, 1.2


def star() -> MoleculeType:
    """A centre with three heavy neighbours and a hydrogen on rigid bonds; one bead."""
    bonds = np.array([[0, 1], [0, 2], [0, 3], [0, 4]])
    element, none = np.array([6, 6, 6, 6, 1]), np.zeros(5, dtype=np.int64)
    chemistry = Chemistry(element, none > 0, none, np.zeros(5), np.ones(4), np.empty((0, 4), dtype=np.int64),
                          np.empty(0, dtype=np.int64))
    mapping = Mapping.from_rows([([0, 1, 2, 3], [1.0] * 4)], graph_of(5, bonds), element > 1)
    return MoleculeType("STAR", ["C", "C1", "C2", "C3", "H"], ["C"] * 5, ["STAR"] * 5, none + 1,
                        np.array([12.0, 12.0, 12.0, 12.0, 1.0]), np.zeros(5), bonds, chemistry, ["B"], ["B"], ["STAR"],
                        np.ones(1, dtype=np.int64), implied_bead_bonds(bonds, mapping), mapping,
                        np.array([0.153, 0.153, 0.153, 0.11]))


def bonded() -> tuple[Bonded, ...]:
    angles = np.array([[i, 0, j] for i, j in [*ARMS, (1, 4), (2, 4), (3, 4)]])
    return (Bonded("harmonic_angle", angles, np.tile([REST, STIFFNESS], (6, 1))),
            Bonded("periodic_improper", np.array([[0, 1, 2, 3]]), np.array([[PHASE, UNEVEN, 1.0]])))


def shapes(seed: int = 5) -> Array:
    """Tetrahedra of either hand, (COUNT, 5, 3), nm."""
    corners = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
    found = np.tile(corners * np.array([0, 0.153, 0.153, 0.153, 0.11])[:, None], (COUNT, 1, 1))
    found[np.random.default_rng(seed).random(COUNT) < 0.5, :, 0] *= -1
    return found


def unit(polar: Array, turned: Array) -> Array:
    return np.stack([np.sin(polar) * np.cos(turned), np.sin(polar) * np.sin(turned), np.cos(polar)], axis=-1)


def bend(u: Array, v: Array) -> Array:
    return 0.5 * STIFFNESS * (np.arccos(np.clip(u @ v if v.ndim == 1 else (u * v).sum(-1), -1, 1)) - REST)**2


def share_by_quadrature(n: int = 26) -> float:
    """Share of the hand +: directions of four arms, the first along z, the second in the plane of x and z."""
    polar, turned = (np.arange(n) + 0.5) * np.pi / n, (np.arange(2 * n) + 0.5) * np.pi / n - np.pi
    light = unit(*np.meshgrid(polar, turned, indexing="ij")).reshape(-1, 3)
    sphere = np.repeat(np.sin(polar), 2 * n)
    first, total = np.array([0.0, 0.0, 1.0]), np.zeros(2)
    for one in polar:
        second = unit(np.array(one), np.array(0.0))
        third = unit(*np.meshgrid(polar, turned, indexing="ij")).reshape(-1, 3)
        energy = bend(second, first) + bend(third, first) + bend(third, second)
        near = energy < 14 * HEAT
        third, weight = third[near], (np.sin(one) * sphere)[near] * np.exp(-energy[near] / HEAT)
        given = np.exp(-(bend(light, first) + bend(light, second)) / HEAT) * sphere
        weight *= np.array([(given * np.exp(-bend(light, each) / HEAT)).sum() for each in third])
        arms = np.stack(np.broadcast_arrays(np.zeros(3), first, second, third), axis=1) * 0.153
        weight *= np.exp(-UNEVEN * (1 + np.cos(dihedral(arms) - PHASE)) / HEAT)
        sign = handedness(arms, np.array([[0, 1, 2, 3]]))[:, 0]
        total += [weight[sign > 0].sum(), weight[sign < 0].sum()]
    return float(total[0] / total.sum())


def dihedral(arms: Array) -> Array:
    """Of the atoms 0 to 3, (...)."""
    b1, b2, b3 = (arms[..., k + 1, :] - arms[..., k, :] for k in range(3))
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    return np.arctan2((np.cross(n1, n2) * b2).sum(-1) / np.linalg.norm(b2, axis=-1), (n1 * n2).sum(-1))


def stars(always: float = 0.0) -> tuple[HamiltonianMoves, Frame, Flips]:
    """Moves of far-apart stars, where they begin, and their flips."""
    kind = star()
    system, atoms = chains.far_apart(kind, shapes())
    moves = HamiltonianMoves(system, chains.field_of(kind, *bonded()), TEMPERATURE, 20, 1.0, sigma=5.0,
                             fixman_potential=True)
    rows = np.arange(COUNT)
    centres = ChainCentres(np.arange(5 * COUNT).reshape(-1, 5), rows, 5 * rows, np.zeros(COUNT, dtype=bool))
    centres = centres if not always else Always(centres.atoms, centres.molecule, centres.first, centres.follows)
    return moves, moves.frame(atoms, system.map(atoms), None), Flips(moves, centres, always, 400.0)


def shares(always: float = 0.0, sweeps: int = 20) -> tuple[Array, Array, Array]:
    """Share of + of each molecule after each flip; hands before flips, and their works."""
    moves, frame, flips = stars(always)
    hands, tried = [], []
    for sweep in range(sweeps):
        for number in range(2):
            moves.sweep(frame, (1, 0, sweep, number))
        tried.append(flips.sweep(frame, (1, 1, sweep)))
        hands.append(flips.centres.hands(frame.atoms))
    kept = slice(sweeps // 4, None)
    return (np.array(hands[kept]) > 0, np.array([each.hand for each in tried[kept]]),
            np.array([each.work for each in tried[kept]]))


class Always(ChainCentres):
    """A turn to the other hand that is always welcome: mirror and relax."""

    def change(self, hands: NDArray[np.int64], one: int) -> int:
        return 1


def test_hands_of_one_centre_follow_the_quadrature() -> None:
    truth = share_by_quadrature()
    assert 0.6 < truth < 0.95 or 0.05 < truth < 0.4
    plus, hand, work = shares()
    own = plus.mean(axis=0)
    assert abs(own.mean() - truth) < 3.0 * own.std() / np.sqrt(COUNT)
    moved = (plus[1:] != plus[:-1]).mean()
    assert moved > 0.05  # hands do change
    found = log_odds(hand.ravel(), work.ravel())
    assert abs(found - np.log(truth / (1 - truth))) < 0.15
    mirrored = shares(always=100.0, sweeps=8)[0].mean(axis=0)
    assert abs(mirrored.mean() - truth) > 5.0 * max(mirrored.std(), 0.1) / np.sqrt(COUNT)


def test_ways_back_leave_the_frame_as_it_is_and_tell_the_odds_from_either_hand_alone() -> None:
    (_, plain, flips), (_, frame, _), found = stars(), stars(), []
    for sweep in range(3):
        flips.sweep(plain, (2, sweep))
        found.append(flips.sweep(frame, (2, sweep), back=True))
        np.testing.assert_array_equal(frame.atoms, plain.atoms)
        np.testing.assert_array_equal(frame.grid.reach, plain.grid.reach)
    hand, work, back, accepted = (np.array([getattr(each, name) for each in found]).ravel()
                                  for name in ("hand", "work", "back", "accepted"))
    assert np.array_equal(np.isnan(back), accepted | np.isinf(work))
    truth = share_by_quadrature()
    for sign in (1, -1):
        own, made = hand == sign, (hand == sign) & ~np.isnan(back)
        told = log_odds(np.concatenate([hand[own], -hand[made]]), np.concatenate([work[own], back[made]]))
        assert abs(told - np.log(truth / (1 - truth))) < 0.4


def test_led_flips_leave_a_centre_turned_over_as_often_as_both_works_ask_for() -> None:
    _, frame, flips = stars()
    for sweep in range(2):
        tried = flips.sweep(frame, (3, sweep), back=True, led=True)
        worth = 0.5 * (tried.work - tried.back)  # NaN where its work alone had it accepted
        assert tried.accepted[(worth < 0) & np.isfinite(worth)].all()
        unlikely = np.isfinite(worth) & (worth > 6)
        assert unlikely.any()
        assert not tried.accepted[unlikely].any()
        assert tried.accepted[np.isfinite(worth)].any()
        np.testing.assert_array_equal(flips.centres.hands(frame.atoms), np.where(tried.accepted, -1, 1) * tried.hand)
        np.testing.assert_allclose(frame.residual, flips.moves.system.map(frame.atoms) - frame.grid.beads, atol=1e-9)


def test_meso_dyads_that_a_turn_makes() -> None:
    centres = ChainCentres(np.zeros((4, 5), dtype=int), np.array([0, 0, 0, 1]), np.zeros(4, dtype=int),
                      np.array([False, True, True, False]))
    hands = np.array([1, -1, -1, 1])
    assert [centres.change(hands, one) for one in range(4)] == [1, 0, -1, 0]


@pytest.mark.parametrize("odds", [-3.0, 0.5, 6.0])
def test_odds_by_works_of_known_odds(odds: float) -> None:
    """Gaussian works of one width that belong together: means odds + s^2/2 and -odds + s^2/2."""
    rng, width = np.random.default_rng(3), 2.0
    up, down = (rng.normal(sign * odds + width**2 / 2, width, 4000) for sign in (1, -1))
    hand = np.repeat([1, -1], [4000, 4000])
    assert abs(log_odds(hand, np.concatenate([up, down])) - odds) < 0.15
    assert abs(log_odds(hand[:5000], np.concatenate([up, down[:1000]])) - odds) < 0.3
    if abs(odds) < 1:
        assert abs(log_odds(hand[:4000], up) - odds) < 0.5


def test_works_without_end_say_nothing_of_the_other_hand() -> None:
    assert log_odds(np.ones(3, dtype=int), np.full(3, np.inf)) == 60.0
