"""Correlations in time, rates and displacements of what was followed, with errors from pieces of it."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from backmap.engine.energy.bonded import dihedral, thirds

Array = NDArray[np.float64]

#: Pieces, of the frames and of the members, from whose scatter errors are taken.
PIECES = 10


@dataclass(frozen=True)
class Estimate:
    """A mean over frames and members, and its standard error; NaN where it is not known."""

    value: float
    error: float

    @classmethod
    def of(cls, samples: Array) -> Estimate:
        """The mean of samples (n, m) of frames and members.

        Samples of successive frames and of one member are alike: the error is the larger of those from ``PIECES``
        pieces of the time, and from as many groups of members where there are so many.
        """
        if not samples.size:
            return cls(np.nan, np.nan)
        by_time, by_member = samples.mean(axis=1), samples.mean(axis=0)
        errors = [_scatter(each) for each in (by_time, by_member) if len(each) >= PIECES]
        return cls(float(samples.mean()), max(errors, default=float("nan")))


def _scatter(values: Array) -> float:
    """Standard error of a mean, from the means of successive pieces."""
    means = [piece.mean() for piece in np.array_split(values, PIECES)]
    return float(np.std(means, ddof=1) / np.sqrt(PIECES))


def torsions_of(positions: Array, atoms: NDArray[np.int64]) -> Array:
    """Angles of torsions (t, 4) in positions (n, m, A, 3), radians, (n, m * t)."""
    angles = dihedral(*(torch.as_tensor(positions[:, :, atoms[:, k]]) for k in range(4)))
    return angles.numpy().reshape(len(positions), -1)


def directions_of(positions: Array, atoms: NDArray[np.int64]) -> Array:
    """Unit vectors from the first to the second of pairs (v, 2) in positions (n, m, A, 3), (n, m * v, 3)."""
    way = positions[:, :, atoms[:, 1]] - positions[:, :, atoms[:, 0]]
    return (way / np.linalg.norm(way, axis=-1, keepdims=True)).reshape(len(positions), -1, 3)


def torsion_correlation(courses: Sequence[Array], lag: int) -> Estimate:
    """C(lag) = (<cos(a(t + lag) - a(t))> - |<e^ia>|^2) / (1 - |<e^ia>|^2) of angles, (n, m) radians of each course."""
    mean = abs(np.mean(np.concatenate([np.exp(1j * angles).ravel() for angles in courses])))**2
    if mean > 1 - 1e-12:
        return Estimate(np.nan, np.nan)
    return Estimate.of((np.concatenate([np.cos(x[lag:] - x[:-lag]) for x in courses]) - mean) / (1 - mean))


def direction_correlation(courses: Sequence[Array], lag: int) -> Estimate:
    """C_2(lag) = <P_2(u(t + lag) . u(t))> of unit vectors, (n, m, 3) of each course: what NMR relaxation sees."""
    return Estimate.of(np.concatenate([1.5 * (x[lag:] * x[:-lag]).sum(axis=-1)**2 - 0.5 for x in courses]))


def jump_rate(courses: Sequence[Array], interval: float) -> Estimate:
    """Changes from one third of the circle to another, per ns, of angles (n, m), radians, every ``interval`` ps."""
    wells = [thirds(torch.as_tensor(x)).numpy() for x in courses]
    found = Estimate.of(np.concatenate([(x[1:] != x[:-1]) * 1.0 for x in wells]))
    return Estimate(found.value / interval * 1e3, found.error / interval * 1e3)


def displacements(atoms: Array, beads: Array) -> Array:
    """How far atoms move from frame to frame once the beads of their molecule are superposed (Kabsch 1976).

    Args:
        atoms: (n, m, A, 3), nm.
        beads: (n, m, B, 3), nm.

    Returns:
        (n - 1, m, A), nm.
    """
    here, there = (beads[k:len(beads) - 1 + k] for k in (0, 1))
    first, second = (x - x.mean(axis=-2, keepdims=True) for x in (here, there))
    product = np.einsum("...bi,...bj->...ij", second, first)
    left, _, right = np.linalg.svd(product)
    left[..., 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[..., None]
    turned = np.einsum("...ij,...aj->...ai", left @ right, atoms[:-1] - here.mean(axis=-2, keepdims=True))
    return np.linalg.norm(atoms[1:] - there.mean(axis=-2, keepdims=True) - turned, axis=-1)
