"""Moves on the periodic square lattice, compiled: heat bath site by site; clusters where particle and hole are alike.

Configurations are (n, rows, columns) int8 of 0 and 1, changed in place.
"""
from __future__ import annotations

import numpy as np

from backmap.engine.compiling.compiled import compiled


@compiled(nogil=True)
def heat_bath(x: np.ndarray, sweeps: int, flip: np.ndarray, rng: np.random.Generator) -> int:
    """Draw sites anew given their neighbours, ``sweeps`` times as many as there are sites, each chosen at random.

    Args:
        x: Configurations.
        flip: Probability that a site is filled, by the number of its filled neighbours, (5,).
        rng: Random numbers.

    Returns:
        How many sites changed.
    """
    n, rows, columns = x.shape
    changed = 0
    for k in range(n):
        sites = x[k]
        for _ in range(sweeps * rows * columns):
            i, j = int(rng.random() * rows), int(rng.random() * columns)
            filled = sites[i - 1, j] + sites[(i + 1) % rows, j] + sites[i, j - 1] + sites[i, (j + 1) % columns]
            new = 1 if rng.random() < flip[filled] else 0
            changed += new != sites[i, j]
            sites[i, j] = new
    return changed


@compiled(nogil=True)
def wolff(x: np.ndarray, clusters: int, join: float, rng: np.random.Generator) -> None:
    """Flip ``clusters`` clusters of each configuration: U. Wolff, Phys. Rev. Lett. 62, 361 (1989).

    Args:
        x: Configurations.
        clusters: How many.
        join: Probability that an equal neighbour joins, 1 - exp(-beta/2): the coupling of the Ising model is beta/4.
        rng: Random numbers.
    """
    n, rows, columns = x.shape
    stack = np.empty((rows * columns, 2), np.int64)
    for k in range(n):
        sites = x[k]
        for _ in range(clusters):
            stack[0] = int(rng.random() * rows), int(rng.random() * columns)
            value, top = sites[stack[0, 0], stack[0, 1]], 1
            sites[stack[0, 0], stack[0, 1]] = 1 - value
            while top:
                top -= 1
                i, j = stack[top]
                for a, b in (((i - 1) % rows, j), ((i + 1) % rows, j), (i, (j - 1) % columns), (i, (j + 1) % columns)):
                    if sites[a, b] == value and rng.random() < join:
                        sites[a, b] = 1 - value
                        stack[top] = a, b
                        top += 1
