"""``backmap schema``: the JSON schema of recipes, with which editors complete and check them."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .. import session
from .shared import Debug, Force, PluginFiles, replaced


def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.json",
                                                help="Where it goes; by default to standard output.")] = None,
    force: Force = False,
    plugin: PluginFiles = None,
    debug: Debug = False,
) -> None:
    """Write the JSON schema of recipes: editors complete names and options by it.

    An editor with a YAML language server takes it from the first line of a recipe:
    # yaml-language-server: $schema=recipe.schema.json
    """
    from ..recipe import schema as schemas

    text = json.dumps(schemas.schema(session.registry_of(plugin or ())), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
        return
    replaced(output, text, force)
    typer.echo(f"{output}: for editors, put this first in a recipe: # yaml-language-server: $schema={output.name}")
