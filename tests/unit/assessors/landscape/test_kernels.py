"""Kernels of molecules against closed forms and exact assignments."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.assessors.landscape.kernels import MoleculeKernel, distances, matched
from scipy.optimize import linear_sum_assignment


def covariances(seed: int, count: int = 20, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.3, 1.0, size=(count, n, n))


@pytest.mark.parametrize("gamma", [0.005, 0.05, 0.5, 5.0])
def test_two_environments_that_are_unlike_match_as_the_closed_form_says(gamma: float) -> None:
    """C = 1: P_11 = 1 / (2 (1 + exp(-1/gamma))), and Tr(P^T C) = 2 P_11."""
    [found] = matched(np.eye(2)[None], gamma)
    assert found == pytest.approx(1 / (1 + np.exp(-1 / gamma)), abs=1e-9)


def test_a_large_gamma_is_the_mean() -> None:
    c = covariances(1)
    np.testing.assert_allclose(matched(c, 1e6), c.mean(axis=(1, 2)), atol=1e-6)


def test_a_small_gamma_is_the_best_assignment() -> None:
    c = covariances(2)
    best = [one[linear_sum_assignment(-one)].mean() for one in c]
    np.testing.assert_allclose(matched(c, 1e-4), best, atol=1e-4)


@pytest.mark.parametrize("name", ["rematch", "average", "ordered"])
def test_kernels_are_one_for_a_molecule_with_itself(name: str) -> None:
    molecules = np.random.default_rng(3).random((4, 5, 7)).astype(np.float32)
    molecules /= np.linalg.norm(molecules, axis=2, keepdims=True)
    found = MoleculeKernel(name).between(molecules, molecules)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert distances(found).max() > 0.05


def test_only_the_ordered_kernel_sees_order_and_none_sees_the_end_that_is_first() -> None:
    rng = np.random.default_rng(4)
    molecule = rng.random((1, 6, 9)).astype(np.float32)
    molecule /= np.linalg.norm(molecule, axis=2, keepdims=True)
    shuffled, turned = molecule[:, [2, 0, 1, 5, 3, 4]], molecule[:, ::-1]
    for name, sees in (("average", False), ("rematch", False), ("ordered", True)):
        kernel = MoleculeKernel(name)
        assert kernel.between(molecule, turned)[0, 0] == pytest.approx(1, abs=1e-6)
        assert (kernel.between(molecule, shuffled)[0, 0] < 0.99) == sees
