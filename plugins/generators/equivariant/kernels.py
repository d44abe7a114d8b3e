"""Fast twins, for processors, of what ``network.PairTerm`` and ``network.Encoder`` do with tensors.

Both visit every neighbour, the pair term 36 torsions for each of the nearest: more than half of the time of a
sweep goes there if each operation passes over memory on its own. Compiled, intermediate values stay in
registers. ``tests/unit/generators`` holds the twins against each other.
"""
from __future__ import annotations

import math

import numba
import numpy as np
from numba import float32

SQRT3, SQRT5, SQRT15 = math.sqrt(3), math.sqrt(5), math.sqrt(15)


@numba.njit(cache=True, fastmath=True, nogil=True)
def nearest(points: np.ndarray, placed: np.ndarray, x: float, y: float, z: float, index: np.ndarray,
            square: np.ndarray) -> int:
    """Indices of the placed points nearest to (x, y, z), ascending, into ``index``; returns how many.

    Args:
        points: (N, 3); placed: (N,) bool; index, square: Room for the answer, (P,).
    """
    limit, found = len(index), 0
    for n in range(len(points)):
        if not placed[n]:
            continue
        dx, dy, dz = points[n, 0] - x, points[n, 1] - y, points[n, 2] - z
        d = dx * dx + dy * dy + dz * dz
        if found == limit and d >= square[limit - 1]:
            continue
        k = found if found < limit else limit - 1
        while k > 0 and square[k - 1] > d:
            square[k], index[k] = square[k - 1], index[k - 1]
            k -= 1
        square[k], index[k] = d, n
        found = min(found + 1, limit)
    return found


@numba.njit(cache=True, fastmath=True, nogil=True)
def pair_energy(site: np.ndarray, points: np.ndarray, placed: np.ndarray, surrounding: np.ndarray,
                target: np.ndarray, origin: np.ndarray, axes: np.ndarray, distance: np.ndarray, angle: np.ndarray,
                table: np.ndarray, reach: float, n_pairs: int, n_nodes: int) -> np.ndarray:
    """Sum of pair terms of T atoms at each torsion node, (T, n_nodes) float32.

    Args:
        site, target: Site and class of each atom, (T,).
        points, placed, surrounding: Neighbours of S sites, their presence and classes, (S, N, 3), (S, N), (S, N).
        origin, axes, distance, angle: Local frames and internal coordinates, (T, 3), (T, 3, 3), (T,), (T,).
        table: Pair functions, (V, X, bins + 1), linear between nodes on [0, reach], zero at the last.
        n_pairs: Neighbours that count, the nearest ones to the circle's centre.
    """
    bins = table.shape[2] - 1
    cosine, sine = np.empty(n_nodes, dtype=np.float32), np.empty(n_nodes, dtype=np.float32)
    for k in range(n_nodes):
        phi = 2 * math.pi * k / n_nodes - math.pi
        cosine[k], sine[k] = math.cos(phi), math.sin(phi)
    energy = np.zeros((len(site), n_nodes), dtype=np.float32)
    index, square = np.empty(n_pairs, dtype=np.int64), np.empty(n_pairs, dtype=np.float32)
    scale = float32(bins / reach)
    for t in range(len(site)):
        s = site[t]
        along, across = distance[t] * math.cos(angle[t]), distance[t] * math.sin(angle[t])
        found = nearest(points[s], placed[s], origin[t, 0] + along * axes[t, 0, 0],
                        origin[t, 1] + along * axes[t, 0, 1], origin[t, 2] + along * axes[t, 0, 2], index, square)
        for p in range(found):
            n = index[p]
            dx, dy, dz = points[s, n, 0] - origin[t, 0], points[s, n, 1] - origin[t, 1], points[s, n, 2] - origin[t, 2]
            x = dx * axes[t, 0, 0] + dy * axes[t, 0, 1] + dz * axes[t, 0, 2] - along
            y = dx * axes[t, 1, 0] + dy * axes[t, 1, 1] + dz * axes[t, 1, 2]
            z = dx * axes[t, 2, 0] + dy * axes[t, 2, 1] + dz * axes[t, 2, 2]
            fixed = float32(x * x + y * y + z * z + across * across)
            wy, wz = float32(2 * across * y), float32(2 * across * z)
            values = table[target[t], surrounding[s, n]]
            for k in range(n_nodes):
                d2 = max(fixed - wy * cosine[k] - wz * sine[k], float32(1e-8))
                place = min(math.sqrt(d2) * scale, float32(bins - 1e-4))
                cell = int(place)
                energy[t, k] += values[cell] + (place - cell) * (values[cell + 1] - values[cell])
    return energy


@numba.njit(cache=True, fastmath=True, nogil=True)
def convolve(points: np.ndarray, there: np.ndarray, classes: np.ndarray, embedded: np.ndarray, radial: np.ndarray,
             cutoff: float, summed: np.ndarray) -> None:
    """Add what neighbours say about S sites to ``summed``: the encoder's convolution without its scale.

    Args:
        points: Neighbours, (S, N, 3); there: (S, N) bool; classes: Row of each in ``embedded``, (S, N).
        embedded: Node features, (X, C); radial: Radial weights at even distances from 0 to the cut-off, (R, C).
        summed: (S, 9, C): spherical harmonics l = 0, 1, 2 in e3nn's order and component normalisation.
    """
    channels, steps = embedded.shape[1], len(radial) - 1
    message, harmonics = np.empty(channels, dtype=np.float32), np.empty(9, dtype=np.float32)
    for s in range(len(points)):
        for n in range(points.shape[1]):
            if not there[s, n]:
                continue
            x, y, z = points[s, n, 0], points[s, n, 1], points[s, n, 2]
            d = math.sqrt(x * x + y * y + z * z)
            if d >= cutoff or d < 1e-6:
                continue
            x, y, z = x / d, y / d, z / d
            fade = 0.5 * math.cos(math.pi * d / cutoff) + 0.5
            place = d / cutoff * steps
            cell = min(int(place), steps - 1)
            inside = float32(place - cell)
            of = embedded[classes[s, n]]
            for c in range(channels):
                weight = radial[cell, c] + inside * (radial[cell + 1, c] - radial[cell, c])
                message[c] = weight * of[c] * float32(fade)
            harmonics[0] = 1.0
            harmonics[1], harmonics[2], harmonics[3] = SQRT3 * x, SQRT3 * y, SQRT3 * z
            harmonics[4], harmonics[5] = SQRT15 * x * z, SQRT15 * x * y
            harmonics[6] = SQRT5 * (y * y - 0.5 * (x * x + z * z))
            harmonics[7], harmonics[8] = SQRT15 * y * z, 0.5 * SQRT15 * (z * z - x * x)
            for m in range(9):
                for c in range(channels):
                    summed[s, m, c] += harmonics[m] * message[c]
