"""Functions that are compiled by numba, and kept for later runs."""
from __future__ import annotations

import contextlib
import functools
import gc
import logging
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import event

from . import clock as compiling
from .kept import Cache

_LOGGER = logging.getLogger(__name__)

#: Versions of numba whose insides ``parts`` knows; with others numba compiles in its own way, which takes longer.
TRIED = ((0, 68),)


def compiled(function: Callable | None = None, **flags: Any) -> Callable:
    """Compile a function when it is first called, and keep it for later runs; ``flags`` are those of ``numba.njit``."""
    if function is None:
        return functools.partial(compiled, **flags)
    if numba.config.DISABLE_JIT:
        return function
    if numba.version_info.short in TRIED:
        from .parts import WholeFunction

        return WholeFunction(function, flags)
    made = numba.njit(**flags)(function)
    with contextlib.suppress(RuntimeError):  # there is no room to keep it
        made._cache = Cache(function)
    return made


def part(function: Callable | None = None, **flags: Any) -> Callable:
    """Compile a function together with the compiled functions that call it.

    It is not kept by itself. If Python calls it after all, as tests do, it is compiled once more, like ``compiled``.
    """
    if function is None:
        return functools.partial(part, **flags)
    if numba.config.DISABLE_JIT or numba.version_info.short not in TRIED:
        return compiled(function, **flags)
    from .parts import PartFunction

    return PartFunction(function, {"_nrt": True, **flags})


def borrowing(function: Callable | None = None, **flags: Any) -> Callable:
    """A part that makes no arrays and hands none out: those that it is handed are its caller's, and are not counted.

    Numba counts how often each array is held, in every function that it is handed to and for each one of a tuple: where
    loops call others for every atom, that takes a fifth of their time.
    """
    return part(function, _nrt=False, **flags)


def plain(function: Callable) -> Callable:
    """The Python function behind a compiled one: what is only sums and products takes tensors and arrays as well."""
    return getattr(function, "py_func", function)


class _Listener(event.Listener):
    def on_start(self, _: event.Event) -> None:
        if compiling.begun():
            gc.freeze()  # what is there stays; looking through it again and again takes a tenth of the time

    def on_end(self, happened: event.Event) -> None:
        if compiling.ended():
            gc.unfreeze()
            function = happened.data["dispatcher"].py_func
            _LOGGER.info("compiled %s.%s", function.__module__, function.__qualname__)


def _wide_lanes() -> None:
    """Let loops run in lanes of 512 bits where a processor has them and does not slow down for that.

    LLVM stays with 256 by itself, for the sake of the first that had them. Those that compress bytes came later.
    """
    if numba.config.CPU_FEATURES is None and llvm.get_host_cpu_features().get("avx512vbmi2"):
        numba.config.CPU_FEATURES = llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"


_wide_lanes()
event.register("numba:compile", _Listener())
