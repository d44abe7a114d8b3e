"""Expected positions of particles that are still to be drawn."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.generators.splitting.expected import TIE, expected


def chain(n: int) -> np.ndarray:
    return np.array([[i, i + 1] for i in range(n - 1)])


def centres(*groups: list[int]) -> np.ndarray:
    """Centres of groups of equal weights."""
    found = np.zeros((len(groups), sum(map(len, groups))))
    for row, members in enumerate(groups):
        found[row, members] = 1 / len(members)
    return found


@pytest.mark.parametrize("known", [([0, 1], [2, 3], [4, 5]), ([0], [1, 2, 3], [4, 5]), ([0, 1, 2, 3, 4, 5],)])
def test_centres_are_met_and_weights_are_those_of_a_mean(known: tuple[list[int], ...]) -> None:
    rows = centres(*known)
    weights = expected(rows, chain(6))
    np.testing.assert_allclose(rows @ weights, np.eye(len(known)), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)


def test_it_is_the_mean_of_a_gaussian_chain() -> None:
    """Against the conditional mean of a normal distribution, whose covariance is that of the springs."""
    n, rows = 7, centres([0, 1], [2, 3, 4], [5], [6])
    ends = np.eye(n)[chain(n)]
    stretched = ends[:, 0] - ends[:, 1]
    covariance = np.linalg.inv(stretched.T @ stretched + TIE * np.eye(n))
    # Ties are to centres, those of the normal distribution to the origin.
    lifted = (rows.T > 0).astype(float)
    across = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T)
    pull = covariance @ (TIE * lifted)
    np.testing.assert_allclose(expected(rows, chain(n)), pull + across @ (np.eye(4) - rows @ pull), atol=1e-9)


def test_particles_that_nothing_ties_are_expected_at_their_centre() -> None:
    weights = expected(centres([0, 1], [2]), np.empty((0, 2), dtype=int))
    np.testing.assert_allclose(weights, [[1, 0], [1, 0], [0, 1]], atol=1e-9)


def test_a_straight_chain_is_expected_straight() -> None:
    """Beads of a straight chain of pairs, two apart: in the middle particles are one apart, but for the ends' pull."""
    found = expected(centres(*([2 * k, 2 * k + 1] for k in range(9))), chain(18)) @ (2.0 * np.arange(9) + 0.5)
    np.testing.assert_allclose(found[6:12], np.arange(6, 12), atol=0.02)
