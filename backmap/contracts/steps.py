"""The contract of steps, the lines of a recipe."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from .plugin import Options, Plugin
from .state import State

if TYPE_CHECKING:
    from ..model.system import Window


class Step(Plugin):
    """One line of a recipe. What it needs and gives is checked before anything runs.

    The names in use: ``system``, ``beads``, ``reference``, ``atoms``, ``generator``, ``forcefield``,
    ``judgement``.

    Frames may be shared out among processes and parts of a run, and a run may be stopped and resumed at any moment:
    what a step does to a frame follows from the frame, the recipe and the seed alone, and what it has to remember of
    the frames until ``finish`` it counts into ``memory``, each frame under its ``Window.place``.
    """

    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    #: True if ``start`` does all the work and writes what comes of it: other processes cannot share it.
    beforehand: ClassVar[bool] = False
    #: Place in the recipe, e.g. ``run.yaml: steps[3].gibbs``; set by the recipe, for messages.
    where: str = ""
    #: Number of the step in the recipe, counted from 0; part of the name of every random draw.
    index: int = 0

    def __init__(self, options: Options) -> None:
        from ..model.memory import Memory  # late: numpy comes with it

        super().__init__(options)
        #: What it has counted of the frames; whole in ``finish``. The runner replaces it from window to window.
        self.memory = Memory()

    @property
    def branches(self) -> dict[str, Sequence[Step]]:
        """Steps nested in this one's options, by branch. They start where this step stands: the recipe gives
        them a place and checks their needs; running them is this step's business."""
        return {}

    def start(self, state: State) -> None:
        """Called once, before the first window."""

    def frames(self, window: Window, state: State) -> Window:
        """Called for every window, in order."""
        return window

    def finish(self, state: State) -> None:
        """Called once, after the last window."""


class FrameStep(Step):
    """A step that goes through a window frame by frame.

    Matrix products, and solutions of many equations at once, round by what else is in them. So what is computed for a
    frame follows from that frame alone only if no other frame takes part in it.
    """

    @abstractmethod
    def frame(self, window: Window, state: State) -> Window:
        """What ``frames`` is for a window of one frame."""

    def frames(self, window: Window, state: State) -> Window:
        from ..model.system import Window

        whole = state.progress
        try:
            made = []
            for number in range(window.size):
                state.progress = _share(whole, number, window.size)
                made.append(self.frame(window.take([number]), state))
        finally:
            state.progress = whole
        return Window.joined(made)


def _share(progress: Callable[[float], None], frame: int, n_frames: int) -> Callable[[float], None]:
    """Takes the fraction of one frame's work that is done, and tells that of the window's."""
    return lambda fraction: progress((frame + fraction) / n_frames)
