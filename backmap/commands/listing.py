"""The table of ``backmap plugins``."""
from __future__ import annotations

import inspect
from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from ..api import Plugin
from ..errors import BackmapError
from ..recipe.recipe import options_of
from ..recipe.registry import KINDS, Registry


def table(registry: Registry) -> Table:
    """Every plugin: kind, name, one line about it, and its options with their defaults."""
    listed = Table("kind", "name", "what it does", "options", title="backmap plugins", title_justify="left")
    for kind in KINDS:
        names = registry.names(kind)
        for number, name in enumerate(names):
            about, options = _describe(registry, kind, name)
            listed.add_row(kind.name if number == 0 else "", name, escape(about), escape(options),
                           end_section=name == names[-1])
    return listed


def problems(registry: Registry) -> Iterator[str]:
    """A line for each plugin that could not be loaded."""
    for name, reason in registry.broken.items():
        yield f"backmap: plugin '{name}' could not be loaded: {reason}"


def _describe(registry: Registry, kind, name: str) -> tuple[str, str]:
    try:
        plugin = registry.get(kind, name)
    except BackmapError as error:
        return str(error), ""
    return summary(plugin), ", ".join(_option(key, field) for key, field in options_of(plugin).items())


def summary(plugin: type[Plugin]) -> str:
    """The first line of a plugin's own docstring."""
    return (inspect.cleandoc(plugin.__doc__ or "").splitlines() or [""])[0]


def _option(name: str, field) -> str:
    if field.is_required():
        return name
    default = field.get_default(call_default_factory=True)
    return f"{name}={'none' if default is None else default}"
