"""The house has floors: an import goes down, never up, and core names no plugin."""
from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: From the ground up. A module imports from its own floor and from those below.
FLOORS = ("errors", "stock", "fields", "plugin", "model", "engine", "state", "ensembles", "api", "hookspecs",
          "registry", "document", "recipe", "frames", "identity", "ledger", "display", "pipeline", "processes",
          "runner", "merging", "comparison", "redirection", "checking", "starting", "session", "listing", "schema",
          "scaffold", "commands", "cli")
#: Modules that stand beside the stairs, and what they may lean on.
BESIDE = {"testing": {"errors", "model", "engine", "api", "display", "session"}}

COMPUTING = {"torch", "vesin", "scipy"}
NEVER_IN_CORE = {"rdkit", "MDAnalysis", "e3nn", "openmm", "backmap_plugins", "plugins"}
FOR_PLUGINS = {"api", "engine", "model", "errors", "hookspecs"}

CORE = sorted((ROOT / "backmap").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module or name that a file imports, in full, and whether that waits until a function is called."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = (parts[0].replace("plugins", "backmap_plugins"), *parts[1:])
    tree = ast.parse(path.read_text())
    late = {id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[:len(parts) - node.level] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((f"{module}.{alias.name}", id(node) in late) for alias in node.names)


def place(path: Path) -> str:
    """The room of a file: its module or sub-package."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CORE, ids=label)
def test_imports_go_down(path: Path) -> None:
    here = place(path)
    if here == "__init__":
        return
    allowed = BESIDE[here] | {here} if here in BESIDE else set(FLOORS[:FLOORS.index(here) + 1])
    for name, _ in imports(path):
        top, *rest = name.split(".")
        if top == "backmap" and rest != ["__version__"]:
            assert rest[0] in allowed, f"{name} is upstairs"


@pytest.mark.parametrize("path", CORE, ids=label)
def test_core_computes_in_the_engine_and_knows_no_format(path: Path) -> None:
    for name, late in imports(path):
        top = name.split(".")[0]
        assert top not in NEVER_IN_CORE, f"core must not import {name}"
        if top in COMPUTING:
            asks_late = place(path) == "pipeline" and late  # which device there is, how many threads
            assert place(path) in {"engine", "testing"} or asks_late or for_typing(path, name), f"{name} in the engine"


def for_typing(path: Path, name: str) -> bool:
    """The import stands under ``if TYPE_CHECKING``."""
    blocks = [node for node in ast.walk(ast.parse(path.read_text()))
              if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return any(isinstance(node, ast.ImportFrom) and node.module == name.rpartition(".")[0]
               for block in blocks for node in block.body)


@pytest.mark.parametrize("path", PLUGINS, ids=label)
def test_plugins_lean_on_core_and_not_on_each_other(path: Path) -> None:
    for name, _ in imports(path):
        top, *rest = name.split(".")
        if top == "backmap":
            assert rest[0] in FOR_PLUGINS, f"{name} is not a plugin's business"
        if top == "backmap_plugins" and rest:
            assert rest[0] in {place(path), "common"}, f"kinds of plugins do not import each other ({name})"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=label)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
