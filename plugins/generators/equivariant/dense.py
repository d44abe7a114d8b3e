"""Linear layers for compiled passes: rows come out the same, to the last bit, however many are worked out at once.

Four rows and 32 columns are summed in registers. A layer's weights lie in the order in which they are read.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.compiling.lanes import WIDTH, Lanes

ROWS, VECTORS = 4, 2
PANEL = VECTORS * WIDTH  #: columns that are summed at once


class Layer(NamedTuple):
    """A linear layer from K to N numbers, N filled up with zeros to P whole panels.

    Attributes:
        weight: (P, K, PANEL).
        bias: (P * PANEL,).
    """

    weight: Any
    bias: Any

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | None = None) -> Layer:
        """From weights (N, K) and bias (N,), as torch has them."""
        n, k = weight.shape
        panels = -(-n // PANEL)
        filled, shift = np.zeros((panels * PANEL, k), np.float32), np.zeros(panels * PANEL, np.float32)
        filled[:n] = weight.detach().numpy()
        if bias is not None:
            shift[:n] = bias.detach().numpy()
        return cls(np.ascontiguousarray(filled.reshape(panels, PANEL, k).transpose(0, 2, 1)), shift)


@intrinsic
def _tile(typing, x, x_at, x_step, w, w_at, depth, b, b_at, y, y_at, y_step):
    """``ROWS`` rows and ``PANEL`` columns of y = b + x w; arrays are flat, ``_at`` and ``_step`` count floats."""
    def generate(context, builder, signature, arguments):
        lanes = Lanes(context, builder, signature.args)
        _, x_at, x_step, _, w_at, depth, _, b_at, _, y_at, y_step = arguments
        x, w, b, y = (lanes.pointer(arguments, k, at) for k, at in ((0, x_at), (3, w_at), (6, b_at), (8, y_at)))
        rows = [lanes.entry(x, builder.mul(x_step, lanes.index(r))) for r in range(ROWS)]
        start = [lanes.load(b, v * WIDTH) for v in range(VECTORS)]

        def body(k, sums):
            weight = lanes.entry(w, builder.mul(k, lanes.index(PANEL)))
            weights = [lanes.load(weight, v * WIDTH) for v in range(VECTORS)]
            values = [lanes.everywhere(builder.load(lanes.entry(row, k))) for row in rows]
            return [lanes.plus(value, weights[v], sums[r * VECTORS + v])
                    for r, value in enumerate(values) for v in range(VECTORS)]

        sums = lanes.loop(depth, start * ROWS, body)
        for r in range(ROWS):
            row = lanes.entry(y, builder.mul(y_step, lanes.index(r)))
            for v in range(VECTORS):
                lanes.store(sums[r * VECTORS + v], row, v * WIDTH)
        return context.get_dummy_value()

    flat, whole = (x, w, b, y), types.intp
    return types.none(flat[0], whole, whole, flat[1], whole, whole, flat[2], whole, flat[3], whole, whole), generate


@part(error_model="numpy", nogil=True)
def dense(x, layer, count, y):
    """The first ``count`` rows of x (>= count, >= K) through a layer into y (>= count, P * PANEL).

    Both have room for whole groups of ``ROWS`` rows; rows behind the last are anything.
    """
    weight, bias, depth = layer.weight.ravel(), layer.bias, layer.weight.shape[1]
    from_, into, step, width = x.ravel(), y.ravel(), x.shape[1], y.shape[1]
    for p in range(layer.weight.shape[0]):
        for t in range(0, count, ROWS):
            _tile(from_, t * step, step, weight, p * depth * PANEL, depth, bias, p * PANEL, into,
                  t * width + p * PANEL, width)


@compiled(error_model="numpy", nogil=True)
def through(x: NDArray[np.float32], layer: Layer, n: int) -> NDArray[np.float32]:
    """Rows (T, K) through a layer, (T, n)."""
    count = len(x)
    room = (count + ROWS - 1) // ROWS * ROWS
    filled, y = np.zeros((room, x.shape[1]), np.float32), np.empty((room, len(layer.bias)), np.float32)
    for t in range(count):
        for k in range(x.shape[1]):
            filled[t, k] = x[t, k]
    dense(filled, layer, count, y)
    return y[:count, :n].copy()
