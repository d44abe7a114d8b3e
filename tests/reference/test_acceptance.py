"""Metropolis sweeps against distributions in closed form, with good generators, bad ones, and broken ones.

40,000 independent molecules and ten bins of equal probability: a density that is off by 4 % (root mean square, as the
Fixman term is in a free trimer) gives a chi-squared of 69 +- 16, and less than 28 in one case of a thousand if it is
right. So such an error is found with a power above 99 %. A missing Jacobian, or a present state that leaks, is off by
30 % and more, which 4000 molecules show with p < 1e-50.

More moves than forget the start add nothing. Draws do not depend on what is there, so of the start, or of any other
state, no more than (1 - a)^n is left after n moves, where a is the share accepted where it is least: below 5e-4 in what
is not slow, and 1e-4 among 40,000 molecules, of which a bin's share is known to 1.5e-3.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment
from tests.acceptance import KT, LENGTH, Tunable, World, angle_field, angles, chain, p_value

N = 40_000
PEEPED = 4000
RIGHT, WRONG = 1e-3, 1e-6  #: p-values above and below which a distribution counts as right and as wrong
BENT = np.array([[np.cos(2.0), np.sin(2.0), 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]) * LENGTH
STIFFNESS = 15.0

GOOD, BAD = Tunable.Options(), Tunable.Options(lump=0.5)


def fixman(angle: np.ndarray) -> np.ndarray:
    return np.sin(angle) * np.sqrt(4 - np.cos(angle)**2)


def pinned(k: float = 0.0) -> World:
    """Trimers whose middle atom is the bead."""
    kind = chain(3, [([1], [1.0])])
    return World(kind, BENT, np.zeros((1, 3)), angle_field(kind, k))


def hung() -> World:
    """Trimers whose first atom is a bead, and whose others are one bead of two atoms."""
    kind = chain(3, [([0], [1.0]), ([1, 2], [0.5, 0.5])])
    start = BENT - BENT[0]
    return World(kind, start, np.array([[0.0, 0, 0], [0.16, 0, 0]]), angle_field(kind, STIFFNESS))


def whole() -> World:
    """Trimers that are one bead, at their centre of mass."""
    kind = chain(3, [([0, 1, 2], [1 / 3] * 3)])
    return World(kind, BENT - BENT.mean(axis=0), np.zeros((1, 3)), angle_field(kind), sigma=0.08)


def potential(angle: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * STIFFNESS * (angle - 2.0)**2 / KT)


def hung_density(angle: np.ndarray) -> np.ndarray:
    """The middle of the outer bond lies at m from the pinned atom, a Gaussian at 0.16 nm says how likely that is."""
    m, away, sigma = LENGTH * np.sqrt(1.25 - np.cos(angle)), 0.16, hung().sigma
    seen = np.exp(-0.5 * ((m - away) / sigma)**2) * -np.expm1(-2 * m * away / sigma**2) / m
    return fixman(angle) * potential(angle) * seen


#: A world, the density of its angle, molecules, and how many moves of one candidate, and of four, forget the start, by
#: generator. Where it is least, 0.84 and 0.96 are accepted of free trimers by the good one, 0.31 and 0.67 by the bad
#: one, and with a potential 0.49 and 0.85, 0.22 and 0.55.
CASES: dict[str, tuple[Callable[[], World], Callable[[np.ndarray], np.ndarray], int, dict[str, dict[int, int]]]] = {
    "free": (pinned, fixman, N, {"good": {1: 5, 4: 3}, "bad": {1: 25, 4: 9}}),
    "with a potential": (lambda: pinned(STIFFNESS), lambda t: fixman(t) * potential(t), 10_000,
                         {"good": {1: 12, 4: 4}, "bad": {1: 31, 4: 10}}),
    "two-atom bead": (hung, hung_density, 4000, {"good": {1: 150, 4: 50}, "bad": {1: 250, 4: 83}}),
    "three-atom bead": (whole, fixman, 4000, {"good": {1: 150, 4: 50}, "bad": {1: 250, 4: 83}}),
}
#: Cases that take long.
SLOW = [("free", "bad", 1), ("free", "bad", 4), ("free", "good", 4), ("with a potential", "good", 1),
        ("with a potential", "bad", 4), *((case, quality, k) for case in ("two-atom bead", "three-atom bead")
                                         for quality in ("good", "bad") for k in (1, 4))]


@pytest.mark.parametrize(("case", "quality", "candidates"), [
    pytest.param(case, quality, k, marks=pytest.mark.slow if (case, quality, k) in SLOW else ())
    for case in CASES for quality in ("good", "bad") for k in (1, 4)])
def test_angles_of_trimers_have_their_density(case: str, quality: str, candidates: int) -> None:
    world, density, n, sweeps = CASES[case]
    generator = Tunable(GOOD if quality == "good" else BAD)
    atoms, share = world().sample(generator, n, sweeps[quality][candidates], candidates)
    assert np.abs(np.linalg.norm(np.diff(atoms, axis=1), axis=2) - LENGTH).max() < 1e-6
    assert p_value(angles(atoms), density, 0.0, np.pi) > RIGHT, share


def test_a_bad_generator_is_accepted_less_often() -> None:
    good, bad = (pinned().sample(Tunable(options), 2000, 4)[1] for options in (GOOD, BAD))
    assert good > 0.85
    assert bad < good - 0.15


def test_stiff_springs_have_no_fixman_term() -> None:
    atoms, _ = pinned().sample(Tunable(GOOD), N, 6, rigid=False)
    assert p_value(angles(atoms), np.sin, 0.0, np.pi) > RIGHT
    assert p_value(angles(atoms), fixman, 0.0, np.pi) < WRONG


@pytest.mark.parametrize(("options", "moves"), [(GOOD, 24), (BAD, 56)], ids=["good", "bad"])
def test_a_bead_of_two_atoms_turns_freely_about_a_gaussian(options: Tunable.Options, moves: int) -> None:
    kind = chain(2, [([0, 1], [0.5, 0.5])])
    start = np.array([[-0.5, 0, 0], [0.5, 0, 0]]) * LENGTH
    world = World(kind, start, np.zeros((1, 3)), angle_field(kind))
    atoms, _ = world.sample(Tunable(options), 4000, moves, 2)
    along = (atoms[:, 1] - atoms[:, 0]) / LENGTH
    centre = atoms.mean(axis=1) / world.sigma
    for axis in range(3):
        assert p_value(along[:, axis], np.ones_like, -1.0, 1.0) > RIGHT
        assert p_value(centre[:, axis], lambda x: np.exp(-0.5 * x * x), -5.0, 5.0) > RIGHT


class NoJacobian(Tunable):
    """Forgets sin(theta) in its density."""

    def jacobian(self, angle: Tensor) -> Tensor:
        return torch.zeros_like(angle)


class Flat(Tunable):
    """Says that everything is as likely as everything else: 1/q is left out."""

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        draw = super().draw(env, rng, candidates)
        return Draw(draw.positions, torch.zeros_like(draw.log_density))

    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        return torch.zeros_like(super().log_density(env, positions))


class Peeping(Tunable):
    """Draws near where the atoms are now, and says how likely that is from there."""

    def _angles(self, env: LocalEnvironment):
        now = angles(self.scene.atoms.numpy().reshape(-1, 3, 3))
        known = super()._angles(env)
        lump = torch.as_tensor(now[self.at:self.at + env.size])
        return type(known)(torch.stack([known.mean[:, 0], lump], dim=1), known.log_sd, known.log_weight)

    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        # Chunks come in the order of the molecules.
        self.at = getattr(self, "next", 0)
        self.next = (self.at + env.size) % PEEPED
        return super().draw(env, rng, candidates)


@pytest.mark.parametrize("broken", [NoJacobian, Flat, Peeping])
def test_what_breaks_detailed_balance_is_seen(broken: type[Tunable]) -> None:
    atoms, _ = pinned(STIFFNESS).sample(broken(BAD), PEEPED, 15)
    assert p_value(angles(atoms), CASES["with a potential"][1], 0.0, np.pi) < WRONG


@pytest.mark.slow
def test_shown_beads_change_the_speed_and_nothing_else() -> None:
    """A generator that meets beads closely, shown beads that move with the atoms; the sigma is that of the target.

    A sigma that is off by 15 % would be refused along each axis in 998 of 1000 cases.
    """
    kind = chain(2, [([0, 1], [0.5, 0.5])])
    start = np.array([[-0.5, 0, 0], [0.5, 0, 0]]) * LENGTH
    world = World(kind, start, np.zeros((1, 3)), angle_field(kind), sigma=0.05, proposal_sigma=0.02)
    atoms, _ = world.sample(Tunable(GOOD), 2000, 150, 2)
    centre = atoms.mean(axis=1) / world.sigma
    for axis in range(3):
        assert p_value(centre[:, axis], lambda x: np.exp(-0.5 * x * x), -5.0, 5.0) > RIGHT
