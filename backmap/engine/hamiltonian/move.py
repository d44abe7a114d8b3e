"""One sweep of Hamiltonian moves over the blocks of a frame (compiled).

A move draws velocities and a number of steps, follows as many of velocity Verlet on the block's constraints C (rigid
bonds, and beads where they are exact) with everything else at rest, and is accepted with min(1, exp(-dH/kT) w'/w).
Constrained dynamics leaves exp(-U/kT) sqrt(det G_C) delta(C) as it is, with the block's own masses in G_C; the target
has exp(-U/kT) sqrt(det G) delta(C), with G over all rigid bonds of the molecule (docs/theory.md). Hence
w = sqrt(det G / det G_C); and 1 / sqrt(det G_C) for the stiff target.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..geometry.measure import band_log_det
from .constraints import bead_sums, constraints_of
from .lists import Lists
from .nearby import AtomTables, Cells
from .records import BlockTables, rows_of
from .trajectory import (
    WHOLE,
    BlockPlaces,
    Room,
    Rules,
    draw_velocities,
    enter,
    hold,
    leave,
    length,
    trajectory,
    uniform,
)

Array = NDArray[np.float64]


class Frame(NamedTuple):
    """A frame that is moved.

    Attributes:
        atoms: Whole molecules next to their beads, (A, 3), nm; changed in place.
        residual: M(r) - R, (B, 3), nm, kept up to date.
        grid: Its beads in cells.
    """

    atoms: Array
    residual: Array
    grid: Cells


class Moved(NamedTuple):
    """What came of moves.

    Attributes:
        accepted: (n,) bool.
        change: Potential energy it brought, kJ/mol, (n,).
        error: dH / kT of its trajectory, inf where that broke off, (n,).
    """

    accepted: NDArray[np.bool_]
    change: Array
    error: Array


@part
def near_log_det(t: BlockTables, k: int, atoms, first_atom):
    """log det G of the molecule's rigid bonds near block ``k``."""
    bonds, start, width = t.near.atom, t.near.start[k], t.near.width[k]
    size = t.near.start[k + 1] - start
    unit, band = np.empty((size, 3)), np.zeros((size, width + 1))
    for b in range(size):
        i, j = first_atom + bonds[start + b, 0], first_atom + bonds[start + b, 1]
        x, y, z = atoms[i, 0] - atoms[j, 0], atoms[i, 1] - atoms[j, 1], atoms[i, 2] - atoms[j, 2]
        scale = 1.0 / np.sqrt(x * x + y * y + z * z)
        unit[b, 0], unit[b, 1], unit[b, 2] = x * scale, y * scale, z * scale
    entry, value = rows_of(t.near.entry, k)
    for n in range(len(entry)):
        i, j = entry[n, 0], entry[n, 1]
        cosine = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
        band[i, j - i + width] = value[n] * cosine
    return band_log_det(band, size, width)


@part
def _place(t: BlockTables, k: int, first_atom, x, atoms):
    """Write the atoms of block ``k`` that move."""
    start, local = t.places.start[k], t.places.atom
    for i in range(t.places.moving[k]):
        atom = first_atom + local[start + i]
        for c in range(3):
            atoms[atom, c] = x[i, c]


@part
def _update_residual(t: BlockTables, k: int, exact, first_bead, r: Room, residual):
    """Add to M(r) - R of each bead what the block's atoms have moved it by."""
    held = constraints_of(t, k, exact)
    bead_sums(held, r.x, r.sums)
    bead_sums(held, r.start, r.held)
    start, bead = t.beads.start[k], t.beads.bead
    for row in range(t.beads.start[k + 1] - start):
        for c in range(3):
            residual[first_bead + bead[start + row], c] += r.sums[row, c] - r.held[row, c]


@part
def _update_reach(t: BlockTables, k: int, s: AtomTables, g: Cells, atoms, first_atom):
    """The reach of the beads whose atoms have moved."""
    last, start, local = -1, t.places.start[k], t.places.atom
    for i in range(t.places.moving[k]):
        bead = s.owner[first_atom + local[start + i]]
        if bead == last:
            continue
        last, reach = bead, 0.0
        for n in range(s.fragment_start[bead], s.fragment_start[bead + 1]):
            atom = s.fragment[n]
            reach = max(reach, (atoms[atom, 0] - g.beads[bead, 0])**2 + (atoms[atom, 1] - g.beads[bead, 1])**2
                        + (atoms[atom, 2] - g.beads[bead, 2])**2)
        g.reach[bead] = np.sqrt(reach)
        g.largest[0] = max(g.largest[0], g.reach[bead])


@compiled(nogil=True)
def sweep(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, frame: Frame, chosen,
          keys, moved: Moved):
    """Move the blocks ``chosen`` (n,) of ``p`` one after the other, each from what the ones before have left.

    Args:
        frame: Changed in place.
        keys: Of the random numbers of each move, (n,).
        moved: What comes of each move is written there.

    Returns:
        ``lists``, perhaps larger.
    """
    atoms, residual, g = frame.atoms, frame.residual, frame.grid
    accepted, change, error = moved.accepted, moved.change, moved.error
    for m in range(len(chosen)):
        one = chosen[m]
        k, first = p.block[one], p.first_atom[one]
        enter(t, s, p, one, atoms, r)
        hold(t, k, rules.exact, residual, p.first_bead[one], r)
        draw_velocities(t, k, rules.heat, keys[m], r.velocity)
        steps = length(keys[m], rules.steps)
        end, energies, before, after, lists = trajectory(t, s, g, p, one, atoms, rules, steps, r, lists)
        leave(t, p, one, r)
        accepted[m], change[m], error[m] = False, 0.0, np.inf
        if end != WHOLE:
            continue
        gain = 0.5 * rules.block * (after - before)
        if rules.molecule != 0.0:
            gain -= 0.5 * rules.molecule * near_log_det(t, k, atoms, first)
            _place(t, k, first, r.x, atoms)
            gain += 0.5 * rules.molecule * near_log_det(t, k, atoms, first)
        else:
            _place(t, k, first, r.x, atoms)
        error[m] = (energies[1].sum() - energies[0].sum()) / rules.heat
        if np.log(uniform(keys[m], 0)) < gain - error[m]:
            accepted[m], change[m] = True, energies[1, 0] - energies[0, 0]
            _update_residual(t, k, rules.exact, p.first_bead[one], r, residual)
            _update_reach(t, k, s, g, atoms, first)
        else:
            _place(t, k, first, r.start, atoms)
    return lists
