"""How long functions are being compiled: known apart, as it happens once on a machine and says nothing of speed."""
from __future__ import annotations

import time
from collections.abc import Callable

#: What the user is told when it begins.
NOTICE = "compiling, which later runs on this machine need not (the first time half a minute to a minute)"

#: Seconds of compilations that are over; when those began that go on, one within another.
_spent = 0.0
_open: list[float] = []
_first: Callable[[], None] | None = None


def seconds() -> float:
    """Seconds that this process has spent compiling, so far."""
    return _spent + (time.monotonic() - began[0] if (began := _open.copy()) else 0.0)


def going() -> bool:
    """Whether a function is being compiled now."""
    return bool(_open)


def clock() -> float:
    """Monotonic time that stands still while functions are being compiled, s."""
    return time.monotonic() - seconds()


def on_first(call: Callable[[], None] | None) -> None:
    """Call ``call`` once, when the next function is compiled and not loaded; None forgets what was asked for before."""
    global _first
    _first = call


def begun() -> bool:
    """A function is being compiled; returns whether for its own sake, and not because another one calls it."""
    global _first
    call, _first = _first, None
    _open.append(time.monotonic())
    if call is not None:
        call()
    return len(_open) == 1


def ended() -> bool:
    """It is compiled, or has failed to be; returns the same."""
    global _spent
    began = _open.pop()
    if not _open:
        _spent += time.monotonic() - began
    return not _open
