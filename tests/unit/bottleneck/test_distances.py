"""Distances, floors and errors: against the divergence that assessors use, and the spread of repeated experiments."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.bottleneck.coarse import CoarseFrames
from backmap_plugins.bottleneck.diagnosis import angles, torsions
from backmap_plugins.bottleneck.distances import Distance, _halves, of_curves, of_kernels, of_values
from backmap_plugins.bottleneck.surroundings import _pairs, _radial, of_packing, taken
from backmap_plugins.molecules.bottleneck import CoarseMolecule

from backmap.model.assessment import divergence
from tests import melts


def test_the_divergence_is_that_of_assessors() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(90, 20, size=(5, 8, 30)), rng.normal(100, 15, size=(4, 6, 30))
    found = of_values("angle", "", x, y, 0, bins=45)
    p, q = (np.histogram(each, 45, (0, 180))[0] for each in (x, y))
    assert found.value == pytest.approx(divergence(p, q))


def test_errors_are_the_spread_of_repeated_experiments() -> None:
    """Laws that differ, so that the divergence is near normal; 60 experiments tell the spread to 9 percent."""
    rng = np.random.default_rng(1)
    found = [of_values("angle", "", rng.normal(90, 15, size=(12, 12, 20)), rng.normal(105, 15, size=(12, 12, 20)), 0,
                       bins=30) for _ in range(60)]
    spread = np.std([each.value for each in found], ddof=1)
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.4)


def test_errors_hold_what_molecules_keep() -> None:
    """Every molecule has a mean of its own in all frames: of 12, that of the law is known no better than to 1/12."""
    def sample(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(90, 20, size=(1, 12, 1)) + rng.normal(0, 5, size=(20, 12, 30))

    rng = np.random.default_rng(2)
    found = [of_values("angle", "", sample(rng), sample(rng) + 30, 0, bins=30) for _ in range(40)]
    spread = np.std([each.value for each in found], ddof=1)
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.5)


def test_halves_follow_each_other() -> None:
    first, second = _halves(4)
    assert (first * 2).tolist() == [[1, 1, 0, 0], [0, 1, 1, 0]]
    assert (first + second).tolist() == [[0.5] * 4] * 2
    one, other = _halves(3)
    assert one.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert other[0].tolist() == [0, 0.5, 0.5]


def test_curves_and_kernels_by_hand() -> None:
    x, y = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[1.0, 1.0]])
    assert of_curves("g(r)", [(x, y)], 0.5, 0).value == pytest.approx((1 + 1) * 0.5)
    points = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 3.0], [1.0, 5.0]])
    found = of_kernels([(points @ points.T, 2)], None, 0)
    assert found.value == pytest.approx(((points[:2].mean(axis=0) - points[2:].mean(axis=0)) ** 2).sum())
    assert found.floor == pytest.approx(4.0)
    assert found.own == pytest.approx(4.0)


@pytest.mark.parametrize(("kind", "value", "floor", "error", "verdict"), [
    ("bond", 0.05, 0.0, 0.0, "same"), ("bond", 0.06, 0.01, 0.02, "differs"), ("bond", 0.06, 0.03, 0.02, "unclear"),
    ("g(r)", 0.04, 0.01, 0.01, "differs"), ("g(r)", 0.04, 0.03, 0.01, "same"),
    ("environments", 0.01, 0.001, 0.001, "differs")])
def test_verdicts(kind: str, value: float, floor: float, error: float, verdict: str) -> None:
    assert Distance(kind, "", value, error, floor, 0.0).verdict == verdict


def test_radial_functions_of_a_gas_are_one() -> None:
    """Ideal chains that do not see each other, counted pair by pair."""
    frames = melts.frames(melts.gaussian(np.random.default_rng(3), 4, 30, 6, 0.3))
    (kind, _), = frames.blocks
    coarse = CoarseFrames(frames, {"KG": CoarseMolecule.of(kind, 2, "last")})
    found = of_packing(coarse, coarse, 0)
    assert found.value == 0
    assert found.floor > 0
    edges = np.linspace(0, 4.0, 9)
    points, expected = coarse.positions(0), np.zeros(8)
    for i in range(len(points)):
        for j in range(i):
            if coarse.molecule[i] != coarse.molecule[j]:
                away = points[i] - points[j]
                r = np.linalg.norm(away - melts.BOX * np.round(away / melts.BOX))
                if r < 4.0:
                    expected[int(r / 0.5)] += 1
    pairs = (90**2 - 30 * 9) / 2
    expected /= pairs * 4 / 3 * np.pi * np.diff(edges**3) / melts.BOX**3
    np.testing.assert_allclose(np.average(_radial(coarse, 0, edges), axis=0, weights=_pairs(coarse)), expected)
    assert _radial(coarse, 0, edges)[:, 2:].mean() == pytest.approx(1, abs=0.1)


def test_frames_are_taken_evenly() -> None:
    assert taken(3) == [0, 1, 2]
    assert len(taken(500)) == 50
    assert taken(500)[::49] == [0, 499]


def test_angles_and_torsions_of_known_points() -> None:
    corner = np.array([[1.0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert angles(corner) == pytest.approx(90)
    trans = np.array([[0.0, 1, 0], [0, 0, 0], [1, 0, 0], [1, -1, 0]])
    assert abs(torsions(trans)) == pytest.approx(180)
    turned = np.array([[0.0, 1, 0], [0, 0, 0], [1, 0, 0], [1, 0, 1]])
    assert torsions(turned) == pytest.approx(90)
