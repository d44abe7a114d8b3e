"""Fast twin, for processors, of the pair terms of ``network``."""
from __future__ import annotations

import numpy as np
from numba import float32, int64

from backmap.engine.compiling.compiled import compiled


@compiled(fastmath=True, error_model="numpy", nogil=True)
def pair_sums(positions: np.ndarray, present: np.ndarray, classes: np.ndarray, table: np.ndarray, limits: np.ndarray,
              directions: np.ndarray, away: np.ndarray, scale: float, stiffness: float) -> np.ndarray:
    """Pair terms of both halves of T splits in n directions with P points, summed over points, (T, n) float32.

    Args:
        positions: Points in the local frame, (T, P, 3), units.
        present: (T, P) bool.
        classes: (T, P).
        table: Of every class and half, (X, 2, W), linear between nodes, zero at the last two.
        limits: Distances within which nothing is added to it, (X, 2, 2).
        directions: To the first half, (T, n, 3), or (1, n, 3) for all.
        away: Distance of both halves along these directions, (T, 2); the second is negative.
        scale: Nodes of the table for a unit.
        stiffness: Of what lies outside the limits, for a squared unit.
    """
    n_splits, n_directions, last = len(positions), directions.shape[1], float32(table.shape[2] - 2)
    summed = np.zeros((n_splits, n_directions), dtype=np.float32)
    for t in range(n_splits):
        into, toward = summed[t], directions[t if len(directions) > 1 else 0]
        for p in range(positions.shape[1]):
            if not present[t, p]:
                continue
            x, y, z, kind = positions[t, p, 0], positions[t, p, 1], positions[t, p, 2], classes[t, p]
            square = x * x + y * y + z * z
            for half in range(2):
                far, values = away[t, half], table[kind, half]
                low, high = limits[kind, half, 0], limits[kind, half, 1]
                for n in range(n_directions):
                    along = x * toward[n, 0] + y * toward[n, 1] + z * toward[n, 2]
                    distance = np.sqrt(max(square + far * far - float32(2.0) * far * along, float32(1e-6)))
                    place = min(distance * float32(scale), last)
                    cell = int64(place)
                    outside = max(low - distance, float32(0.0)) + max(distance - high, float32(0.0))
                    into[n] += (values[cell] + (place - float32(cell)) * (values[cell + 1] - values[cell])
                                - float32(stiffness) * outside * outside)
    return summed
