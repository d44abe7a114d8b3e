"""Densities in a window of the plane: linear between the nodes of a grid, so that norm and draws are exact.

A density is a mixture of hats, products of triangles around each node of W columns (first coordinate) and G rows. The
weight of a hat is room exp(c), where ``room`` is given on every node and c on every second one, with the mean of its
neighbours on those between; beyond the last place c stays as it is. The window begins somewhere in its first cell: hats
are cut off there. Places are in units of the spacing, from the first node. Compiled: rows are small and many.
"""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backmap.engine.compiling.compiled import compiled, part

Array = NDArray[np.float64]
Grid = NDArray[np.float32]


class LogDensity(torch.autograd.Function):
    """ln of densities at places, (m,) float64; differentiable in c.

    Inputs: c (m, wide, high) float32, room (m, W, G) float32, where windows begin (m,), places (m, 2). -inf outside.
    """

    @staticmethod
    def forward(context, c: Tensor, room: Tensor, begin: Tensor, place: Tensor) -> Tensor:
        """Log-densities (m,); their derivatives with respect to c are computed with them and kept."""
        found, slope = np.empty(len(c)), torch.empty_like(c)
        _evaluate(c.detach().numpy(), room.numpy(), begin.numpy(), place.numpy(), found, slope.numpy())
        context.save_for_backward(slope)
        return torch.from_numpy(found)

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of ``c`` alone; the other arguments have none."""
        slope, = context.saved_tensors
        return slope * gradient[:, None, None].float(), None, None, None


def log_density(c: Tensor, room: Tensor, begin: Tensor, place: Tensor) -> Tensor:
    """ln of the density of each row at a place, spacing 1: see ``LogDensity``."""
    return LogDensity.apply(c.contiguous(), room, begin, place.contiguous())


def draw(c: Tensor, room: Tensor, begin: Tensor, rng: np.random.Generator) -> Tensor:
    """A place of each row, (m, 2)."""
    place = np.empty((len(c), 2))
    _draw(c.detach().contiguous().numpy(), room.numpy(), begin.numpy(), rng.random((len(c), 6)), place)
    return torch.from_numpy(place)


def pooled(room: Tensor) -> Tensor:
    """Sums of room over two by two nodes, (m, wide, high)."""
    m, columns, rows = room.shape
    found = torch.zeros(m, -(-columns // 2), -(-rows // 2))
    _pool(room.numpy(), found.numpy())
    return found


@compiled
def _pool(room: Grid, found: Grid) -> None:
    m, columns, rows = room.shape
    for k in range(m):
        for i in range(columns):
            for j in range(rows):
                found[k, i // 2, j // 2] += room[k, i, j]


@part(error_model="numpy")
def _weights(c: Grid, room: Grid, begin: float, coarse: Grid, fine: Grid) -> float:
    """Mass of every node's hat into ``fine`` (W, G), up to a factor; returns their sum."""
    columns, rows = room.shape
    wide, high = c.shape
    most = c.max()
    for a in range(wide):
        for b in range(high):
            coarse[a, b] = np.exp(c[a, b] - most)
    total = 0.0
    for i in range(columns):
        a = i // 2
        after = min(a + i % 2, wide - 1)
        mass = 1.0
        if i == 0:
            mass = 0.5 * (1 - begin)**2
        elif i == 1:
            mass = 1 - 0.5 * begin * begin
        elif i == columns - 1:
            mass = 0.5
        for j in range(rows):
            b = j // 2
            over = min(b + j % 2, high - 1)
            left, right = np.sqrt(coarse[a, b] * coarse[a, over]), np.sqrt(coarse[after, b] * coarse[after, over])
            fine[i, j] = np.float32(mass) * room[i, j] * np.sqrt(left * right)
        fine[i, 0] *= 0.5
        fine[i, rows - 1] *= 0.5
        subtotal = np.float32(0.0)
        for j in range(rows):
            subtotal += fine[i, j]
        total += subtotal
    return total


@part
def _c(c: Grid, i: int, j: int) -> float:
    """c at a node."""
    wide, high = c.shape
    a, b = i // 2, j // 2
    after, over = min(a + i % 2, wide - 1), min(b + j % 2, high - 1)
    return 0.25 * (c[a, b] + c[a, over] + c[after, b] + c[after, over])


@part
def _spread(slope: Grid, i: int, j: int, value: float) -> None:
    """Add to the slopes of c what a node's logarithm adds."""
    wide, high = slope.shape
    a, b = i // 2, j // 2
    after, over, quarter = min(a + i % 2, wide - 1), min(b + j % 2, high - 1), np.float32(0.25 * value)
    slope[a, b] += quarter
    slope[a, over] += quarter
    slope[after, b] += quarter
    slope[after, over] += quarter


@compiled(error_model="numpy")
def _evaluate(c: Grid, room: Grid, begin: Array, place: Array, found: Array, slope: Grid) -> None:
    m, columns, rows = room.shape
    coarse, fine = np.empty(c.shape[1:], dtype=np.float32), np.empty((columns, rows), dtype=np.float32)
    for k in range(m):
        slope[k] = 0.0
        across, along = place[k]
        if not (across >= begin[k] and along >= 0 and across < columns - 1 and along < rows - 1):
            found[k] = -np.inf
            continue
        total = _weights(c[k], room[k], begin[k], coarse, fine)
        most, i, j, here = c[k].max(), int(across), int(along), 0.0
        for corner in range(4):
            right, up = corner // 2, corner % 2
            hat = (1 - abs(across - i - right)) * (1 - abs(along - j - up))
            here += hat * room[k, i + right, j + up] * np.exp(_c(c[k], i + right, j + up) - most)
        found[k] = np.log(here) - np.log(total)
        for corner in range(4):
            right, up = corner // 2, corner % 2
            hat = (1 - abs(across - i - right)) * (1 - abs(along - j - up))
            share = hat * room[k, i + right, j + up] * np.exp(_c(c[k], i + right, j + up) - most) / here
            _spread(slope[k], i + right, j + up, share)
        for i in range(columns):
            for j in range(rows):
                _spread(slope[k], i, j, -fine[i, j] / total)


@part
def _off(node: int, nodes: int, first: float, second: float) -> float:
    """Distance from a node, distributed as a triangle; the inner half of it at both ends."""
    off = first + second - 1
    if node == 0:
        return abs(off)
    return -abs(off) if node == nodes - 1 else off


@compiled(error_model="numpy")
def _draw(c: Grid, room: Grid, begin: Array, number: Array, place: Array) -> None:
    m, columns, rows = room.shape
    coarse, fine = np.empty(c.shape[1:], dtype=np.float32), np.empty((columns, rows), dtype=np.float32)
    for k in range(m):
        _weights(c[k], room[k], begin[k], coarse, fine)
        total = 0.0
        for i in range(columns):
            for j in range(rows):
                total += fine[i, j]
        below, node, last = number[k, 0] * total, 0, 0
        for node in range(columns * rows):
            weight = fine[node // rows, node % rows]
            if weight > 0:
                last = node
                below -= weight
                if below < 0:
                    break
        i, j = last // rows, last % rows
        place[k, 1] = j + _off(j, rows, number[k, 1], number[k, 2])
        start, u = begin[k], number[k, 3]
        if i == 0:
            place[k, 0] = 1 - (1 - start) * np.sqrt(u)
        elif i == 1:  # its rising half is cut off
            rises = number[k, 4] * (2 - start**2) < 1 - start**2
            place[k, 0] = np.sqrt(start**2 + u * (1 - start**2)) if rises else 2 - np.sqrt(u)
        else:
            place[k, 0] = i + _off(i, columns, u, number[k, 5])
