"""``backmap plugins``: lists what a recipe can name."""
from __future__ import annotations

import typer

from .. import session
from .shared import Debug, PluginFiles


def plugins(plugin: PluginFiles = None, debug: Debug = False) -> None:
    """List the plugins: what a recipe can name, and the options of each."""
    from rich.console import Console

    from .listing import problems, table

    registry = session.registry_of(plugin or ())
    Console(highlight=False).print(table(registry))
    for line in problems(registry):
        typer.echo(line, err=True)
