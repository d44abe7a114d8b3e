"""``backmap new``: starts a plugin package."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import session
from .shared import Debug, PluginFiles

#: Those of the registry, which takes longer to import than ``--help`` may.
KINDS = ("step", "generator", "traversal", "regularizer", "refiner", "morpher", "assessor", "force_field", "reader",
         "topology_reader", "mapping_reader", "writer", "checker", "bridge", "target", "model", "sampler",
         "ensemble_assessor")


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What recipes will call it, e.g. my_generator.",
                                        show_default=False)],
    kind: Annotated[str, typer.Option("--kind", "-k", metavar="KIND", help=f"What it is: {', '.join(KINDS)}.",
                                      autocompletion=lambda: KINDS, show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FOLDER",
                                                help="Where it goes; by default backmap-NAME.")] = None,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Start a plugin package: a plugin that works, its test, and what pip must know."""
    from .. import scaffold

    folder = Path(f"backmap-{name.replace('_', '-')}") if output is None else output
    for file in scaffold.start(name, kind, folder, session.registry_of(plugin or ())):
        typer.echo(file)
