"""Steps that work on one frame at a time."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

from backmap.api import State, Step
from backmap.model.system import Window


class FrameStep(Step):
    """A step that goes through a window frame by frame.

    Matrix products, and solutions of many equations at once, round by what else is in them. So what is computed for a
    frame follows from that frame alone only if no other frame takes part in it.
    """

    @abstractmethod
    def frame(self, window: Window, state: State) -> Window:
        """What ``frames`` is for a window of one frame."""

    def frames(self, window: Window, state: State) -> Window:
        return Window.joined([
            self.frame(window.take([w]), replace(state, progress=_share(state.progress, w, window.size)))
            for w in range(window.size)])


def _share(progress: Callable[[float], None], frame: int, n_frames: int) -> Callable[[float], None]:
    """Takes the fraction of one frame's work that is done, and tells that of the window's."""
    return lambda fraction: progress((frame + fraction) / n_frames)
