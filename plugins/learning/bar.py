"""What a training shows while it goes on."""
from __future__ import annotations

from collections.abc import Iterable

from backmap.api import Bar


class LossBar:
    """A bar with the loss of the last step and what the last validation gave."""

    def __init__(self, bar: Bar, done: int) -> None:
        self._bar, self._done, self._loss, self._validation = bar, done, float("nan"), "-"
        self._show()

    def step(self, step: int, loss: float) -> None:
        """A step is done."""
        self._done, self._loss = step, loss
        self._show()

    def validated(self, losses: Iterable[float], line: str) -> None:
        """Losses on what is held out; the line says it where there is no bar."""
        self._validation = " ".join(f"{loss:.3f}" for loss in losses) or "-"
        self._bar.tell(line)
        self._show()

    def _show(self) -> None:
        self._bar.at(self._done, f"loss {self._loss:.3f}  validation {self._validation}")
