"""Which frames go on where the one before was, for steps that follow it."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from backmap.api import BackmapError, State, Tally, Window
from backmap.engine.carrying import alike, beside, superposed

#: Beads whose bonds have turned so far are not the same in the next frame: the mean cosine of the angles.
TURNED = 0.5
#: Times the interval of the first two frames, beyond which a frame comes after a gap.
LATE = 1.5


class Succession:
    """Says of every frame whether it goes on where the one before was.

    Args:
        state: Of the run, with its frames.
        where: Place of the step in the recipe, for messages.

    Attributes:
        interval: Time between the first two frames, ps; 0 for one frame.
    """

    def __init__(self, state: State, where: str) -> None:
        first = [state.source.frame(number).time for number in state.chosen[:2]]
        self.interval = float(first[1] - first[0]) if len(first) > 1 else 0.0
        self.where = where

    def before(self, window: Window, state: State, tally: Tally) -> Window | None:
        """The frame before, if this one goes on from there; counted into ``tally``.

        Raises:
            BackmapError: If that has no atoms of these molecules, or is a later one.
        """
        found = state.previous if state.previous is not None and self._goes_on(state.previous, window) else None
        tally.count("frames", int(window.place[0]), [int(found is not None), int(found is None)])
        return found

    def _goes_on(self, before: Window, window: Window) -> bool:
        """Whether a frame is the next one after the one before, as far as can be seen."""
        if before.atoms is None or before.system.n_atoms != window.system.n_atoms:
            raise BackmapError("a later step changes what there is, so that the next frame has no atoms to go on from",
                               where=self.where, hint=f"Give '{self.where.rsplit('.', 1)[-1]}' a recipe that ends "
                                                      "with these atoms.")
        passed = float(window.time[0] - before.time[0])
        if passed < 0:
            raise BackmapError(f"frame {window.frames[0]} is of {window.time[0]:g} ps, earlier than frame "
                               f"{before.frames[0]} before it, of {before.time[0]:g} ps", where=self.where,
                               hint="Frames have to come in the order of time: sort them, or leave --frames out.")
        late = self.interval > 0 and passed > LATE * self.interval
        return not late and alike(window.system, before.beads[0], window.beads[0]) > TURNED


def told_before(succession: Succession, window: Window, state: State, tally: Tally) -> Tensor | None:
    """Atoms of the frame before, (1, A, 3), nm, molecules superposed on the beads of this one; None without."""
    before = succession.before(window, state, tally)
    if before is None:
        return None
    beads, atoms = beside(window.system, before.beads[0], before.atoms[0], window.beads[0], window.box(0))
    return torch.as_tensor(superposed(window.system, atoms, beads, window.beads[0])[None], device=state.device)


def counted(who: str, tally: Tally) -> Iterator[str]:
    """What is to be said of them at the end, if there were any."""
    if "frames" in tally:
        on, anew = tally.counts("frames").tolist()
        yield f"{who}: {on} of {on + anew} frames go on where the one before was"


def predecessors(times: Sequence[float]) -> list[int]:
    """Which of frames at these times, ps, is the one before each, -1 where there is none."""
    interval = times[1] - times[0] if len(times) > 1 else 0.0
    return [k - 1 if k and 0 < time - times[k - 1] <= LATE * interval else -1 for k, time in enumerate(times)]
