"""``backmap report``: judges runs and other trajectories side by side."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import session
from .shared import (
    Begin,
    Debug,
    End,
    Every,
    Force,
    Frames,
    PluginFiles,
    Processes,
    Quiet,
    Verbose,
    display,
    limit_threads,
)


def report(
    sources: Annotated[list[str], typer.Argument(
        metavar="RUN|FILE...", help="Folders of finished runs, trajectories of atoms (NAME=file.xtc names one), and "
                                    "at most one recipe, which says what the system is.", show_default=False)],
    frames: Frames = None,
    begin: Begin = None,
    end: End = None,
    dt: Every = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER",
                                         help="Where the report goes.")] = Path("report"),
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe of the report, e.g. "
                                         "steps.assess.compare_every=2.")] = None,
    processes: Processes = None,
    force: Force = False,
    plugin: PluginFiles = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Judge runs and other trajectories side by side."""
    limit_threads()
    session.report(sources, set=overrides or (), frames=frames, begin=begin, end=end, dt=dt, output=output,
                   processes=processes or 1, force=force, plugins=plugin or (),
                   display=display(verbose, quiet))
