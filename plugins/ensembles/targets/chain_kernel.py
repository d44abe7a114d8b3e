"""Chains of united atoms, quick: places, energies, single moves and what a site to come would see.

Coordinates x are an angle for the third site, then an angle and a torsion for each further one. ``bonded`` holds the
bond length (nm), the angle of least energy, its force constant and the three torsion constants, all over kT; ``c6``
and ``c12`` (sites, sites) are over kT, zero where there is no interaction.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part
from backmap.engine.energy.pair import lennard_jones, sixth_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PLACES = 24  #: where around the last bond the energy of the site to come is looked at
LENGTH = 2.0  #: scale of positions in features, 1/nm
SEEN = 18  #: sites placed before that are seen, the last ones


@part
def _place(atoms: Array, k: int, length: float, angle: float, torsion: float) -> None:
    """Put site ``k`` at its angle and torsion about the three sites before it."""
    ax, ay, az = atoms[k - 1, 0] - atoms[k - 2, 0], atoms[k - 1, 1] - atoms[k - 2, 1], atoms[k - 1, 2] - atoms[k - 2, 2]
    bx, by, bz = atoms[k - 2, 0] - atoms[k - 3, 0], atoms[k - 2, 1] - atoms[k - 3, 1], atoms[k - 2, 2] - atoms[k - 3, 2]
    size = 1.0 / np.sqrt(ax * ax + ay * ay + az * az)
    ax, ay, az = ax * size, ay * size, az * size
    nx, ny, nz = by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax
    size = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * size, ny * size, nz * size
    mx, my, mz = ny * az - nz * ay, nz * ax - nx * az, nx * ay - ny * ax
    along, across = -length * np.cos(angle), length * np.sin(angle)
    c, s = across * np.cos(torsion), across * np.sin(torsion)
    atoms[k, 0] = atoms[k - 1, 0] + along * ax + c * mx + s * nx
    atoms[k, 1] = atoms[k - 1, 1] + along * ay + c * my + s * ny
    atoms[k, 2] = atoms[k - 1, 2] + along * az + c * mz + s * nz


@part
def _chain(x: Array, length: float, atoms: Array, sites: int) -> None:
    """The first ``sites`` sites of a chain."""
    atoms[:3] = 0.0
    atoms[1, 0] = length
    atoms[2, 0], atoms[2, 1] = length - length * np.cos(x[0]), length * np.sin(x[0])
    for k in range(3, sites):
        _place(atoms, k, length, x[2 * k - 5], x[2 * k - 4])


@part
def _felt(atoms: Array, k: int, sites: int, c6: Array, c12: Array) -> float:
    """Lennard-Jones energy of site ``k`` with the first ``sites`` sites, over kT."""
    total = 0.0
    for j in range(sites):
        if c6[k, j] == 0.0:
            continue
        dx, dy, dz = atoms[j, 0] - atoms[k, 0], atoms[j, 1] - atoms[k, 1], atoms[j, 2] - atoms[k, 2]
        total += lennard_jones(sixth_of(max(dx * dx + dy * dy + dz * dz, 1e-4)), c6[k, j], c12[k, j])
    return total


@part
def _bonded_energy(x: Array, bonded: Array) -> float:
    """Energy of angles and torsions over kT, less sum ln sin(theta); infinite where an angle is none."""
    total = 0.0
    for d in range(len(x)):
        if d == 0 or d % 2 == 1:
            if x[d] <= 0.0 or x[d] >= np.pi:
                return np.inf
            total += 0.5 * bonded[2] * (x[d] - bonded[1])**2 - np.log(np.sin(x[d]))
        else:
            total += bonded[3] * (1 + np.cos(x[d])) + bonded[4] * (1 - np.cos(2 * x[d]))
            total += bonded[5] * (1 + np.cos(3 * x[d]))
    return total


@part
def _energy(x: Array, bonded: Array, c6: Array, c12: Array, atoms: Array) -> tuple[float, float]:
    """All of -ln p, and its Lennard-Jones part."""
    total = _bonded_energy(x, bonded)
    if total == np.inf:
        return total, 0.0
    sites, lennard_jones = len(atoms), 0.0
    _chain(x, bonded[0], atoms, sites)
    for k in range(4, sites):
        lennard_jones += _felt(atoms, k, k, c6, c12)
    return total + lennard_jones, lennard_jones


@compiled
def chains(x: Array, length: float) -> Array:
    """Positions (n, sites, 3) of coordinates (n, D)."""
    atoms = np.empty((len(x), (x.shape[1] + 5) // 2, 3))
    for i in range(len(x)):
        _chain(x[i], length, atoms[i], atoms.shape[1])
    return atoms


@compiled
def log_densities(x: Array, bonded: Array, c6: Array, c12: Array) -> tuple[Array, Array]:
    """ln p of coordinates (n, D), (n,), and the Lennard-Jones energy over kT (n,)."""
    atoms = np.empty((len(c6), 3))
    density, lennard_jones = np.empty(len(x)), np.empty(len(x))
    for i in range(len(x)):
        energy, lennard_jones[i] = _energy(x[i], bonded, c6, c12, atoms)
        density[i] = -energy
    return density, lennard_jones


@compiled
def walk(x: Array, column: Index, step: Array, log_uniform: Array, circular: NDArray[np.bool_], bonded: Array,
         c6: Array, c12: Array) -> int:
    """Metropolis moves of single coordinates, in place: (n, m) columns, steps and thresholds. How many passed."""
    atoms, accepted = np.empty((len(c6), 3)), 0
    for i in range(len(x)):
        now = _energy(x[i], bonded, c6, c12, atoms)[0]
        for m in range(column.shape[1]):
            d = column[i, m]
            before = x[i, d]
            x[i, d] += step[i, m]
            if circular[d]:
                x[i, d] = (x[i, d] + np.pi) % (2 * np.pi) - np.pi
            then = _energy(x[i], bonded, c6, c12, atoms)[0]
            if log_uniform[i, m] < now - then:
                now = then
                accepted += 1
            else:
                x[i, d] = before
    return accepted


@compiled
def surroundings(x: Array, first: int, last: int, bonded: Array, c6: Array, c12: Array) -> NDArray[np.float32]:
    """Features (n, last - first, F) of coordinates ``first`` to ``last``, each from those before it."""
    sites = len(c6)
    found = np.zeros((len(x), last - first, 3 * SEEN + PLACES + sites), dtype=np.float32)
    atoms, axes, own = np.empty((sites, 3)), np.empty((3, 3)), np.empty(x.shape[1])
    for i in range(len(x)):
        own[:] = bonded[1]
        own[:first] = x[i, :first]
        _chain(own, bonded[0], atoms, max(3, (first + 5) // 2))
        for d in range(first, last):
            k = max(2, (d + 5) // 2)  # the site that this coordinate places
            row = found[i, d - first]
            row[3 * SEEN + PLACES + k] = 1.0
            if k >= 3:
                _frame(atoms, k, axes)
                for s in range(min(SEEN, k - 1)):
                    j = k - 2 - s
                    for a in range(3):
                        for b in range(3):
                            row[3 * s + a] += LENGTH * axes[a, b] * (atoms[j, b] - atoms[k - 1, b])
                angle = x[i, d - 1] if d % 2 == 0 else bonded[1]
                for p in range(PLACES if k >= 4 else 0):
                    _place(atoms, k, bonded[0], angle, 2 * np.pi * p / PLACES - np.pi)
                    energy = _felt(atoms, k, k, c6, c12)
                    row[3 * SEEN + p] = energy / (1.0 + 0.2 * abs(energy))
            if k >= 3 and d % 2 == 0 and d > 0:
                _place(atoms, k, bonded[0], x[i, d - 1], x[i, d])
            elif d == 0:
                atoms[2, 0], atoms[2, 1] = bonded[0] - bonded[0] * np.cos(x[i, 0]), bonded[0] * np.sin(x[i, 0])
    return found


@part
def _frame(atoms: Array, k: int, axes: Array) -> None:
    """Axes of the frame in which site ``k`` is placed: along the last bond, in plane with the one before, across."""
    along, before = atoms[k - 1] - atoms[k - 2], atoms[k - 2] - atoms[k - 3]
    axes[0] = along / np.sqrt((along * along).sum())
    normal = np.cross(before, axes[0])
    axes[2] = normal / np.sqrt((normal * normal).sum())
    axes[1] = np.cross(axes[2], axes[0])
