"""One kind of error for everything a user can get wrong."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class BackmapError(Exception):
    """A problem the user can mend: what is wrong, where, and what to do about it.

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
        """The same error with a place in front, for callers who know more about where."""
        inner = f"{where}: {self.where}" if self.where else str(where)
        return BackmapError(self.problem, where=inner, hint=self.hint)


class Interrupted(Exception):
    """The user stopped a run; the message says how to go on."""


@contextmanager
def at(where: str) -> Iterator[None]:
    """Errors raised inside name the step they come from."""
    try:
        yield
    except BackmapError as error:
        if not where or error.where.startswith(where):
            raise
        raise error.at(where) from error.__cause__
