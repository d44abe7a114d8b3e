"""Processes that share the frames of a run. Each has a pipeline of its own; the run's own process alone writes.

They are spawned, and are told what the recipe is and which frames to do, nothing else. A process ends when the pipe to
the run's own process does, however that came to its end.
"""
from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..engine.compiling import clock as compiling
from ..errors import BackmapError
from ..model.tuned import Tuned
from . import pilot
from .frames import Choice
from .pipeline import Desk, Done, Pipeline, Portion, threads

#: Seconds that a process has to end by itself.
PATIENCE = 1.0


@dataclass(frozen=True)
class Assignment:
    """Everything a process needs to build its pipeline.

    Attributes:
        path: File of the recipe.
        content: Content of the recipe, with all changes.
        plugins: Files with more plugins.
        chosen: The frames of the run.
        device: Torch device to compute on.
        tuned: What the pilot has chosen, by the place of the step.
        threads: How many of each process share a frame.
    """

    path: Path
    content: dict[str, Any]
    plugins: tuple[Path, ...]
    chosen: Choice
    device: str
    tuned: Mapping[str, Tuned] = field(default_factory=dict)
    threads: int = 1

    def pipeline(self) -> Pipeline:
        """Build and start it."""
        from ..api import State
        from ..recipe import recipe
        from ..recipe.registry import Registry

        registry = Registry().discover()
        for file in self.plugins:
            registry.load_file(file)
        checked = recipe.compose("", self.content, self.path, registry)
        state = State(folder=checked.folder, output=checked.output_folder, seed=checked.seed, device=self.device,
                      title=checked.title, beads_are=checked.beads_are, log=lambda line: None)
        pilot.adopt(checked.steps, self.tuned)
        made = Pipeline(checked, self.chosen, state, Desk(checked.drawn))
        made.start()
        return made


@dataclass(frozen=True)
class Failure:
    """The error that ended the work of a process.

    Attributes:
        error: Problem, place and hint of a BackmapError; None if it was another exception, a bug.
        name: Class of that other exception.
        text: Its message.
        trace: Its traceback.
    """

    error: tuple[str, str, str] | None
    name: str = ""
    text: str = ""
    trace: str = ""

    def reraise(self) -> None:
        """Raise the error in this process.

        Raises:
            BackmapError: If it was one.
            RuntimeError: If it was any other exception.
        """
        if self.error is not None:
            problem, where, hint = self.error
            raise BackmapError(problem, where=where, hint=hint)
        raise RuntimeError(f"{self.name}: {self.text}") from Trace(self.trace)


class Trace(Exception):
    """The traceback of another process, as text."""


class Processes:
    """A pool that is there as long as the ``with`` block.

    Args:
        order: What they work on.
        count: How many.
        log: Takes the lines that they have for the user.
    """

    def __init__(self, order: Assignment, count: int, log: Callable[[str], None]) -> None:
        self._log, self._said = log, set[str]()
        context = multiprocessing.get_context("spawn")
        self._pipes: dict[Connection, Any] = {}
        with _signals_ignored(), _warnings_as_here():  # an interrupt is the business of the run's own process
            for _ in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, order), daemon=True)
                process.start()
                theirs.close()
                self._pipes[ours] = process

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._pipes.values():
            process.join(PATIENCE)  # one that waits for work ends by itself, and cleans up
            process.kill()
            process.join()

    def results(self, portions: Sequence[Portion]) -> Iterator[Done]:
        """What comes of the portions, in their order; each process works on one while another waits for it.

        Raises:
            BackmapError: What was raised in a process, or if one ended by itself.
        """
        waiting = list(enumerate(portions))[::-1]
        found: dict[int, Done] = {}
        ahead = 2 * len(self._pipes)  # results that may wait for an earlier one: they take memory
        busy: dict[Connection, int] = {}
        following = 0
        while following < len(portions):
            for pipe in self._pipes:
                if pipe not in busy and waiting and waiting[-1][0] < following + ahead:
                    busy[pipe], portion = waiting.pop()
                    _send(pipe, portion)
            for pipe in wait(list(busy)):
                answer = _received(pipe)
                if isinstance(answer, str):
                    if answer not in self._said:  # each process says so
                        self._log(answer)
                    self._said.add(answer)
                else:
                    found[busy.pop(pipe)] = answer
            while following in found:
                yield found.pop(following)
                following += 1


def _send(pipe: Connection, portion: Portion) -> None:
    try:
        pipe.send(portion)
    except OSError:
        raise _ended() from None


def _received(pipe: Connection) -> Done | str:
    try:
        answer = pipe.recv()
    except (EOFError, OSError):
        raise _ended() from None
    if isinstance(answer, Failure):
        answer.reraise()
    return answer


def _ended() -> BackmapError:
    return BackmapError("one of the processes of the run came to an end by itself, perhaps for want of memory",
                        hint="What is done is kept: go on with --resume and fewer --processes. A Python script calls "
                             "backmap.run under `if __name__ == \"__main__\":`.")


def _serve(pipe: Connection, order: Assignment) -> None:
    """What a process does: portions come in, what becomes of them goes out, and lines for the user before it."""
    pipeline: Pipeline | None = None
    compiling.on_first(lambda: pipe.send(compiling.NOTICE))
    while True:
        try:
            portion = pipe.recv()
        except EOFError:
            return
        try:
            with threads(1, order.threads):
                before = compiling.seconds()
                pipeline = pipeline or order.pipeline()
                pipeline.state.log = lambda line: pipe.send(str(line))
                answer: Done | Failure = pipeline.work(portion)
                answer.compiling = compiling.seconds() - before
        except BackmapError as error:
            answer = Failure((error.problem, error.where, error.hint))
        except BaseException as error:  # also what a plugin raises to leave
            answer = Failure(None, type(error).__name__, str(error), traceback.format_exc())
        try:
            pipe.send(answer)
        except OSError:
            return


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Processes that are spawned inside ignore what a terminal or a queue sends to the whole group."""
    try:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: then these signals come elsewhere
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _warnings_as_here() -> Iterator[None]:
    """Processes that are spawned inside keep quiet of libraries' warnings if this one does."""
    before = os.environ.get("PYTHONWARNINGS")
    if warnings.filters and warnings.filters[0][0] == "ignore" and before is None:
        os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONWARNINGS", None)
