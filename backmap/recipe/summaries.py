"""What plugins are, in a line each; read from their sources, as to import all of them takes seconds."""
from __future__ import annotations

import ast
import inspect
import re
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from ..api import Plugin
from ..errors import BackmapError
from .registry import Kind, Registry


def summary(plugin: type[Plugin]) -> str:
    """The first line of a plugin's own docstring."""
    return _first(plugin.__doc__)


def summary_of(registry: Registry, kind: Kind, name: str) -> str:
    """The first line of a plugin's docstring, or why there is none; the plugin is imported only where it has to be."""
    what = registry.offered(kind, name).what
    if not isinstance(what, str):
        return summary(what)
    module, _, attribute = what.partition(":")
    try:
        return _written(module, attribute) or summary(registry.get(kind, name))
    except BackmapError as error:
        return str(error)


def _first(docstring: str | None) -> str:
    return (inspect.cleandoc(docstring or "").splitlines() or [""])[0]


def _written(module: str, name: str) -> str:
    """The first line of the docstring of a class, as it stands in its source; empty if it cannot be told."""
    path = _source(module)
    if path is None:
        return ""
    start = rf"^class {re.escape(name)}\b.*?:\n(?=[ \t]+r?\"\"\")"
    head = re.search(start, path.read_text(encoding="utf-8"), re.M | re.S)
    if head is None:
        return ""
    rest = head.string[head.end():]
    end = rest.find('"""', rest.index('"""') + 3)
    try:
        only, = ast.parse(f"{head[0]}{rest[:end + 3]}\n").body  # nothing else stands between its name and the docstring
    except (SyntaxError, ValueError):
        return ""
    return _first(ast.get_docstring(only)) if isinstance(only, ast.ClassDef) else ""


def _source(module: str) -> Path | None:
    """The file of a module, found without importing its packages."""
    names = module.split(".")
    spec = find_spec(names[0])  # which knows of editable installs, too
    for depth in range(2, len(names) + 1):
        if spec is None:
            return None
        spec = PathFinder.find_spec(".".join(names[:depth]), spec.submodule_search_locations)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
