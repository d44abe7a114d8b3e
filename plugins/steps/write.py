"""Writes what the run made, window by window, and the report on it at the end."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pydantic
from pydantic import Field

from backmap import api
from backmap.api import OutputPath, Several, State, Writer
from backmap.errors import BackmapError
from backmap.model.system import Window

from .. import handed


def _as_list(value: Any) -> Any:
    return [] if value is None else value if isinstance(value, list | tuple) else [value]


class Write(api.Step):
    """Writes the atoms, the beads, or both in one or several formats, and a report."""

    needs = frozenset({"system", "atoms"})

    class Options(api.Options):
        atoms: Several[Writer] = Field([], description="Of the atoms: one writer, or a list of them.")
        beads: Several[Writer] = Field([], description="Of the beads: one writer, or a list of them.")
        report: Annotated[list[OutputPath], pydantic.BeforeValidator(_as_list)] = Field(
            [], description="What 'assess' found, written at the end: a file, or a list of files. .html is a page with "
                            "plots and a view of a frame, .md a page of tables, .json the data.")

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if not options.atoms and not options.beads and not options.report:
            raise BackmapError("there is nothing to write",
                               hint="Give it atoms: {gromacs: aa.xtc}, beads: {gromacs: cg.xtc}, or "
                                    "report: report.html.")
        if options.report:
            from ..report import render  # late: it takes its time, and a run without a report needs none of it

            for path in options.report:
                render.check(path)
        asked = {"atoms": options.atoms, "beads": options.beads, "judgement": options.report}
        self.needs = frozenset(["system", *(name for name, wanted in asked.items() if wanted)])

    def start(self, state: State) -> None:
        for writer in (*self.options.atoms, *self.options.beads):
            for path in writer.paths():
                state.files.claim(path)
        for path in self.options.report:
            state.files.claim(path, once=True)
        self.judgement = state.judgement  # a later one is of what there is then

    def frames(self, window: Window, state: State) -> Window:
        if self.options.atoms:
            self._write(self.options.atoms, window, state)
        if self.options.beads:
            self._write(self.options.beads, window.as_beads(), state)
        return window

    def _write(self, writers: Sequence[Writer], window: Window, state: State) -> None:
        handed.finite(window, window.system)
        for writer in writers:
            for path, data in handed.written(writer, window, window.system, bool(state.order(window)[0] == 0)):
                state.files.append(path, data)

    def finish(self, state: State) -> None:
        if not self.options.report:
            return
        from ..report import render

        content = self.judgement, state.provenance(), self.judgement.system, state.sampling
        for path in self.options.report:
            state.files.place(path, render.report(path, *content))
        for line in render.told(*content):
            state.log(f"verdict: {line}")
