"""One kind of error for everything a user can get wrong."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class BackmapError(Exception):
    """An error that the user can correct: what is wrong, where, and what to do about it.

    Args:
        problem: What is wrong, in one sentence without a full stop at the end.
        where: File, line or recipe path, e.g. ``run.yaml: steps[2].gibbs.sweeps``.
        hint: What to do; may be empty.
    """

    def __init__(self, problem: str, *, where: object = "", hint: str = "") -> None:
        self.problem, self.where, self.hint = problem, str(where), hint
        super().__init__(self._line())

    def _line(self) -> str:
        line = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{line}. {self.hint}" if self.hint else line

    def at(self, where: object) -> BackmapError:
        """Return the same error with ``where`` put before its place, for callers who know more of it."""
        inner = f"{where}: {self.where}" if self.where else str(where)
        return BackmapError(self.problem, where=inner, hint=self.hint)


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
