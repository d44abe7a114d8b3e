"""``backmap merge``: puts the parts of a run together."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import session
from .shared import Debug, Force, Quiet, Verbose, display, limit_threads


def merge(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The output folder of the parts.",
                                           show_default=False)],
    force: Force = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Put the parts of a run together, made by `backmap run --part 1/8` and so on."""
    limit_threads()
    session.merge(folder, force=force, display=display(verbose, quiet))
