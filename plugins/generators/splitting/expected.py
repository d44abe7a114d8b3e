"""Where particles of beads are expected before they are drawn: nearer to the beads that they are bonded to.

The mean of a Gaussian chain (springs of equal strength along bonds) whose mass centres are where the beads are. It is
linear in the beads, so that a table of weights is all that has to be kept; along a chain it is the spline through them.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TIE = 1e-3  #: of the spring from each particle to its own bead, for those that no bond ties to anything


def expected(owner: NDArray[np.int64], mass: NDArray[np.float64], bonds: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each bead counts in the expected position of each particle, (n, Q); rows add up to 1.

    Args:
        owner: Bead of each particle, 0 .. Q - 1, (n,); each has one at least.
        mass: Weight of each in the centre of its bead, (n,).
        bonds: Between particles, (m, 2).
    """
    n, q = len(owner), int(owner.max()) + 1
    springs = np.eye(n) * TIE
    for i, j in bonds:
        springs[[i, j], [i, j]] += 1
        springs[[i, j], [j, i]] -= 1
    own = np.eye(q)[owner]
    centre = (own * mass[:, None] / (own.T @ mass)[owner][:, None]).T
    equations = np.block([[springs, centre.T], [centre, np.zeros((q, q))]])
    return np.linalg.solve(equations, np.concatenate([TIE * own, np.eye(q)]))[:n]
