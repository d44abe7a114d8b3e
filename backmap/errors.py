"""One kind of error for everything a user can get wrong."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class BackmapError(Exception):
    """An error that the user can correct: what is wrong, where, and what to do about it.

    Args:
        problem: What is wrong, in one sentence without a full stop at the end.
        where: File, line or recipe path, e.g. ``run.yaml: steps[2].gibbs.sweeps``.
        hint: What to do; may be empty.
        others: Errors that were found with it, and that ``backmap check`` lists as well.
    """

    def __init__(self, problem: str, *, where: object = "", hint: str = "",
                 others: Sequence[BackmapError] = ()) -> None:
        self.problem, self.where, self.hint, self.others = problem, str(where), hint, tuple(others)
        super().__init__(self._line())

    def _line(self) -> str:
        line = f"{self.where}: {self.problem}" if self.where else self.problem
        line = f"{line}. {self.hint}" if self.hint else line
        return f"{line} ({len(self.others)} more: see backmap check)" if self.others else line

    @property
    def all(self) -> list[BackmapError]:
        """This error and those found with it, each alone."""
        return [BackmapError(self.problem, where=self.where, hint=self.hint), *self.others]

    def at(self, where: object) -> BackmapError:
        """Return the same error with ``where`` put before its place, for callers who know more of it."""
        inner = f"{where}: {self.where}" if self.where else str(where)
        return BackmapError(self.problem, where=inner, hint=self.hint, others=[each.at(where) for each in self.others])


class Errors:
    """Keeps the errors of many things that are tried one after the other, so that all of them can be told at once."""

    MOST = 100  #: those after them are not kept

    def __init__(self) -> None:
        self._found: dict[str, BackmapError] = {}

    def attempt(self, call: Callable[..., T], *arguments: object) -> T | None:
        """What ``call`` returns, or None and an error that is kept; of several with the same words the first is."""
        try:
            return call(*arguments)
        except BackmapError as error:
            self.add(error)
        return None

    def add(self, error: BackmapError) -> None:
        """Keep an error, and those that were found with it."""
        for each in error.all:
            if len(self._found) < self.MOST:
                self._found.setdefault(each.problem, each)

    @property
    def found(self) -> list[BackmapError]:
        """All of them, in the order in which they came up."""
        return list(self._found.values())

    def expect_none(self) -> None:
        """Raise the first error, if there are any, with all others."""
        if self._found:
            first, *others = self._found.values()
            raise BackmapError(first.problem, where=first.where, hint=first.hint, others=others)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise KeyboardInterrupt where somebody stops a compiled function, which ends in a SystemError caused by that."""
    try:
        yield
    except SystemError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from None


class Interrupted(Exception):
    """Raised when the user stops a run; the message says how to continue."""


@contextmanager
def at(where: str) -> Iterator[None]:
    """Add ``where``, such as the place of a step, to every BackmapError raised inside."""
    try:
        yield
    except BackmapError as error:
        if not where or error.where.startswith(where):
            raise
        raise error.at(where) from error.__cause__
