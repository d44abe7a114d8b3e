"""Which frames lie in a span of time and a whole number of intervals apart, for the command line and for readers."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDED = 5e-4  #: a time interval given with four digits is off by up to this share of itself
NEAR = 0.2  #: of the frames' own spacing: closer than this, an interval is taken for a multiple of it
PARTS = 10  #: largest denominator of an interval as a fraction of the spacing, e.g. 6/5 for 0.4 ps on thirds


def chosen(times: Array, begin: float | None = None, end: float | None = None,
           dt: float | None = None) -> NDArray[np.bool_]:
    """Select frames from ``begin`` to ``end``, at multiples of ``dt`` after the first of these, as in GROMACS.

    Args:
        times: Times of all frames, ps, (n,); files keep them in single precision.
        begin: First time, ps; None means no limit.
        end: Last time, ps; None means no limit.
        dt: Time between frames, ps; None means every frame. Where frames are evenly spaced it may be rounded to four
            digits: it then means the whole number of frames that it stands for, however long the trajectory.

    Returns:
        Which frames are selected, (n,) bool.
    """
    rounding = _rounding(times)
    inside = np.isfinite(times)
    if begin is not None:
        inside &= times >= begin - rounding
    if end is not None:
        inside &= times <= end + rounding
    if dt is not None and inside.any():
        inside[inside] = _every(times[inside], dt)
    return inside


def _rounding(times: Array) -> Array:
    """How far times may be off, ps."""
    return np.spacing(np.abs(times).astype(np.float32)).astype(np.float64)


def _every(times: Array, dt: float) -> NDArray[np.bool_]:
    """Frames a multiple of ``dt`` after the first, (n,) bool."""
    past, tolerance = times - times[0], _rounding(times) + _rounding(times[:1])
    spacing = _spacing(past, tolerance)
    if spacing is not None:
        number = np.round(past / spacing).astype(np.int64)
        for parts in (*range(1, PARTS + 1), max(1, round(spacing / dt))):
            share = dt / spacing * parts
            steps = round(share)  # dt is steps/parts of the spacing
            if steps and abs(steps - share) <= min(ROUNDED * steps, NEAR):
                return number % (steps // math.gcd(steps, parts)) == 0
    return np.abs(past - np.round(past / dt) * dt) <= tolerance + ROUNDED * dt


def _spacing(past: Array, tolerance: Array) -> float | None:
    """Of frames that are evenly spaced, some of them missing perhaps, ps; None if they are not."""
    grid = np.unique(past)
    if len(grid) < 2:
        return None
    grid -= grid[0]
    spacing, far = float(np.median(np.diff(grid))), 1
    while True:  # the longer the stretch, the less rounding matters
        far = min(far, len(grid) - 1)
        steps = round(grid[far] / spacing)
        if steps < 1:
            return None
        spacing = float(grid[far] / steps)
        if far == len(grid) - 1:
            break
        far *= 2
    off = np.abs(past - np.round(past / spacing) * spacing)
    return spacing if (off <= tolerance + 0.01 * spacing).all() else None
