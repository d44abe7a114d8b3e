"""Pages from templates, what the templates need, and tables and plots as they take them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from .content import Panel
from .few import in_wide_bins, told
from .figures import extent, plot
from .heatmaps import PageMaps, maps_of
from .numbers import plural, unit_of
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
    """A plot as pages show it: its name, a remark, the SVG, and its numbers for a closer look."""

    name: str
    remark: str
    picture: str
    curves: dict[str, Any]


def drawn(panel: Panel, style: dict[str, str], said: Iterable[str] = ()) -> PagePlot:
    """A panel, with remarks that come before its own."""
    shown = in_wide_bins(panel)
    picture, remark = plot(shown, style)
    return PagePlot(panel.name, "; ".join(filter(None, (*said, told(shown), remark))), picture, closer(shown, style))


def closer(panel: Panel, style: dict[str, str]) -> dict[str, Any]:
    """What ``closer.js`` draws: axes, and of each curve whose it is, its style, the middles of its bins, its values.

    The part that is ``shown`` is that of the plot. Middles at equal distances are told by the first and the distance.
    Values have four digits.
    """
    curves = []
    for label, (edges, values) in panel.curves.items():
        middle, step = (edges[:-1] + edges[1:]) / 2, np.diff(edges).mean()
        even = np.allclose(np.diff(edges), step, rtol=1e-6, atol=0)
        where = {"from": _short(middle[0], 8), "step": _short(step, 8)} if even else {
            "at": [_short(x, 6) for x in middle]}
        curves.append({"of": label, "style": style.get(label, "t1"), "few": label in panel.stepped, **where,
                       "values": [_short(value, 4) if np.isfinite(value) else None for value in values]})
    low, high, _ = extent(panel)
    return {"x": panel.label, "unit": unit_of(panel.unit), "shown": [_short(low, 6), _short(high, 6)],
            "y": panel.quantity, "curves": curves}


def _short(value: float, digits: int) -> float | int:
    """A number with so many digits, as short as JSON can have it."""
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded


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
