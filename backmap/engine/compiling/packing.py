"""Columns of an array that are near a point, packed side by side: what numba has no loop for that runs in lanes.

A loop that appends what it keeps goes one by one. Here ``WIDTH`` columns are compared at a time, and those that are
kept are moved together by one instruction where the processor has it; LLVM writes others out.
"""
from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .compiled import part
from .lanes import FLOATS, WIDTH, Lanes

#: First version of LLVM that packs lanes.
PACKS = 19

_MASK = ir.VectorType(ir.IntType(1), WIDTH)


def pack_near_slowly(source, column, x, y, z, squared, target, used):
    """``pack_near`` in plain words."""
    for n in range(column, column + np.uint64(WIDTH)):
        away = (source[0, n] - x)**2 + (source[1, n] - y)**2 + (source[2, n] - z)**2
        if away < squared:
            for row in range(4):
                target[row, used] = source[row, n]
            used += np.uint64(1)
    return used


@intrinsic
def _pack_near(context: Any, source: Any, column: Any, x: Any, y: Any, z: Any, squared: Any, target: Any, used: Any):
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        lanes = Lanes(context, builder, signature.args)
        arrays = (context.make_array(signature.args[k])(context, builder, values[k]) for k in (0, 6))
        long, room = (cgutils.unpack_tuple(builder, array.shape)[1] for array in arrays)

        def row_at(array: int, length: ir.Value, row: int, at: ir.Value) -> ir.Value:
            return lanes.pointer(values, array, builder.add(builder.mul(lanes.index(row), length), at))

        rows = [lanes.load(row_at(0, long, row, values[1])) for row in range(4)]
        steps = [builder.fsub(rows[c], lanes.everywhere(values[2 + c])) for c in range(3)]
        one, two, three = (builder.fmul(step, step) for step in steps)
        away = builder.fadd(builder.fadd(one, two), three)
        kept = builder.fcmp_ordered("<", away, lanes.everywhere(values[5]))
        pack = cgutils.get_or_insert_function(builder.module, ir.FunctionType(FLOATS, [FLOATS, _MASK, FLOATS]),
                                              f"llvm.experimental.vector.compress.v{WIDTH}f32")
        for row in range(4):
            packed = builder.call(pack, [rows[row], kept, ir.Constant(FLOATS, ir.Undefined)])
            lanes.store(packed, row_at(6, room, row, values[7]))
        bits = builder.bitcast(kept, ir.IntType(WIDTH))
        return builder.add(values[7], builder.zext(builder.ctpop(bits), values[7].type))

    return types.uint64(source, types.uint64, *[types.float32] * 4, target, types.uint64), code


_PACKED = llvm.llvm_version_info[0] >= PACKS and not numba.config.DISABLE_JIT
#: Append those of ``WIDTH`` columns of ``source`` (4, n) from ``column`` on whose first three rows are nearer to a
#: point than the root of ``squared`` to ``target`` (4, m) from ``used`` on; returns where they end. Arrays of float32,
#: contiguous; columns are counted without a sign, and ``WIDTH`` columns of ``target`` are written in any case.
pack_near = _pack_near if _PACKED else part(pack_near_slowly)
