"""The frame before, for steps that follow it: in memory, and among what a run remembers, so that it can be resumed."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..api import Step
from ..errors import BackmapError
from ..model.memory import Memory
from ..model.system import System, Window

#: Tally under which the frame stands, and what of it is remembered besides the number of its level.
TALLY, ARRAYS = "frame before", ("frames", "time", "boxes", "beads", "atoms", "velocities", "jumps", "replica")


class FrameBefore:
    """The frame that came of the steps last, if any of them follows it.

    Args:
        steps: Those of the recipe.

    Attributes:
        wanted: Whether any does.

    Raises:
        BackmapError: If one does inside of another, where frames may be left out.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.wanted = any(step.follows for step in steps)
        self._last: Window | None = None
        nested = next((one for step in steps for one in _inside(step) if one.follows), None)
        if nested is not None:
            raise BackmapError(f"'{nested.name}' follows the frame before, and cannot be inside of another step",
                               where=nested.where, hint="Give it a recipe of its own.")

    def of(self, place: int, replica: int) -> Window | None:
        """The frame before the one at this place of the run; None where there is none."""
        last = self._last
        return last if last is not None and (int(last.place[0]), int(last.replica[0])) == (place - 1, replica) else None

    def keep(self, window: Window, systems: Sequence[System], own: Memory) -> None:
        """This frame is done; the next may follow it."""
        if not self.wanted:
            return
        self._last, place = window, int(window.place[0])
        tally = own[TALLY]
        tally.hold("level", place, systems.index(window.system))
        for name in ARRAYS:
            value = getattr(window, name)
            tally.hold(name, place, [] if value is None else value)

    def recall(self, own: Memory, systems: Sequence[System]) -> None:
        """The last frame of an interrupted run, from what it remembers."""
        tally = own.get(TALLY)
        if not self.wanted or tally is None:
            return
        place, level = tally.held("level")
        found = {name: tally.held(name)[1] for name in ARRAYS}
        atoms, velocities, jumps = found.pop("atoms"), found.pop("velocities"), found.pop("jumps")
        window = Window(**{name: value.astype(np.int64) if name in ("frames", "replica") else value
                           for name, value in found.items()}, place=np.array([place]), system=systems[int(level)])
        self._last = window.with_atoms(atoms) if atoms.size else window
        self._last.velocities, self._last.jumps = (x if x.size else None for x in (velocities, jumps))


def _inside(step: Step) -> Iterable[Step]:
    """The steps nested in a step, and in these."""
    for steps in step.branches.values():
        for nested in steps:
            yield nested
            yield from _inside(nested)
