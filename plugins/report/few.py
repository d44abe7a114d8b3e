"""Distributions of few numbers, in bins wide enough to hold some of them: else a plot shows teeth, and no shape."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from .content import Array, Panel
from .numbers import plural

LEAST = 5.0  #: numbers in a bin, on average, where a distribution is not thin
THIN = 0.01  #: share at either end that is left out of that


def in_wide_bins(panel: Panel) -> Panel:
    """The panel as it is drawn: distributions that rest on few numbers have wider bins, and are drawn as such."""
    wide = {label: _widened(*panel.curves[label], samples) for label, samples in panel.samples.items()
            if panel.quantity == "density" and samples}
    changed = {label: curve for label, curve in wide.items() if len(curve[1]) < len(panel.curves[label][1])}
    return replace(panel, curves={**panel.curves, **changed},
                   samples={label: panel.samples[label] for label in changed}, stepped=frozenset(changed))


def told(panel: Panel) -> str:
    """On how many numbers the distributions rest that are drawn in wider bins."""
    by_number: dict[int, list[str]] = {}
    for label in sorted(panel.stepped, key=list(panel.curves).index):
        by_number.setdefault(panel.samples[label], []).append(label)
    return "; ".join(f"{plural(number, 'value')} of {', '.join(labels)}" for number, labels in by_number.items())


def _widened(edges: Array, density: Array, samples: int) -> tuple[Array, Array]:
    """Edges and densities of so many bins put together that, where there are many, ``LEAST`` numbers are in one."""
    weight = np.nan_to_num(density) * np.diff(edges)
    if not weight.sum() > 0:
        return edges, density
    share = np.cumsum(weight) / weight.sum()
    first, last = np.searchsorted(share, [THIN, 1 - THIN])
    together = int(np.ceil(LEAST * (last - first + 1) / samples))
    if together < 2:
        return edges, density
    starts = np.arange(0, len(weight), together)
    wide = np.append(edges[starts], edges[-1])
    return wide, np.add.reduceat(weight, starts) / np.diff(wide)
