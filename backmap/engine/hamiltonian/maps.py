"""Energies and forces of correction maps (CMAP), compiled: the quick twin of ``engine.energy.maps``."""
from __future__ import annotations

import numpy as np

from ..compiling.compiled import borrowing
from .bonded import WIDE, dihedral_arms, dihedral_forces, dihedral_lanes

#: Maps that are worked out at a time: each has two dihedrals.
TOGETHER = WIDE // 2


@borrowing(error_model="numpy")
def correction_maps(term, splines, x, room, force):
    """Energy of correction maps at ``x`` (places, 3), kJ/mol; adds to ``force`` (places, 3).

    Args:
        term: Map and five places of each term, (n, 6).
        splines: As of ``energy.maps.splines``, (m, G, G, 4).
        x: Positions, (places, 3), nm.
        room: Work array, (``bonded.ROOM``,).
        force: Forces, (places, 3), kJ/mol/nm, to which those of the terms are added.
    """
    energy = 0.0
    for first in range(0, len(term), TOGETHER):
        last = min(first + TOGETHER, len(term))
        for lane in range(WIDE):
            n, at = min(first + lane // 2, last - 1), 1 + lane % 2
            dihedral_arms(term[n, at], term[n, at + 1], term[n, at + 2], term[n, at + 3], lane, x, room)
        dihedral_lanes(room)
        for n in range(first, last):
            lane = 2 * (n - first)
            one = np.arctan2(room[10 * WIDE + lane], room[9 * WIDE + lane])
            two = np.arctan2(room[10 * WIDE + lane + 1], room[9 * WIDE + lane + 1])
            value, by_one, by_two = _interpolated(splines[term[n, 0]], one, two)
            energy += value
            dihedral_forces(term[n, 1], term[n, 2], term[n, 3], term[n, 4], lane, by_one, room, force)
            dihedral_forces(term[n, 2], term[n, 3], term[n, 4], term[n, 5], lane + 1, by_two, room, force)
    return energy


@borrowing(error_model="numpy")
def _interpolated(spline, one, two):
    """Energy of a map (G, G, 4) at two dihedrals, and its derivatives by them."""
    size = len(spline)
    scale = size / (2.0 * np.pi)
    at, to = (one + np.pi) * scale, (two + np.pi) * scale
    row, column = np.floor(at), np.floor(to)
    energy, by_one, by_two = 0.0, 0.0, 0.0
    for i in range(2):
        value_i, slope_i, dvalue_i, dslope_i = _hermite(at - row, i)
        for j in range(2):
            value_j, slope_j, dvalue_j, dslope_j = _hermite(to - column, j)
            node = spline[(int(row) + i) % size, (int(column) + j) % size]
            whole, along = value_j * node[0] + slope_j * node[2], value_j * node[1] + slope_j * node[3]
            energy += value_i * whole + slope_i * along
            by_one += dvalue_i * whole + dslope_i * along
            by_two += value_i * (dvalue_j * node[0] + dslope_j * node[2])
            by_two += slope_i * (dvalue_j * node[1] + dslope_j * node[3])
    return energy, scale * by_one, scale * by_two


@borrowing(error_model="numpy")
def _hermite(t, end):
    """What value and slope at one end of a cell count for at ``t`` in it, and derivatives of both."""
    if end == 1:
        return t * t * (3.0 - 2.0 * t), t * t * (t - 1.0), 6.0 * t * (1.0 - t), t * (3.0 * t - 2.0)
    return (1.0 - t * t * (3.0 - 2.0 * t), t * (1.0 - t) * (1.0 - t), -6.0 * t * (1.0 - t),
            (1.0 - t) * (1.0 - 3.0 * t))
