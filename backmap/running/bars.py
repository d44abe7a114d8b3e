"""Bars of progress: one that moves on a terminal, a line that changes in a notebook, lines now and then elsewhere."""
from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TextColumn

from ..engine.compiling import clock as compiling

#: Seconds between two changes of the line in a notebook; after as many it changes though nothing was said, as a
#: function that is being compiled says nothing.
BLINK, BEAT = 0.5, 2.0
#: Columns of bars: what is going on, and how far it is.
NAME, TEXT = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[text]}"))


class Gauge(Protocol):
    """Progress of one piece of work."""

    def show(self, done: float, text: str, line: Callable[[], str]) -> None:
        """So much is done; ``text`` says it beside a bar, ``line`` where there is none."""

    def tell(self, line: str) -> None:
        """Print a line where nothing moves."""

    def stop(self) -> None:
        """The work is over."""


def bar(console: Console, interval: float, name: str, columns: tuple[ProgressColumn, ...], total: float, done: float,
        text: str, transient: bool = False) -> Gauge:
    """What shows progress on a console.

    Args:
        console: Where lines go.
        interval: Seconds between two lines where nothing moves.
        name: Text of the column ``NAME``.
        columns: Columns of the bar; ``TEXT`` is the text that is given with every change.
        total: Total amount of work.
        done: Amount that was done before.
        text: The first text.
        transient: Whether the bar disappears when the work is done.
    """
    if console.is_terminal:
        return _Moving(console, name, columns, total, done, text, transient)
    if in_notebook() and console.file is sys.stdout and not console.quiet:
        return _Changing(text)
    return _Lines(console, interval)


def in_notebook() -> bool:
    """Whether what is printed stands in a notebook."""
    return Console().is_jupyter


class _Moving:
    """A bar on a terminal."""

    def __init__(self, console: Console, name: str, columns: tuple[ProgressColumn, ...], total: float, done: float,
                 text: str, transient: bool) -> None:
        self._progress = Progress(*columns, console=console, transient=transient, get_time=compiling.clock)
        self._task = self._progress.add_task(name, total=total, completed=done, text=text)
        self._progress.start()

    def show(self, done: float, text: str, line: Callable[[], str]) -> None:
        self._progress.update(self._task, completed=done, text=text)

    def tell(self, line: str) -> None:
        pass

    def stop(self) -> None:
        self._progress.stop()


class _Changing:
    """One line of the output of a cell, which is emptied in the end."""

    def __init__(self, text: str) -> None:
        from IPython.display import display  # notebooks have it

        self._changed, self._said = time.monotonic(), lambda: text
        self._line: Any = display(_plain(text), raw=True, display_id=True)
        self._lock, self._over = threading.Lock(), threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def show(self, done: float, text: str, line: Callable[[], str]) -> None:
        self._said = line
        if time.monotonic() - self._changed > BLINK:
            self.tell(line())

    def tell(self, line: str) -> None:
        with self._lock:
            if not self._over.is_set():
                self._changed = time.monotonic()
                self._line.update(_plain(line), raw=True)

    def stop(self) -> None:
        self.tell("")
        self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            if time.monotonic() - self._changed > BEAT:
                self.tell(self._said())


def _plain(text: str) -> dict[str, str]:
    return {"text/plain": text}


class _Lines:
    """A line from time to time."""

    def __init__(self, console: Console, interval: float) -> None:
        self._console, self._interval, self._spoke = console, interval, time.monotonic()

    def show(self, done: float, text: str, line: Callable[[], str]) -> None:
        if time.monotonic() - self._spoke > self._interval:
            self.tell(line())

    def tell(self, line: str) -> None:
        self._spoke = time.monotonic()
        self._console.print(line, markup=False, soft_wrap=True)

    def stop(self) -> None:
        pass
