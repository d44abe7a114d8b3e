"""What is kept of a frame between its sweeps: for runs that are resumed, and of a pilot's starts for the run."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.following import Followed
from backmap.engine.hamiltonian.move import changing, copied
from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves, SweepOutcome
from backmap.engine.hamiltonian.trajectory import Rules
from backmap.model.system import Window

_OUTCOME = [field.name for field in fields(SweepOutcome)]


def arrays_of(frame: Frame, outcomes: Sequence[SweepOutcome] = (), followed: Followed | None = None,
              second: Frame | None = None) -> dict[str, NDArray]:
    """What the next sweeps of a frame need, by name.

    Args:
        outcomes: Of the sweeps so far that count.
        followed: What followed it.
        second: Its second start.
    """
    arrays = {f"{which} {name}": array for which, one in (("frame", frame), ("second", second)) if one is not None
              for name, array in changing(one).items()}
    arrays |= {f"seen {name}": array for name, array in (followed.arrays if followed else {}).items()}
    return arrays | {f"{name} {k}": getattr(outcome, name) for k, outcome in enumerate(outcomes) for name in _OUTCOME}


def recalled(moves: HamiltonianMoves, frame: Frame, followed: Followed | None,
             kept: Mapping[str, NDArray]) -> tuple[list[SweepOutcome], Frame | None]:
    """Bring a frame to where it was kept, in place; outcomes so far, and its second start."""
    second = copied(frame) if "second atoms" in kept else None
    for which, one in (("frame", frame), ("second", second)):
        for name, array in (changing(one) if one is not None else {}).items():
            array[:] = kept[f"{which} {name}"]
        if one is not None:
            moves.recall(one)
    if followed is not None:
        followed.arrays |= {name.removeprefix("seen "): array for name, array in kept.items()
                            if name.startswith("seen ")}
    count = sum(name.startswith("centre ") for name in kept)
    return [SweepOutcome(*(kept[f"{name} {k}"] for name in _OUTCOME)) for k in range(count)], second


class _Start(NamedTuple):
    """A frame as it came, how it was moved and by which draws, and what came of it."""

    came: Window
    how: tuple[float, int, int]
    kept: Mapping[str, NDArray]


class Starts:
    """What frames of a pilot came to before the sweeps that count, by their number in the input.

    Nothing depends on whether a start is known: it is what the run would make of the same frame with the same draws,
    and is handed out for such a frame alone.
    """

    def __init__(self) -> None:
        self._made: dict[int, _Start] = {}

    def keep(self, window: Window, rules: Rules, seed: int, kept: Mapping[str, NDArray]) -> None:
        """Keep what came of a window of one frame that was moved by ``rules`` with the draws of a seed."""
        self._made[int(window.frames[0])] = _Start(window, (rules.timestep, rules.steps, seed), kept)

    def of(self, window: Window, rules: Rules, seed: int) -> Mapping[str, NDArray] | None:
        """What was kept of a window of one frame, once; None where it is another, or would be moved otherwise."""
        made = self._made.pop(int(window.frames[0]), None)
        if made is None or made.how != (rules.timestep, rules.steps, seed):
            return None
        same = all(np.array_equal(*pair) for pair in ((made.came.atoms, window.atoms), (made.came.beads, window.beads),
                                                      (made.came.box(0), window.box(0))))
        return made.kept if same else None
