"""Writes what the run made, window by window, and the report on it at the end."""
from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import Field

from backmap import api
from backmap.api import OutputPath, Several, State, Writer
from backmap.errors import BackmapError
from backmap.model.system import Window

from .. import handed
from ..report import render


def _as_list(value: Any) -> Any:
    return [] if value is None else value if isinstance(value, list | tuple) else [value]


class Write(api.Step):
    """Writes the atoms in one or several formats, and a report."""

    needs = frozenset({"system", "atoms"})

    class Options(api.Options):
        atoms: Several[Writer] = Field([], description="One writer, or a list of them.")
        report: Annotated[list[OutputPath], pydantic.BeforeValidator(_as_list)] = Field(
            [], description="What 'assess' found, written at the end: a file, or a list of files. .html is a page with "
                            "plots and a view of a frame, .md a page of tables, .json the data.")

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.writers: list[Writer] = options.atoms
        if not self.writers and not options.report:
            raise BackmapError("there is nothing to write",
                               hint="Give it atoms: {gromacs: aa.xtc}, or report: report.html.")
        for path in options.report:
            render.check(path)
        self.needs = frozenset(["system", *["atoms"] * bool(self.writers), *["judgement"] * bool(options.report)])

    def start(self, state: State) -> None:
        for writer in self.writers:
            for path in writer.paths():
                state.files.claim(path)
        for path in self.options.report:
            state.files.claim(path, once=True)

    def frames(self, window: Window, state: State) -> Window:
        first = bool(state.order(window)[0] == 0)
        if self.writers:
            handed.finite(window, state.system)
        for writer in self.writers:
            for path, data in handed.written(writer, window, state.system, first):
                state.files.append(path, data)
        return window

    def finish(self, state: State) -> None:
        for path in self.options.report:
            state.files.place(path, render.report(path, state.judgement, state.provenance(),
                                                  state.judgement.system or state.system,
                                                  state.sampling))
