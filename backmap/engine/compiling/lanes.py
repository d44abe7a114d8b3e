"""Columns of an array that are near a point, packed side by side: what numba has no loop for that runs in lanes.

A loop that appends what it keeps goes one by one. Here ``WIDE`` columns are compared at a time, and those that are kept
are moved together by one instruction where the processor has it; LLVM writes others out.
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

#: Columns that are looked at together.
WIDE = 16
#: First version of LLVM that packs lanes.
PACKS = 19

_LANES = ir.VectorType(ir.FloatType(), WIDE)
_MASK = ir.VectorType(ir.IntType(1), WIDE)


def pack_near_slowly(source, column, x, y, z, squared, target, used):
    """``pack_near`` in plain words."""
    for n in range(column, column + np.uint64(WIDE)):
        away = (source[0, n] - x)**2 + (source[1, n] - y)**2 + (source[2, n] - z)**2
        if away < squared:
            for row in range(4):
                target[row, used] = source[row, n]
            used += np.uint64(1)
    return used


@intrinsic
def _pack_near(context: Any, source: Any, column: Any, x: Any, y: Any, z: Any, squared: Any, target: Any, used: Any):
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        arrays = [context.make_array(signature.args[k])(context, builder, values[k]) for k in (0, 6)]
        (_, long), (_, room) = (cgutils.unpack_tuple(builder, array.shape) for array in arrays)
        total, rows = None, []
        for row in range(4):
            at = builder.add(builder.mul(ir.Constant(long.type, row), long), values[1])
            pointer = builder.bitcast(builder.gep(arrays[0].data, [at]), _LANES.as_pointer())
            rows.append(builder.load(pointer, align=4))
        for row in range(3):
            step = builder.fsub(rows[row], _everywhere(builder, values[2 + row]))
            square = builder.fmul(step, step)
            total = square if total is None else builder.fadd(total, square)
        kept = builder.fcmp_ordered("<", total, _everywhere(builder, values[5]))
        pack = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_LANES, [_LANES, _MASK, _LANES]),
                                              f"llvm.experimental.vector.compress.v{WIDE}f32")
        for row in range(4):
            at = builder.add(builder.mul(ir.Constant(room.type, row), room), values[7])
            pointer = builder.bitcast(builder.gep(arrays[1].data, [at]), _LANES.as_pointer())
            packed = builder.call(pack, [rows[row], kept, ir.Constant(_LANES, ir.Undefined)])
            builder.store(packed, pointer, align=4)
        bits = builder.bitcast(kept, ir.IntType(WIDE))
        return builder.add(values[7], builder.zext(builder.ctpop(bits), values[7].type))

    return types.uint64(source, types.uint64, *[types.float32] * 4, target, types.uint64), code


def _everywhere(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The same number in all lanes."""
    one = builder.insert_element(ir.Constant(_LANES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDE), [0] * WIDE)
    return builder.shuffle_vector(one, ir.Constant(_LANES, ir.Undefined), zeros)


_PACKED = llvm.llvm_version_info[0] >= PACKS and not numba.config.DISABLE_JIT
#: Append those of ``WIDE`` columns of ``source`` (4, n) from ``column`` on whose first three rows are nearer to a point
#: than the root of ``squared`` to ``target`` (4, m) from ``used`` on; returns where they end. Arrays are of float32 and
#: contiguous, columns are counted without a sign, and ``WIDE`` columns of ``target`` are written, whatever is kept.
pack_near = _pack_near if _PACKED else part(pack_near_slowly)
