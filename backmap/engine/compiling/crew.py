"""Threads that share the work of one compiled loop.

How many there are is said by who runs the steps, and never changes what comes out: whoever shares out work does it so
that the bytes are the same.
"""
from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

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


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the end: raised while arguments go into a compiled loop, it would end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    known = {number: handler for number in (signal.SIGINT, signal.SIGTERM)
             if callable(handler := signal.getsignal(number))}
    try:
        for number in known:
            signal.signal(number, lambda *given: came.append(given))
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
    for number, where in came:
        known[number](number, where)


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

    with uninterrupted():
        waiting: list[Future[None]] = []
        try:
            for one in range(1, threads):
                waiting.append(_pool(threads - 1).submit(guarded, one))
            guarded(0)
        except BaseException:
            give_up()
            raise
        finally:
            for one in waiting:
                one.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="backmap")
