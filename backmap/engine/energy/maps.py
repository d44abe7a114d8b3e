"""Correction maps of two dihedrals (CMAP): periodic cubic splines through a grid of energies.

Mackerell, Feig, Brooks, J. Comput. Chem. 25, 1400 (2004). A spline of two variables is, in each cell of the grid, fixed
by its value, its slopes and its mixed derivative at the four corners.
"""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


def splines(maps: Array) -> Array:
    """The periodic splines through maps (m, G, G), kJ/mol.

    Returns:
        At every node the value, the derivatives by the first and the second dihedral, and by both, with the distance of
        two nodes as unit of angle, (m, G, G, 4).
    """
    size = maps.shape[-1]
    if not size:
        return np.zeros((*maps.shape, 4))
    slope = _slopes(size)
    first, second = np.einsum("ij,mjk->mik", slope, maps), np.einsum("ij,mkj->mki", slope, maps)
    return np.ascontiguousarray(np.stack([maps, first, second, np.einsum("ij,mjk->mik", slope, second)], axis=-1))


def _slopes(size: int) -> Array:
    """Matrix that takes values of a periodic cubic spline at its nodes to its slopes there, (size, size).

    They follow from s[k-1] + 4 s[k] + s[k+1] = 3 (v[k+1] - v[k-1]): second derivatives are continuous.
    """
    one = np.eye(size)
    after, before = np.roll(one, 1, axis=1), np.roll(one, -1, axis=1)
    return np.linalg.solve(before + 4 * one + after, 3 * (after - before))


def interpolated(maps: Tensor, number: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Energies at dihedrals, differentiable.

    Args:
        maps: As of ``splines``, (m, G, G, 4).
        number: Which map, broadcast against the dihedrals.
        first: -pi to pi, (...).
        second: The same.

    Returns:
        kJ/mol, (...).
    """
    size = maps.shape[1]
    row, along = _cell(first, size)
    column, across = _cell(second, size)
    energy = torch.zeros_like(along)
    for i in range(2):
        value_i, slope_i = _hermite(along, i)
        for j in range(2):
            value_j, slope_j = _hermite(across, j)
            node = maps[number, (row + i) % size, (column + j) % size]
            energy = energy + (value_i * (value_j * node[..., 0] + slope_j * node[..., 2])
                               + slope_i * (value_j * node[..., 1] + slope_j * node[..., 3]))
    return energy


def _cell(angle: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Number of the node before an angle, and how far it is from there to the next."""
    at = (angle + torch.pi) * (size / (2 * torch.pi))
    node = at.detach().floor()
    return node.long() % size, at - node


def _hermite(t: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """What value and slope at one end of a cell count for at ``t`` in it."""
    if end:
        return t * t * (3 - 2 * t), t * t * (t - 1)
    return 1 - t * t * (3 - 2 * t), t * (1 - t) * (1 - t)
