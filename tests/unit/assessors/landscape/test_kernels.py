"""Kernels between molecules against closed forms and the best assignment."""
from __future__ import annotations

import math

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.kernels import MoleculeKernel, distances, matched
from scipy.optimize import linear_sum_assignment


def environments(seed: int, *shape: int) -> np.ndarray:
    """Vectors of norm 1 without negative numbers, as power spectra mostly are, (..., F)."""
    found = np.random.default_rng(seed).random(shape)
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


def covariances(seed: int, count: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, n, n))


@pytest.mark.parametrize("gamma", [1e-3, 5e-3, 0.0099, 0.01, 0.1, 0.5, 1.0, 10.0])
def test_two_environments_have_a_closed_form(gamma: float) -> None:
    """C is the identity: P_11 = P_22 = 1 / (2 (1 + exp(-1 / gamma))), on both sides of where logarithms begin."""
    found = matched(np.eye(2)[None], gamma)[0]
    assert found == pytest.approx(1 / (1 + math.exp(-1 / gamma)), abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_a_large_gamma_gives_the_mean(n: int) -> None:
    c = covariances(1, 20, n)
    assert matched(c, 1e7) == pytest.approx(c.mean(axis=(1, 2)), abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_a_small_gamma_gives_the_best_assignment(n: int) -> None:
    c = covariances(2, 20, n)
    best = []
    for each in c:
        rows, columns = linear_sum_assignment(-each)
        best.append(each[rows, columns].sum() / n)
    assert matched(c, 1e-5) == pytest.approx(np.array(best), abs=1e-4)


def test_sums_of_logarithms_are_those_of_exponentials() -> None:
    """The two ways of counting meet at the gamma where one takes over, where the rounds suffice for either."""
    c = 0.8 + 0.2 * covariances(3, 50, 6)
    assert matched(c, 0.01 * (1 - 1e-9)) == pytest.approx(matched(c, 0.01), abs=1e-7)


def test_the_match_grows_from_the_mean_to_the_best_assignment() -> None:
    c = covariances(4, 30, 6)
    found = np.stack([matched(c, gamma) for gamma in (10.0, 1.0, 0.1, 0.02, 0.005, 1e-4)])
    assert (np.diff(found, axis=0) > -1e-9).all()
    assert (found[-1] - found[0] > 0.1).all()


@pytest.mark.parametrize("name", ["average", "rematch", "ordered"])
def test_kernels_are_symmetric_and_one_for_a_molecule_with_itself(name) -> None:
    molecules = environments(5, 12, 5, 30)
    found = MoleculeKernel(name).between(molecules, molecules)
    assert found.diagonal() == pytest.approx(1, abs=1e-6)
    assert found == pytest.approx(found.T, abs=1e-6)
    assert (found < 1 + 1e-6).all()
    assert found[0, 1] < 0.999
    assert distances(found).diagonal() == pytest.approx(0, abs=2e-3)  # the root of what float32 leaves of 0


def test_the_average_is_the_product_of_means() -> None:
    first, second = environments(6, 4, 5, 30), environments(7, 6, 5, 30)
    means = [each.mean(axis=1, dtype=np.float64) for each in (first, second)]
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in means]
    assert MoleculeKernel("average").between(first, second) == pytest.approx(unit[0] @ unit[1].T, abs=1e-6)


def test_the_order_of_centres_is_seen_by_the_ordered_kernel_alone() -> None:
    """Along a molecule and against it is one; any other order is another molecule for the ordered kernel only."""
    molecules = environments(8, 10, 6, 30)
    other = molecules[:, [1, 0, 2, 3, 4, 5]]
    for name in ("average", "rematch", "ordered"):
        kernel = MoleculeKernel(name)
        assert kernel.between(molecules, molecules[:, ::-1]).diagonal() == pytest.approx(1, abs=1e-6)
        changed = 1 - kernel.between(molecules, other).diagonal()
        if name == "ordered":
            assert (changed > 1e-3).all()
        else:
            assert changed == pytest.approx(0, abs=1e-6)
    ordered = MoleculeKernel("ordered")
    assert ordered.between(molecules, molecules[:, ::-1]) == pytest.approx(ordered.between(molecules, molecules),
                                                                          abs=1e-6)


def test_one_environment_is_raised_to_zeta() -> None:
    points = environments(9, 7, 1, 30)
    expected = (points[:, 0].astype(np.float64) @ points[:, 0].T.astype(np.float64))**3
    assert MoleculeKernel("environment", zeta=3).between(points, points) == pytest.approx(expected, abs=1e-6)


def test_many_molecules_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    molecules = environments(10, 9, 4, 30)
    whole = MoleculeKernel().between(molecules, molecules)
    monkeypatch.setattr("backmap_plugins.assessors.landscape.kernels.BLOCK", 300)
    assert MoleculeKernel().between(molecules, molecules) == pytest.approx(whole, abs=1e-6)


def test_a_molecule_without_neighbours_is_like_nothing() -> None:
    molecules = environments(11, 3, 4, 30)
    molecules[0] = 0
    found = MoleculeKernel().between(molecules, molecules)
    assert found[0] == pytest.approx(0)
    assert np.isfinite(found).all()
