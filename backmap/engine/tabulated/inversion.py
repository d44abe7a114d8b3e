"""Direct Boltzmann inversion: the potential whose distribution, for this coordinate alone, is that of samples.

U(x) = -kT ln(p(x) / J(x)), with J = r^2 for distances, sin(theta) for angles, 1 for dihedrals (Tschoep et al., Acta
Polym. 49, 61 (1998); Reith, Puetz and Mueller-Plathe, J. Comput. Chem. 24, 1624 (2003)). J is integrated over bins.

Coordinates depend on each other, so that frames made by such potentials have other distributions. Iterative inversion
corrects each by kT ln(p_made / p) (the latter paper), until they have not.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import BackmapError
from ...model.parameters import BOLTZMANN
from ...model.tabulated import Kind, Potential, check_grid
from .spline import with_forces

Array = NDArray[np.float64]

FADING = 0.2  #: share of the cutoff within which corrections of pairs fade
FEW = 2  #: samples beyond the last known point that chance lets through, or withholds


def boltzmann_inverse(values: ArrayLike, kind: Kind, temperature: float, grid: ArrayLike, *, smooth: int = 2,
                      fewest: int = 10) -> Potential:
    """The potential of samples of a coordinate.

    Points that fewer than ``fewest`` samples are close to are not known. Between known points they have the energy of
    their samples, however few; those without any are interpolated, though no lower than one sample would make them.
    Beyond known points there are walls, parabolas that continue the well.

    Args:
        values: Samples, nm or radians, any shape. Those outside the grid are left out; dihedrals are wrapped.
        kind: pair, bond, angle or dihedral. For pairs distances of all pairs, U being 0 at the end of the grid.
        temperature: K.
        grid: Even grid, (n,), see ``even_grid``; bins are centred at its points.
        smooth: Neighbours on each side in the local parabolas that smooth U, weighted by samples; 0 does not.
        fewest: Samples that make a point known.

    Returns:
        On the same grid; the lowest energy is 0, for pairs the last.

    Raises:
        BackmapError: If the grid is not even, or fewer than three points are known.
    """
    grid = np.asarray(grid, dtype=np.float64)
    check_grid(grid, kind)
    heat, n = BOLTZMANN * temperature, len(grid)
    counts, jacobian = _counted(np.ravel(values), kind, grid)
    if kind == "dihedral":  # both ends are the same bin
        counts, jacobian = counts[:-1], jacobian[:-1]
    known = counts >= max(1, fewest)
    if known.sum() < 3:
        raise BackmapError(f"only {known.sum()} of {n} points of the grid from {grid[0]:.4g} to {grid[-1]:.4g} have "
                           f"{fewest} samples; there are {np.size(values)} samples",
                           hint="Give more samples, or a coarser grid where they are.")
    single = -heat * np.log(1 / jacobian)
    energy = np.where(counts > 0, -heat * np.log(np.maximum(counts, 1) / jacobian), np.nan)
    if smooth:
        energy = _smoothed(energy, counts, smooth, kind == "dihedral")
    energy = _filled(energy, counts > 0, single, kind == "dihedral")
    if kind != "dihedral":
        _add_walls(grid, energy, known, counts, heat, max(2, smooth))
    else:
        energy, known = np.append(energy, energy[0]), np.append(known, known[0])
    energy -= energy[-1] if kind == "pair" else energy[known].min()
    return with_forces(kind, grid, energy, known)


def samples(values: ArrayLike, kind: Kind, grid: ArrayLike) -> NDArray[np.int64]:
    """Samples close to each point of a grid, (n,); of a dihedral both ends are one point, and have the same."""
    counts = _counted(np.ravel(values), kind, np.asarray(grid, dtype=np.float64))[0]
    return np.append(counts[:-1], counts[0]) if kind == "dihedral" else counts


def corrected(potential: Potential, true: Array, made: Array, temperature: float, smooth: int = 3) -> Potential:
    """A potential after one iteration.

    It changes by half of kT ln(made / true), and by kT / 2 at most, as all coordinates answer to one, and counts are
    noisy; that of pairs fades to nothing at the cutoff. Where nothing is known there are walls, as before.

    Args:
        potential: On the grid of the counts.
        true: Samples close to each point in the frames that are right (``samples``), (n,).
        made: In frames that the potential has made, scaled to as many frames, (n,).
        temperature: K.
        smooth: As for ``boltzmann_inverse``.
    """
    kind, grid, known, heat = potential.kind, potential.grid, potential.known, BOLTZMANN * temperature
    change = heat * np.clip(np.log((made + 0.5) / (true + 0.5)), -1, 1)
    change = np.where(known, change, np.nan)
    end = slice(0, len(grid) - 1) if kind == "dihedral" else slice(None)
    if smooth:
        weights = np.where(known, true, 0.0)[end]
        change[end] = _smoothed(change[end], weights, smooth, kind == "dihedral")
    change = 0.5 * np.where(known, change, 0.0)
    if kind == "pair":
        change *= np.clip((grid[-1] - grid) / (FADING * grid[-1]), 0, 1)
    energy = potential.energy + change
    if kind == "dihedral":
        energy[-1] = energy[0]
    else:
        _add_walls(grid, energy, known, true, heat, max(2, smooth))
    energy -= energy[-1] if kind == "pair" else energy[known].min()
    return with_forces(kind, grid, energy, known)


def _counted(values: Array, kind: Kind, grid: Array) -> tuple[NDArray[np.int64], Array]:
    """Samples close to each point, and integrals of J over its bin, (n,) each; J of a bin is 1 at most."""
    n, step = len(grid), (grid[-1] - grid[0]) / (len(grid) - 1)
    if kind == "dihedral":
        values = grid[0] + np.mod(values - grid[0], 2 * np.pi)
    place = np.rint((values - grid[0]) / step)
    place = place[(place >= 0) & (place < n)].astype(np.int64)
    if kind == "dihedral":
        place[place == n - 1] = 0
    low, high = grid - step / 2, grid + step / 2
    if kind == "angle":
        low, high = np.clip(low, 0, np.pi), np.clip(high, 0, np.pi)
        jacobian = np.cos(low) - np.cos(high)
    elif kind == "dihedral":
        jacobian = np.full(n, step)
    else:
        low = np.clip(low, 0, None)
        jacobian = (high**3 - low**3) / 3
    return np.bincount(place, minlength=n), jacobian / jacobian.max()


def _smoothed(energy: Array, weights: Array, reach: int, periodic: bool) -> Array:
    """Values of local parabolas, fitted by least squares to ``reach`` points on each side; NaN stays NaN."""
    n, found = len(energy), energy.copy()
    offsets = np.arange(-reach, reach + 1)
    taper = (1 - (np.abs(offsets) / (reach + 1))**3)**3
    for k in np.flatnonzero(np.isfinite(energy)):
        near = (k + offsets) % n if periodic else np.clip(k + offsets, 0, n - 1)
        weight = taper * weights[near] * (periodic | ((k + offsets >= 0) & (k + offsets < n)))
        use = weight > 0
        if use.sum() > 3:
            found[k] = np.polyval(np.polyfit(offsets[use], energy[near[use]], 2, w=np.sqrt(weight[use])), 0)
    return found


def _filled(energy: Array, visited: NDArray[np.bool_], single: Array, periodic: bool) -> Array:
    """Gaps between points that have samples interpolated, no lower than ``single``, the energy of one sample."""
    n, at = len(energy), np.flatnonzero(visited)
    between = np.interp(np.arange(n), at, energy[at], period=n if periodic else None)
    return np.where(visited, energy, np.maximum(between, single))


def _add_walls(grid: Array, energy: Array, known: NDArray[np.bool_], counts: Array, heat: float, reach: int) -> None:
    """Parabolas beyond the first and the last known point, in place: never downhill, never wider than the samples.

    They let through about as many samples as were met beyond: where a wide distribution ends, its width says nothing.
    """
    at = np.flatnonzero(known)
    mean = np.average(grid, weights=np.where(known, counts, 0))
    variance = np.average((grid - mean)**2, weights=np.where(known, counts, 0))
    for edge, outward in ((at[0], -1), (at[-1], 1)):
        beyond = np.arange(0, edge) if outward < 0 else np.arange(edge + 1, len(grid))
        lowest = at[energy[at].argmin()]
        inner = edge - outward * np.arange(max(2 * reach, abs(edge - lowest) // 2) + 1)
        inner = inner[(inner >= at[0]) & (inner <= at[-1])]
        inner = inner[known[inner] & (counts[inner] > 0)]  # gaps have no weight
        weights = np.sqrt(counts[inner])
        curve, slope = 0.0, 0.0
        if len(inner) > 3:
            curve, slope, _ = np.polyfit(grid[inner] - grid[edge], energy[inner], 2, w=weights)
        slope = max(0.0, slope * outward)
        stiffness = max(2 * curve, heat / variance)
        away = np.abs(grid[beyond] - grid[edge])
        met = counts[beyond].sum()
        while counts[edge] * np.exp(-(slope * away + stiffness / 2 * away**2) / heat).sum() > 2 * met + FEW:
            stiffness *= 1.5
        energy[beyond] = energy[edge] + slope * away + stiffness / 2 * away**2
