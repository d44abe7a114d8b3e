"""How far the frames of one trajectory are from those of another, with floors and errors.

Values of one frame depend on each other, as molecules touch; those of one molecule do, as it hardly moves between
frames. So there are two ways to halve a trajectory, by frames and by molecules, and two to draw it again with
replacement. A floor, the mean distance between two halves, and an error, the spread among what is drawn, are the
larger of both.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.random import numpy_generator

Array = NDArray[np.float64]

#: Draws for errors, and ways to halve for floors.
DRAWS, HALVES = 200, 12
#: A divergence of bonds, angles or torsions that is no larger counts as none, whatever the floor.
NEGLIGIBLE = 0.05
#: Bins of divergences: at most so many, at least so few, and so many values of half of the reference in each.
MOST, LEAST, FILLING = 90, 15, 40
#: Ranges of angles and torsions, degrees.
RANGES = {"angle": (0.0, 180.0), "torsion": (-180.0, 180.0)}

#: Molecules are taken together in so many blocks at most.
BLOCKS = 24

#: From weights of the units of X (D, n) and of Y (D, m), each row with sum 1, the distances (D,).
Between = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Way:
    """How units of two trajectories are compared: frames, or blocks of molecules.

    Attributes:
        between: Of X from Y.
        own, floor: Of X from X, and of Y from Y.
        n_x, n_y: Numbers of units.
    """

    between: Between
    own: Between
    floor: Between
    n_x: int
    n_y: int


@dataclass(frozen=True)
class Distance:
    """One thing that was compared at one size of groups.

    Attributes:
        kind: ``bond``, ``angle``, ``torsion``, ``g(r)`` or ``environments``.
        name: Types of what it joins; empty for what has none.
        value: Jensen-Shannon divergence, L1 of g(r), nm, or MMD^2.
        error: Its standard error; NaN for one molecule in one frame each.
        floor: Between halves of Y.
        own: Between halves of X; NaN for one molecule in one frame.
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
        return self.floor + 2 * self.error

    @property
    def verdict(self) -> str:
        """``same``; ``unclear``, where so few frames hide more than what is negligible; or ``differs``."""
        bonded = self.kind not in ("g(r)", "environments")
        if bonded and self.value <= NEGLIGIBLE:
            return "same"
        if self.value <= self.limit:
            return "unclear" if bonded else "same"
        return "differs"


def measured(kind: str, name: str, ways: Sequence[Way], seed: int, p: float | None = None) -> Distance:
    """A distance with its floors and its error, the largest of all ways; the first one gives the value.

    Args:
        kind, name: See ``Distance``.
        ways: Frames as units, and blocks of molecules.
        seed: Of the draws.
        p: See ``Distance``.
    """
    errors, floors, owns = [], [], []
    for number, way in enumerate(ways):
        if max(way.n_x, way.n_y) > 1:
            rng = numpy_generator(seed, "bottleneck", kind, name, number)
            errors.append(float(np.std(way.between(_drawn(way.n_x, rng), _drawn(way.n_y, rng)), ddof=1)))
        floors += [float(way.floor(*_halves(way.n_y)).mean())] if way.n_y > 1 else []
        owns += [float(way.own(*_halves(way.n_x)).mean())] if way.n_x > 1 else []
    first, nothing = ways[0], float("nan")
    x, y = np.full((1, first.n_x), 1 / first.n_x), np.full((1, first.n_y), 1 / first.n_y)
    return Distance(kind, name, float(first.between(x, y)[0]), max(errors, default=nothing),
                    max(floors, default=nothing), max(owns, default=nothing), p)


def blocks_of(n_molecules: int) -> NDArray[np.int64]:
    """Block of each molecule, (n_molecules,)."""
    return np.arange(n_molecules) * min(n_molecules, BLOCKS) // max(n_molecules, 1)


def _drawn(n: int, rng: np.random.Generator) -> Array:
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) / n


def _halves(n: int) -> tuple[Array, Array]:
    """Weights of two halves of n units that follow each other, closed to a ring, from several starts on, (H, n)."""
    starts = np.unique(np.linspace(0, (n - 1) // 2, min((n + 1) // 2, HALVES)).astype(int))
    first = (((np.arange(n) - starts[:, None]) % n) < n // 2).astype(np.float64)
    return first / first.sum(axis=1, keepdims=True), (1 - first) / (1 - first).sum(axis=1, keepdims=True)


def of_values(kind: str, name: str, x: Array, y: Array, seed: int, bins: int | None = None) -> Distance:
    """The divergence of bond lengths, angles or torsions.

    Args:
        kind, name: See ``Distance``.
        x: Of every frame and molecule of X, (n, M, values), nm or degrees.
        y: The same of Y; numbers of frames and molecules may differ.
        seed: Of the draws.
        bins: How many; by default as many as the values of half of Y can fill.
    """
    low, high = RANGES.get(kind, (min(x.min(), y.min()), max(x.max(), y.max())))
    n = bins or int(np.clip(y.size // 2 // FILLING, LEAST, MOST))
    places = [np.clip((each - low) / max(high - low, 1e-12) * n, 0, n - 1).astype(np.int64) for each in (x, y)]
    ways = []
    for units in ("frames", "molecules"):
        p, q = (_counts(each, n, units) for each in places)
        ways.append(Way(_divergences(p, q), _divergences(p, p), _divergences(q, q), len(p), len(q)))
    return measured(kind, name, ways, seed)


def _counts(places: NDArray[np.int64], n: int, units: str) -> Array:
    """Histograms of units, (U, n), from the bins of values (frames, M, values)."""
    along = np.arange(places.shape[0])[:, None, None] if units == "frames" else blocks_of(places.shape[1])[:, None]
    unit = np.broadcast_to(along, places.shape)
    size = int(unit.max()) + 1
    return np.bincount((unit * n + places).ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def of_curves(kind: str, curves: Sequence[tuple[Array, Array]], width: float, seed: int) -> Distance:
    """The integral of the difference of two functions on bins of a width, from their values in units of X and Y."""
    def between(one: Array, other: Array) -> Between:
        return lambda a, b: np.abs(a @ one - b @ other).sum(axis=1) * width

    return measured(kind, "", [Way(between(x, y), between(x, x), between(y, y), len(x), len(y)) for x, y in curves],
                    seed)


def of_kernels(kernels: Sequence[tuple[Array, int]], p: float | None, seed: int) -> Distance:
    """MMD^2 from mean kernels between units, (n + m, n + m), the n of X first."""
    def way(kernel: Array, n_x: int) -> Way:
        x, y = slice(None, n_x), slice(n_x, None)

        def between(one: slice, other: slice) -> Between:
            return lambda a, b: np.maximum(0.0, _form(a, kernel[one, one], a) + _form(b, kernel[other, other], b)
                                           - 2 * _form(a, kernel[one, other], b))

        return Way(between(x, y), between(x, x), between(y, y), n_x, len(kernel) - n_x)

    return measured("environments", "", [way(*each) for each in kernels], seed, p)


def _form(a: Array, matrix: Array, b: Array) -> Array:
    return np.einsum("dn,nm,dm->d", a, matrix, b, optimize=True)


def _divergences(p: Array, q: Array) -> Between:
    """Jensen-Shannon divergences of mixtures of histograms, those of units (n, bins) and (m, bins)."""
    def between(a: Array, b: Array) -> Array:
        one, other = a @ p, b @ q
        one, other = one / one.sum(axis=1, keepdims=True), other / other.sum(axis=1, keepdims=True)
        middle = (one + other) / 2
        return np.maximum(0.0, (_relative(one, middle) + _relative(other, middle)) / 2)

    return between


def _relative(p: Array, q: Array) -> Array:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0)), 0.0).sum(axis=1)
