"""Threads that share work, and numbers that they share."""
from __future__ import annotations

import signal

import numba
import numpy as np
import pytest

from backmap.engine.compiling import crew
from backmap.engine.compiling.atomic import at_least, raised_by_one, seen, until
from backmap.engine.compiling.compiled import compiled


@compiled(nogil=True)
def counted(shared, largest, own, times):
    """Raise a number so often, and another one to the largest of ``own``; then wait until all have."""
    total = 0
    for n in range(times):
        total += raised_by_one(shared, 0) >= 0
        at_least(largest, 0, own[n])
    raised_by_one(shared, 1)
    until(shared, 1, len(shared) - 2)
    return seen(shared, 0)


@compiled(nogil=True)
def waited(ready, times):
    """Wait until a number is so large."""
    until(ready, 0, times)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_share_numbers(threads: int) -> None:
    times, rng = 20_000, np.random.default_rng(1)
    shared, largest, own = np.zeros(2 + threads, np.int64), np.zeros(1), rng.random((threads, times))
    counted(np.zeros(3, np.int64), np.zeros(1), own[0], 1)
    found = np.zeros(threads, np.int64)

    def work(one: int) -> None:
        found[one] = counted(shared, largest, own[one], times)

    crew.together(work, threads)
    assert found.tolist() == [threads * times] * threads
    assert largest[0] == own.max()


def test_how_many_there_are_is_said_from_outside() -> None:
    assert crew.number() == 1
    with crew.working(3):
        assert crew.number() == (1 if numba.config.DISABLE_JIT else 3)
    assert crew.number() == 1


def test_what_a_thread_raises_is_raised() -> None:
    def work(one: int) -> None:
        if one == 2:
            raise ValueError("two")

    with pytest.raises(ValueError, match="two"):
        crew.together(work, 3)


@pytest.mark.parametrize("fails", [0, 1])
def test_nobody_waits_for_one_that_has_raised(fails: int) -> None:
    ready = np.zeros(1, np.int64)
    waited(ready, 0)

    def work(one: int) -> None:
        if one == fails:
            raise KeyboardInterrupt
        waited(ready, 1)

    with pytest.raises(KeyboardInterrupt):
        crew.together(work, 2, lambda: ready.fill(1))


def test_an_interrupt_waits_for_the_end_of_the_work() -> None:
    done = []

    def work(one: int) -> None:
        signal.raise_signal(signal.SIGINT)
        done.append(one)

    known = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            crew.together(work, 1)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, known)
    assert done == [0]
