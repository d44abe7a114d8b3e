"""How much of the work on frames is done, each step weighed by the time that it has taken so far."""
from __future__ import annotations


class Pace:
    """The times of the steps of a pipeline.

    Steps that no frame has reached yet count as long as those that are known do on average.

    Args:
        n_steps: How many there are.
    """

    def __init__(self, n_steps: int) -> None:
        self._seconds, self._frames, self._shown = [0.0] * n_steps, [0] * n_steps, 0.0

    def begin(self) -> None:
        """Other frames come to work."""
        self._shown = 0.0

    def done(self, number: int, seconds: float, n_frames: int) -> None:
        """A step has taken so many seconds for these frames."""
        self._seconds[number] += seconds
        self._frames[number] += n_frames

    def share(self, number: int, fraction: float, seconds: float, n_frames: int) -> float:
        """Share of the work on the present frames that is done, which never falls.

        Args:
            number: Of the step that is at work.
            fraction: How much of its own work is done.
            seconds: What it has taken so far.
            n_frames: How many frames these are.
        """
        known = {k: each / count for k, (each, count) in enumerate(zip(self._seconds, self._frames, strict=True))
                 if count}
        if number not in known and fraction > 0:
            known[number] = seconds / fraction / n_frames
        usual = sum(known.values()) / len(known) if sum(known.values()) > 0 else 1.0
        weights = [known.get(k, usual) for k in range(len(self._seconds))]
        share = (sum(weights[:number]) + weights[number] * fraction) / max(sum(weights), 1e-9)
        self._shown = max(self._shown, min(1.0, share))
        return self._shown
