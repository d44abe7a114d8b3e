"""Carried and then moved, atoms have the law of their frame: a rotor beyond three beads whose angles are known.

300 of them do not see each other, so that a chi-squared of mean shares is exact. A carry that bends on purpose is
refused at p < 1e-5, the truth once in 10,000 seeds.
"""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import chains
from tests.rotors import PHI, THETA, carried, densities, torsions

Array = NDArray[np.float64]

REFUSED, SEEN = 1e-4, 1e-5
TURNS, BENDS = np.linspace(-np.pi, np.pi, 13), np.radians([0, 95, 100, 104, 107, 110, 113, 116, 120, 125, 180])


def expected() -> tuple[Array, Array]:
    """Shares of the torsion's and of the angle's bins, by quadrature."""
    return tuple(np.histogram(x, edges, weights=density)[0] / density.sum()
                 for x, edges, density in zip((PHI, THETA), (TURNS, BENDS), densities(), strict=True))


@pytest.mark.parametrize("sweeps", [1, 3, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("friction", [np.inf, 3.0])
def test_a_hidden_rotor_has_its_law_however_many_moves_there_are(sweeps: int, friction: float) -> None:
    states = carried(sweeps, frames=60, burn=20, friction=friction)
    turning, bending = expected()
    assert chains.p_value(torsions(states), TURNS, turning) > REFUSED
    assert chains.p_value(chains.angle_of(states, 1, 2, 3), BENDS, bending) > REFUSED
    assert np.linalg.norm(states[:, :, 3] - states[:, :, 2], axis=-1) == pytest.approx(chains.LENGTH, abs=1e-6)


def test_without_moves_it_stays_where_it_was() -> None:
    states = torsions(carried(0, frames=30, burn=0))
    change = np.angle(np.exp(1j * (states[1:] - states[:-1])))
    assert np.abs(change).mean() < 0.02
    assert np.abs(np.angle(np.exp(1j * (states[-1] - states[0])))).max() < 1.0


def test_a_carry_that_bends_is_seen() -> None:
    """Angles opened by 0.2 radians each time: a sweep does not lead them back."""
    assert chains.p_value(chains.angle_of(carried(1, frames=40, burn=20, bent=0.2), 1, 2, 3), BENDS,
                          expected()[1]) < SEEN


def test_more_moves_forget_more() -> None:
    """Jumps between the two wells: five sweeps make several times as many as one."""
    jumps = {}
    for sweeps in (1, 5):
        side = torsions(carried(sweeps, frames=30, burn=10)) > 0
        jumps[sweeps] = (side[1:] != side[:-1]).mean()
    assert 0 < 2 * jumps[1] < jumps[5]
