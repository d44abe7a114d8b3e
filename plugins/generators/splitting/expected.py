"""Where particles are expected before they are drawn: nearer to what they are bonded to.

The mean of a Gaussian network (springs of equal strength along bonds) in which some mass centres are known. It is
linear in these, so that a table of weights is all that has to be kept; along a chain it is a spline through them.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TIE = 1e-3  #: of a spring from each particle to the centre that it is part of, for those that no bond ties to anything


def expected(centres: NDArray[np.float64], bonds: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each centre counts in the expected position of each particle, (n, m); rows add up to 1.

    Args:
        centres: What each particle counts in each known centre, (m, n); rows add up to 1, each particle is in one.
        bonds: Between particles, (b, 2).
    """
    m, n = centres.shape
    springs = np.eye(n) * TIE
    np.add.at(springs, (bonds, bonds), 1)
    springs[bonds[:, 0], bonds[:, 1]] = springs[bonds[:, 1], bonds[:, 0]] = -1
    equations = np.block([[springs, centres.T], [centres, np.zeros((m, m))]])
    return np.linalg.solve(equations, np.concatenate([TIE * (centres.T > 0), np.eye(m)]))[:n]
