"""Fast twins, for processors, of what ``network`` does with tensors: its local frames and its slots.

``seeing`` has the encoder, ``circles`` pairs. Slots have 96 hidden values each: most of the time of a sweep goes
there if each operation passes over memory on its own. Compiled, intermediate values stay in registers.
``tests/unit/generators`` holds the twins against each other.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import float32, int32, types
from numba.extending import intrinsic
from torch import Tensor

from backmap.engine.compiling.compiled import compiled, part


class LocalAxes(NamedTuple):
    """Local frames of T atoms: see ``density.LocalFrame``.

    Attributes:
        origin: nm, (T, 3).
        axes: Rows, (T, 3, 3).
    """

    origin: Any
    axes: Any


class SlotPlaces(NamedTuple):
    """Slots of T atoms.

    Attributes:
        local: Positions by local index, nm, (rows, n, 3).
        row: Of each atom in them, (T,).
        index: Local index of each slot, -1 for none, (T, J).
        residual: Points of the last ones, (T, R, 3).
        of: Class of each slot, (T, J).
    """

    local: Any
    row: Any
    index: Any
    residual: Any
    of: Any


class SlotLayer(NamedTuple):
    """What is made of a slot.

    Attributes:
        weight: Of the first layer, (7, H).
        bias: Of the first layer, (H,).
        gain: Of each class, (U, H).
        shift: Of each class, (U, H).
    """

    weight: Any
    bias: Any
    gain: Any
    shift: Any


def looped(tensor: Tensor) -> bool:
    """Whether what is done with a tensor is done by the loops here: on a processor, without gradients."""
    return not torch.is_grad_enabled() and tensor.device.type == "cpu"


@intrinsic
def _as_float(context, bits):
    """The float32 that an int32 has the bits of."""
    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))
    return types.float32(types.int32), generate


@part(fastmath=True, error_model="numpy", inline="always")
def silu(x: float) -> float:
    """x / (1 + exp(-x)), to 1e-7: by the bits of a float, as a call of exp would keep a loop from running in lanes."""
    power = min(max(x * float32(-1.4426950408889634), float32(-126.0)), float32(126.0))  # exp(-x) = 2^power
    whole = int32(power + float32(127.5))
    rest = power + float32(127.0) - float32(whole)
    value = float32(0.0001540353039338161)  # 2^rest, |rest| <= 1/2: Taylor's series
    value = value * rest + float32(0.0013333558146428443)
    value = value * rest + float32(0.009618129107628477)
    value = value * rest + float32(0.05550410866482158)
    value = value * rest + float32(0.2402265069591007)
    value = value * rest + float32(0.6931471805599453)
    value = value * rest + float32(1.0)
    return x / (float32(1.0) + value * _as_float(int32(whole << int32(23))))


@compiled(fastmath=True, error_model="numpy", nogil=True)
def pooled_slots(slots: SlotPlaces, frames: LocalAxes, layer: SlotLayer) -> np.ndarray:
    """What T atoms make of their slots, summed over those that are there, (T, H) float32."""
    local, row, index, residual, of = slots.local, slots.row, slots.index, slots.residual, slots.of
    origin, axes = frames.origin, frames.axes
    weight, bias, gain, shift = layer.weight, layer.bias, layer.gain, layer.shift
    n_slots, n_residual, hidden = index.shape[1], residual.shape[1], len(bias)
    summed, value = np.zeros((len(row), hidden), dtype=np.float32), np.empty(hidden, dtype=np.float32)
    a, b, c, d, e, f, g = weight[0], weight[1], weight[2], weight[3], weight[4], weight[5], weight[6]
    for t in range(len(row)):
        into = summed[t]
        for j in range(n_slots):
            i = index[t, j]
            if i < 0:
                continue
            k = j - (n_slots - n_residual)
            at = residual[t, k] if k >= 0 else local[row[t], i]
            dx, dy, dz = (float32(at[0] - origin[t, 0]), float32(at[1] - origin[t, 1]), float32(at[2] - origin[t, 2]))
            x = dx * axes[t, 0, 0] + dy * axes[t, 0, 1] + dz * axes[t, 0, 2]
            y = dx * axes[t, 1, 0] + dy * axes[t, 1, 1] + dz * axes[t, 1, 2]
            z = dx * axes[t, 2, 0] + dy * axes[t, 2, 1] + dz * axes[t, 2, 2]
            away = max(np.sqrt(x * x + y * y + z * z), float32(1e-4))
            u, v, w, far, four = x / away, y / away, z / away, float32(4.0) * away, float32(4.0)
            x, y, z = four * x, four * y, four * z
            by, plus = gain[of[t, j]], shift[of[t, j]]
            for h in range(hidden):  # of more arrays at a time a compiler no longer asks whether they overlap
                value[h] = bias[h] + x * a[h] + y * b[h] + z * c[h] + far * g[h]
            for h in range(hidden):
                value[h] += u * d[h] + v * e[h] + w * f[h]
            for h in range(hidden):
                into[h] += silu(value[h] * by[h] + plus[h])
    return summed


@compiled(error_model="numpy", nogil=True)
def local_frames(points: np.ndarray, spare: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Axes (T, 3, 3), reach (T,), no_axis and no_plane (T,) of ``LocalFrame``.

    Args:
        points: First, second and third point, nm, (T, 3, 3).
        spare: Directions that complete the frame, zero where there are none, (T, n, 3).
    """
    count, n_spare = len(points), spare.shape[1]
    axes, reach = np.empty((count, 3, 3)), np.empty(count)
    no_axis, no_plane = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for t in range(count):
        first, e1, e2, e3 = points[t, 0], axes[t, 0], axes[t, 1], axes[t, 2]
        x, y, z = points[t, 1, 0] - first[0], points[t, 1, 1] - first[1], points[t, 1, 2] - first[2]
        length = math.sqrt(x * x + y * y + z * z)
        reach[t] = max(length, 1e-6)
        for k in range(n_spare + 1):
            if length > 1e-6:
                x, y, z = x / length, y / length, z / length
                break
            if k < n_spare:
                x, y, z = spare[t, k, 0], spare[t, k, 1], spare[t, k, 2]
            else:
                x, y, z, no_axis[t] = 0.0, 0.0, 1.0, True
            if x * x + y * y + z * z > 0.25:
                break
        e1[0], e1[1], e1[2] = x, y, z
        for k in range(-1, n_spare + 3):
            if k < 0:
                x, y, z = points[t, 2, 0] - first[0], points[t, 2, 1] - first[1], points[t, 2, 2] - first[2]
            elif k < n_spare:
                x, y, z = spare[t, k, 0], spare[t, k, 1], spare[t, k, 2]
            else:
                last = k - n_spare
                x, y, z = 1.0 if last == 2 else 0.0, 1.0 if last == 1 else 0.0, 1.0 if last == 0 else 0.0
            along = x * e1[0] + y * e1[1] + z * e1[2]
            x, y, z = x - along * e1[0], y - along * e1[1], z - along * e1[2]
            length = math.sqrt(x * x + y * y + z * z)
            no_plane[t] = k >= n_spare
            if length > (1e-4 if k < 0 else 0.1):
                break
        e2[0], e2[1], e2[2] = x / length, y / length, z / length
        e3[0], e3[1], e3[2] = (e1[1] * e2[2] - e1[2] * e2[1], e1[2] * e2[0] - e1[0] * e2[2],
                               e1[0] * e2[1] - e1[1] * e2[0])
    return axes, reach, no_axis, no_plane


@compiled(fastmath=True, nogil=True)
def turned(vector: np.ndarray, tensor: np.ndarray, site: np.ndarray, axes: np.ndarray,
           couple: np.ndarray) -> np.ndarray:
    """Vectors and l = 2 tensors of sites in the local frames of T targets, channel by channel, (T, 8 C).

    Args:
        vector: (S, C, 3).
        tensor: l = 2 components, (S, C, 5).
        site: Of each target, (T,).
        axes: Rows of each local frame, (T, 3, 3).
        couple: l = 2 from pairs of components of vectors, (9, 5).
    """
    count, channels = len(site), vector.shape[1]
    found = np.empty((count, 8 * channels), dtype=np.float32)
    half, turn = np.empty((9, 5), dtype=np.float32), np.empty((5, 5), dtype=np.float32)
    for t in range(count):
        into, s = found[t], site[t]
        for c in range(channels):
            for i in range(3):
                into[3 * c + i] = (axes[t, i, 0] * vector[s, c, 0] + axes[t, i, 1] * vector[s, c, 1]
                                   + axes[t, i, 2] * vector[s, c, 2])
        half[:] = 0.0
        for i in range(3):
            for j in range(3):
                for a in range(3):
                    for b in range(3):
                        for n in range(5):
                            half[3 * i + j, n] += axes[t, i, a] * axes[t, j, b] * couple[3 * a + b, n]
        turn[:] = 0.0
        for k in range(9):
            for m in range(5):
                for n in range(5):
                    turn[m, n] += couple[k, m] * half[k, n]
        for c in range(channels):
            for m in range(5):
                total = float32(0.0)
                for n in range(5):
                    total += turn[m, n] * tensor[s, c, n]
                into[3 * channels + 5 * c + m] = total
    return found
