"""Numbers that threads share while compiled loops run: what numba has no words for.

Everything that is written before one of these is there for who sees what it has done. Without compiled code there is
one thread, and they do what they say in plain words.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .compiled import part

#: Looks at a number before a thread that waits for it sleeps, and how long, microseconds.
LOOKS, NAP = 4000, 20

_INDEX, _SHORT, _ORDERED = ir.IntType(64), ir.IntType(32), "seq_cst"


def _pointer(context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value, at: ir.Value) -> ir.Value:
    """Of an entry of a one-dimensional array, as of an integer."""
    held = context.make_array(kind)(context, builder, array)
    return builder.bitcast(cgutils.get_item_pointer(context, builder, kind, held, [at]), _INDEX.as_pointer())


@intrinsic
def _raised_by_one(context: Any, array: Any, at: Any) -> tuple[Any, Callable]:
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        place = _pointer(context, builder, signature.args[0], *values)
        return builder.atomic_rmw("add", place, ir.Constant(_INDEX, 1), _ORDERED)

    return types.int64(array, types.int64), code


@intrinsic
def _seen(context: Any, array: Any, at: Any) -> tuple[Any, Callable]:
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        return builder.load_atomic(_pointer(context, builder, signature.args[0], *values), _ORDERED, 8)

    return types.int64(array, types.int64), code


@intrinsic
def _at_least(context: Any, array: Any, at: Any, value: Any) -> tuple[Any, Callable]:
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        place = _pointer(context, builder, signature.args[0], *values[:2])
        # Floats that are not negative are in the order of their bits.
        builder.atomic_rmw("max", place, builder.bitcast(values[2], _INDEX), _ORDERED)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.float64), code


@intrinsic
def _nap(context: Any, microseconds: Any) -> tuple[Any, Callable]:
    def code(context: Any, builder: ir.IRBuilder, signature: Any, values: tuple) -> ir.Value:
        sleep = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_SHORT, [_SHORT]), "usleep")
        return builder.call(sleep, [values[0]])

    return types.int32(types.int32), code


def _raised_by_one_alone(array, at):
    value = array[at]
    array[at] = value + 1
    return value


def _at_least_alone(array, at, value):
    array[at] = max(array[at], value)


_ALONE = bool(numba.config.DISABLE_JIT)
#: ``raised_by_one(array, at)`` adds one to an entry of an array of int64, and says what it was.
raised_by_one = _raised_by_one_alone if _ALONE else _raised_by_one
#: ``seen(array, at)`` is an entry of an array of int64 as it is now.
seen = (lambda array, at: array[at]) if _ALONE else _seen
#: ``at_least(array, at, value)`` raises an entry of an array of float64, none negative, to ``value`` if it is less.
at_least = _at_least_alone if _ALONE else _at_least
nap = (lambda microseconds: 0) if _ALONE else _nap


@part
def until(array, at, value):
    """Wait until an entry of an array of int64 is ``value`` or more."""
    looks = 0
    while seen(array, at) < value:
        looks += 1
        if looks > LOOKS:
            nap(NAP)
