"""The rooms of the house: which packages there are, and which imports lead from one to another.

``python -c "from docs.reference import rooms"`` needs nothing but the standard library and networkx: sources are read,
not imported.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).resolve().parents[2]
#: Packages by the name under which they are imported, and where their sources lie.
PACKAGES = {"backmap": ROOT / "backmap", "backmap_plugins": ROOT / "plugins"}

HEAD = """\
<!-- Written by docs/generate.py from the imports; move files, then run `make docs`. -->
# Rooms

*This page is generated from the imports.* An arrow leads from a room to one that it imports from, always downwards; \
arrows that follow from others are left out. Imports for type annotations alone do not count. `tests/test_layers.py` \
keeps it so, in inner rooms too. White is the core, blue the engine, green are plugins.

![The packages of backmap and of its plugins, in layers by what they import](images/rooms.svg)
"""

#: Of the drawing, in pixels: its width, the height of a box, between boxes, from layer to layer, of a letter.
WIDTH, BOX, GAP, LAYER, LETTER = 1180, 30, 14, 66, 8.0


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Every name that a file imports, in full, and whether that is for type annotations alone."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {id(node) for block in ast.walk(tree)
              if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING" for node in ast.walk(block)}
    parents = dotted(path).split(".") if path.name == "__init__.py" else dotted(path).split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[:len(parents) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield from ((f"{module}.{alias.name}", id(node) in typing) for alias in node.names)


def dotted(path: Path) -> str:
    """The name under which a file is imported."""
    name, folder = next((name, folder) for name, folder in PACKAGES.items() if path.is_relative_to(folder))
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join((name, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def folder_of(package: str) -> Path:
    """Where the sources of a package lie."""
    top, *rest = package.split(".")
    return PACKAGES[top].joinpath(*rest)


def children(package: str) -> list[str]:
    """Modules and packages right inside a package, by their last names."""
    folder = folder_of(package)
    return sorted({path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
                  | {path.stem for path in folder.glob("*.py") if path.stem != "__init__"})


def packages() -> list[str]:
    """All packages, the inner ones too."""
    return sorted(dotted(path) for folder in PACKAGES.values() for path in folder.rglob("__init__.py"))


def graph(package: str) -> nx.DiGraph:
    """What is right inside a package, and an edge for each that imports from another of them."""
    inside = children(package)
    found = nx.DiGraph()
    found.add_nodes_from(inside)
    start = package.count(".") + 1
    for path in folder_of(package).rglob("*.py"):
        here = [*dotted(path).split("."), ""][start]
        for name, typing in imports(path):
            there = name.split(".")[start:start + 1]
            if name.startswith(f"{package}.") and here and not typing and there and there[0] in inside:
                found.add_edge(here, there[0])
    found.remove_edges_from(list(nx.selfloop_edges(found)))
    return found


def house() -> nx.DiGraph:
    """Core, engine and plugins in one graph, rooms by their full names."""
    found = nx.DiGraph()
    rooms = [f"{package}.{name}" for package in ("backmap", "backmap.engine", "backmap_plugins")
             for name in children(package) if (folder_of(package) / name).is_dir() or package == "backmap"]
    rooms = [room for room in rooms if room not in {"backmap.engine", "backmap.__main__"}]
    for package in PACKAGES.values():
        for path in package.rglob("*.py"):
            here = _room(dotted(path), rooms)
            for name, typing in imports(path):
                there = _room(name, rooms)
                if here and there and here != there and not typing:
                    found.add_edge(here, there)
    return nx.transitive_reduction(found)


def _room(name: str, rooms: list[str]) -> str | None:
    return max((room for room in rooms if f"{name}.".startswith(f"{room}.")), key=len, default=None)


def picture() -> str:
    """docs/images/rooms.svg: a box for each room, the layer below holding what it leans on."""
    edges = house()
    layers = _layers(edges)
    at, boxes = {}, []
    for depth, layer in enumerate(layers):
        widths = [LETTER * len(_label(room)) + 2 * GAP for room in layer]
        x = (WIDTH - sum(widths) - GAP * (len(layer) - 1)) / 2
        for room, width in zip(layer, widths, strict=True):
            y = GAP + LAYER * (len(layers) - 1 - depth)
            at[room] = (x + width / 2, y)
            boxes.append(f'<rect class="{_kind(room)}" x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX}" rx="5"/>'
                         f'<text x="{x + width / 2:.0f}" y="{y + BOX / 2 + 5:.0f}">{escape(_label(room))}</text>')
            x += width + GAP
    lines = [f'<line x1="{at[a][0]:.0f}" y1="{at[a][1] + BOX}" x2="{at[b][0]:.0f}" y2="{at[b][1]}"/>'
             for a, b in sorted(edges.edges)]
    height = LAYER * len(layers)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            f'font-size="14" text-anchor="middle"><!-- This picture is generated from the imports. -->'
            f'<style>rect{{fill:#fff;stroke:#456}}.engine{{fill:#dceaf7}}'
            f'.plugins{{fill:#e6f3dd}}line{{stroke:#9ab;stroke-width:1}}</style>\n'
            + "\n".join((f'<rect width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>', *lines, *boxes))
            + "\n</svg>\n")


def _layers(edges: nx.DiGraph) -> list[list[str]]:
    """Rooms by the longest way down, each layer in the order of the middle of what it stands on."""
    layers = [sorted(layer) for layer in nx.topological_generations(edges.reverse())]
    place = {room: k / max(len(layers[0]) - 1, 1) for k, room in enumerate(layers[0])}
    for layer in layers[1:]:
        middle = {room: sum(place[below] for below in edges[room]) / len(edges[room]) for room in layer}
        layer.sort(key=lambda room: (middle[room], room))
        place |= {room: k / max(len(layer) - 1, 1) if len(layer) > 1 else middle[room] for k, room in enumerate(layer)}
    return layers


def _label(room: str) -> str:
    return room.rpartition(".")[2] if not room.startswith("backmap.engine.") else room.removeprefix("backmap.")


def _kind(room: str) -> str:
    return "plugins" if room.startswith("backmap_plugins") else "engine" if ".engine." in room else "core"


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_table(package, title) for package, title in (
        ("backmap", "The core, `backmap/`"), ("backmap.engine", "The engine, `backmap/engine/`"),
        ("backmap_plugins", "Plugins, `plugins/`")))


def _table(package: str, title: str) -> str:
    rows = "".join(f"| `{name}{'/' if (folder_of(package) / name).is_dir() else '.py'}` | {_says(package, name)} |\n"
                   for name in children(package))
    return f"\n## {title}\n\n| | |\n|---|---|\n{rows}"


def _says(package: str, name: str) -> str:
    """The first paragraph of a room's docstring, in one line."""
    path = folder_of(package) / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split()).replace("|", "\\|").replace("``", "`")
