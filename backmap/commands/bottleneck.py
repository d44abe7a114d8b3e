"""``backmap bottleneck``: where two models of the same beads agree, and the mapping that takes both there."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .. import session
from ..errors import BackmapError
from .shared import Begin, Debug, End, Every, Force, PluginFiles, limit_threads


def bottleneck(
    beads: Annotated[list[str] | None, typer.Argument(
        metavar="[X]...", help="Frames of beads of the model that is to be corrected, e.g. kg.gro kg.trr.",
        show_default=False)] = None,
    topology: Annotated[list[str] | None, typer.Option(
        "--topology", "-p", "-s", metavar="FILE", help="Bonds and masses of the beads: a GROMACS .top or .itp, or a "
                                                       "VOTCA topology XML, whose atoms are the beads; of the atoms, "
                                                       "with --mapping.")] = None,
    like: Annotated[list[str] | None, typer.Option(
        "--like", metavar="FILE", help="Frames of the same beads of a faithful model, Y; may be given several "
                                       "times.")] = None,
    mapping: Annotated[list[str] | None, typer.Option(
        "--mapping", "-m", metavar="FILE", help="The mapping that makes these beads of the topology's atoms.")] = None,
    sizes: Annotated[str, typer.Option(metavar="1..8 | 1,2,4", help="Beads of a group that are tried.")] = "1..8",
    size: Annotated[int | None, typer.Option(
        min=1, metavar="S", help="Beads of a group in the mapping that is written; by default the smallest that "
                                 "matches.")] = None,
    remainder: Annotated[str, typer.Option(
        metavar="last|spread|error", help="What to do with beads that are left over: a smaller last group, groups that "
                                          "differ by one at most, or stop.")] = "last",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.xml",
                                         help="The mapping, as VOTCA has it.")] = Path("bottleneck.xml"),
    units: Annotated[str | None, typer.Option(metavar="real|metal|lj", help="Of LAMMPS files.")] = None,
    sigma: Annotated[float | None, typer.Option(min=0.0, metavar="NM", help="Length of one lj unit, nm.")] = None,
    begin: Begin = None,
    end: End = None,
    dt: Every = None,
    bins: Annotated[int | None, typer.Option(min=2, help="Bins of divergences; by default as many as the values can "
                                                         "fill, 90 at most.")] = None,
    seed: Annotated[int, typer.Option(help="Every random draw follows from it.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    force: Force = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Compare two models of the same beads in groups of growing size, and write the mapping that makes such groups.

    Matching is what differs by no more than halves of the faithful frames do, plus two standard errors; of bonds,
    angles and torsions also a divergence of 0.05. Times (-b, -e, -dt) choose frames of X. Without frames, but with
    --size, the mapping alone is written. The exit code is 1 if no size matches.
    """
    limit_threads()
    from ..running.display import Display
    from ..starting import bottleneck as starting
    from ..starting import files

    registry = session.registry_of(plugin or ())
    if output.exists() and not force:
        raise BackmapError("exists already", where=output, hint="Choose another with --output, or use --force.")
    given = files.UserFiles(topology or [], mapping or [], beads or [], units=units, begin=begin, end=end, dt=dt,
                            sigma=sigma)
    options = {"sizes": starting.sizes(sizes), "remainder": remainder}
    options |= {key: value for key, value in (("size", size), ("bins", bins)) if value is not None}
    found = starting.diagnosed(given, like or [], options, output, registry, Display(), seed)
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif found.get("sizes"):
        starting.show(found)
    if not found["written"]:
        why = "there is nothing to correct" if found["recommended"] else "no size matches"
        typer.echo(f"{output}: not written, as {why}; --size writes it all the same", err=True)
    raise typer.Exit(1 if found.get("sizes") and found["recommended"] is None else 0)
