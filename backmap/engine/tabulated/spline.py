"""Potentials between the points of their grids: cubic splines of the energy."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ...model.tabulated import Kind, Potential

Array = NDArray[np.float64]


def spline_of(potential: Potential) -> CubicSpline:
    """The cubic spline through the energies, whose slopes at the ends are those of the table; a dihedral's goes round.

    Its derivative is the force that acts: forces of the table other than those at the ends do not enter.
    """
    grid = np.linspace(potential.grid[0], potential.grid[-1], len(potential.grid))
    if potential.periodic:
        energy = potential.energy.copy()
        energy[-1] = energy[0]
        return CubicSpline(grid, energy, bc_type="periodic")
    ends = ((1, -potential.force[0]), (1, -potential.force[-1]))
    return CubicSpline(grid, potential.energy, bc_type=ends)


def with_forces(kind: Kind, grid: Array, energy: Array, known: NDArray[np.bool_] | None = None,
                where: str = "") -> Potential:
    """A potential whose forces are slopes of the spline through its energies (n,), kJ/mol."""
    grid, energy = np.asarray(grid, dtype=np.float64), np.asarray(energy, dtype=np.float64)
    blank = Potential(kind, grid, energy, np.zeros_like(energy), where=where)
    even = np.linspace(grid[0], grid[-1], len(grid))
    spline = spline_of(blank) if kind == "dihedral" else CubicSpline(even, energy, bc_type="not-a-knot")
    return replace(blank, force=-spline(even, 1), known=blank.known if known is None else known)


def resampled(potential: Potential, grid: Array) -> Potential:
    """The same potential on another grid; beyond its ends the energy goes on as a straight line, which is not known."""
    spline, low, high = spline_of(potential), potential.grid[0], potential.grid[-1]
    inside = low + np.mod(grid - low, 2 * np.pi) if potential.periodic else np.clip(grid, low, high)
    force = -spline(inside, 1)
    away = 0.0 if potential.periodic else grid - inside
    known = np.interp(inside, potential.grid, potential.known.astype(np.float64)) > 1 - 1e-6
    return replace(potential, grid=grid, energy=spline(inside) - force * away, force=force,
                   known=known & (np.abs(away) < 1e-6 * potential.step))
