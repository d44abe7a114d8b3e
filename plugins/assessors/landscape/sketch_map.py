"""Sketch-map: points in the plane whose distances, on the scale that matters, are those in many dimensions.

M. Ceriotti, G. A. Tribello, M. Parrinello, Proc. Natl. Acad. Sci. 108, 13023 (2011); J. Chem. Theory Comput. 9, 1521
(2013). Stress: M. Stieffenhofer, PhD thesis, Mainz 2022, equations 3.12 to 3.15.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import minimize

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.random import numpy_generator

Array = NDArray[np.float64]

#: Points of the grids, along each side: of those for landmarks, and of those for other points.
COARSE, FINE = 41, 101
#: By how much the second grid is wider than the landmarks, on each side.
MARGIN = 0.2
#: How often each landmark is looked for all over the map.
ROUNDS = 3
#: Random displacements of the starts after the first, in units of sigma.
JITTER = 0.3


@dataclass(frozen=True)
class Sigmoid:
    """F(R) = 1 - (1 + (2^(a/b) - 1) (R / sigma)^a)^(-b/a): 0 at 0, 1/2 at sigma, 1 far away."""

    sigma: float
    a: float
    b: float

    def __call__(self, distance: Array) -> Array:
        scale = 2.0**(self.a / self.b) - 1.0
        return 1.0 - (1.0 + scale * (distance / self.sigma)**self.a)**(-self.b / self.a)


@dataclass(frozen=True)
class Sketch:
    """Landmarks on the map.

    Attributes:
        z: Where they are, (L, 2), in units of D.
        weights: Of each, of sum 1, (L,).
        high: What distances D become.
        low: What distances on the map become.
        stress: S of equation 3.12.
        stresses: S of each start, (n,).
    """

    z: Array
    weights: Array
    high: Sigmoid
    low: Sigmoid
    stress: float
    stresses: Array

    @property
    def box(self) -> Array:
        """Lower and upper corner, (2, 2)."""
        return np.stack([self.z.min(axis=0), self.z.max(axis=0)])


@part(nogil=True)
def _low(r, sigma, scale, a, b):
    """f(r), and its derivative."""
    if r <= 0.0:
        return 0.0, 0.0
    power = scale * (r / sigma)**a
    value = (1.0 + power)**(-b / a)
    return 1.0 - value, b * power / r * value / (1.0 + power)


@compiled(nogil=True)
def _stress(z: np.ndarray, high: np.ndarray, weights: np.ndarray, sigma: float, a: float, b: float):
    """S and its gradient (L, 2)."""
    n, scale = len(z), 2.0**(a / b) - 1.0
    total, norm, gradient = 0.0, 1e-300, np.zeros((n, 2))  # a single landmark has no pairs, and no stress
    for i in range(n):
        for j in range(i):
            x, y = z[i, 0] - z[j, 0], z[i, 1] - z[j, 1]
            r = math.sqrt(x * x + y * y)
            f, slope = _low(r, sigma, scale, a, b)
            w, off = weights[i] * weights[j], f - high[i, j]
            total += w * off * off
            norm += w
            if r > 0.0:
                pull = 2.0 * w * off * slope / r
                gradient[i, 0] += pull * x
                gradient[i, 1] += pull * y
                gradient[j, 0] -= pull * x
                gradient[j, 1] -= pull * y
    return total / norm, gradient / norm


def sigma_of(distances: Array, n_bins: int = 100) -> tuple[float, Array, Array]:
    """The D at which the histogram of distances has half the height of its main mode, on the short side of it.

    Returns:
        Sigma, edges (n_bins + 1,) and counts (n_bins,).
    """
    counts, edges = np.histogram(distances, bins=n_bins, range=(0.0, max(float(distances.max()), 1e-12)))
    smooth = np.convolve(counts, np.ones(3) / 3, mode="same")
    mode = int(smooth.argmax())
    below = np.flatnonzero(smooth[:mode + 1] < smooth[mode] / 2)
    first = int(below[-1]) + 1 if len(below) else 0
    return float((edges[first] + edges[first + 1]) / 2), edges, counts.astype(np.float64)


def fitted(distances: Array, weights: Array, high: Sigmoid, low: Sigmoid, restarts: int, seed: int) -> Sketch:
    """Put landmarks on a map.

    Args:
        distances: Between landmarks, (L, L).
        weights: Of landmarks, (L,).
        high: What these distances become.
        low: What distances on the map become.
        restarts: Number of starts: two from scaled eigenvectors, and others displaced at random.
        seed: Of the displacements.
    """
    weights = weights / weights.sum()
    targets, rng = high(distances), numpy_generator(seed, "landscape", "starts")
    first, second = (_scaled(_eigenvectors(each), targets, weights, low) for each in (targets, distances))
    starts = [first, second, *(first + JITTER * low.sigma * rng.normal(size=first.shape) for _ in range(restarts))]
    found = [_settled(start, targets, weights, low) for start in starts[:max(1, restarts)]]
    stresses = np.array([stress for _, stress in found])
    z = _standing(found[int(stresses.argmin())][0], weights)
    return Sketch(z, weights, high, low, float(stresses.min()), stresses)


def _eigenvectors(distances: Array) -> Array:
    """Classical multidimensional scaling into the plane, (L, 2)."""
    square = distances**2
    centred = -0.5 * (square - square.mean(axis=0) - square.mean(axis=1)[:, None] + square.mean())
    values, vectors = np.linalg.eigh(centred)
    largest = np.argsort(values)[::-1][:2]
    z = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 1e-12))
    if z.shape[1] < 2:
        z = np.concatenate([z, np.zeros((len(z), 2 - z.shape[1]))], axis=1)
    return z * np.where(z[np.abs(z).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)


def _scaled(z: Array, targets: Array, weights: Array, low: Sigmoid) -> Array:
    """The size of a map at which its stress is least."""
    sizes = low.sigma / max(float(np.abs(z).max()), 1e-12) * 2.0**np.arange(-3, 6, 0.5)
    stress = [_stress(size * z, targets, weights, low.sigma, low.a, low.b)[0] for size in sizes]
    return sizes[int(np.argmin(stress))] * z


def _descended(z: Array, targets: Array, weights: Array, low: Sigmoid) -> tuple[Array, float]:
    """Down to the nearest minimum, by L-BFGS; the stress is scaled so that its tolerances are relative."""
    begun = max(_stress(z, targets, weights, low.sigma, low.a, low.b)[0], 1e-12)

    def value(flat: Array) -> tuple[float, Array]:
        stress, gradient = _stress(flat.reshape(-1, 2), targets, weights, low.sigma, low.a, low.b)
        return stress / begun, gradient.reshape(-1) / begun

    found = minimize(value, z.reshape(-1), jac=True, method="L-BFGS-B",
                     options={"maxiter": 500, "maxfun": 700, "ftol": 1e-9, "gtol": 1e-7, "maxcor": 20})
    return found.x.reshape(-1, 2), float(found.fun * begun)


def _settled(z: Array, targets: Array, weights: Array, low: Sigmoid) -> tuple[Array, float]:
    """L-BFGS, then rounds in which every landmark is put where it is best on the whole map, and L-BFGS again."""
    z, stress = _descended(z, targets, weights, low)
    for _ in range(ROUNDS if len(z) > 3 else 0):
        moved, after = _descended(_relocated(z, targets, weights, low), targets, weights, low)
        if after >= stress * (1 - 1e-6):
            break
        z, stress = moved, after
    return z, stress


def _relocated(z: Array, targets: Array, weights: Array, low: Sigmoid) -> Array:
    """One landmark after the other at its best place: on a grid, and between its points by bicubic splines."""
    axes = [np.linspace(z[:, k].min(), max(z[:, k].max(), z[:, k].min() + 1e-9), COARSE) for k in (0, 1)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    z, on_grid = z.copy(), low(_apart(grid, z))
    squares = on_grid**2 @ weights
    for i in range(len(z)):
        goal = targets[i]
        cost = squares - 2 * on_grid @ (weights * goal) - weights[i] * (on_grid[:, i]**2 - 2 * on_grid[:, i] * goal[i])
        place = _between(axes, cost.reshape(COARSE, COARSE))
        here, there = (_one(point, i, z, goal, weights, low) for point in (z[i], place))
        if there < here:
            squares -= weights[i] * on_grid[:, i]**2
            z[i], on_grid[:, i] = place, low(_apart(grid, place[None]))[:, 0]
            squares += weights[i] * on_grid[:, i]**2
    return z


def _between(axes: list[Array], cost: Array) -> Array:
    """The lowest point of a bicubic spline about the lowest point of a grid."""
    lowest = np.unravel_index(int(cost.argmin()), cost.shape)
    near = [slice(max(0, k - 3), k + 4) for k in lowest]
    spline = RectBivariateSpline(axes[0][near[0]], axes[1][near[1]], cost[near[0], near[1]])
    finer = [np.linspace(axis[max(0, k - 1)], axis[min(len(axis) - 1, k + 1)], 21) for axis, k in zip(axes, lowest)]
    best = np.unravel_index(int(spline(*finer).argmin()), (21, 21))
    return np.array([finer[0][best[0]], finer[1][best[1]]])


def _one(point: Array, i: int, z: Array, goal: Array, weights: Array, low: Sigmoid) -> float:
    """What landmark i adds to the stress at a point, but for its weight."""
    off = weights * (low(_apart(point[None], z))[0] - goal)**2
    return float(off.sum() - off[i])


def _standing(z: Array, weights: Array) -> Array:
    """The same map, its middle at 0 and its long axis along x, with its heavier tail upwards and to the right."""
    z = z - weights @ z
    _, axes = np.linalg.eigh((z * weights[:, None]).T @ z)
    z = z @ axes[:, ::-1]
    return z * np.where(weights @ z**3 < 0, -1.0, 1.0)


def _apart(first: Array, second: Array) -> Array:
    """Distances, (n, m)."""
    return np.sqrt(((first[:, None] - second[None])**2).sum(axis=-1))


def projected(sketch: Sketch, distances: Array) -> tuple[Array, Array]:
    """Put points on a map that is there (equation 3.15).

    Args:
        sketch: The map.
        distances: Of the points from the landmarks, (n, L).

    Returns:
        Where they are, (n, 2), and their residuals, the root of the weighted mean of (f - F)^2, (n,).
    """
    low, weights, targets = sketch.low, sketch.weights, sketch.high(distances)
    corner, end = sketch.box
    wide = MARGIN * (end - corner)
    axes = [np.linspace(corner[k] - wide[k], end[k] + wide[k], FINE) for k in (0, 1)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    on_grid = low(_apart(grid, sketch.z))
    squares, starts = on_grid**2 @ weights, np.empty((len(targets), 2))
    for start in range(0, len(targets), 1000):
        rows = slice(start, start + 1000)
        cost = squares - 2 * (targets[rows] * weights) @ on_grid.T
        starts[rows] = grid[cost.argmin(axis=1)]
    found, residual = _newton(starts, targets, sketch.z, weights, low.sigma, low.a, low.b)
    return found, np.sqrt(residual)


@compiled(nogil=True)
def _newton(starts: np.ndarray, targets: np.ndarray, landmarks: np.ndarray, weights: np.ndarray, sigma: float,
            a: float, b: float):
    """Damped Gauss-Newton steps of each point from its place on the grid; where they end, and the least squares."""
    scale = 2.0**(a / b) - 1.0
    places, squares = starts.copy(), np.zeros(len(starts))
    for k in range(len(starts)):
        damping, x, y = 1e-3, starts[k, 0], starts[k, 1]
        best = -1.0
        for _ in range(60):
            value, gx, gy, hxx, hxy, hyy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(len(landmarks)):
                dx, dy = x - landmarks[i, 0], y - landmarks[i, 1]
                r = math.sqrt(dx * dx + dy * dy)
                f, slope = _low(r, sigma, scale, a, b)
                off = f - targets[k, i]
                value += weights[i] * off * off
                if r > 0.0:
                    ux, uy = slope * dx / r, slope * dy / r
                    gx += weights[i] * off * ux
                    gy += weights[i] * off * uy
                    hxx += weights[i] * ux * ux
                    hxy += weights[i] * ux * uy
                    hyy += weights[i] * uy * uy
            if best < 0.0 or value < best:
                gained = best < 0.0 or best - value > 1e-12 * best
                best, places[k, 0], places[k, 1] = value, x, y
                kept = (gx, gy, hxx, hxy, hyy)
                damping = max(damping / 5.0, 1e-9)
                if not gained:
                    break
            else:
                damping *= 5.0
                if damping > 1e9:
                    break
            gx, gy, hxx, hxy, hyy = kept
            p, q = hxx * (1.0 + damping) + 1e-300, hyy * (1.0 + damping) + 1e-300
            determinant = p * q - hxy * hxy
            if determinant <= 0.0:
                break
            x = places[k, 0] - (q * gx - hxy * gy) / determinant
            y = places[k, 1] - (p * gy - hxy * gx) / determinant
        squares[k] = best
    return places, squares


def farthest(start: int, n_landmarks: int, n_points: int, distances_of) -> tuple[NDArray[np.int64], Array]:
    """Farthest-point sampling: each landmark is the point farthest from those before.

    Args:
        start: The first.
        n_landmarks: How many.
        n_points: Among so many.
        distances_of: Distances of one point from all, (n_points,).

    Returns:
        Landmarks, (L,), and the distances of all points from them, (n_points, L).
    """
    chosen, columns = [start], [distances_of(start)]
    nearest = columns[0].copy()
    while len(chosen) < min(n_landmarks, n_points):
        chosen.append(int(nearest.argmax()))
        columns.append(distances_of(chosen[-1]))
        nearest = np.minimum(nearest, columns[-1])
    return np.array(chosen), np.stack(columns, axis=1)
