"""Where OpenMM runs: boxes as it wants them, and contexts that give the same bits in every run."""
from __future__ import annotations

import numpy as np
import openmm
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cell(box: Array) -> tuple[Array, Array]:
    """A box as OpenMM wants it: lower-triangular and reduced.

    Returns:
        The box (3, 3), nm, and the rotation (3, 3) that takes positions there: ``positions @ rotation``.
    """
    box = np.array(box, dtype=np.float64)
    turn = np.eye(3)
    if np.abs(np.triu(box, 1)).max() > 1e-9:
        if np.linalg.det(box) < 0:
            box[2] *= -1  # the same lattice
        turn, upper = np.linalg.qr(box.T)
        sign = np.sign(np.diag(upper))
        turn, box = turn * sign, (upper * sign[:, None]).T
    box = np.tril(box)
    box *= np.sign(np.diag(box))[:, None]
    for k, other in ((2, 1), (2, 0), (1, 0)):
        box[k] -= box[other] * np.round(box[k, other] / box[other, other])
    return box, turn


def context(made: openmm.System, integrator: openmm.Integrator, positions: Array) -> openmm.Context:
    """A context on the CPU platform that gives the same bits in every run."""
    platform = openmm.Platform.getPlatformByName("CPU")
    found = openmm.Context(made, integrator, platform, {"Threads": "1", "DeterministicForces": "true"})
    found.setPositions(positions)
    found.computeVirtualSites()
    return found


def positions_of(found: openmm.Context) -> Array:
    """Positions (A, 3), nm, not wrapped."""
    return np.array(found.getState(getPositions=True).getPositions(asNumpy=True)._value)
