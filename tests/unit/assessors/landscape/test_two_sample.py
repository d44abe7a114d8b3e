"""Two-sample tests: levels, power, pairs, and what too few frames allow."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.two_sample import Pairing, classified, discrepancy, mean_kernels
from scipy import stats

FRAMES, POINTS, FEATURES = 12, 8, 5


def frames(rng: np.random.Generator, n: int = FRAMES, shift: float = 0.0) -> list[np.ndarray]:
    """Frames of points on a sphere; what is in one frame is not independent."""
    made = rng.normal(size=(n, 1, FEATURES)) * 0.5 + rng.normal(size=(n, POINTS, FEATURES)) + 1
    made[..., 0] += shift
    return list((made / np.linalg.norm(made, axis=2, keepdims=True)).astype(np.float32))


def pairing(n: int, m: int, paired: bool) -> Pairing:
    return Pairing(np.arange(n), n + np.arange(m)[:, None], paired)


@pytest.mark.parametrize("paired", [True, False])
def test_p_values_of_the_same_distribution_are_uniform(paired: bool) -> None:
    """Kolmogorov-Smirnov over 200 pairs of sets; frames that share their beads are made alike where there are pairs."""
    rng, found = np.random.default_rng(1), []
    for seed in range(200):
        ours, theirs = frames(rng), frames(rng)
        if paired:
            theirs = [(0.7 * a + 0.3 * b) for a, b in zip(ours, theirs)]
            swapped = rng.random(FRAMES) < 0.5
            ours, theirs = ([b if s else a for a, b, s in zip(one, other, swapped)]
                            for one, other in ((ours, theirs), (theirs, ours)))
        kernel = mean_kernels([*ours, *theirs], 2)
        found.append(discrepancy(kernel, pairing(FRAMES, FRAMES, paired), 199, seed).p)
    assert stats.kstest(found, "uniform").pvalue > 0.01


@pytest.mark.parametrize("paired", [True, False])
def test_a_shift_is_seen(paired: bool) -> None:
    rng = np.random.default_rng(2)
    kernel = mean_kernels([*frames(rng), *frames(rng, shift=1.5)], 2)
    found = discrepancy(kernel, pairing(FRAMES, FRAMES, paired), 999, 1)
    assert found.p is not None
    assert found.p < 0.01
    assert found.value > 0


def test_the_same_frames_are_not_apart() -> None:
    same = frames(np.random.default_rng(3))
    found = discrepancy(mean_kernels([*same, *same], 2), pairing(FRAMES, FRAMES, True), 499, 1)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.p == 1


def test_mean_kernels_by_moments_are_those_of_all_pairs() -> None:
    made = frames(np.random.default_rng(4), 4)
    slow = [[np.mean((a.astype(float) @ b.astype(float).T)**2) for b in made] for a in made]
    np.testing.assert_allclose(mean_kernels(made, 2), slow, atol=1e-6)
    slow = [[np.mean((a.astype(float) @ b.astype(float).T)**3) for b in made] for a in made]
    np.testing.assert_allclose(mean_kernels(made, 3), slow, atol=1e-6)


def test_few_frames_give_no_p_value() -> None:
    """Four pairs have 2^4 exchanges, of which half are the same: no p below 1/8."""
    rng = np.random.default_rng(5)
    kernel = mean_kernels([*frames(rng, 4), *frames(rng, 4, shift=3)], 2)
    assert pairing(4, 4, True).finest == 1 / 8
    assert discrepancy(kernel, pairing(4, 4, True), 500, 1).p is None


class Remembering:
    """Tells frames that it was shown from others, by heart: wrong on all that it has not seen."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.known = {row.tobytes(): label for row, label in zip(x, y)}

    def predict(self, x: np.ndarray) -> np.ndarray:
        assert not any(row.tobytes() in self.known for row in x)  # neither a frame nor its twin was learned
        return np.zeros(len(x), dtype=int)


def test_both_frames_of_a_pair_are_in_one_fold() -> None:
    twins = frames(np.random.default_rng(6))
    found = classified(twins, twins, True, 1, Remembering)
    assert found is not None
    assert found.accuracy == 0.5
    assert found.error == 0


def test_a_classifier_tells_what_is_different_and_nothing_else() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(7)
    ours = frames(rng, 40)
    alike = classified(ours, frames(rng, 40), False, 1)
    apart = classified(ours, frames(rng, 40, shift=8), False, 1)
    assert alike is not None
    assert apart is not None
    assert abs(alike.accuracy - 0.5) < 4 * alike.error
    assert apart.accuracy > 0.9
    assert classified(ours[:4], ours[:4], True, 1) is None
