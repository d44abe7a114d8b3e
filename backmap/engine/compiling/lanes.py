"""Sixteen floats at a time, in the terms of LLVM: for loops of which a compiler makes less than a processor can.

A function marked ``intrinsic`` writes its instructions with these; how many of them a processor takes at once (one of
512 bits, two of 256) is LLVM's affair. The order of all sums is that in which they are written, so that a row comes
out the same in whatever company it is worked out.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

WIDTH = 16  #: floats

FLOAT, WHOLE, INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
FLOATS, WHOLES = ir.VectorType(FLOAT, WIDTH), ir.VectorType(WHOLE, WIDTH)


class Lanes:
    """Writes instructions on vectors of ``WIDTH`` floats (FLOATS) and integers (WHOLES) where a builder stands."""

    def __init__(self, context: Any, builder: ir.IRBuilder, types: tuple) -> None:
        self._context, self._builder, self._types = context, builder, types

    def pointer(self, arguments: tuple, number: int, at: ir.Value) -> ir.Value:
        """Of entry ``at`` of the contiguous array that is the argument of this number."""
        array = self._context.make_array(self._types[number])(self._context, self._builder, arguments[number])
        return self._builder.gep(array.data, [at])

    def entry(self, pointer: ir.Value, at: ir.Value | int) -> ir.Value:
        """A pointer some floats farther."""
        return self._builder.gep(pointer, [self.index(at)])

    @staticmethod
    def index(value: ir.Value | int) -> ir.Value:
        return ir.Constant(INDEX, value) if isinstance(value, int) else value

    def load(self, pointer: ir.Value, at: ir.Value | int = 0) -> ir.Value:
        """The ``WIDTH`` floats from there on."""
        vector = self._builder.bitcast(self.entry(pointer, at), FLOATS.as_pointer())
        return self._builder.load(vector, align=4)

    def store(self, value: ir.Value, pointer: ir.Value, at: ir.Value | int = 0) -> None:
        vector = self._builder.bitcast(self.entry(pointer, at), FLOATS.as_pointer())
        self._builder.store(value, vector, align=4)

    def everywhere(self, value: ir.Value | float) -> ir.Value:
        """One float in all lanes."""
        if isinstance(value, float):
            return ir.Constant(FLOATS, [value] * WIDTH)
        nothing = ir.Constant(FLOATS, ir.Undefined)
        one = self._builder.insert_element(nothing, value, ir.Constant(WHOLE, 0))
        return self._builder.shuffle_vector(one, nothing, ir.Constant(WHOLES, [0] * WIDTH))

    def plus(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a b + c, rounded once where the processor can."""
        return self._call("llvm.fmuladd.v16f32", FLOATS, a, b, c)

    def root(self, a: ir.Value) -> ir.Value:
        return self._call("llvm.sqrt.v16f32", FLOATS, a)

    def least(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The smaller one of each lane."""
        return self._builder.select(self._builder.fcmp_ordered("<", a, b), a, b)

    def most(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self._builder.select(self._builder.fcmp_ordered(">", a, b), a, b)

    def following(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """The entries of ``a`` but the first, and behind them the first of ``b``."""
        return self._builder.shuffle_vector(a, b, ir.Constant(WHOLES, list(range(1, WIDTH + 1))))

    def chosen(self, low: ir.Value, high: ir.Value, index: ir.Value) -> ir.Value:
        """Entries of a table of 2 ``WIDTH`` floats, in two vectors, by indices (WHOLES) from 0 to 2 ``WIDTH`` - 1.

        Written lane by lane; x86 has one instruction for it, which LLVM finds.
        """
        builder = self._builder
        place = builder.and_(index, ir.Constant(WHOLES, [WIDTH - 1] * WIDTH))
        found = []
        for table in (low, high):
            value = ir.Constant(FLOATS, ir.Undefined)
            for lane in range(WIDTH):
                at = builder.extract_element(place, ir.Constant(WHOLE, lane))
                value = builder.insert_element(value, builder.extract_element(table, at), ir.Constant(WHOLE, lane))
            found.append(value)
        upper = builder.icmp_unsigned(">=", index, ir.Constant(WHOLES, [WIDTH] * WIDTH))
        return builder.select(upper, found[1], found[0])

    def loop(self, count: ir.Value, start: list[ir.Value],
             body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]]) -> list[ir.Value]:
        """What ``start`` has become after ``count`` rounds of ``body``, which is told the number of the round."""
        builder = self._builder
        before = builder.block
        head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        number, values = builder.phi(INDEX), [builder.phi(value.type) for value in start]
        builder.cbranch(builder.icmp_signed("<", number, count), inside, after)
        builder.position_at_end(inside)
        found = body(number, values)
        following, end = builder.add(number, self.index(1)), builder.block
        builder.branch(head)
        for phi, first, then in zip([number, *values], [self.index(0), *start], [following, *found], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(then, end)
        builder.position_at_end(after)
        return values

    def _call(self, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
        kind = ir.FunctionType(result, [each.type for each in arguments])
        return self._builder.call(cgutils.get_or_insert_function(self._builder.module, kind, name), arguments)
