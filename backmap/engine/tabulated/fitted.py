"""From coefficients of splines to tables: walls where nothing was met."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...model.tabulated import Potential, even_grid
from .basis import BINS, SplineBasis

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Values within a distance of knots that make a point known.
FEWEST = 10
#: Points of tables of angles and of dihedrals, and of distances.
ANGULAR, RADIAL = 361, 501
#: Share of the known range over which the slope of a wall is found.
_EDGE = 0.05


def table_of(basis: SplineBasis, coefficients: Array, visits: Index) -> Potential:
    """The table of an interaction.

    Where fewer than ``FEWEST`` values were met within half a distance of knots, or beyond all values, it is not known.
    There, beyond known points, the force goes on as a straight line that drives back; between known points the splines
    are left as they are.

    Args:
        basis: Of the interaction.
        coefficients: Of its splines, (n,).
        visits: Values that were met by bin, (n_bins,).

    Returns:
        On a grid that reaches beyond the basis: angles from 0 to pi, distances half the range of bonds farther. The
        lowest known energy is 0, for pairs the last.
    """
    grid = grid_of(basis)
    often = _often(basis, visits)
    place = np.rint((grid - basis.low) / basis.spacing * BINS).astype(np.int64)
    within = (place >= 0) & (place < basis.n_bins)
    known = within & often[np.clip(place, 0, basis.n_bins - 1)]
    found = Potential(basis.kind, grid, basis.energy(coefficients, grid), basis.force(coefficients, grid), known)
    if not basis.periodic:
        found = walled(found)
    zero = found.energy[-1] if basis.kind == "pair" else found.energy[known].min(initial=np.inf)
    return replace(found, energy=found.energy - (zero if np.isfinite(zero) else 0.0))


def _often(basis: SplineBasis, visits: Index) -> NDArray[np.bool_]:
    """Bins that are known, (n_bins,)."""
    half = BINS // 2
    if basis.periodic:  # the first and the last bin are one
        once = np.append(visits[0] + visits[-1], visits[1:-1])
        near = np.convolve(np.concatenate([once[-half:], once, once[:half]]), np.ones(2 * half + 1), "valid")
        return np.append(near, near[0]) >= FEWEST
    near = np.convolve(visits, np.ones(2 * half + 1), "same") >= FEWEST
    met = np.flatnonzero(visits)
    bins = np.arange(len(visits))
    return near & (bins >= met.min(initial=len(visits))) & (bins <= met.max(initial=-1))


def grid_of(basis: SplineBasis) -> Array:
    """The grid of the table of an interaction."""
    if basis.kind in ("angle", "dihedral"):
        return even_grid(basis.kind, 0, 0, ANGULAR)
    if basis.kind == "pair":
        return np.linspace(0.3 * basis.low, basis.high, RADIAL)
    width = basis.high - basis.low
    return np.linspace(max(0.0, basis.low - width / 2), basis.high + width / 2, RADIAL)


def walled(potential: Potential) -> Potential:
    """A potential whose force goes on, beyond the first and the last known point, as a line that drives back.

    Its slope is that of the forces at the edge, or, if larger, the range of all forces over that of all known points.
    Pairs have a wall at short distances alone.
    """
    known = np.flatnonzero(potential.known)
    if not len(known):
        return potential
    grid, energy, force = potential.grid, potential.energy.copy(), potential.force.copy()
    width = max(grid[known[-1]] - grid[known[0]], potential.step)
    least = np.ptp(force[known]) / width
    near = max(3, round(_EDGE * len(known)))
    edges = [(known[0], known[:near], np.arange(known[0]))]
    if potential.kind != "pair":
        edges.append((known[-1], known[-near:], np.arange(known[-1] + 1, len(grid))))
    for edge, some, beyond in edges:
        slope = -np.polyfit(grid[some], force[some], 1)[0] if len(some) > 2 else 0.0
        stiffness, away = max(slope, least), grid[beyond] - grid[edge]
        force[beyond] = force[edge] - stiffness * away
        energy[beyond] = energy[edge] - force[edge] * away + stiffness / 2 * away**2
    return replace(potential, energy=energy, force=force)
