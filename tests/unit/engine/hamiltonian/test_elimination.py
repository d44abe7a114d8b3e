"""Sparse factors beside numpy's."""
from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backmap.engine.hamiltonian.elimination import factorised, pattern, solve


def _matrix(size: int, share: float, seed: int) -> np.ndarray:
    """Symmetric, positive, about ``share`` of its entries off the diagonal."""
    rng = np.random.default_rng(seed)
    values = np.tril(rng.normal(size=(size, size)) * (rng.random((size, size)) < share), -1)
    values = values + values.T
    return values + np.diag(np.abs(values).sum(axis=1) + rng.uniform(0.1, 1.0, size))


def _factor(matrix: np.ndarray) -> tuple[tuple, np.ndarray]:
    found = pattern(matrix != 0)
    slots, inverse = found.slots(), np.argsort(found.rank)
    factor = np.zeros(len(found.column))
    for i, j in zip(*np.nonzero(np.tril(np.ones_like(matrix)))):
        value = matrix[inverse[i], inverse[j]]
        assert value == 0 or slots[i, j] >= 0
        if value:
            factor[slots[i, j]] = value
    return found, factor


@settings(deadline=None)  # it compiles
@given(st.integers(0, 40), st.floats(0, 0.5), st.integers(0, 2**32 - 1))
def test_log_det_and_solutions_are_those_of_the_dense_matrix(size: int, share: float, seed: int) -> None:
    matrix = _matrix(size, share, seed)
    found, factor = _factor(matrix)
    value = factorised(found.column, found.diagonal, found.update, found.update_end, factor)
    assert np.isclose(value, np.linalg.slogdet(matrix)[1])
    right = np.random.default_rng(seed + 1).normal(size=size)
    by_rank = np.empty(size)
    by_rank[found.rank] = right
    solve(found.column, found.diagonal, factor, by_rank)
    np.testing.assert_allclose(by_rank[found.rank], np.linalg.solve(matrix, right), rtol=1e-9, atol=1e-12)


def test_a_tree_fills_nothing_whatever_the_order_of_its_rows() -> None:
    rng = np.random.default_rng(3)
    coupled = np.eye(60, dtype=bool)
    name = rng.permutation(60)
    for i in range(1, 60):
        a, b = name[i], name[rng.integers(i)]
        coupled[a, b] = coupled[b, a] = True
    assert len(pattern(coupled).column) == 60 + 59


def test_a_matrix_that_is_not_positive_says_so() -> None:
    found, factor = _factor(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert factorised(found.column, found.diagonal, found.update, found.update_end, factor) == -np.inf
