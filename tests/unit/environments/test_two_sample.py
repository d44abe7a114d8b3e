"""Two-sample tests: uniform p-values where there is no difference, and differences that are found."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.environments.two_sample import (
    FOLDS,
    Discrepancy,
    Pairing,
    classified,
    discrepancy,
    mean_kernels,
)
from scipy.stats import kstest

#: Environments of a frame, and features of each.
POINTS, FEATURES = 6, 4

Frames = list[np.ndarray]


def frames(rng: np.random.Generator, beads: np.ndarray, shift: float = 0.0) -> Frames:
    """Frames (POINTS, FEATURES) about middles of their own (n, FEATURES), which stand for their beads."""
    drawn = rng.normal(size=(len(beads), POINTS, FEATURES))
    return list((beads[:, None] + drawn + shift).astype(np.float32))


def pairing(n: int, m: int, paired: bool, replicas: int = 1) -> Pairing:
    """The reference's n frames first, then m of the candidate, replica after replica."""
    return Pairing(np.arange(n), n + np.arange(m)[:, None] + m * np.arange(replicas), paired)


def compared(reference: Frames, candidate: Frames, which: Pairing, seed: int = 1, zeta: int = 1) -> Discrepancy:
    return discrepancy(mean_kernels([*reference, *candidate], zeta), which, 199, seed)


@pytest.mark.parametrize(("paired", "replicas"), [(True, 1), (True, 2), (False, 1)])
def test_p_values_are_uniform_where_nothing_differs(paired: bool, replicas: int) -> None:
    """200 repeats, Kolmogorov-Smirnov p > 0.01: fails where the share below any p is off by 0.12 or more."""
    found = []
    for repeat in range(200):
        rng = np.random.default_rng([7, repeat])
        beads = rng.normal(size=(12, FEATURES))
        true = frames(rng, beads)
        if not paired:
            beads = rng.normal(size=beads.shape)
        drawn = [each for _ in range(replicas) for each in frames(rng, beads)]
        found.append(compared(true, drawn, pairing(12, 12, paired, replicas), seed=repeat).p)
    assert kstest(found, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("paired", "shift"), [(True, 0.5), (False, 2.0)])
def test_a_shift_is_found(paired: bool, shift: float) -> None:
    """Of 20 repeats, all: within pairs a smaller shift, as the beads that frames share are no noise there."""
    found = []
    for repeat in range(20):
        rng = np.random.default_rng([8, repeat])
        beads = rng.normal(size=(12, FEATURES))
        true = frames(rng, beads)
        drawn = frames(rng, beads if paired else rng.normal(size=beads.shape), shift)
        found.append(compared(true, drawn, pairing(12, 12, paired)).p)
    assert max(found) < 0.02


def test_more_environments_in_as_many_frames_are_no_more_power() -> None:
    """Each environment 100 times over: frames are exchanged as before, and the p-value is the same."""
    rng = np.random.default_rng(9)
    beads = rng.normal(size=(8, FEATURES))
    few = frames(rng, beads)
    many = [np.repeat(each, 100, axis=0) for each in few]
    which = pairing(4, 4, False)
    assert compared(many[:4], many[4:], which).p == pytest.approx(compared(few[:4], few[4:], which).p)


def test_the_value_is_the_sum_of_three_means() -> None:
    rng = np.random.default_rng(10)
    true, drawn = frames(rng, rng.normal(size=(5, FEATURES))), frames(rng, rng.normal(size=(7, FEATURES)), 1.0)
    x, y = (np.concatenate(each).astype(np.float64) for each in (true, drawn))
    expected = ((x @ x.T)**2).mean() + ((y @ y.T)**2).mean() - 2 * ((x @ y.T)**2).mean()
    assert compared(true, drawn, pairing(5, 7, False), zeta=2).value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("zeta", [1, 2, 3])
def test_mean_kernels_are_the_means_of_all_pairs(zeta: int) -> None:
    rng = np.random.default_rng(11)
    some = frames(rng, rng.normal(size=(4, FEATURES)))
    expected = [[((a.astype(np.float64) @ b.T)**zeta).mean() for b in some] for a in some]
    assert mean_kernels(some, zeta) == pytest.approx(np.array(expected), rel=1e-5)


@pytest.mark.parametrize("paired", [True, False])
def test_equal_frames_do_not_differ(paired: bool) -> None:
    rng = np.random.default_rng(12)
    some = frames(rng, rng.normal(size=(8, FEATURES)))
    found = compared(some, some, pairing(8, 8, paired))
    assert found.value == pytest.approx(0, abs=1e-6)
    assert found.p == 1


@pytest.mark.parametrize("paired", [True, False])
def test_the_order_of_frames_in_time_does_not_matter(paired: bool) -> None:
    rng = np.random.default_rng(13)
    beads = rng.normal(size=(12, FEATURES))
    true, drawn = frames(rng, beads), frames(rng, beads, 0.2)
    turned = rng.permutation(12)
    first, second = (compared(a, b, pairing(12, 12, paired)) for a, b in (
        (true, drawn), ([true[k] for k in turned], [drawn[k] for k in turned])))
    assert first.value == pytest.approx(second.value, rel=1e-9)
    assert first.p == pytest.approx(second.p, abs=0.15)  # of 199 exchanges each, drawn anew


@pytest.mark.parametrize(("which", "finest"), [
    (pairing(2, 2, False), 1 / 3), (pairing(3, 3, False), 1 / 10), (pairing(4, 4, False), 1 / 35),
    (pairing(3, 4, False), 1 / 35), (pairing(1, 9, False), 1 / 10), (pairing(4, 4, True), 1 / 8),
    (pairing(5, 5, True), 1 / 16), (pairing(6, 6, True), 1 / 32), (pairing(2, 2, True, 2), 1 / 9),
    (pairing(3, 3, True, 2), 1 / 27)])
def test_the_finest_p_value_is_what_exchanges_can_give(which: Pairing, finest: float) -> None:
    """All exchanges are gone through for so few frames: sets far apart get the finest p, or none above 0.05."""
    assert which.finest == pytest.approx(finest)
    n, (m, replicas) = len(which.reference), which.candidate.shape
    rng = np.random.default_rng(14)
    true = frames(rng, np.zeros((n, FEATURES)))
    drawn = [each for _ in range(replicas) for each in frames(rng, np.zeros((m, FEATURES)), 50.0)]
    found = compared(true, drawn, which)
    assert found.value > 1
    assert found.p == (pytest.approx(finest) if finest <= 0.05 else None)


class Known:
    """A classifier that says of a point what it was taught, and remembers which points it saw."""

    taught: list[set[float]]

    def __init__(self) -> None:
        self.taught, self.asked = [], []

    def __call__(self, x: np.ndarray, y: np.ndarray) -> Known:
        self.taught.append(set(x[:, 0].tolist()))
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        self.asked.append((len(self.taught) - 1, set(x[:, 0].tolist())))
        return np.zeros(len(x))


def numbered(count: int, mark: float = 0.0) -> Frames:
    """Frames whose features are the frame's number."""
    return [np.full((POINTS, FEATURES), k + mark, dtype=np.float32) for k in range(count)]


def test_both_of_a_pair_are_in_one_fold() -> None:
    """Whoever is asked of a frame has been taught neither that frame nor the other one of its beads."""
    known = Known()
    told = classified(numbered(11), numbered(11), True, 3, known)
    assert len(known.taught) == FOLDS
    assert len(known.asked) == 22
    assert all(not known.taught[model] & frame for model, frame in known.asked)
    assert all(len(taught) in (8, 9) for taught in known.taught)
    assert told is not None
    assert told.accuracy == 0.5  # it says 0 always


def test_every_frame_is_asked_once_without_being_taught() -> None:
    known = Known()
    classified(numbered(7), numbered(13, 100.0), False, 3, known)
    assert sorted(next(iter(frame)) for _, frame in known.asked) == [*range(7), *(100.0 + k for k in range(13))]
    assert all(not known.taught[model] & frame for model, frame in known.asked)


def test_too_few_frames_get_no_classifier() -> None:
    assert classified(numbered(FOLDS - 1), numbered(20), False, 1, Known()) is None
    assert classified(numbered(FOLDS), numbered(FOLDS), False, 1, Known()) is not None


@pytest.mark.parametrize("paired", [True, False])
def test_a_classifier_tells_different_sets_and_not_equal_ones(paired: bool) -> None:
    pytest.importorskip("sklearn")
    right: dict[float, list[float]] = {0.0: [], 3.0: []}
    for repeat in range(4):
        rng = np.random.default_rng([15, repeat])
        for shift, accuracies in right.items():
            beads = np.zeros((40, FEATURES))
            told = classified(frames(rng, beads), frames(rng, beads, shift), paired, 2)
            assert told is not None
            accuracies.append(told.accuracy)
            assert (0 < told.error < 0.05) if shift == 0 else told.error < 0.01
    assert np.mean(right[0.0]) == pytest.approx(0.5, abs=0.04)  # 1,920 environments: 3.5 times 0.0114
    assert min(right[3.0]) > 0.9


def test_labels_of_unequal_number_weigh_the_same() -> None:
    """Of two equal sets, one four times as large, half is told right, and not four fifths."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(16)
    told = classified(frames(rng, np.zeros((20, FEATURES))), frames(rng, np.zeros((80, FEATURES))), False, 2)
    assert told is not None
    assert told.accuracy == pytest.approx(0.5, abs=0.1)
