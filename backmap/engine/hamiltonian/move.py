"""One sweep of Hamiltonian moves over the blocks of a frame (compiled).

A move draws velocities and a number of steps, follows as many of velocity Verlet on the block's constraints C (rigid
bonds, and beads where they are exact) with everything else at rest, and is accepted with min(1, exp(-dH/kT) w'/w).
Whole molecules may keep a share of the velocities they were left with, turned round where a move was rejected.
Constrained dynamics leaves exp(-U/kT) sqrt(det G_C) delta(C) as it is, with the block's own masses in G_C; the target
has exp(-U/kT) sqrt(det G) delta(C), with G over all rigid bonds of the molecule (docs/theory.md). Hence
w = sqrt(det G / det G_C); and 1 / sqrt(det G_C) for the stiff target. The target is zero where a molecule is another
isomer than it should be: such an end is rejected.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.atomic import at_least, raised_by_one, until
from ..compiling.compiled import borrowing, compiled, part
from ..compiling.uniform import uniform
from ..geometry.measure import band_log_det
from .colours import SweepOrder
from .constraints import bead_sums, constraints_of
from .forces import terms_of
from .isomers import stays_isomer
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
    go_on,
    hold,
    leave,
    left_with,
    length,
    trajectory,
)
from .turning import hand, turn_of

Array = NDArray[np.float64]


class Frame(NamedTuple):
    """A frame that is moved.

    Attributes:
        atoms: Whole molecules next to their beads, (A, 3), nm; changed in place.
        residual: M(r) - R, (B, 3), nm, kept up to date.
        grid: Its beads in cells.
        velocity: With which molecules were left, nm/ps, (A, 3), where they keep some of it; NaN where nothing is known.
        half: Half an edge of the cube about each bead that its atoms stay in where they move at once with others, nm,
            (B,).
    """

    atoms: Array
    residual: Array
    grid: Cells
    velocity: Array
    half: Array


def changing(frame: Frame) -> dict[str, NDArray[np.float64]]:
    """What changes of a frame while it is moved."""
    return {"atoms": frame.atoms, "residual": frame.residual, "reach": frame.grid.reach, "largest": frame.grid.largest,
            "given": frame.grid.beads, "velocity": frame.velocity}


def copied(frame: Frame) -> Frame:
    """The frame, to be moved by itself."""
    moving = ("beads", "reach", "largest", "wrap", "start", "member")
    grid = frame.grid._replace(**{name: getattr(frame.grid, name).copy() for name in moving})
    return Frame(frame.atoms.copy(), frame.residual.copy(), grid, frame.velocity.copy(), frame.half)


class Turns(NamedTuple):
    """Stereocentres that n moves turn over.

    Attributes:
        atoms: Local atoms of each, a centre, its three heavy neighbours and its hydrogen, (n, 5); -1 where none is.
        gain: Logarithm of the weight of the other hand over that of the one there is, beyond energies, (n,).
    """

    atoms: NDArray[np.int64]
    gain: Array


class Moved(NamedTuple):
    """What came of moves.

    Attributes:
        accepted: (n,) bool.
        change: Potential energy it brought, kJ/mol, (n,).
        error: dH / kT of its trajectory, inf where that broke off, (n,); of one that turns a centre over, less all
            gains, so that it is accepted with min(1, exp(-error)), and inf where it was not turned over.
        energy: Potential energy of the block in its surroundings that it left, kJ/mol, NaN where it has none, (n,).
    """

    accepted: NDArray[np.bool_]
    change: Array
    error: Array
    energy: Array


@part
def near_log_det(t: BlockTables, p: BlockPlaces, one: int, atoms):
    """log det G of the molecule's rigid bonds near block ``one`` of ``p``."""
    block, first_atom, bonds = p.block[one], p.first_atom[one], t.copies.near
    gram, start = t.copies.gram[block], t.copies.near_start[block]
    width = t.near.width[gram]
    size = t.copies.near_start[block + 1] - start
    unit, band = np.empty((size, 3)), np.zeros((size, width + 1))
    for b in range(size):
        i, j = first_atom + bonds[start + b, 0], first_atom + bonds[start + b, 1]
        x, y, z = atoms[i, 0] - atoms[j, 0], atoms[i, 1] - atoms[j, 1], atoms[i, 2] - atoms[j, 2]
        scale = 1.0 / np.sqrt(x * x + y * y + z * z)
        unit[b, 0], unit[b, 1], unit[b, 2] = x * scale, y * scale, z * scale
    entry, value = rows_of(t.near.entry, gram)
    for n in range(len(entry)):
        i, j = entry[n, 0], entry[n, 1]
        cosine = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
        band[i, j - i + width] = value[n] * cosine
    return band_log_det(band, size, width)


@borrowing
def place_block(t: BlockTables, p: BlockPlaces, one: int, x, atoms):
    """Write the atoms of block ``one`` of ``p`` that move."""
    start, local, first_atom = t.copies.atom_start[p.block[one]], t.copies.atom, p.first_atom[one]
    for i in range(t.places.moving[p.make[one]]):
        atom = first_atom + local[start + i]
        for c in range(3):
            atoms[atom, c] = x[i, c]


@part
def update_residual(t: BlockTables, p: BlockPlaces, one: int, exact, r: Room, residual):
    """Add to M(r) - R of each bead what the block's atoms have moved it by."""
    held = constraints_of(t, p.make[one], exact)
    bead_sums(held, r.x, r.sums)
    bead_sums(held, r.start, r.held)
    block, first_bead, bead = p.block[one], p.first_bead[one], t.copies.bead
    start = t.copies.bead_start[block]
    for row in range(t.copies.bead_start[block + 1] - start):
        for c in range(3):
            residual[first_bead + bead[start + row], c] += r.sums[row, c] - r.held[row, c]


@borrowing
def update_reach(t: BlockTables, p: BlockPlaces, one: int, s: AtomTables, g: Cells, atoms):
    """The reach of the beads whose atoms have moved."""
    last, start, local, first_atom = -1, t.copies.atom_start[p.block[one]], t.copies.atom, p.first_atom[one]
    for i in range(t.places.moving[p.make[one]]):
        bead = s.owner[first_atom + local[start + i]]
        if bead == last:
            continue
        last, reach = bead, 0.0
        for n in range(s.fragment_start[bead], s.fragment_start[bead + 1]):
            atom = s.fragment[n]
            reach = max(reach, (atoms[atom, 0] - g.beads[bead, 0])**2 + (atoms[atom, 1] - g.beads[bead, 1])**2
                        + (atoms[atom, 2] - g.beads[bead, 2])**2)
        g.reach[bead] = np.sqrt(reach)
        at_least(g.largest, 0, g.reach[bead])


class Team(NamedTuple):
    """Threads that move the blocks of a sweep.

    Attributes:
        size: How many there are.
        number: Which of them this is, from 0.
        begun: Blocks of each colour that somebody has begun with, (colours,).
        ready: How often one of them was ready with a colour, (1,).
    """

    size: int
    number: int
    begun: NDArray[np.int64]
    ready: NDArray[np.int64]


@borrowing
def confine(t: BlockTables, p: BlockPlaces, one: int, s: AtomTables, frame: Frame, free, cubes):
    """Cubes that block ``one`` of ``p`` stays in, into ``cubes``: about its beads, or everything if it is free."""
    beads, half = frame.grid.beads, frame.half
    start, local, first_atom = t.copies.atom_start[p.block[one]], t.copies.atom, p.first_atom[one]
    for i in range(t.places.moving[p.make[one]]):
        bead = s.owner[first_atom + local[start + i]]
        for c in range(3):
            cubes[i, c] = beads[bead, c]
        cubes[i, 3] = np.inf if free else half[bead]


@compiled(nogil=True)
def sweep(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, longer: Rules, bodies, r: Room, lists: Lists,
          frame: Frame, chosen, keys, turns: Turns, moved: Moved, course: SweepOrder, team: Team):
    """Move the blocks ``chosen`` (n,) of ``p`` in their course, each from what those of colours before have left.

    Threads share the blocks of a colour. These stay in their cubes: a trajectory that leaves them is rejected, as the
    one backwards would be. A block that is alone goes where it likes.

    Args:
        longer: Rules of those that are ``bodies`` (n,).
        frame: Changed in place.
        keys: Of the random numbers of each move, (n,).
        turns: What turns over on the way.
        moved: What comes of each move is written there.

    Returns:
        ``lists``, perhaps larger.
    """
    for colour in range(len(course.start) - 1):
        begin, end = course.start[colour], course.start[colour + 1]
        while True:
            at = begin + raised_by_one(team.begun, colour)
            if at >= end:
                break
            m = course.order[at]
            confine(t, p, chosen[m], s, frame, end - begin == 1, r.cubes)
            lists = _move(t, s, p, longer if bodies[m] else rules, r, lists, frame, chosen[m], m, keys[m], turns, moved)
        if team.size > 1:
            raised_by_one(team.ready, 0)
            until(team.ready, 0, (colour + 1) * team.size)
    return lists


@part
def _move(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, frame: Frame, one, m,
          key, turns: Turns, moved: Moved):
    """Move block ``one`` of ``p``, the ``m``-th of a sweep, inside the cubes of the room; returns ``lists``, perhaps
    larger."""
    atoms, residual, g, velocity = frame.atoms, frame.residual, frame.grid, frame.velocity
    accepted, change, error, energy = moved.accepted, moved.change, moved.error, moved.energy
    enter(t, s, p, one, atoms, r)
    hold(t, p, one, rules.exact, residual, r)
    draw_velocities(t, p.make[one], rules.heat, key, r.velocity)
    steps, keeps = length(key, rules.steps), rules.friction < np.inf and p.whole[one]
    if keeps:
        go_on(t, p, one, rules, steps, velocity, r.velocity)
    begin, behind = t.copies.atom_start[p.block[one]], t.copies.atom_start[p.block[one] + 1]
    turn = turn_of(turns.atoms[m], t.copies.atom, begin, behind, terms_of(t, p.make[one]), r.x)
    end, energies, before, after, lists = trajectory(t, s, g, p, one, atoms, rules, steps, r, lists, turn)
    leave(t, p, one, r)
    accepted[m], change[m], error[m] = False, 0.0, np.inf
    energy[m] = energies[0, 0] if energies[0, 1] > 0.0 else np.nan
    if end != WHOLE or not stays_isomer(t, p.make[one], r.start, r.x, rules.flat):
        return lists
    if turns.atoms[m, 0] >= 0 and (len(turn.at) == 0 or turn.sign * hand(turn.at, r.x) >= 0.0):
        return lists
    gain = 0.5 * rules.block * (after - before) + turns.gain[m]
    if rules.molecule != 0.0:
        gain -= 0.5 * rules.molecule * near_log_det(t, p, one, atoms)
        place_block(t, p, one, r.x, atoms)
        gain += 0.5 * rules.molecule * near_log_det(t, p, one, atoms)
    else:
        place_block(t, p, one, r.x, atoms)
    error[m] = (energies[1].sum() - energies[0].sum()) / rules.heat
    if turns.atoms[m, 0] >= 0:
        error[m] -= gain
        gain = 0.0
    if np.log(uniform(key, 0)) < gain - error[m]:
        accepted[m], change[m], energy[m] = True, energies[1, 0] - energies[0, 0], energies[1, 0]
        update_residual(t, p, one, rules.exact, r, residual)
        update_reach(t, p, one, s, g, atoms)
        if keeps:
            left_with(t, p, one, r.velocity, velocity)
    else:
        place_block(t, p, one, r.start, atoms)
    return lists
