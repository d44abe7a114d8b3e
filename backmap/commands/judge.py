"""``backmap judge``: ranks coarse-grained models by the atoms that their beads imply."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import session
from ..errors import BackmapError
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


def judge(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe that makes atoms of beads, with a force "
                                                                  "field and a reference.", show_default=False)],
    models: Annotated[list[str], typer.Argument(
        metavar="NAME=FILE,FILE...", help="Coarse-grained trajectories to be judged, e.g. A=a.gro,a.xtc B=b.gro,b.xtc.",
        show_default=False)],
    reference: Annotated[str | None, typer.Option(
        metavar="FILE,FILE", help="True atoms, in place of the recipe's reference; of any length.")] = None,
    frames: Frames = None,
    begin: Begin = None,
    end: End = None,
    dt: Every = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER",
                                         help="Where the report goes.")] = Path("judgement"),
    seed: Annotated[int | None, typer.Option(help="Every random draw of the run follows from it.")] = None,
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe that is run, e.g. steps.hamiltonian.sweeps=10.")] = None,
    processes: Processes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    force: Force = False,
    plugin: PluginFiles = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Rank coarse-grained models by the atoms that their beads imply."""
    limit_threads()
    named = {}
    for model in models:
        name, equals, files = model.partition("=")
        if not equals or name in named:
            raise BackmapError("is no model" if not equals else f"two models are called '{name}'", where=model,
                               hint="Write NAME=cg.gro,cg.xtc.")
        named[name] = files.split(",")
    session.judge(recipe, named, reference=reference.split(",") if reference else (), set=overrides or (),
                  frames=frames, begin=begin, end=end, dt=dt, output=output, seed=seed, processes=processes,
                  resume=resume, force=force, plugins=plugin or (),
                  display=display(verbose, quiet))
