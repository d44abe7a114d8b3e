"""``backmap run``: runs a recipe."""
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


def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, e.g. run.yaml.", show_default=False)],
    frames: Frames = None,
    begin: Begin = None,
    end: End = None,
    dt: Every = None,
    beads: Annotated[list[Path] | None, typer.Option(
        "--beads", "-f", metavar="FILE", help="Beads to read instead of the recipe's, by the reader that it names; "
                                              "several: -f cg.gro -f cg.xtc.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where results go.")] = None,
    seed: Annotated[int | None, typer.Option(help="Every random draw of the run follows from it.")] = None,
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe, e.g. steps.gibbs.temperature=453.")] = None,
    threads: Annotated[int | None, typer.Option(
        "--threads", "-nt", min=1, metavar="N", show_default=False,
        help="Threads that share frames, of all processes together: by default as many as there are cores, and the "
             "result does not depend on it. In steps that train they train, by default one.")] = None,
    processes: Processes = None,
    part: Annotated[str | None, typer.Option(
        "--part", metavar="2/8", help="Only this part of the frames, of so many, for `backmap merge`.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    force: Force = False,
    no_check: Annotated[bool, typer.Option(
        "--no-check", help="Do not look the recipe and its files over first, as `backmap check` does.")] = False,
    plugin: PluginFiles = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a recipe."""
    limit_threads()
    session.run(recipe, set=overrides or (), frames=frames, begin=begin, end=end, dt=dt, beads=beads or None,
                output=output, seed=seed, threads=threads, processes=processes, part=part, resume=resume, force=force,
                check=not no_check, plugins=plugin or (),
                display=display(verbose, quiet))
