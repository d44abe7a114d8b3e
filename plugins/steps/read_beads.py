"""The step ``read_beads``: beads of another trajectory, in a branch of ``assess``."""
from __future__ import annotations

from pydantic import Field

from backmap import api
from backmap.api import FrameStep, Nested, Reader, State
from backmap.errors import BackmapError
from backmap.model.system import Window
from backmap.model.windows import window_of

from ..molecules import contents
from ..molecules.sources import opened


class ReadBeads(FrameStep):
    """Takes beads from another trajectory, of any length, to be judged beside the run's own: a branch of ``assess``.

    Where it is longer than the run, frames are taken evenly from all of it; where it is shorter, the run's last frames
    have none.
    """

    needs = frozenset({"system", "beads"})
    gives = frozenset({"beads"})

    class Options(api.Options):
        beads: Nested[Reader] = Field(description="The coarse-grained trajectory.")

    options: Options

    def start(self, state: State) -> None:
        self.source = opened(self.options.beads, "beads", state.system, contents.of_state(state))
        if not self.source.n_frames:
            raise BackmapError("holds no frames", where=self.source.where)
        state.beads_from = self.source.where
        every = max(1.0, self.source.n_frames / max(1, state.n_frames))
        self.numbers = [int(place * every) for place in range(min(state.n_frames, self.source.n_frames))]
        if len(self.numbers) < self.source.n_frames:
            state.log(f"{self.source.where}: {len(self.numbers)} of its {self.source.n_frames} frames, evenly")

    def frame(self, window: Window, state: State) -> Window:
        order = int(state.order(window)[0])
        if order >= len(self.numbers):
            return window.take([])
        return window_of([self.numbers[order]], int(window.place[0]), window.system, self.source, None,
                         int(window.replica[0]))
