"""What the user sees while a run goes on: lines, and a bar on a terminal, a line now and then elsewhere."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..contracts.state import Bar, Unseen
from ..engine.compiling import clock as compiling

#: Seconds between two lines where there is no terminal.
INTERVAL = 30.0


#: Columns of bars: what is going on, and how far it is.
_NAME, _TEXT = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[text]}"))


class Display:
    """What a run has to say, written to standard error: lines, and a bar below them.

    Frames that an earlier, interrupted run has done, or a share of one, count as done, not for the speed.
    """

    def __init__(self, console: Console | None = None, interval: float = INTERVAL) -> None:
        self.console = console or _console()
        self.interval = interval
        self._n_frames = self._n_atoms = 0
        self._done = self._fraction = self._first = self._before = 0.0
        self._began = compiling.clock()
        self._bar: _Bar | None = None

    def log(self, line: object) -> None:
        """Print one line, above the bar."""
        self.console.print(str(line), markup=False, soft_wrap=True)

    # Work of single steps

    @contextmanager
    def working(self, name: str, total: float = 1.0, unit: str | None = None, done: float = 0.0) -> Iterator[Bar]:
        """See ``api.State``."""
        if self._bar is not None:  # there is room for one
            yield Unseen()
            return
        work = _Work(self, name, total, unit, done)
        self._bar = work.bar
        try:
            yield work
        finally:
            self._bar.stop()
            self._bar = None

    # Frames

    def begin(self, n_frames: int, n_atoms: int, done: int = 0) -> None:
        """Start counting ``n_frames`` frames of ``n_atoms`` atoms."""
        self._n_frames, self._n_atoms, self._first, self._done = n_frames, n_atoms, done, done
        self._began = compiling.clock()
        if n_frames:
            columns = BarColumn(), _TEXT, _Speed(self), TimeRemainingColumn()
            self._bar = _Bar(self, "", columns, n_frames, done, f"{self._frames()} frames", transient=True)

    def within(self, frames: float, before: float = 0.0) -> None:
        """``frames`` of the present window are done, ``before`` of them by an interrupted run; both may be broken."""
        self._fraction, self._before = frames, before
        if self._bar is not None:
            self._bar.show(self._done + frames, f"{self._frames()} frames", self._line)

    def advance(self, frames: int) -> None:
        """A window of ``frames`` is whole on disk."""
        self._done += frames
        self._first += self._before
        self.within(0.0)

    @property
    def atoms_per_second(self) -> float:
        """Atoms placed per second since ``begin``, compiling left out."""
        seconds = compiling.clock() - self._began
        since = self._done + self._fraction - self._first - self._before
        return since * self._n_atoms / max(seconds, 1e-9)

    def _frames(self) -> str:
        return f"{self._done:.0f}/{self._n_frames}"

    def _line(self) -> str:
        speed = self.atoms_per_second
        left = (self._n_frames - self._done - self._fraction) * self._n_atoms / speed if speed else float("inf")
        seconds = "?" if left == float("inf") else f"{left:.0f} s"
        return f"{self._frames()} frames, {speed:.3g} atoms/s, {seconds} left"

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


class _Bar:
    """A progress bar on a terminal; elsewhere a line from time to time.

    Args:
        display: The display whose console it is on.
        name: Text of the column ``_NAME``.
        columns: Columns of the bar; ``_TEXT`` is the text that is given with every change.
        total: Total amount of work.
        done: Amount that was done before.
        text: The first text.
        transient: Whether the bar disappears when the work is done.
    """

    def __init__(self, display: Display, name: str, columns: tuple[ProgressColumn, ...], total: float, done: float,
                 text: str, transient: bool = False) -> None:
        self._display, self._spoke = display, time.monotonic()
        self._progress: Progress | None = None
        if display.console.is_terminal:
            self._progress = Progress(*columns, console=display.console, transient=transient, get_time=compiling.clock)
            self._task = self._progress.add_task(name, total=total, completed=done, text=text)
            self._progress.start()

    def show(self, done: float, text: str, line: Callable[[], str]) -> None:
        """So much is done. ``line`` says it where there is no terminal."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, text=text)
        elif time.monotonic() - self._spoke > self._display.interval:
            self.tell(line())

    def tell(self, line: str) -> None:
        """Print a line if there is no terminal."""
        if self._progress is None:
            self._spoke = time.monotonic()
            self._display.log(line)

    def stop(self) -> None:
        """Stop drawing the bar."""
        if self._progress is not None:
            self._progress.stop()


class _Work:
    """The bar of one step; see ``api.Bar``."""

    def __init__(self, display: Display, name: str, total: float, unit: str | None, done: float) -> None:
        self._name, self._total, self._unit = name, total, unit
        columns = _NAME, BarColumn(), _TEXT, TimeElapsedColumn(), TimeRemainingColumn()
        self.bar = _Bar(display, name, columns, total, done, self._text(done, ""))

    def at(self, done: float, said: str = "") -> None:
        text = self._text(done, said)
        self.bar.show(done, text, lambda: f"{self._name}: {text}")

    def tell(self, line: str) -> None:
        self.bar.tell(line)

    def _text(self, done: float, said: str) -> str:
        if self._unit is None:
            text = f"{100 * done / self._total:.0f} %"
        else:
            text = f"{done:.0f}/{self._total:.0f} {self._unit}".rstrip()
        return f"{text}  {said}".rstrip()


def _console() -> Console:
    """Standard error; plain lines in a notebook, which has room for neither a bar nor a page for each line."""
    console = Console(stderr=True, highlight=False, emoji=False)
    if not console.is_jupyter:
        return console
    return Console(stderr=True, highlight=False, emoji=False, force_jupyter=False, force_terminal=False)


class _Speed(ProgressColumn):
    """Atoms per second."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def render(self, task: Task) -> Text:
        return Text(f"{self._display.atoms_per_second:.3g} atoms/s")
