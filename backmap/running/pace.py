"""How much of the work on frames is done, each step weighed by the time that it has taken so far."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Whereabouts:
    """How far the frames at work have come.

    Attributes:
        frames: How many of them are done; broken.
        before: What of it an interrupted run had done; broken.
        known: Whether every step has been at work, so that this tells how long the rest takes.
        doing: What is done, in words: the step, and what it says of itself; empty between steps.
    """

    frames: float = 0.0
    before: float = 0.0
    known: bool = True
    doing: str = ""


class Pace:
    """The times of the steps of a pipeline.

    Steps that no frame has reached yet count as long as those that are known do on average.

    Args:
        n_steps: How many there are.
    """

    def __init__(self, n_steps: int) -> None:
        self._seconds, self._frames = [0.0] * n_steps, [0] * n_steps
        self.begin()

    @property
    def known(self) -> bool:
        """Whether every step has done its work for some frames."""
        return all(self._frames)

    def begin(self, number: int = 0, inside: bool = False) -> None:
        """Other frames come to work.

        Args:
            number: Of the step in which they do; an interrupted run has done those before.
            inside: That run has done a part of this step, too: the first share of its work that is told.
        """
        self._shown, self._number, self._begun = 0.0, number, None if inside else 0.0

    def done(self, number: int, seconds: float, n_frames: int) -> None:
        """A step has taken so many seconds for these frames."""
        left = 1.0 - self._before(number)
        if left > 0:
            self._seconds[number] += seconds / left
            self._frames[number] += n_frames

    def _before(self, number: int) -> float:
        """Share of the work of a step that an interrupted run has done, where these frames went on in it."""
        return self._begun or 0.0 if number == self._number else 0.0

    def share(self, number: int, fraction: float, seconds: float, n_frames: int) -> tuple[float, float]:
        """Share of the work on the present frames that is done, which never falls, and what of it was done before.

        Args:
            number: Of the step that is at work.
            fraction: How much of its own work is done.
            seconds: What it has taken so far, in this run.
            n_frames: How many frames these are.
        """
        if number == self._number and self._begun is None:
            self._begun = fraction
        known = {k: each / count for k, (each, count) in enumerate(zip(self._seconds, self._frames, strict=True))
                 if count}
        if number not in known and fraction > self._before(number):
            known[number] = seconds / (fraction - self._before(number)) / n_frames
        usual = sum(known.values()) / len(known) if sum(known.values()) > 0 else 1.0
        weights = [known.get(k, usual) for k in range(len(self._seconds))]
        before, share = ((sum(weights[:k]) + weights[k] * part) / max(sum(weights), 1e-9)
                         for k, part in ((self._number, self._before(self._number)), (number, fraction)))
        shown = max(self._shown, min(1.0, share))
        if share > before:  # what an interrupted run has done is a guess as long as this one has done nothing
            self._shown = shown
        return shown, shown - (share - before)
