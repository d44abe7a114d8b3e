"""How far the frames of one trajectory are from those of another, with floors and errors; frames count as independent.

A floor is the distance between the first and the second half of the frames of one trajectory: it holds what few frames
and their slow drift do. The error of a distance is its spread when whole frames are drawn again, with replacement.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.random import numpy_generator

Array = NDArray[np.float64]

#: Draws of frames for errors.
DRAWS = 200
#: A divergence of bonds, angles or torsions that is no larger counts as none, whatever the floor.
NEGLIGIBLE = 0.05
#: Bins of divergences: at most so many, at least so few, and so many values of half of the reference in each.
MOST, LEAST, FILLING = 90, 15, 40
#: Ranges of angles and torsions, degrees.
RANGES = {"angle": (0.0, 180.0), "torsion": (-180.0, 180.0)}

#: From weights of the frames of X (D, n) and of Y (D, m), each row with sum 1, the distances (D,).
Between = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Distance:
    """One thing that was compared at one size of groups.

    Attributes:
        kind: ``bond``, ``angle``, ``torsion``, ``g(r)`` or ``environments``.
        name: Types of what it joins; empty for what has none.
        value: Jensen-Shannon divergence, L1 of g(r), nm, or MMD^2.
        error: Its standard error; NaN where both trajectories have one frame.
        floor: Between the halves of Y's frames.
        own: Between the halves of X's frames; NaN for one frame.
        p: For ``environments``, how often frames with exchanged labels are as far apart; None where they are too few.
    """

    kind: str
    name: str
    value: float
    error: float
    floor: float
    own: float
    p: float | None = None

    @property
    def limit(self) -> float:
        """What is within the floor and two standard errors."""
        return self.floor + 2 * (self.error if np.isfinite(self.error) else 0.0)

    @property
    def verdict(self) -> str:
        """``same``; ``unclear``, where so few frames hide more than what is negligible; or ``differs``."""
        bonded = self.kind not in ("g(r)", "environments")
        if bonded and self.value <= NEGLIGIBLE:
            return "same"
        if self.value <= self.limit:
            return "unclear" if bonded else "same"
        return "differs"


def measured(kind: str, name: str, between: Between, within: tuple[Between, Between], n_x: int, n_y: int, seed: int,
             p: float | None = None) -> Distance:
    """A distance with its floors and its error.

    Args:
        kind, name: See ``Distance``.
        between: Of X from Y.
        within: Of X from X, and of Y from Y.
        n_x, n_y: Numbers of frames.
        seed: Of the draws.
        p: See ``Distance``.
    """
    x, y = np.full((1, n_x), 1 / n_x), np.full((1, n_y), 1 / n_y)
    error = float("nan")
    if max(n_x, n_y) > 1:
        rng = numpy_generator(seed, "bottleneck", kind, name)
        error = float(np.std(between(_drawn(n_x, rng), _drawn(n_y, rng)), ddof=1))
    own, floor = (float(each(*_halves(n))[0]) if n > 1 else float("nan")
                  for each, n in zip(within, (n_x, n_y), strict=True))
    return Distance(kind, name, float(between(x, y)[0]), error, floor, own, p)


def _drawn(n: int, rng: np.random.Generator) -> Array:
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) / n


def _halves(n: int) -> tuple[Array, Array]:
    first = (np.arange(n) < n // 2).astype(np.float64)[None]
    return first / first.sum(), (1 - first) / (1 - first).sum()


def of_values(kind: str, name: str, x: Array, y: Array, seed: int, bins: int | None = None) -> Distance:
    """The divergence of bond lengths, angles or torsions.

    Args:
        kind, name: See ``Distance``.
        x: Of every frame of X, (n, values), nm or degrees.
        y: The same of Y, (m, values).
        seed: Of the draws.
        bins: How many; by default as many as the values of half of Y can fill.
    """
    low, high = RANGES.get(kind, (min(x.min(), y.min()), max(x.max(), y.max())))
    n = bins or int(np.clip(y.size // 2 // FILLING, LEAST, MOST))
    p, q = (np.stack([np.histogram(row, n, (low, high))[0] for row in each]).astype(np.float64) for each in (x, y))
    return measured(kind, name, _divergences(p, q), (_divergences(p, p), _divergences(q, q)), len(x), len(y), seed)


def of_curves(kind: str, x: Array, y: Array, width: float, seed: int) -> Distance:
    """The integral of the difference of two functions on bins of a width, from their values in frames, (n, bins)."""
    def between(one: Array, other: Array) -> Between:
        return lambda a, b: np.abs(a @ one - b @ other).sum(axis=1) * width

    return measured(kind, "", between(x, y), (between(x, x), between(y, y)), len(x), len(y), seed)


def of_kernel(kernel: Array, n_x: int, p: float | None, seed: int) -> Distance:
    """MMD^2 from mean kernels between frames, those of X first, (n + m, n + m)."""
    x, y = slice(None, n_x), slice(n_x, None)

    def between(one: slice, other: slice) -> Between:
        return lambda a, b: np.maximum(0.0, _form(a, kernel[one, one], a) + _form(b, kernel[other, other], b)
                                       - 2 * _form(a, kernel[one, other], b))

    return measured("environments", "", between(x, y), (between(x, x), between(y, y)), n_x, len(kernel) - n_x, seed, p)


def _form(a: Array, matrix: Array, b: Array) -> Array:
    return np.einsum("dn,nm,dm->d", a, matrix, b, optimize=True)


def _divergences(p: Array, q: Array) -> Between:
    """Jensen-Shannon divergences of mixtures of histograms, those of frames (n, bins) and (m, bins)."""
    def between(a: Array, b: Array) -> Array:
        one, other = a @ p, b @ q
        one, other = one / one.sum(axis=1, keepdims=True), other / other.sum(axis=1, keepdims=True)
        middle = (one + other) / 2
        return np.maximum(0.0, (_relative(one, middle) + _relative(other, middle)) / 2)

    return between


def _relative(p: Array, q: Array) -> Array:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0)), 0.0).sum(axis=1)
