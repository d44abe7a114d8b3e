"""Dynamics of all molecules of one bead at once (compiled): how orientations find each other.

A molecule that turns about its bead while all others stand still finds their hydrogen bonds taken: they change hands
where neighbours give way. Here every molecule of one bead moves in every step, in the forces of all, on its constraints
(leapfrog, as of RATTLE; those that only turn as rigid bodies). Nothing is accepted or rejected, and positions have the
error of the time step: this is a way to a start of moves that are exact, and no part of the target.

Beads stand still, so who may be near whom is found once (``neighbourhoods``).
"""
from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.parameters import ForceField
from ..compiling.compiled import compiled, part
from ..energy.tables import Tail
from ..geometry.dependents import place, spread
from .around import forces_around
from .constraints import (
    constraints_of,
    directions,
    factorise,
    project_positions,
    project_velocities,
)
from .forces import quick_forces, terms_of
from .lists import NOWHERE, Lists, lists, tell
from .loops import LANES
from .move import Frame
from .nearby import AtomTables
from .neighbourhoods import Neighbourhoods, neighbourhoods
from .orientations import turn_anew
from .quick import cores_of
from .records import BlockTables
from .rotors import Rotors, begin_with, kick, rotors, turn, turn_rate, twist
from .trajectory import STRIDE, BlockPlaces, Room, Rules, draw_velocities, hold, springs

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]

#: nm; as far forces reach, at most. Liquid water (SPC/E) that cools in those up to 0.75 nm comes to the same energy as
#: in those up to its 1.2 nm.
REACH = 0.8
#: Coordinates of a molecule that only turns; and by how much it may in a step, if it is not to stop.
TURNS, FARTHEST = 3, 1.0


class Motion(NamedTuple):
    """What moves, between steps.

    Attributes:
        velocity: nm/ps, (A, 3).
        force: kJ/mol/nm, (A, 3).
        apart: Of each atom the step from its bead, nm, and its charge times Coulomb's constant; in the last row what
            fills lanes up, (A + 1, 4).
        held: What the atoms of each block shall contribute to its bead, (m, 3).
    """

    velocity: Array
    force: Array
    apart: Single
    held: Array


def lists_for(u: Neighbourhoods, places: int) -> Lists:
    """Room for the entries of one block of at most ``places`` places at a time."""
    size = int(np.diff(u.start).max(initial=LANES)) + LANES
    return lists(places, u.bounds.shape[1] - 1)._replace(near=np.empty((4, size), dtype=np.float32),
                                                         factor=np.empty((3, places * size), dtype=np.float32))


def motion(s: AtomTables, frame: Frame, u: Neighbourhoods) -> Motion:
    """Everything at rest."""
    apart = np.full((len(frame.atoms) + 1, 4), NOWHERE, dtype=np.float32)
    apart[:-1, :3], apart[:-1, 3] = frame.atoms - frame.grid.beads[s.owner], s.field.coulomb.factor * s.field.charge
    apart[-1, 3] = 0.0
    return Motion(np.zeros(frame.atoms.shape), np.zeros(frame.atoms.shape), apart, np.zeros((len(u.block), 3)))


def within(s: AtomTables, given: ForceField) -> AtomTables:
    """What every frame shares, of pairs within ``REACH`` alone: Lennard-Jones ends there, reaction fields begin."""
    if s.field.cutoff <= REACH:
        return s
    short, coulomb = replace(given, cutoff=REACH, tail="none"), s.field.coulomb
    if given.coulomb == "reaction_field":
        k, c = short.reaction_field
        coulomb = coulomb._replace(k=k, c=c)
    return s._replace(field=s.field._replace(cutoff=REACH, coulomb=coulomb, tail=Tail.of(short)))


class Together:
    """Moves molecules of one bead all at once, and knows who is near whom.

    Attributes:
        single: Which blocks of ``p`` are all of a molecule of one bead, (I,).
    """

    def __init__(self, t: BlockTables, s: AtomTables, p: BlockPlaces) -> None:
        self.tables, self.places = t, p
        width = np.diff(t.places.start)[p.make]
        alone = np.bincount(s.owner, minlength=len(s.fragment_start) - 1)[p.first_bead] == p.n_atoms
        self.single = alone & (width == t.places.moving[p.make]) & (width == p.n_atoms)
        free = 3 * t.places.free - np.diff(t.bonds.start) - 3 * np.diff(t.beads.start)
        self._turning = np.zeros(len(s.fragment_start) - 1, dtype=bool)
        self._turning[p.first_bead[self.single]] = free[p.make[self.single]] <= TURNS
        self._known: tuple[Array, Array, Neighbourhoods] | None = None

    def move(self, s: AtomTables, rules: Rules, r: Room, frame: Frame, block: Index, keys: Index,
             directions: int) -> None:
        """Move the blocks ``block`` (m,) for ``rules.steps``, in place, once they have new orientations of as many
        ``directions``.

        Random numbers are those of ``keys`` (m,). Residuals of the frame are left as they were.
        """
        if not len(block):
            return
        g, turning = frame.grid, self._turning & rules.exact
        u, bead = self._neighbourhoods(s, turning, frame, block), self.places.first_bead[block]
        centre = g.beads[bead] + frame.residual[bead]
        moving, listed = motion(s, frame, u), lists_for(u, len(r.x))
        loose = ~turning[bead]  # rigid bodies find theirs as soon by dynamics, which cost less
        if directions and loose.any():
            turn_anew(self.tables, s, self.places, rules.heat, r, listed, u, frame, moving.apart, directions, loose,
                      keys)
        turned = rotors(self.tables, self.places, block, turning[bead], frame.atoms, centre)
        dynamics(self.tables, s, self.places, rules, r, listed, u, frame, moving, turned, keys)
        g.reach[:] = 0.0
        np.maximum.at(g.reach, s.owner, np.linalg.norm(frame.atoms - g.beads[s.owner], axis=1))
        g.largest[0] = g.reach.max(initial=0.0)

    def _neighbourhoods(self, s: AtomTables, turning: NDArray[np.bool_], frame: Frame,
                        block: Index) -> Neighbourhoods:
        """Those of the sweep before, if they hold."""
        if self._known is not None:
            beads, places, known = self._known
            if beads is frame.grid.beads and np.array_equal(beads, places) and np.array_equal(known.block, block) and (
                    frame.grid.reach <= known.reach).all():
                return known
        near = neighbourhoods(s, frame.grid, self.places, block, turning)
        self._known = frame.grid.beads, frame.grid.beads.copy(), near
        return self._known[2]


@compiled(nogil=True)
def dynamics(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, u: Neighbourhoods,
             frame: Frame, moving: Motion, rotor: Rotors, keys):
    """Move all blocks of ``u`` for ``rules.steps``, from velocities that are drawn anew.

    Args:
        frame: Its atoms are changed in place, but neither residuals nor reach.
        moving: Everything at rest; changed in place.
        rotor: Those of the blocks that only turn; changed in place.
        keys: Of the random numbers of each block, (m,).
    """
    for m in range(len(u.block)):
        one = u.block[m]
        first, start = p.first_atom[one], t.copies.atom_start[p.block[one]]
        for i in range(p.n_atoms[one]):
            for c in range(3):
                r.x[i, c] = frame.atoms[first + t.copies.atom[start + i], c]
        hold(t, p, one, rules.exact, frame.residual, r)
        k = p.make[one]
        draw_velocities(t, k, rules.heat, keys[m], r.velocity)
        if rotor.rigid[m]:
            begin_with(rotor, m, t.places.inverse_mass[t.places.start[k]:t.places.start[k] + t.places.free[k]], r.x,
                       r.velocity)
        for c in range(3):
            moving.held[m, c] = r.held[0, c]
            for i in range(p.n_atoms[one]):
                moving.velocity[first + t.copies.atom[start + i], c] = r.velocity[i, c]
    for step in range(rules.steps):
        begin = 0
        while begin < len(u.block):
            end = _alike(p.make, u.block, begin)
            _feel(t, s, p, rules, r, lists, u, frame, moving, rotor, begin, end)
            begin = end
        begin = 0
        while begin < len(u.block):
            end = _alike(p.make, u.block, begin)
            time = 0.5 * rules.timestep if step == 0 else rules.timestep
            if rotor.rigid[begin]:
                _turn(t, p, rules, r, u, frame, moving, rotor, begin, end, time)
            else:
                _advance(t, p, rules, r, u, frame, moving, begin, end, time, step == 0)
            begin = end


@part
def _alike(make, block, begin):
    """Where blocks of the make of that at ``begin`` end."""
    end = begin
    while end < len(block) and make[block[end]] == make[block[begin]]:
        end += 1
    return end


@part
def _feel(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, u: Neighbourhoods,
          frame: Frame, moving: Motion, rotor: Rotors, begin, end):
    """Forces on the blocks of ``u`` from ``begin`` to ``end``, all of one make, of where everything is now."""
    # What the loop takes is taken before: arrays are counted each time they are handed out.
    k = p.make[u.block[begin]]
    own, constraints, d = terms_of(t, k), constraints_of(t, k, rules.exact), t.dependents
    rows, places, free = slice(d.start[k], d.start[k + 1]), own.moving, constraints.moving
    child, parents, ends, parent, weight, factor = (d.place[rows], d.begin[rows], d.end[rows], d.parent, d.weight,
                                                    d.factor[rows])
    x, force, kinds, charges, pairs, work, sums, held = (r.x[:places], r.force[:places], r.kinds, r.charges, r.pairs,
                                                         r.terms, r.sums, r.held)
    near, list_bounds, centre, many = lists.near, lists.bounds, lists.centre, len(s.bundle) <= len(s.field.c6)
    blocks, starts, all_bounds, atom, step, offset = u.block, u.start, u.bounds, u.atom, u.step, u.offset
    atoms, beads, apart, forces, holds = frame.atoms, frame.grid.beads, moving.apart, moving.force, moving.held
    block, first_atom, first_bead, atom_start, local = (p.block, p.first_atom, p.first_bead, t.copies.atom_start,
                                                        t.copies.atom)
    for m in range(begin, end):
        one = blocks[m]
        first, start = first_atom[one], atom_start[block[one]]
        for i in range(places):
            for c in range(3):
                x[i, c] = atoms[first + local[start + i], c]
        if m == begin:
            for i in range(places):
                kinds[i], charges[i] = s.field.kind[first + local[start + i]], s.field.charge[first + local[start + i]]
            cores_of(s, kinds, places, pairs.cores)
        base, size = np.uintp(starts[m]), np.uintp(starts[m + 1] - starts[m])
        for n in range(size):
            a, e = np.uintp(atom[base + n]), np.uintp(step[base + n])
            near[0, n] = apart[a, 0] + offset[e, 0]
            near[1, n] = apart[a, 1] + offset[e, 1]
            near[2, n] = apart[a, 2] + offset[e, 2]
            near[3, n] = apart[a, 3]
        for i in range(places):
            for kind in range(all_bounds.shape[1]):
                list_bounds[i, kind] = all_bounds[m, kind]
        if many:
            tell(s, kinds, places, lists)
        for c in range(3):
            centre[c], held[0, c] = beads[first_bead[one], c], holds[m, c]
        if rotor.rigid[m]:  # what is inside turns nothing
            force[:] = 0.0
            forces_around(places, s, kinds, charges, x, lists, force)
            twist(rotor, m, x, force)
            continue
        quick_forces(own, s, kinds, charges, x, lists, pairs, work, force)
        if places > free:
            spread(child, parents, ends, parent, weight, factor, x, force)
        if not rules.exact:
            r.springs[0] = p.stiffness[first_bead[one]]
            springs(constraints, r.springs, x, sums, held, force)
        for i in range(free):
            for c in range(3):
                forces[first + local[start + i], c] = force[i, c]


@part
def _advance(t: BlockTables, p: BlockPlaces, rules: Rules, r: Room, u: Neighbourhoods, frame: Frame, moving: Motion,
             begin, end, time, at_first):
    """One step of the blocks of ``u`` from ``begin`` to ``end``, after forces for a time; what cannot take it stops
    where it is."""
    k, dt = p.make[u.block[begin]], rules.timestep
    constraints, d, places = constraints_of(t, k, rules.exact), t.dependents, t.places.moving[k]
    rows, free, inverse, bond = (slice(d.start[k], d.start[k + 1]), constraints.moving, constraints.inverse_mass,
                                 constraints.bond)
    child, parents, ends, parent, weight, factor = (d.place[rows], d.begin[rows], d.end[rows], d.parent, d.weight,
                                                    d.factor[rows])
    x, v, before, unit, gram, right, sums, held = (r.x[:places], r.velocity[:places], r.previous, r.unit, r.factor,
                                                   r.right, r.sums, r.held)
    blocks, atoms, beads, apart, forces, holds, velocity = (u.block, frame.atoms, frame.grid.beads, moving.apart,
                                                            moving.force, moving.held, moving.velocity)
    block, first_atom, first_bead, atom_start, local = (p.block, p.first_atom, p.first_bead, t.copies.atom_start,
                                                        t.copies.atom)
    for m in range(begin, end):
        one = blocks[m]
        first, start, bead = first_atom[one], atom_start[block[one]], first_bead[one]
        for i in range(places):
            for c in range(3):
                x[i, c] = before[i, c] = atoms[first + local[start + i], c]
        directions(bond, x, unit)
        going = bool(np.isfinite(factorise(constraints, unit, gram)))
        for c in range(3):
            held[0, c] = holds[m, c]
            for i in range(free):
                here = first + local[start + i]
                v[i, c] = velocity[here, c] + time * inverse[i] * forces[here, c]
        if at_first and going:
            project_velocities(constraints, unit, gram, v, right, sums)
        for i in range(free):
            for c in range(3):
                x[i, c] += dt * v[i, c]
        going = going and project_positions(constraints, unit, gram, x, right, sums, held)
        for i in range(free):
            going = going and ((x[i, 0] - before[i, 0])**2 + (x[i, 1] - before[i, 1])**2
                               + (x[i, 2] - before[i, 2])**2 < STRIDE * STRIDE)
        if not going:
            for i in range(free):
                for c in range(3):
                    x[i, c] = before[i, c]
        if places > free:
            place(child, parents, ends, parent, weight, factor, x)
        for i in range(places):
            here = first + local[start + i]
            for c in range(3):
                velocity[here, c] = (x[i, c] - before[i, c]) / dt if i < free else 0.0
                atoms[here, c], apart[here, c] = x[i, c], x[i, c] - beads[bead, c]


@part
def _turn(t: BlockTables, p: BlockPlaces, rules: Rules, r: Room, u: Neighbourhoods, frame: Frame, moving: Motion,
          rotor: Rotors, begin, end, time):
    """The same of blocks that only turn; those that would turn too far stay where they are."""
    atoms, beads, apart, places = frame.atoms, frame.grid.beads, moving.apart, t.places.moving[p.make[u.block[begin]]]
    blocks, block, first_atom, first_bead, atom_start, local = (u.block, p.block, p.first_atom, p.first_bead,
                                                                t.copies.atom_start, t.copies.atom)
    x = r.x[:places]
    for m in range(begin, end):
        one = blocks[m]
        first, start, bead = first_atom[one], atom_start[block[one]], first_bead[one]
        kick(rotor, m, time)
        if turn_rate(rotor, m) * rules.timestep > FARTHEST:
            rotor.spin[m, 0], rotor.spin[m, 1], rotor.spin[m, 2] = 0.0, 0.0, 0.0
        turn(rotor, m, rules.timestep, x)
        for i in range(places):
            here = first + local[start + i]
            for c in range(3):
                atoms[here, c], apart[here, c] = x[i, c], x[i, c] - beads[bead, c]
