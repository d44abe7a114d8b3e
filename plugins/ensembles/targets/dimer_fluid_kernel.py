"""A dimer among identical particles in the plane, quick: energies, local moves, slow switches of the dimer.

Configurations x are (n, 2 N): first and second coordinate of each of N particles, of which the first two are the dimer.
``constants`` are those of the energy over kT: eps rm^12; slope, a, b, middle of the dimer's bond; constant that holds
the dimer to the centre; half of the box's side, constant of its walls; what is added to ln p where the dimer is open.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part

Array = NDArray[np.float64]

REPULSION, SLOPE, QUADRATIC, QUARTIC, MIDDLE, HOLD, HALF, WALL, OPEN = range(9)
CLOSEST = 1e-3  #: square of the distance below which particles repel as if at this one: keeps numbers finite


@part
def repulsion(dx: float, dy: float, strength: float) -> float:
    """Energy of a pair."""
    inverse = 1.0 / max(dx * dx + dy * dy, CLOSEST)
    return strength * inverse**6


@part
def wall(c: float, half: float, strength: float) -> float:
    """Energy of one coordinate of a particle in the box."""
    beyond = max(0.0, abs(c) - half)
    return strength * beyond * beyond


@part
def bond(d: float, constants: Array) -> float:
    """Energy of the dimer's distance, its bias included."""
    u = 2.0 * (d - constants[MIDDLE])
    energy = constants[SLOPE] * u - constants[QUADRATIC] * u * u + constants[QUARTIC] * u**4
    return energy - (constants[OPEN] if d > constants[MIDDLE] else 0.0)


@part
def dimer(x: Array, constants: Array) -> float:
    """Energy of the dimer for itself, without the box."""
    d = np.sqrt((x[0] - x[2])**2 + (x[1] - x[3])**2)
    return bond(d, constants) + constants[HOLD] * ((x[0] + x[2])**2 + x[1]**2 + x[3]**2)


@part
def felt(x: Array, i: int, px: float, py: float, constants: Array) -> float:
    """Energy of particle ``i`` at a place with all others and the box; of the dimer's own energy nothing."""
    total = wall(px, constants[HALF], constants[WALL]) + wall(py, constants[HALF], constants[WALL])
    first = 2 if i < 2 else 0
    for j in range(first, len(x) // 2):
        if j != i:
            total += repulsion(x[2 * j] - px, x[2 * j + 1] - py, constants[REPULSION])
    return total


@compiled
def energies(x: Array, constants: Array) -> Array:
    """-ln p of configurations (n, 2 N), (n,)."""
    found = np.empty(len(x))
    for k in range(len(x)):
        row, total = x[k], dimer(x[k], constants)
        for i in range(len(row) // 2):
            px, py = row[2 * i], row[2 * i + 1]
            total += wall(px, constants[HALF], constants[WALL]) + wall(py, constants[HALF], constants[WALL])
            for j in range(max(2, i + 1), len(row) // 2):
                total += repulsion(row[2 * j] - px, row[2 * j + 1] - py, constants[REPULSION])
        found[k] = total
    return found


@part
def _moved(row: Array, i: int, step: float, constants: Array, rng: np.random.Generator) -> bool:
    """One Metropolis move of particle ``i``; whether it was accepted."""
    ox, oy = row[2 * i], row[2 * i + 1]
    px, py = ox + step * (2 * rng.random() - 1), oy + step * (2 * rng.random() - 1)
    change = felt(row, i, px, py, constants) - felt(row, i, ox, oy, constants)
    if i < 2:
        change -= dimer(row, constants)
        row[2 * i], row[2 * i + 1] = px, py
        change += dimer(row, constants)
    if change > 0 and rng.random() >= np.exp(-change):
        row[2 * i], row[2 * i + 1] = ox, oy
        return False
    row[2 * i], row[2 * i + 1] = px, py
    return True


@compiled
def walk(x: Array, sweeps: int, step: float, dimer_step: float, constants: Array, rng: np.random.Generator) -> int:
    """Moves of single particles chosen at random, N in a sweep, in place; how many were accepted."""
    accepted, particles = 0, x.shape[1] // 2
    for k in range(len(x)):
        row = x[k]
        for _ in range(sweeps * particles):
            i = int(rng.random() * particles)
            accepted += _moved(row, i, dimer_step if i < 2 else step, constants, rng)
    return accepted


@part
def _stretch(row: Array, to: float, constants: Array) -> float:
    """Set the dimer's distance, centre and direction kept; the change of -ln p in the measure of its places."""
    dx, dy = row[2] - row[0], row[3] - row[1]
    d = np.sqrt(dx * dx + dy * dy)
    before = dimer(row, constants)
    for i in range(2):
        before += felt(row, i, row[2 * i], row[2 * i + 1], constants)
    by = 0.5 * (to / d - 1.0)
    row[0] -= by * dx
    row[1] -= by * dy
    row[2] += by * dx
    row[3] += by * dy
    after = dimer(row, constants)
    for i in range(2):
        after += felt(row, i, row[2 * i], row[2 * i + 1], constants)
    return after - before - np.log(to / d)


@compiled
def switch(x: Array, length: float, stages: int, step: float, constants: Array, rng: np.random.Generator) -> Array:
    """Open a closed dimer by ``length`` or close an open one, slowly, and accept or reject that; in place.

    In ``stages`` steps of its distance, with a sweep of the solvent between two, the dimer's distance fixed; accepted
    with min(1, exp(-work)): J. P. Nilmeier et al., PNAS 108, E1009 (2011). The way back is the same sequence.

    Returns:
        Work of each (n,), in kT, bias included; nan where the way back would not be this one.
    """
    solvent, work = x.shape[1] // 2 - 2, np.empty(len(x))
    for k in range(len(x)):
        row = x[k].copy()
        d = np.sqrt((row[0] - row[2])**2 + (row[1] - row[3])**2)
        opening = d < constants[MIDDLE]
        end = d + length if opening else d - length
        if end <= 0 or (end > constants[MIDDLE]) != opening:
            work[k] = np.nan
            continue
        total = 0.0
        for stage in range(stages):
            if stage > 0:
                for _ in range(solvent):
                    _moved(row, 2 + int(rng.random() * solvent), step, constants, rng)
            total += _stretch(row, d + (end - d) * (stage + 1) / stages, constants)
        work[k] = total
        if total <= 0 or rng.random() < np.exp(-total):
            x[k] = row
    return work
