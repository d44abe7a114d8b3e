"""Markov models and TICA of courses whose time scales are known."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.dynamics.processes import States, alike, counted, modelled, processes

pytest.importorskip("deeptime")

#: A reversible chain of three states, and what its eigenvalues are.
CHAIN = np.array([[0.97, 0.02, 0.01], [0.02, 0.95, 0.03], [0.01, 0.03, 0.96]])
VALUES = np.sort(np.linalg.eigvalsh(CHAIN))[::-1][1:]


def chain(n: int, seed: int = 0, transition: np.ndarray = CHAIN) -> np.ndarray:
    """A course of states, (n,)."""
    rng, course, cumulative = np.random.default_rng(seed), np.zeros(n, dtype=np.int64), transition.cumsum(axis=1)
    uniform = rng.random(n)
    for k in range(1, n):
        course[k] = np.searchsorted(cumulative[course[k - 1]], uniform[k])
    return course


def test_time_scales_of_a_chain_of_three_states() -> None:
    """Within 1 %, by counts as they are expected; a course of a million frames comes within three errors."""
    expected = modelled(np.full(3, 1 / 3)[:, None] * CHAIN * 1e6)
    np.testing.assert_allclose(-1 / np.log(expected.values), -1 / np.log(VALUES), rtol=0.01)
    drawn = modelled(counted(chain(300_000), 3, 1).sum(axis=0))
    np.testing.assert_allclose(-1 / np.log(drawn.values), -1 / np.log(VALUES), rtol=0.05)
    assert alike(drawn, expected, 0) > 0.99


def test_the_circle_has_no_beginning() -> None:
    """Two wells, one of them at 180 degrees: the rate between them is told, whatever side of it angles are on."""
    courses = [chain(20_000, seed, np.array([[0.98, 0.02], [0.02, 0.98]])) for seed in range(4)]
    angles = [np.pi * course[:, None] + np.random.default_rng(9).normal(0, 0.2, (len(course), 1)) for course in courses]
    angles = [np.mod(each + np.pi, 2 * np.pi) - np.pi for each in angles]
    slowest = processes(States(angles, 5), angles, 2.0)[0]
    true = -2.0 / np.log(0.96)
    assert abs(slowest.time.value - true) < 3 * slowest.time.error
    assert 0 < slowest.time.error < 0.1 * true
    assert slowest.component == pytest.approx(true, rel=0.1)


def test_models_of_beads_are_blind_to_what_is_hidden() -> None:
    """Hidden torsions shuffled among frames of equal beads: models of the beads stay, those of hidden ones collapse."""
    rng = np.random.default_rng(3)
    beads = 2.0 * chain(20_000)[:, None] + rng.normal(0, 0.1, (20_000, 1))
    hidden = 2.0 * chain(20_000, 1)[:, None] + rng.normal(0, 0.1, (20_000, 1))
    order = np.arange(20_000)
    for state in range(3):
        place = np.flatnonzero(np.round(beads[:, 0] / 2.0) == state)
        order[place] = rng.permutation(place)
    seen, unseen = States([beads], 2), States([hidden], 2)
    true, same = (processes(seen, [x], 1.0, [beads])[0] for x in (beads, beads.copy()))
    assert same.time == true.time
    assert same.alike == pytest.approx(1.0)
    before, after = (processes(unseen, [x], 1.0, [hidden])[0] for x in (hidden, hidden[order]))
    assert before.time.value == pytest.approx(-1 / np.log(VALUES[0]), abs=3 * before.time.error + 1)
    assert not after.time.value > 0.1 * before.time.value


def test_nothing_is_told_of_one_state() -> None:
    assert modelled(np.array([[5.0, 0.0], [0.0, 0.0]])) is None
