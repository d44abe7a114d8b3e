"""Writes what the run made, window by window."""
from __future__ import annotations

from pydantic import Field

from backmap import api
from backmap.api import Several, State, Writer
from backmap.errors import BackmapError
from backmap.model.system import Window


class Write(api.Step):
    """Writes the atoms, in one format or in several."""

    needs = frozenset({"system", "atoms"})

    class Options(api.Options):
        atoms: Several[Writer] = Field(description="One writer, or a list of them.")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.writers: list[Writer] = options.atoms
        if not self.writers:
            raise BackmapError("there is nothing to write", hint="Give it atoms: {gromacs: aa.xtc}.")

    def start(self, state: State) -> None:
        for writer in self.writers:
            for path in writer.paths():
                state.files.claim(path)

    def frames(self, window: Window, state: State) -> Window:
        first = state.files.n_frames == 0
        for writer in self.writers:
            for path, data in zip(writer.paths(), writer.encode(window, state.system, first), strict=True):
                state.files.append(path, data)
        return window
