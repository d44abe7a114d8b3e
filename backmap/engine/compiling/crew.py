"""Threads that share the work of one compiled loop.

How many there are is said by who runs the steps, and never changes what comes out: whoever shares out work does it so
that the bytes are the same.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def together(work: Callable[[int], None], threads: int, give_up: Callable[[], None] = lambda: None) -> None:
    """Call ``work`` with 0 here and with 1, ..., ``threads`` - 1 in others, all at once; what is raised is raised here.

    Args:
        give_up: Called as soon as something is raised: what lets those go on that wait for one another.
    """
    def guarded(one: int) -> None:
        try:
            work(one)
        except BaseException:
            give_up()
            raise

    waiting: list[Future[None]] = []
    try:
        for one in range(1, threads):
            waiting.append(_pool(threads - 1).submit(guarded, one))
        guarded(0)
    except BaseException:  # an interrupt may come between those
        give_up()
        raise
    finally:
        for one in waiting:
            one.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="backmap")
