"""What the user sees while a run goes on: lines, and how far it is."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ..contracts.state import Bar, Unseen
from ..engine.compiling import clock as compiling
from .bars import NAME, TEXT, Gauge, bar, in_notebook
from .pace import Whereabouts

#: Seconds between two lines where there is no terminal.
INTERVAL = 30.0
#: Letters that the bar of the frames is wide: with what stands beside it, it fits 80 columns.
BAR = 12


class Display:
    """What a run has to say, written to standard error, in notebooks to standard output: lines, and a bar below them.

    Frames that an earlier, interrupted run has done, or a share of one, count as done, not for the speed.
    """

    def __init__(self, console: Console | None = None, interval: float = INTERVAL) -> None:
        self.console = console or _console()
        self.interval = interval
        self._n_frames = self._n_atoms = 0
        self._done = self._first = 0.0
        self._here = Whereabouts()
        self._began, self._compiled = compiling.clock(), compiling.seconds()
        self._bar: Gauge | None = None

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
        self._began, self._compiled = compiling.clock(), compiling.seconds()
        if n_frames:
            columns = BarColumn(bar_width=BAR), TEXT, _Rest(self)
            self._bar = bar(self.console, self.interval, "", columns, n_frames, done, self._text, transient=True)

    def within(self, here: Whereabouts) -> None:
        """So far the present window has come."""
        self._here = here
        if self._bar is not None:
            self._bar.show(self._done + here.frames, self._text, lambda: f"{self._text}, {self.rest}")

    def advance(self, frames: int) -> None:
        """A window of ``frames`` is whole on disk."""
        self._done += frames
        self._first += self._here.before
        self.within(Whereabouts())

    @property
    def rest(self) -> str:
        """How fast it goes and how long the rest takes; as long as nothing tells this, the time that it has taken.

        Compiling counts apart: it tells nothing of the speed.
        """
        if compiling.going():
            return f"compiling, {_clock(compiling.seconds() - self._compiled)}"
        seconds = compiling.clock() - self._began
        since = self._done + self._here.frames - self._first - self._here.before
        if not self._here.known or since <= 0:
            return _clock(seconds)
        left = (self._n_frames - self._done - self._here.frames) * seconds / since
        return f"{since * self._n_atoms / max(seconds, 1e-9):.3g} atoms/s, {_clock(left)} left"

    @property
    def _text(self) -> str:
        frames = f"{self._done:.0f}/{self._n_frames} frames"
        return f"{frames}, {self._here.doing}" if self._here.doing else frames

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


class Once:
    """Prints lines that it has not printed before: steps that start again after a pilot say again what is there."""

    def __init__(self, log: Callable[[object], None]) -> None:
        self._log, self._said = log, set[str]()

    def __call__(self, line: object) -> None:
        if str(line) not in self._said:
            self._said.add(str(line))
            self._log(line)


class _Work:
    """The bar of one step; see ``api.Bar``."""

    def __init__(self, display: Display, name: str, total: float, unit: str | None, done: float) -> None:
        self._name, self._total, self._unit = name, total, unit
        columns = NAME, BarColumn(), TEXT, TimeElapsedColumn(), TimeRemainingColumn()
        self.bar = bar(display.console, display.interval, name, columns, total, done, self._text(done, ""))

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
    """Standard error; in a notebook standard output, as what goes to the other looks like a mistake there."""
    if in_notebook():
        # of tqdm, which MDAnalysis brings along: that bars of its own, which nothing shows here, would look nicer
        warnings.filterwarnings("ignore", message="IProgress not found")
        return Console(highlight=False, emoji=False, force_jupyter=False, force_terminal=False)
    return Console(stderr=True, highlight=False, emoji=False)


class _Rest(ProgressColumn):
    """See ``Display.rest``; drawn anew while a function is being compiled, too."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def render(self, task: Task) -> Text:
        return Text(self._display.rest)


def _clock(seconds: float) -> str:
    """``0:01:05``."""
    return str(timedelta(seconds=round(max(seconds, 0.0))))
