"""Pages from templates, what the templates need, and tables and plots as they take them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .content import Panel
from .figures import plot
from .heatmaps import PageMaps, maps_of
from .numbers import plural
from .surfaces import SurfacePanel
from .tables import Cell


def fill(template: str, **values: Any) -> bytes:
    """A page of ``templates/``, UTF-8; text in what is given is escaped."""
    return _environment().get_template(template).render(values).encode()


@cache
def shipped(name: str) -> str:
    """Text of a file that lies beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = Environment(loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    made.globals["shipped"] = shipped
    made.filters["plural"] = plural
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return made


@dataclass(frozen=True)
class Column:
    """Head of a column: its text, the class of its cells, and the class of the line drawn beside it, or ""."""

    text: str
    kind: str = ""
    style: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table as pages show it."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class PagePlot:
    """A plot as pages show it: its name, a remark, and the SVG."""

    name: str
    remark: str
    picture: str


def drawn(panel: Panel, style: dict[str, str], said: Iterable[str] = ()) -> PagePlot:
    """A panel, with remarks that come before its own."""
    picture, remark = plot(panel, style)
    return PagePlot(panel.name, "; ".join(filter(None, (*said, remark))), picture)


@dataclass(frozen=True)
class PageSurface:
    """A surface as pages show it: its name, a remark, and maps in groups of one scale each."""

    name: str
    remark: str
    groups: Sequence[PageMaps]


def mapped(panel: SurfacePanel) -> PageSurface:
    """A surface of all trajectories."""
    groups, remark = maps_of(panel)
    return PageSurface(panel.name, remark, groups)


def version_of(provenance: dict[str, Any]) -> str:
    """Of backmap, that made the run; "" if that is not known."""
    return str((provenance.get("versions") or {}).get("backmap", ""))
