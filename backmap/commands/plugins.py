"""``backmap plugins``: lists what a recipe can name."""
from __future__ import annotations

import json
from typing import Annotated

import typer

from .. import session
from .shared import Debug, PluginFiles


def plugins(
    word: Annotated[str | None, typer.Argument(
        metavar="[KIND|NAME]", show_default=False, help="A kind, such as generator, whose plugins are listed, or the "
                                                        "name of a plugin, whose options are.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list in JSON; with options, if a kind or "
                                                         "a name is given.")] = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """List the plugins: what a recipe can name, a line each; with a name, the options."""
    from . import listing

    registry = session.registry_of(plugin or ())
    entries = listing.chosen(registry, word)
    if as_json:
        typer.echo(json.dumps(listing.data(registry, entries, options=word is not None), indent=1, ensure_ascii=False))
    else:
        named = [entry for entry in entries if entry[1] == word]
        written = listing.details(registry, named, listing.width()) if named else listing.lines(
            registry, entries, listing.width())
        typer.echo("\n".join(written))
    for line in listing.problems(registry):
        typer.echo(line, err=True)
