"""``backmap check``: looks a recipe, or a mapping, over."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .. import session
from ..errors import BackmapError
from .shared import Debug, PluginFiles

FILES = "the files"  #: stands for a recipe where there is none


def check(
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="The recipe; or give files.",
                                                  show_default=False)] = None,
    topology: Annotated[list[str] | None, typer.Option(
        "--topology", "-p", "-s", metavar="FILE", help="Without a recipe: the atomistic topology.")] = None,
    mapping: Annotated[list[str] | None, typer.Option(
        "--mapping", "-m", metavar="FILE", help="Without a recipe: mapping files.")] = None,
    beads: Annotated[list[str] | None, typer.Option(
        "--beads", "-c", "-f", metavar="FILE", help="Without a recipe: beads, e.g. -c cg.gro -f cg.xtc.")] = None,
    atoms: Annotated[list[str] | None, typer.Option(
        "--aa", metavar="FILE", help="Without a recipe: true atoms of the same frames.")] = None,
    units: Annotated[str | None, typer.Option(metavar="real|metal|lj|...", help="Of LAMMPS files.")] = None,
    index: Annotated[str | None, typer.Option("--index", "-n", metavar="FILE:GROUP", help="Without a recipe: the beads "
                                              "are a group of an index file.")] = None,
    overrides: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change the recipe, e.g. steps.gibbs.temperature=453.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Look a recipe and all its files over: everything that is wrong, doubtful or good to know.

    Nothing is run and nothing is written. The exit code is 0 if there are notes at most, 1 if there are warnings, 2 if
    there are errors, with which a run would fail or be wrong.
    """
    from ..checking import reading, verdict
    from ..model.inputs import all_kept
    from ..starting import files

    registry = session.registry_of(plugin or ())
    if (recipe is None) == (topology is None):
        raise BackmapError("give a recipe, or files without one", where="backmap check",
                           hint="As in: backmap check run.yaml, or: backmap check -p topol.top -m map.xml -c cg.gro.")
    with all_kept():
        if recipe is not None:
            read = reading.read_file(recipe, registry, overrides or [])
        else:
            given = files.UserFiles(topology or [], mapping or [], beads or [], atoms or [], units=units, index=index)
            read = reading.read("", files.skeleton(given, registry), Path(FILES), registry)
            read.survey.steps = [step for step in read.survey.steps if step.name != "read" or beads]
        found = verdict.findings(read, registry)
    if as_json:
        typer.echo(json.dumps(verdict.as_json(found, read), indent=1, ensure_ascii=False))
    else:
        verdict.show(found, read)
    raise typer.Exit(verdict.exit_code(found))
