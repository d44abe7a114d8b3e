"""Surfaces as heat maps, small pieces of SVG: their colours are the business of ``surfaces.css``."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import REFERENCE, Surface

from .figures import cut, tick_places, ticks
from .numbers import unit_of
from .surfaces import Difference, SurfacePanel

Array = NDArray[np.float64]
Levels = NDArray[np.int64]

LEFT, RIGHT, TOP, BOTTOM, SIDE = 56, 14, 6, 36, 230
WIDTH, HEIGHT = LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM
N_COLOURS = 24  #: of values, and of differences: the first half is below the reference
BLANK, PALE = -1, -2  #: levels of bins that have no colour, and of those that do not differ


@dataclass(frozen=True)
class PageMap:
    """One map: the trajectory that it belongs to, its name, a remark, and the SVG."""

    label: str
    name: str
    remark: str
    picture: str


@dataclass(frozen=True)
class PageMaps:
    """Maps that share a scale, which is an SVG too."""

    scale: str
    maps: Sequence[PageMap]


@dataclass(frozen=True)
class Scale:
    """Colours of values from ``low`` to ``high``; ``kind`` is how the style sheet calls them."""

    kind: str
    low: float
    high: float

    def levels(self, values: Array) -> Levels:
        """Colours of values, from 0; values off the scale have that of its end, NaN is blank."""
        share = (values - self.low) / (self.high - self.low)
        level = np.clip(np.nan_to_num(share) * N_COLOURS, 0, N_COLOURS - 1).astype(np.int64)
        return np.where(np.isfinite(values), level, BLANK)


def maps_of(panel: SurfacePanel) -> tuple[list[PageMaps], str]:
    """Maps of all trajectories, those of their differences to the reference, and a remark on what they show."""
    scale, remark = _value_scale(panel)
    maps = [PageMap(label, label, "", value_map(surface, scale, label)) for label, surface in panel.surfaces.items()]
    groups = [PageMaps(_bar(scale, panel.quantity), maps)]
    if panel.differences:
        scale = _difference_scale(list(panel.differences.values()))
        pale = f"no more than {panel.limit}" if panel.limit else "no difference"
        groups.append(PageMaps(_bar(scale, f"difference of {panel.quantity}", pale), [
            PageMap(label, f"{label} − {REFERENCE}", difference.said, difference_map(difference, scale, label))
            for label, difference in panel.differences.items()]))
    said = ["empty bins are blank", remark] if remark else ["empty bins are blank"]
    if REFERENCE in panel.surfaces:
        said += [f"{label} has other bins than the {REFERENCE}" for label in panel.surfaces
                 if label not in (REFERENCE, *panel.differences)]
    return groups, "; ".join(said)


def value_map(surface: Surface, scale: Scale, label: str) -> str:
    """The values of one trajectory; points with their texts."""
    levels = scale.levels(np.where(surface.filled, surface.values, np.nan))
    return _picture(surface, levels, scale.kind, f"{surface.name}: {surface.quantity} of {label}")


def difference_map(difference: Difference, scale: Scale, label: str) -> str:
    """How one trajectory differs from the reference; what may be noise is pale."""
    levels = scale.levels(difference.surface.values)
    levels[(levels != BLANK) & ~difference.beyond] = PALE
    text = f"{difference.surface.name}: {difference.surface.quantity} of {label} minus that of the {REFERENCE}"
    return _picture(difference.surface, levels, scale.kind, text)


def _value_scale(panel: SurfacePanel) -> tuple[Scale, str]:
    """One scale for all trajectories; a peak far above those of the others is cut, and that is said."""
    known = {label: surface.values[surface.filled] for label, surface in panel.surfaces.items()}
    peaks = {label: float(values.max()) for label, values in known.items() if len(values)}
    if not peaks:
        return Scale("h", 0.0, 1.0), ""
    low, high = min(float(values.min()) for values in known.values() if len(values)), max(peaks.values())
    top, remark = cut(peaks) if low >= 0 else (high, "")
    if panel.first.counted:
        low = min(low, 0.0)
    return _wide(Scale("h", low, min(top, high))), remark


def _difference_scale(differences: Sequence[Difference]) -> Scale:
    """From minus to plus the largest difference that is more than noise, or the largest of all."""
    sizes = [np.abs(each.surface.values[each.beyond]) for each in differences if each.beyond.any()]
    sizes = sizes or [np.abs(each.surface.values[np.isfinite(each.surface.values)]) for each in differences]
    reach = max((float(size.max()) for size in sizes if len(size)), default=0.0) or 1.0
    return Scale("d", -reach, reach)


def _wide(scale: Scale) -> Scale:
    """The same, not without width."""
    return scale if scale.high > scale.low else replace(scale, high=scale.low + (abs(scale.low) or 1.0))


def _picture(surface: Surface, levels: Levels, kind: str, text: str) -> str:
    """Cells between axes, and points upon them."""
    across, up = surface.edges
    x = LEFT + (across - across[0]) / (across[-1] - across[0]) * SIDE
    y = TOP + SIDE - (up - up[0]) / (up[-1] - up[0]) * SIDE
    names = [f"{label} ({unit_of(unit)})" if unit else label for label, unit in zip(surface.labels, surface.units)]
    text = f"{text}, over {names[0]} and {names[1]}"
    return (f'<svg class="plot map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(text)}">'
            f'{_cells(np.round(x, 1), np.round(y, 1), levels, kind)}{_axes(surface, names)}{_points(surface)}</svg>')


def _cells(x: Array, y: Array, levels: Levels, kind: str) -> str:
    """One path for each colour, one piece of it for each bin; x and y of the edges in the picture."""
    width, height = np.round(np.diff(x), 1), np.round(-np.diff(y), 1)
    parts = []
    for level in np.unique(levels[levels != BLANK]):
        pieces = "".join(f"M{x[i]:g} {y[j + 1]:g}h{width[i]:g}v{height[j]:g}h-{width[i]:g}z"
                         for i, j in np.argwhere(levels == level))
        parts.append(f'<path class="{"pale" if level == PALE else f"{kind}{level}"}" d="{pieces}"/>')
    return f'<g class="cells">{"".join(parts)}</g>'


def _axes(surface: Surface, names: Sequence[str]) -> str:
    base, middle = TOP + SIDE, TOP + SIDE / 2
    parts = [f'<rect class="axis" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>']
    across, up = (_ticks(edges, unit) for edges, unit in zip(surface.edges, surface.units))
    for place, text in across:
        x = LEFT + place
        parts.append(f'<path class="tick" d="M{x:.1f} {base}v4"/>'
                     f'<text x="{x:.1f}" y="{base + 15}" text-anchor="middle">{text}</text>')
    for place, text in up:
        y = base - place
        parts.append(f'<path class="tick" d="M{LEFT} {y:.1f}h-4"/>'
                     f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>')
    parts.append(f'<text class="name" x="{LEFT + SIDE / 2:g}" y="{HEIGHT - 4}" text-anchor="middle">'
                 f'{escape(names[0])}</text><text class="name" transform="translate(11 {middle:g})rotate(-90)" '
                 f'text-anchor="middle">{escape(names[1])}</text>')
    return "".join(parts)


def _ticks(edges: Array, unit: str) -> list[tuple[float, str]]:
    """Places along an axis, from where it begins in the picture, and the numbers there."""
    low, high = float(edges[0]), float(edges[-1])
    at = ticks(low, high, 5, unit_of(unit) == "°")
    return [((value - low) / (high - low) * SIDE, text) for value, text in zip(at, _numbers(at))]


def _numbers(at: Sequence[float]) -> list[str]:
    """Ticks in few letters."""
    size, places = max(map(abs, at), default=0.0), tick_places(list(at))
    texts = [f"{value:.{places}f}" if 1e-2 <= size < 1e5 else f"{value:.3g}" for value in at]
    return [re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e").replace("-", "−") for text in texts]


def _points(surface: Surface) -> str:
    """Dots with their texts; those beyond the axes are left out."""
    parts = []
    for k, point in enumerate([] if surface.points is None else surface.points):
        x, y = ((value - edges[0]) / (edges[-1] - edges[0]) for value, edges in zip(point, surface.edges))
        if 0 <= x <= 1 and 0 <= y <= 1:
            title = f"<title>{escape(surface.hover[k])}</title>" if surface.hover else ""
            parts.append(f'<circle class="dot" cx="{LEFT + x * SIDE:.1f}" cy="{TOP + (1 - y) * SIDE:.1f}" r="3">'
                         f'{title}</circle>')
    return "".join(parts)


def _bar(scale: Scale, name: str, pale: str = "") -> str:
    """The legend of a scale, with a sample of what is pale."""
    left, width, top = 20, 260, 18
    step = width / N_COLOURS
    parts = [f'<text class="name" x="{left}" y="11">{escape(name)}</text><g class="cells">']
    parts += [f'<rect class="{scale.kind}{k}" x="{left + k * step:.1f}" y="{top}" width="{step + 0.1:.1f}" '
              'height="11"/>' for k in range(N_COLOURS)]
    parts.append("</g>")
    at = ticks(scale.low, scale.high, 5)
    for value, text in zip(at, _numbers(at)):
        x = left + (value - scale.low) / (scale.high - scale.low) * width
        parts.append(f'<path class="tick" d="M{x:.1f} {top + 11}v4"/><text x="{x:.1f}" y="{top + 26}" '
                     f'text-anchor="middle">{text}</text>')
    height = 48
    if pale:
        height = 66
        parts.append(f'<rect class="pale" x="{left}" y="52" width="11" height="11"/>'
                     f'<text x="{left + 16}" y="61">{escape(pale)}</text>')
    return f'<svg class="plot scale" viewBox="0 0 300 {height}" aria-hidden="true">{"".join(parts)}</svg>'
