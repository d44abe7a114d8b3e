"""Correlations in time and rates of courses whose law is known."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.dynamics.courses import (
    Estimate,
    direction_correlation,
    directions_of,
    displacements,
    jump_rate,
    torsion_correlation,
    torsions_of,
)
from scipy.spatial.transform import Rotation

RATE = 0.02  #: jumps from a well, a frame
N_FRAMES, N_ROTORS = 4000, 40


def rotors(seed: int = 0) -> np.ndarray:
    """Rotors of three wells that jump to another at a rate, and shake by 0.15 in their wells, (n, m) radians."""
    rng = np.random.default_rng(seed)
    steps = (rng.random((N_FRAMES, N_ROTORS)) < RATE) * rng.choice([1, 2], (N_FRAMES, N_ROTORS))
    return np.pi / 3 + 2 * np.pi / 3 * np.cumsum(steps, axis=0) + rng.normal(0, 0.15, steps.shape)


@pytest.mark.parametrize("lag", [1, 5, 20, 50])
def test_rotors_of_three_wells_forget_as_they_jump(lag: int) -> None:
    """C(k) = (1 - 3/2 rate)^k e^(-s^2): each jump goes to either other well, whose mean cosine is -1/2."""
    found = torsion_correlation([rotors()], lag)
    expected = (1 - 1.5 * RATE)**lag * np.exp(-0.15**2)
    assert 0 < found.error < 0.02
    assert abs(found.value - expected) < 4 * found.error + 0.005  # the mean is taken from the frames


def test_jumps_are_counted() -> None:
    found = jump_rate([rotors()], 0.5)
    assert found.value == pytest.approx(RATE / 0.5 * 1000, abs=4 * found.error)
    assert found.error == pytest.approx(1000 / 0.5 * np.sqrt(RATE / (N_FRAMES * N_ROTORS)), rel=0.6)


def test_a_jump_over_the_end_of_the_circle_is_one_and_backwards_is_the_same() -> None:
    angles = np.radians([[10.0], [-10.0], [350.0], [10.0]])
    assert jump_rate([angles], 1.0).value == pytest.approx(2 / 3 * 1000)
    course = rotors(3)
    for lag in (1, 7):
        assert torsion_correlation([course[::-1]], lag).value == pytest.approx(torsion_correlation([course], lag).value)


def test_frames_drawn_anew_have_no_correlation() -> None:
    course = np.random.default_rng(1).choice([1, 3, 5], (N_FRAMES, N_ROTORS)) * np.pi / 3
    found = torsion_correlation([course], 1)
    assert abs(found.value) < 4 * found.error
    assert np.isnan(torsion_correlation([np.zeros((100, 3))], 1).value)


def test_vectors_that_turn_freely() -> None:
    """Rotational diffusion in steps of small angles: C_2(k) = <P_2(cos step)>^k."""
    rng = np.random.default_rng(4)
    vectors = [rng.normal(size=(300, 3))]
    vectors[0] /= np.linalg.norm(vectors[0], axis=1, keepdims=True)
    for _ in range(400):
        vectors.append(Rotation.from_rotvec(rng.normal(0, 0.1, (300, 3))).apply(vectors[-1]))
    course = np.array(vectors)
    one = direction_correlation([course], 1).value
    for lag in (5, 10):
        found = direction_correlation([course], lag)
        assert found.value == pytest.approx(one**lag, abs=4 * found.error)


def test_torsions_and_directions_of_positions() -> None:
    for angle in (-2.5, -0.4, 1.0, 3.0):
        atoms = np.array([[0.1, 0, 0], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(angle), 0.1 * np.sin(angle), 0.15]])
        found = torsions_of(atoms[None, None], np.array([[0, 1, 2, 3]]))
        assert found == pytest.approx(np.array([[angle]]))
    np.testing.assert_allclose(directions_of(atoms[None, None], np.array([[1, 2]])), [[[0, 0, 1]]])


def test_displacements_are_those_within_the_beads() -> None:
    rng = np.random.default_rng(5)
    beads, atoms = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 7, 3))
    frames = []
    for _ in range(3):
        turn, shift = Rotation.random(random_state=rng.integers(1 << 30)).as_matrix(), rng.normal(size=3)
        frames.append((atoms @ turn.T + shift, beads @ turn.T + shift, turn))
    course, given = np.array([f[0] for f in frames]), np.array([f[1] for f in frames])
    np.testing.assert_allclose(displacements(course, given), 0, atol=1e-9)
    course[1, :, 2] += 0.1 * frames[1][2][:, 0]
    moved = displacements(course, given)
    np.testing.assert_allclose(moved[:, :, 2], 0.1)
    np.testing.assert_allclose(np.delete(moved, 2, axis=2), 0, atol=1e-9)


def test_errors_of_few_members_come_from_the_time() -> None:
    slow = np.repeat(np.random.default_rng(6).normal(size=(10, 1)), 100, axis=0)  # ten pieces, each of its own mean
    found = Estimate.of(slow)
    assert found.error == pytest.approx(np.std(slow[::100], ddof=1) / np.sqrt(10))
    assert np.isnan(Estimate.of(np.ones((5, 3))).error)
