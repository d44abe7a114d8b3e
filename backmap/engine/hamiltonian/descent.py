"""Downhill on the constraints of a block, everything else at rest (compiled): steepest descent that cannot blow up.

Each step goes along the mass-weighted forces, freed of what would leave the constraints, and no atom of it farther than
a stride that grows while energies fall and shrinks where they do not. Forces may thus be as large as they like; where
two atoms lie on each other, the capped repulsion of ``AtomTables.core`` tells them where to go. This is a way to a
start and samples nothing.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, compiled, part
from .constraints import (
    constraints_of,
    directions,
    factorise,
    farthest,
    follow,
    hand_over,
    project_positions,
    project_velocities,
)
from .forces import energy_and_forces, terms_of
from .gathering import copy, neighbours, renewed, strays
from .isomers import stays_isomer
from .lists import Lists, MovingBlock
from .move import Frame, place_block, update_reach, update_residual
from .nearby import AtomTables
from .records import BlockTables
from .trajectory import BlockPlaces, Room, Rules, bead_near, enter, hold, leave, springs

Array = NDArray[np.float64]

#: nm; how far the farthest atom goes in the first step, and at most.
FIRST, LONGEST = 0.002, 0.015
#: nm; shorter steps lead nowhere.
SHORTEST = 1e-5
#: By what a stride grows after a step that led down, and shrinks after one that did not.
GROWS, SHRINKS = 1.25, 0.3


@borrowing
def _fastest(v, moving):
    """The largest of some velocities."""
    most = 0.0
    for i in range(moving):
        most = max(most, v[i, 0] * v[i, 0] + v[i, 1] * v[i, 1] + v[i, 2] * v[i, 2])
    return np.sqrt(most)


@part
def _energy(t: BlockTables, s: AtomTables, p: BlockPlaces, one: int, rules: Rules, push, r: Room, lists: Lists):
    """Energy of the block in the room, and its forces there; ``push`` (A, 3) are forces from outside, kJ/mol/nm."""
    k = p.make[one]
    constraints, own = constraints_of(t, k, rules.exact), terms_of(t, k)
    places, moving = len(constraints.inverse_mass), constraints.moving
    x, force = r.x[:places], r.force[:places]
    energy = energy_and_forces(own, s, r.kinds, r.charges, x, lists, r.pairs, r.terms, force)
    start, local, first = t.copies.atom_start[p.block[one]], t.copies.atom, p.first_atom[one]
    for i in range(moving):
        atom = first + local[start + i]
        for c in range(3):
            force[i, c] += push[atom, c]
            energy -= push[atom, c] * (x[i, c] - r.start[i, c])
    if own.moving > moving:
        hand_over(t, k, x, force)
    if not rules.exact:
        energy += springs(constraints, r.springs, x, r.sums, r.held, force)
    return energy


@part
def _descend(t: BlockTables, s: AtomTables, p: BlockPlaces, one: int, rules: Rules, frame: Frame, push, steps,
             r: Room, lists: Lists):
    """Lead the block in the room downhill.

    Returns:
        By how much its energy fell, kJ/mol, NaN where it could not be moved at all; ``lists``, perhaps larger.
    """
    k = p.make[one]
    constraints, own = constraints_of(t, k, rules.exact), terms_of(t, k)
    inverse, moving = constraints.inverse_mass, constraints.moving
    places, follows = len(inverse), own.moving > moving
    x, v, force, role = r.x[:places], r.velocity[:places], r.force[:places], r.role[:p.n_atoms[one]]
    block = MovingBlock(own.moving, own.group, r.kinds, x, role, p.first_atom[one],
                        bead_near(t, s, frame.grid, p, one))
    lists = neighbours(block, s, frame.grid, frame.atoms, lists)
    energy, stride = _energy(t, s, p, one, rules, push, r, lists), FIRST
    first, fresh = energy, True
    if not np.isfinite(energy):
        return np.nan, lists
    for _ in range(steps):
        if fresh:
            directions(constraints.bond, x, r.unit)
            if not np.isfinite(factorise(constraints, r.unit, r.factor)):
                return np.nan, lists
            for i in range(moving):
                for c in range(3):
                    v[i, c] = inverse[i] * force[i, c]
            v[moving:] = 0.0
            project_velocities(constraints, r.unit, r.factor, v, r.right, r.sums)
            copy(x, 0, places, r.previous)
        fastest = _fastest(v, moving)
        if not fastest > 0.0:
            break
        for i in range(moving):
            for c in range(3):
                x[i, c] += stride / fastest * v[i, c]
        held = project_positions(constraints, r.unit, r.factor, x, r.right, r.sums, r.held)
        lower = False
        if (held and farthest(x, r.previous, moving) < 4.0 * stride
                and stays_isomer(t, k, r.previous, x, rules.flat)):
            if follows:
                follow(t, k, x)
            if strays(x, own.moving, lists):
                lists = renewed(block, s, frame.grid, frame.atoms, r.start, lists)
            now = _energy(t, s, p, one, rules, push, r, lists)
            lower = now < energy
        if lower:
            energy, stride, fresh = now, min(GROWS * stride, LONGEST), True
            continue
        copy(r.previous, 0, places, x)
        stride, fresh = SHRINKS * stride, False
        if stride < SHORTEST:
            break
    return first - energy, lists


@compiled(nogil=True)
def descend(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, frame: Frame, chosen,
            push, steps, gained):
    """Lead the blocks ``chosen`` (n,) of ``p`` downhill one after the other, in place.

    Args:
        frame: Changed in place.
        push: Forces from outside on every atom, (A, 3), kJ/mol/nm.
        steps: Of each block, at most.
        gained: By how much the energy of each fell is written there, (n,), kJ/mol; NaN where it could not be moved.

    Returns:
        ``lists``, perhaps larger.
    """
    atoms, residual, g = frame.atoms, frame.residual, frame.grid
    for m in range(len(chosen)):
        one = chosen[m]
        enter(t, s, p, one, atoms, r)
        hold(t, p, one, rules.exact, residual, r)
        gained[m], lists = _descend(t, s, p, one, rules, frame, push, steps, r, lists)
        leave(t, p, one, r)
        if gained[m] > 0.0:
            place_block(t, p, one, r.x, atoms)
            update_residual(t, p, one, rules.exact, r, residual)
            update_reach(t, p, one, s, g, atoms)
    return lists
