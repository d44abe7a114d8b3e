"""Functions that are compiled as parts of others: what numba has no words for.

A function that others call is optimised and made machine code of once more with each of them, one above the other, and
gets what Python would call it with. A part is neither, and a first run compiles in a third of the time. This leans on
numba's insides, so `compiled` takes it for versions only with which it has been tried.
"""
from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult, Flags, compile_extra
from numba.core.dispatcher import _FunctionCompiler
from numba.core.registry import CPUDispatcher

from .kept import Cache


class WholeFunction(CPUDispatcher):
    def __init__(self, function: Callable, flags: Mapping[str, Any]) -> None:
        super().__init__(function, targetoptions={"nopython": True, "boundscheck": None, **flags})
        self._compiler = _Compiler(function, self.targetdescr, self.targetoptions, {}, Compiler)
        with contextlib.suppress(RuntimeError):  # there is no room to keep it
            self._cache = Cache(function)


class PartFunction(CPUDispatcher):
    def __init__(self, function: Callable, flags: Mapping[str, Any]) -> None:
        options = {"nopython": True, "boundscheck": None, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        super().__init__(function, targetoptions=options | flags)
        self._compiler = _PartCompiler(function, self.targetdescr, self.targetoptions, {}, Compiler)
        self._flags = flags

    def add_overload(self, result: CompileResult) -> None:
        if not self.targetoptions["_nrt"]:
            self._expect_no_arrays(result)
        result = result._replace(entry_point=object())  # a name for those that call it; Python has nothing to call
        self.targetctx.insert_user_function(result.entry_point, result.fndesc, [result.library])
        self.overloads[tuple(result.signature.args)] = result

    def _expect_no_arrays(self, result: CompileResult) -> None:
        """Refuse a function that borrows its arrays but hands one out, or calls a part that does: nobody counts it.

        Raises:
            TypeError: There is such an array.
        """
        functions = result.type_annotation.typemap
        called = [signature.return_type for call, signature in result.type_annotation.calltypes.items()
                  if getattr(call, "op", "") == "call"
                  and isinstance(getattr(functions.get(call.func.name), "dispatcher", None), PartFunction)]
        if any(self.targetctx.data_model_manager[kind].contains_nrt_meminfo()
               for kind in (result.signature.return_type, *called)):
            name = self.py_func.__qualname__
            raise TypeError(f"{name} hands out an array that nobody has counted, or calls what does")

    def _compile_for_args(self, *values: Any, **named: Any) -> Callable:
        return self._whole._compile_for_args(*values, **named)

    @functools.cached_property
    def _whole(self) -> WholeFunction:
        return WholeFunction(self.py_func, self._flags)


class _Compiler(_FunctionCompiler):
    def _compile_core(self, types: tuple, result: Any) -> CompileResult:
        flags = _Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        return compile_extra(self.targetdescr.typing_context, self.targetdescr.target_context, self.py_func, types,
                             result, self._customize_flags(flags), self.locals, self._library(), self.pipeline_class)

    def _library(self) -> JITCodeLibrary | None:
        return None


class _PartCompiler(_Compiler):
    def _customize_flags(self, flags: Flags) -> Flags:
        flags.no_compile = True
        return flags

    def _library(self) -> JITCodeLibrary:
        kind = _LoopLibrary if {"fastmath", "error_model"} & set(self.targetoptions) else _PartLibrary
        return kind(self.targetdescr.target_context.codegen(), self.py_func.__qualname__)


class _LoopLibrary(JITCodeLibrary):
    """Code that no machine code is made of before it is linked to what calls it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _PartLibrary(_LoopLibrary):
    """Code that is not optimised either; loops that are to run in lanes do so for sure only where they stand alone."""

    def _optimize_final_module(self) -> None:
        pass


class _Flags(Flags):
    """Flags that are quick to look things up by, which happens some hundred thousand times."""

    _hash = hash(Flags())  # numba's is the same for all of them

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, _Flags) else super().__eq__(other)
