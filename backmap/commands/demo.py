"""``backmap demo``: the recipe that comes with backmap, run in a folder of the user's."""
from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from .. import session, stock
from ..errors import BackmapError
from .shared import Debug, Force, Processes, Quiet, Verbose, display, limit_threads

DEMO = "polystyrene"  #: the folder of the recipe, among those that ship
RECIPE = "run.yaml"
#: What it reads, but for the weights, which are found by their name.
INPUTS = ("polystyrene.top", "polystyrene.xml", "cg.gro", "cg.xtc", "aa.gro", "test_aa.xtc")
RESULTS = "results"  #: beside the recipe


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where the recipe and its files go, and the "
                                                                    "results below.")] = Path("backmap-demo"),
    processes: Processes = None,
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Put the atoms into a polystyrene melt: copies a recipe with its files, runs it, and says what to look at."""
    limit_threads()
    recipe = laid_out(folder, force)
    session.run(recipe, processes=processes, force=force, display=display(verbose, quiet))
    for name, about in (("report.html", "how good the atoms are, to be opened in a browser"),
                        ("polystyrene.png", "beads and atoms of the first frame"),
                        ("atoms.gro", "the atoms; atoms.xtc has all frames")):
        typer.echo(f"{folder / RESULTS / name}  {about}")
    typer.echo(f"{recipe}  what was done; change it and run it again: backmap run {recipe} --force")


def laid_out(folder: Path, force: bool = False) -> Path:
    """Copy the demo into a folder; returns its recipe, whose results go below that folder.

    Raises:
        BackmapError: If the folder is there and ``force`` is not, or if the demo was not installed.
    """
    source = stock.shipped() / DEMO
    missing = [name for name in (RECIPE, *INPUTS) if not (source / name).is_file()]
    if missing:
        raise BackmapError(f"the demo is not installed: {', '.join(missing)} is missing", where=source,
                           hint="Install backmap once more.")
    if folder.exists() and not (force and folder.is_dir()):
        raise BackmapError("exists already", where=folder, hint="Name another folder, or use --force.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in INPUTS:
        shutil.copyfile(source / name, folder / name)
    text = (source / RECIPE).read_text(encoding="utf-8").splitlines(keepends=True)
    text = [line for line in text if not line.startswith("#")]  # which speak of the folder that it comes from
    (folder / RECIPE).write_text(re.sub(r"^output:\s*\S+\s*", f"output: {RESULTS}    ", "".join(text), flags=re.M),
                                 encoding="utf-8")
    return folder / RECIPE
