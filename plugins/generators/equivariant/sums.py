"""Fast twins, for processors, of what is summed over slots, neighbours and pairs while a network learns.

Each sum is compiled with its gradient with respect to what is learned, so that what lies between is never written to
memory: tensors pass over it some fifteen times. Positions get no gradient; where they need one, tensors are used.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import float32, int32
from torch import Tensor
from torch.autograd.function import once_differentiable

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.compiling.lanes import WIDTH

from .circles import LEAST, NODES, PAIR_BINS, PAIR_REACH, PAIR_ROW, VECTORS, around
from .kernels import silu
from .seeing import HARMONICS, SQRT3, SQRT5, SQRT15

SPREAD = 0.06  #: width of the radial Gaussians, in the network's unit of length


def compiled_here(*positions: Tensor) -> bool:
    """Whether sums over these positions are those of this module: on a processor, in single precision, learning, and
    positions as they are.
    """
    return torch.is_grad_enabled() and all(
        one.device.type == "cpu" and one.dtype == torch.float32 and not one.requires_grad for one in positions)


def gathered(wanted: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which of ``count`` numbers are there, ascending, (n,), and where each of ``wanted`` (...) is among them.

    As ``torch.unique``, without sorting.
    """
    there = torch.zeros(count, dtype=torch.bool, device=wanted.device)
    there[wanted] = True
    place = there.cumsum(0) - 1
    return there.nonzero()[:, 0], place[wanted]


@part(fastmath=True, error_model="numpy")
def _slot(point, weight, bias, value, seen):
    """What the first layer makes of a slot in the local frame, before its class counts, into ``value`` (H,)."""
    x, y, z = point[0], point[1], point[2]
    away = max(np.sqrt(x * x + y * y + z * z), float32(1e-4))
    four = float32(4.0)
    seen[0], seen[1], seen[2] = four * x, four * y, four * z
    seen[3], seen[4], seen[5], seen[6] = x / away, y / away, z / away, four * away
    a, b, c, d, e, f, g = weight[0], weight[1], weight[2], weight[3], weight[4], weight[5], weight[6]
    x, y, z, u, v, w, far = seen[0], seen[1], seen[2], seen[3], seen[4], seen[5], seen[6]
    for h in range(len(value)):  # of more arrays at a time a compiler no longer asks whether they overlap
        value[h] = bias[h] + x * a[h] + y * b[h] + z * c[h] + far * g[h]
    for h in range(len(value)):
        value[h] += u * d[h] + v * e[h] + w * f[h]


@compiled(fastmath=True, error_model="numpy", nogil=True)
def slot_sums(points, of, present, weight, bias, gain, shift):
    """Sums of T atoms over their slots, (T, H) float32.

    Args:
        points: Slots in the local frame, (T, J, 3) float32.
        of: Row of each in ``gain`` and ``shift``, (T, J).
        present: Whether it is there, (T, J) bool.
        weight: (7, H); bias: (H,); gain, shift: (n, H).
    """
    hidden = len(bias)
    summed, value = np.zeros((len(points), hidden), np.float32), np.empty(hidden, np.float32)
    seen = np.empty(7, np.float32)
    for t in range(len(points)):
        into = summed[t]
        for j in range(points.shape[1]):
            if not present[t, j]:
                continue
            _slot(points[t, j], weight, bias, value, seen)
            by, plus = gain[of[t, j]], shift[of[t, j]]
            for h in range(hidden):
                into[h] += silu(value[h] * by[h] + plus[h])
    return summed


@compiled(fastmath=True, error_model="numpy", nogil=True)
def slot_gradients(points, of, present, weight, bias, gain, shift, above):
    """Gradients of weight, bias, gain and shift, given that of the sums, ``above`` (T, H); see ``slot_sums``."""
    hidden = len(bias)
    d_weight, d_bias = np.zeros_like(weight), np.zeros_like(bias)
    d_gain, d_shift = np.zeros_like(gain), np.zeros_like(shift)
    value, inner, seen = np.empty(hidden, np.float32), np.empty(hidden, np.float32), np.empty(7, np.float32)
    one = float32(1.0)
    for t in range(len(points)):
        for j in range(points.shape[1]):
            if not present[t, j]:
                continue
            _slot(points[t, j], weight, bias, value, seen)
            u, over = of[t, j], above[t]
            by, plus, d_by, d_plus = gain[u], shift[u], d_gain[u], d_shift[u]
            for h in range(hidden):
                x = value[h] * by[h] + plus[h]
                y = silu(x)
                share = y / x if abs(x) > float32(1e-6) else float32(0.5)
                inner[h] = share + y * (one - share)
            for h in range(hidden):
                inner[h] *= over[h]
            for h in range(hidden):
                d_plus[h] += inner[h]
            for h in range(hidden):
                d_by[h] += inner[h] * value[h]
            for h in range(hidden):
                inner[h] *= by[h]
            for h in range(hidden):
                d_bias[h] += inner[h]
            for k in range(7):
                into, factor = d_weight[k], seen[k]
                for h in range(hidden):
                    into[h] += inner[h] * factor
    return d_weight, d_bias, d_gain, d_shift


class SlotSums(torch.autograd.Function):
    """``slot_sums`` of tensors; weight as torch has it, (H, 7)."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, of: Tensor, present: Tensor, *learned: Tensor) -> Tensor:
        """Sums over the slots, (T, H)."""
        weight, *others = learned
        ctx.arrays = _arrays(points, of, present, weight.T, *others)
        return torch.from_numpy(slot_sums(*ctx.arrays))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of what is learned."""
        weight, *others = slot_gradients(*ctx.arrays, *_arrays(above))
        return None, None, None, torch.from_numpy(weight).T, *map(torch.from_numpy, others)


@part(fastmath=True, error_model="numpy")
def _neighbour(point, centres, cutoff, harmonics, radial):
    """Harmonics and radial Gaussians of a neighbour; returns its weight by distance, 0 of one that does not count."""
    x, y, z = point[0], point[1], point[2]
    d = np.sqrt(x * x + y * y + z * z)
    if d >= cutoff or d < float32(1e-6):
        return float32(0.0)
    for r in range(len(centres)):
        off = (d - centres[r]) / float32(SPREAD)
        radial[r] = np.exp(-off * off)
    x, y, z = x / d, y / d, z / d
    harmonics[0] = float32(1.0)
    harmonics[1], harmonics[2], harmonics[3] = float32(SQRT3) * x, float32(SQRT3) * y, float32(SQRT3) * z
    harmonics[4], harmonics[5] = float32(SQRT15) * x * z, float32(SQRT15) * x * y
    harmonics[6] = float32(SQRT5) * (y * y - float32(0.5) * (x * x + z * z))
    harmonics[7], harmonics[8] = float32(SQRT15) * y * z, float32(0.5 * SQRT15) * (z * z - x * x)
    return float32(0.5) * np.cos(float32(math.pi) * d / cutoff) + float32(0.5)


@part(fastmath=True, error_model="numpy")
def _radial_weights(radial, weight, bias, into):
    """Linear in the radial Gaussians, (C,)."""
    for c in range(len(into)):
        into[c] = bias[c]
    for r in range(len(radial)):
        row, factor = weight[r], radial[r]
        for c in range(len(into)):
            into[c] += row[c] * factor


@compiled(fastmath=True, error_model="numpy", nogil=True)
def neighbour_sums(points, there, of, centres, cutoff, weight, bias, embedded):
    """Messages of the neighbours of S sites times harmonics, summed, (S, HARMONICS, C) float32.

    Args:
        points: Neighbours from the site, (S, N, 3) float32.
        there: Whether they are there, (S, N) bool.
        of: Row of each in ``embedded``, (S, N).
        centres: Of the radial Gaussians, (R,).
        cutoff: In the same unit of length.
        weight: (R, C); bias: (C,); embedded: (n, C).
    """
    width = len(bias)
    summed = np.zeros((len(points), HARMONICS, width), np.float32)
    radial, message = np.empty(len(centres), np.float32), np.empty(width, np.float32)
    harmonics = np.empty(HARMONICS, np.float32)
    for s in range(len(points)):
        for n in range(points.shape[1]):
            fade = _neighbour(points[s, n], centres, float32(cutoff), harmonics, radial) if there[s, n] else float32(0)
            if fade == 0:
                continue
            _radial_weights(radial, weight, bias, message)
            node = embedded[of[s, n]]
            for c in range(width):
                message[c] *= node[c] * fade
            for m in range(HARMONICS):
                into, factor = summed[s, m], harmonics[m]
                for c in range(width):
                    into[c] += message[c] * factor
    return summed


@compiled(fastmath=True, error_model="numpy", nogil=True)
def neighbour_gradients(points, there, of, centres, cutoff, weight, bias, embedded, above):
    """Gradients of weight, bias and embeddings, given that of the sums, ``above``; see ``neighbour_sums``."""
    width = len(bias)
    d_weight, d_bias, d_embedded = np.zeros_like(weight), np.zeros_like(bias), np.zeros_like(embedded)
    radial, by, inner = np.empty(len(centres), np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    harmonics = np.empty(HARMONICS, np.float32)
    for s in range(len(points)):
        for n in range(points.shape[1]):
            fade = _neighbour(points[s, n], centres, float32(cutoff), harmonics, radial) if there[s, n] else float32(0)
            if fade == 0:
                continue
            _radial_weights(radial, weight, bias, by)
            for c in range(width):
                inner[c] = float32(0.0)
            for m in range(HARMONICS):
                over, factor = above[s, m], harmonics[m] * fade
                for c in range(width):
                    inner[c] += over[c] * factor
            node, d_node = embedded[of[s, n]], d_embedded[of[s, n]]
            for c in range(width):
                d_node[c] += inner[c] * by[c]
            for c in range(width):
                inner[c] *= node[c]
            for c in range(width):
                d_bias[c] += inner[c]
            for r in range(len(centres)):
                into, factor = d_weight[r], radial[r]
                for c in range(width):
                    into[c] += inner[c] * factor
    return d_weight, d_bias, d_embedded


class NeighbourSums(torch.autograd.Function):
    """``neighbour_sums`` of tensors; weight as torch has it, (C, R)."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, there: Tensor, of: Tensor, centres: Tensor, cutoff: float,
                *learned: Tensor) -> Tensor:
        """Sums over the neighbours, (S, HARMONICS, C)."""
        weight, *others = learned
        ctx.arrays = (*_arrays(points, there, of, centres), float(cutoff), *_arrays(weight.T, *others))
        return torch.from_numpy(neighbour_sums(*ctx.arrays))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of what is learned."""
        weight, *others = neighbour_gradients(*ctx.arrays, *_arrays(above))
        return None, None, None, None, None, torch.from_numpy(weight).T, *map(torch.from_numpy, others)


@part(error_model="numpy")
def _circle(local, present, distance, angle, fixed, wy, wz, chosen):
    """Neighbours that are there, as seen from a circle; returns how many, and their numbers in ``chosen``."""
    along, across, found = float32(distance * math.cos(angle)), float32(distance * math.sin(angle)), 0
    for p in range(len(local)):
        if present[p]:
            x, y, z = local[p, 0] - along, local[p, 1], local[p, 2]
            fixed[found] = x * x + y * y + z * z + across * across
            wy[found], wz[found] = float32(2.0) * across * y, float32(2.0) * across * z
            chosen[found] = p
            found += 1
    return found


@part(error_model="numpy")
def _nodes():
    """Cosines and sines of the torsion nodes, filled up to whole lanes."""
    cosines, sines = np.zeros(VECTORS * WIDTH, np.float32), np.zeros(VECTORS * WIDTH, np.float32)
    for k in range(NODES):
        cosines[k], sines[k] = math.cos(2 * math.pi * k / NODES - math.pi), math.sin(2 * math.pi * k / NODES - math.pi)
    return cosines, sines


@compiled(error_model="numpy", nogil=True)
def pair_sums(local, present, of, distance, angle, table):
    """Pair terms of T atoms at the torsion nodes, (T, NODES) float32.

    Args:
        local: Neighbours in the local frame, (T, P, 3) float32.
        present: Whether they are there, (T, P) bool.
        of: Row of each pair in ``table``, (T, P).
        distance, angle: Of the atom to be placed, (T,) float32.
        table: Pair functions, (n, PAIR_ROW).
    """
    (cosines, sines), flat, scale = _nodes(), table.ravel(), float32(PAIR_BINS / PAIR_REACH)
    count = local.shape[1]
    energy, filled = np.empty((len(local), NODES), np.float32), np.empty(len(cosines), np.float32)
    fixed, wy, wz = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    first, chosen = np.empty(count, np.int32), np.empty(count, np.int64)
    for t in range(len(local)):
        found = _circle(local[t], present[t], distance[t], angle[t], fixed, wy, wz, chosen)
        for p in range(found):
            first[p] = of[t, chosen[p]] * PAIR_ROW
        around(found, fixed, wy, wz, first, flat, cosines, sines, scale, filled, 0)
        for k in range(NODES):
            energy[t, k] = filled[k]
    return energy


@compiled(error_model="numpy", nogil=True)
def pair_gradients(local, present, of, distance, angle, table, above):
    """Gradient of the table, given that of the pair terms, ``above`` (T, NODES); see ``pair_sums``."""
    (cosines, sines), scale = _nodes(), float32(PAIR_BINS / PAIR_REACH)
    count, one = local.shape[1], float32(1.0)
    fixed, wy, wz = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    place, chosen, d_table = np.empty(NODES, np.float32), np.empty(count, np.int64), np.zeros_like(table)
    for t in range(len(local)):
        found = _circle(local[t], present[t], distance[t], angle[t], fixed, wy, wz, chosen)
        over = above[t]
        for p in range(found):
            here, along, across, into = fixed[p], wy[p], wz[p], d_table[of[t, chosen[p]]]
            for k in range(NODES):
                square = max(here - along * cosines[k] - across * sines[k], float32(LEAST))
                place[k] = min(np.sqrt(square) * scale, float32(PAIR_BINS - 1e-4))
            for k in range(NODES):
                cell = int32(place[k])
                inside = place[k] - float32(cell)
                into[cell] += over[k] * (one - inside)
                into[cell + 1] += over[k] * inside
    return d_table


class PairTermSums(torch.autograd.Function):
    """``pair_sums`` of tensors."""

    @staticmethod
    def forward(ctx: Any, *arguments: Tensor) -> Tensor:
        """Pair terms at the torsion nodes, (T, NODES)."""
        ctx.arrays = _arrays(*arguments)
        return torch.from_numpy(pair_sums(*ctx.arrays))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the table."""
        return None, None, None, None, None, torch.from_numpy(pair_gradients(*ctx.arrays, *_arrays(above)))


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(one.detach().contiguous().numpy() for one in tensors)
