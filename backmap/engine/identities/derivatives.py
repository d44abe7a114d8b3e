"""First and second derivatives of functions of a few atoms each, many of them at once."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..energy import bonded

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Of m functions of k atoms each, in n molecules.

    Attributes:
        atoms: Of the molecule type, (m, k).
        gradient: By their coordinates, (n, m, 3 k).
        hessian: (n, m, 3 k, 3 k).
    """

    atoms: Index
    gradient: Array
    hessian: Array

    def take(self, rows: Index) -> Derivatives:
        """Those of some of the functions."""
        return Derivatives(self.atoms[rows], self.gradient[:, rows], self.hessian[:, rows])


def derivatives(function: Callable[[Tensor], Tensor], positions: Array, atoms: Index) -> Derivatives:
    """Differentiate a function of atoms twice.

    Args:
        function: Takes (n, m, k, 3) to (n, m), each value from its own k atoms.
        positions: Of molecules, (n, A, 3), nm.
        atoms: (m, k).
    """
    n, (m, k) = len(positions), atoms.shape
    if not m:
        return Derivatives(atoms, np.zeros((n, 0, 3 * k)), np.zeros((n, 0, 3 * k, 3 * k)))
    corners = torch.as_tensor(positions[:, atoms]).requires_grad_()
    slope, = torch.autograd.grad(function(corners).sum(), corners, create_graph=True)
    flat = slope.reshape(n, m, 3 * k)
    if not flat.requires_grad:  # as where every force constant is 0
        return Derivatives(atoms, flat.detach().numpy(), np.zeros((n, m, 3 * k, 3 * k)))
    rows = [torch.autograd.grad(flat[..., c].sum(), corners, retain_graph=c + 1 < 3 * k, materialize_grads=True)[0]
            for c in range(3 * k)]
    return Derivatives(atoms, flat.detach().numpy(), torch.stack(rows, dim=2).reshape(n, m, 3 * k, 3 * k).numpy())


def lengths(positions: Array, pairs: Index) -> Derivatives:
    """Derivatives of distances, nm, of pairs (m, 2)."""
    step = positions[:, pairs[:, 0]] - positions[:, pairs[:, 1]]
    length = np.linalg.norm(step, axis=2)[..., None]
    with np.errstate(all="ignore"):  # atoms in one place have no direction
        unit = step / length
        across = (np.eye(3) - unit[..., :, None] * unit[..., None, :]) / length[..., None]
    hessian = np.concatenate([np.concatenate([across, -across], axis=3), np.concatenate([-across, across], axis=3)],
                             axis=2)
    return Derivatives(pairs, np.concatenate([unit, -unit], axis=2), hessian)


def cosines(positions: Array, atoms: Index) -> Derivatives:
    """Derivatives of cosines of angles (m, 3), which are smooth where atoms lie on a line."""
    return derivatives(_cosine, positions, atoms)


def dihedrals(positions: Array, atoms: Index) -> Derivatives:
    """Derivatives of dihedrals (m, 4), radians."""
    return derivatives(lambda x: bonded.dihedral(*x.unbind(-2)), positions, atoms)


def _cosine(x: Tensor) -> Tensor:
    u, v = x[..., 0, :] - x[..., 1, :], x[..., 2, :] - x[..., 1, :]
    return (u * v).sum(-1) / ((u * u).sum(-1) * (v * v).sum(-1)).sqrt()
