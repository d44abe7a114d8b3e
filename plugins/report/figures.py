"""Plots as small pieces of SVG: colours, dashes and sizes of letters are the style sheet's business."""
from __future__ import annotations

import math
from html import escape

import numpy as np
from numpy.typing import NDArray

from backmap.model.assessment import REFERENCE

from .content import Panel
from .numbers import number, percent, short, unit_of

Array = NDArray[np.float64]

WIDTH, HEIGHT = 300, 168
LEFT, RIGHT, TOP, BOTTOM = 34, 13, 8, 34
N_STYLES = 6  #: colours and dashes that the style sheet has
REACH = 4.0  #: widths of the middle 80 % of a density; what lies farther from these is told, not drawn
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_DEGREES = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0)


def styles(candidates: list[str]) -> dict[str, str]:
    """Class of each trajectory's lines; the reference is grey."""
    return {REFERENCE: "ref"} | {label: f"t{k % N_STYLES + 1}" for k, label in enumerate(candidates)}


def ticks(low: float, high: float, most: int = 5, angle: bool = False) -> list[float]:
    """At most ``most`` round numbers from ``low`` to ``high``."""
    span = high - low
    if not span > 0:
        return [low]
    scale = 10 ** math.floor(math.log10(span / most))
    candidates = _DEGREES if angle and span > 10 else [scale * step for step in (*_STEPS, 20.0, 50.0)]
    step = next((step for step in candidates if span / step <= most), candidates[-1])
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def plot(panel: Panel, style: dict[str, str]) -> tuple[str, str]:
    """One panel: the SVG, and a remark on what lies beyond its frame, or ""."""
    low, high, beyond = extent(panel)
    top, remark = _top(panel, low, high)
    remark = "; ".join(filter(None, [beyond, remark]))
    bottom = min(0.0, _lowest(panel, low, high))

    def x(values: Array) -> Array:
        return LEFT + (values - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(values: Array) -> Array:
        clipped = np.clip(values, bottom - 0.1 * (top - bottom), 1.02 * top)
        return HEIGHT - BOTTOM - (clipped - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    lines = []
    for label in sorted(panel.curves, key=lambda label: label != REFERENCE):
        edges, values = panel.curves[label]
        inside = (edges[1:] > low) & (edges[:-1] < high) & np.isfinite(values)
        if not inside.any():
            continue
        group = f'<g class="curve {style.get(label, "t1")}" data-of="{escape(label)}">'
        if label == REFERENCE or label in panel.stepped:
            left, right = np.clip(edges[:-1][inside], low, high), np.clip(edges[1:][inside], low, high)
            corners = np.column_stack([x(left), y(values[inside]), x(right), y(values[inside])]).reshape(-1, 2)
            base = y(np.zeros(1))[0]
            path = _path(corners)
            area = f'M{corners[0][0]:.1f} {base:.1f}L{path[1:]}L{corners[-1][0]:.1f} {base:.1f}Z'
            filled = f'<path class="area" d="{area}"/>' if label == REFERENCE else ""
            lines.append(f'{group}{filled}<path class="line" d="{path}"/></g>')
        else:
            middle = (edges[:-1] + edges[1:])[inside] / 2
            path = _path(np.column_stack([x(np.clip(middle, low, high)), y(values[inside])]))
            lines.append(f'{group}<path class="line" d="{path}"/></g>')
    clip = f'<svg x="0" y="0" width="{WIDTH}" height="{HEIGHT - BOTTOM + 1}">{"".join(lines)}</svg>'
    text = f"{panel.name}: {panel.quantity} of {', '.join(panel.curves)} against {panel.label}"
    return (f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(text)}">'
            f'{_axes(panel, low, high, bottom, top, x, y)}{clip}</svg>', remark)


def _axes(panel: Panel, low: float, high: float, bottom: float, top: float, x, y) -> str:
    unit = unit_of(panel.unit)
    at = ticks(low, high, 5, unit == "°")
    places = tick_places(at)
    base = HEIGHT - BOTTOM
    parts = []
    for value in at:
        place = float(x(np.array(value)))
        parts.append(f'<path class="tick" d="M{place:.1f} {base}v4"/>'
                     f'<text x="{place:.1f}" y="{base + 15}" text-anchor="middle">{number(value, places)}</text>')
    levels = ticks(bottom, top, 3)
    for value in levels:
        place = float(y(np.array(value)))
        text = number(value, tick_places(levels))
        parts.append(f'<path class="grid" d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}"/>'
                     f'<text x="{LEFT - 5}" y="{place + 3.5:.1f}" text-anchor="end">{text}</text>')
    name = f"{panel.label} ({unit})" if unit else panel.label
    parts.append(f'<path class="axis" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>'
                 f'<text class="name" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">'
                 f'{escape(name)}</text>')
    return "".join(parts)


def tick_places(values: list[float]) -> int:
    """Decimal places that tell ticks apart."""
    return next((places for places in range(7) if all(abs(round(v, places) - v) < 1e-9 + 1e-6 * abs(v)
                                                      for v in values)), 6)


def _path(points: Array) -> str:
    """M and L of points (n, 2); points on a straight level line are left out."""
    level = np.r_[False, (np.abs(np.diff(points[:, 1])) < 0.05)]
    keep = ~(level & np.r_[level[1:], False])
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points[keep])


def extent(panel: Panel) -> tuple[float, float, str]:
    """The part of the axis where something is, which is drawn, and what to say of what lies beyond it.

    Densities are cut where all of them are thin, and where single values, or all of a trajectory, lie so far away that
    the rest would be a line.
    """
    spans, far = {}, []
    reach = math.inf if unit_of(panel.unit) == "°" else REACH
    for label, (edges, values) in panel.curves.items():
        known = np.nan_to_num(values)
        if panel.quantity == "density" and known.sum() > 0:
            first, last, told = _dense(edges, known, reach)
            far += [f"{label}: {told}"] if told else []
        else:
            there = np.flatnonzero(known)
            first, last = (0, len(known) - 1) if not len(there) else (0, max(there[-1], 1))
        spans[label] = float(edges[max(0, first - 1)]), float(edges[min(len(edges) - 1, last + 2)])
    if panel.quantity == "density":
        spans, away = _near(spans, reach)
        far += away
    low, high = min(low for low, _ in spans.values()), max(high for _, high in spans.values())
    return low, high if high > low else low + 1.0, "; ".join(far)


def _near(spans: dict[str, tuple[float, float]], reach: float) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Spans without those that lie far from the reference's, or the first one's, and what to say of these."""
    low, high = spans.get(REFERENCE, next(iter(spans.values())))
    away = {label: ends for label, ends in spans.items()
            if ends[0] > high + reach * (high - low) or ends[1] < low - reach * (high - low)}
    return ({label: ends for label, ends in spans.items() if label not in away},
            [f"{label} lies beyond, about {short(sum(ends) / 2)}" for label, ends in away.items()])


def _dense(edges: Array, values: Array, reach: float) -> tuple[int, int, str]:
    """First and last bin of a density where it is not thin, and what lies farther away than ``reach`` says."""
    weight = values * np.diff(edges)
    share = np.cumsum(weight) / weight.sum()
    first, last = (int(k) for k in np.searchsorted(share, [0.002, 0.998]))
    inner = [int(k) for k in np.searchsorted(share, [0.1, 0.9])]
    span = edges[inner[1] + 1] - edges[inner[0]]
    near = (edges[1:] >= edges[inner[0]] - reach * span) & (edges[:-1] <= edges[inner[1] + 1] + reach * span)
    if near[first] and near[min(last, len(near) - 1)]:
        return first, min(last, len(near) - 1), ""
    inside = np.flatnonzero(near & (weight > 0))
    outside = np.flatnonzero(~near & (weight > 0))
    ends = sorted({float(edges[outside[0]]), float(edges[outside[-1] + 1])}, key=abs)
    said = f"{percent(weight[outside].sum() / weight.sum())} lies beyond, as far as {short(ends[-1])}"
    return int(inside[0]), int(inside[-1]), said


def _top(panel: Panel, low: float, high: float) -> tuple[float, str]:
    """Top of the plot; a peak far above the others is cut, and that is said."""
    peaks = {}
    for label, (edges, values) in panel.curves.items():
        inside = values[(edges[1:] > low) & (edges[:-1] < high)]
        peaks[label] = float(np.nanmax(inside)) if np.isfinite(inside).any() else 0.0
    highest = max(peaks.values())
    if highest <= 0:
        return 1.0, ""
    top, remark = cut(peaks)
    return min(top, 1.06 * highest), remark


def cut(peaks: dict[str, float]) -> tuple[float, str]:
    """Where to cut, by label, peaks that are far above others; infinity if there are none. And what to say of it."""
    known = sorted((peak for peak in peaks.values() if peak > 0), reverse=True)
    for k, peak in enumerate(known[1:], start=1):
        if known[k - 1] > 5 * peak:
            high = [label for label, value in peaks.items() if value > 2 * peak]
            return 2 * peak, f"{', '.join(high)} cut off at the top"
    return math.inf, ""


def _lowest(panel: Panel, low: float, high: float) -> float:
    parts = [values[(edges[1:] > low) & (edges[:-1] < high)] for edges, values in panel.curves.values()]
    return min((float(np.nanmin(part)) for part in parts if np.isfinite(part).any()), default=0.0)
