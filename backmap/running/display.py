"""What the user sees while a run goes on: a bar on a terminal, a line now and then elsewhere."""
from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..engine.compiling import clock as compiling

#: Seconds between two lines where there is no terminal.
INTERVAL = 30.0


class Display:
    """Progress through ``n_frames`` frames of ``n_atoms`` atoms, written to standard error.

    Frames that an earlier, interrupted run has done count as done, not for the speed.
    """

    def __init__(self, console: Console | None = None, interval: float = INTERVAL) -> None:
        self.console = console or _console()
        self.interval = interval
        self._n_frames = self._n_atoms = 0
        self._done = self._fraction = 0.0
        self._first = 0
        self._began, self._spoke = compiling.clock(), time.monotonic()
        self._bar: Progress | None = None
        self._task = None

    def log(self, line: object) -> None:
        """Print one line, above the bar."""
        self.console.print(str(line), markup=False, soft_wrap=True)

    def begin(self, n_frames: int, n_atoms: int, done: int = 0) -> None:
        """Start counting."""
        self._n_frames, self._n_atoms, self._first, self._done = n_frames, n_atoms, done, done
        self._began, self._spoke = compiling.clock(), time.monotonic()
        if self.console.is_terminal and n_frames:
            self._bar = Progress(BarColumn(), TextColumn("{task.fields[frames]} frames"), _Speed(self),
                                 TimeRemainingColumn(), console=self.console, transient=True,
                                 get_time=compiling.clock)
            self._task = self._bar.add_task("", total=n_frames, completed=done, frames=self._frames())
            self._bar.start()

    def within(self, frames: float) -> None:
        """``frames`` of the present window are done, as a number of frames that may be broken."""
        self._fraction = frames
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done + frames, frames=self._frames())
        elif self._n_frames and time.monotonic() - self._spoke > self.interval:
            self._spoke = time.monotonic()
            self.log(self._line())

    def advance(self, frames: int) -> None:
        """A window of ``frames`` is whole on disk."""
        self._done += frames
        self.within(0.0)

    @property
    def atoms_per_second(self) -> float:
        """Atoms placed per second since ``begin``, compiling left out."""
        seconds = compiling.clock() - self._began
        return (self._done + self._fraction - self._first) * self._n_atoms / max(seconds, 1e-9)

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


def _console() -> Console:
    """Standard error; plain lines in a notebook, which has room for neither a bar nor a page for each line."""
    console = Console(stderr=True, highlight=False)
    return Console(stderr=True, highlight=False, force_jupyter=False, force_terminal=False) if console.is_jupyter \
        else console


class _Speed(ProgressColumn):
    """Atoms per second."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def render(self, task: Task) -> Text:
        return Text(f"{self._display.atoms_per_second:.3g} atoms/s")
