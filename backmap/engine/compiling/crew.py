"""Threads that share the work of one compiled loop.

How many there are is said by who runs the steps, and never changes what comes out: whoever shares out work does it so
that the bytes are the same.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba

_number = 1


def number() -> int:
    """How many threads may work now, the one that asks included."""
    return 1 if numba.config.DISABLE_JIT else _number


@contextmanager
def working(threads: int) -> Iterator[None]:
    """Let so many threads work inside."""
    global _number
    before, _number = _number, threads
    try:
        yield
    finally:
        _number = before


def together(work: Callable[[int], None], threads: int) -> None:
    """Call ``work`` with 0 here and with 1, ..., ``threads`` - 1 in others, all at once; what is raised is raised here.

    They must not wait for one another after one of them has raised.
    """
    waiting = [_pool(threads - 1).submit(work, one) for one in range(1, threads)] if threads > 1 else []
    try:
        work(0)
    finally:
        for one in waiting:
            one.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="backmap")
