"""Dynamics of all molecules of one bead at once (compiled): how orientations find each other.

A molecule that turns about its bead while all others stand still finds their hydrogen bonds taken: they change hands
where neighbours give way. Here every molecule of one bead moves in every step, in the forces of all, on its constraints
(leapfrog, as of RATTLE). Nothing is accepted or rejected, and positions have the error of the time step: this is a way
to a start of moves that are exact, and no part of the target.

Beads stand still, so who may be near whom is found once, for as long as no molecule reaches farther from its bead.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from ..geometry.dependents import place, spread
from .constraints import (
    constraints_of,
    directions,
    factorise,
    project_positions,
    project_velocities,
)
from .forces import quick_forces, terms_of
from .lists import NOWHERE, Lists, lists, parameters
from .loops import LANES
from .move import Frame
from .nearby import AtomTables, Cells, fragments_near
from .quick import cores_of
from .records import BlockTables
from .trajectory import STRIDE, BlockPlaces, Room, Rules, draw_velocities, hold, springs

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]
Short = NDArray[np.int32]

#: nm; how much farther from its bead an atom may come before neighbours are looked for again, unless it is held.
ROOM_TO_MOVE = 0.03
#: Coordinates of a molecule that only turns.
TURNS = 3


class Neighbourhoods(NamedTuple):
    """The atoms that may be near each of m blocks, by their beads.

    Attributes:
        block: Which they are, (m,).
        start: Where the entries of each begin, (m + 1,).
        bounds: Where each kind begins among them, as in ``Lists``, (m, kinds + 1).
        atom: Atom of each entry; the number of atoms fills lanes up, (n,).
        step: Which of ``offset`` leads to it, (n,).
        offset: From the bead of a block to the beads near it, nm, (e, 3).
        reach: Distance of atoms from each bead for which this holds, nm, (B,).
    """

    block: Index
    start: Index
    bounds: Index
    atom: Short
    step: Short
    offset: Single
    reach: Array


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


def neighbourhoods(s: AtomTables, g: Cells, p: BlockPlaces, block: Index, turning: NDArray[np.bool_]) -> Neighbourhoods:
    """Who may be near each of the blocks ``block`` (m,) of ``p``; the beads ``turning`` (B,) keep their reach."""
    reach = np.where(turning, g.reach + 1e-6, g.reach + ROOM_TO_MOVE)
    wide = g._replace(reach=reach, largest=np.array([reach.max(initial=0.0)]))
    sizes, bounds = _sizes(s, wide, p, block)
    start, first = (np.concatenate([[0], np.cumsum(size)]) for size in sizes.T)
    room = (np.empty(start[-1], dtype=np.int32), np.zeros(start[-1], dtype=np.int32),
            np.empty((first[-1], 3), dtype=np.float32))
    _fill(s, wide, p, block, start, first, bounds, *room)
    return Neighbourhoods(block, start, bounds, *room, reach)


@part
def _near(s: AtomTables, g: Cells, p: BlockPlaces, one, found, shifts):
    """Fragments near block ``one`` of ``p`` but its own: how many, and arrays of them."""
    bead, kept = p.first_bead[one], 0
    at = g.beads[bead]
    count, found, shifts = fragments_near(g, at[0], at[1], at[2], s.field.cutoff + g.reach[bead], found, shifts)
    for n in range(count):
        if found[n] != bead or shifts[n, 3] != 0.0:
            found[kept] = found[n]
            for c in range(4):
                shifts[kept, c] = shifts[n, c]
            kept += 1
    return kept, found, shifts


@compiled
def _sizes(s: AtomTables, g: Cells, p: BlockPlaces, block):
    """Of each block numbers of entries and of fragments, (m, 2), and where each kind begins, (m, kinds + 1)."""
    n_kinds = len(s.field.c6)
    sizes, bounds = np.zeros((len(block), 2), np.int64), np.zeros((len(block), n_kinds + 1), np.int64)
    found, shifts, many = np.empty(512, np.int64), np.empty((512, 4)), np.zeros(n_kinds, np.int64)
    for m in range(len(block)):
        count, found, shifts = _near(s, g, p, block[m], found, shifts)
        many[:] = 0
        for n in range(count):
            for f in range(s.fragment_start[found[n]], s.fragment_start[found[n] + 1]):
                many[s.field.kind[s.fragment[f]]] += 1
        used = 0
        for one in range(len(s.bundle) - 1):
            for kind in range(s.bundle[one], s.bundle[one + 1]):
                bounds[m, kind] = used
                used += many[kind]
            used = -(-used // LANES) * LANES
        bounds[m, n_kinds] = used
        sizes[m, 0], sizes[m, 1] = used, count
    return sizes, bounds


@compiled
def _fill(s: AtomTables, g: Cells, p: BlockPlaces, block, start, first, bounds, atom, step, offset):
    """Entries of each block, into ``atom``, ``step`` and ``offset``."""
    found, shifts, filled = np.empty(512, np.int64), np.empty((512, 4)), np.zeros(len(s.field.c6), np.int64)
    atom[:] = len(s.owner)
    for m in range(len(block)):
        count, found, shifts = _near(s, g, p, block[m], found, shifts)
        at = g.beads[p.first_bead[block[m]]]
        filled[:] = bounds[m, :-1]
        for n in range(count):
            for c in range(3):
                offset[first[m] + n, c] = g.beads[found[n], c] + shifts[n, c] - at[c]
            for f in range(s.fragment_start[found[n]], s.fragment_start[found[n] + 1]):
                kind = s.field.kind[s.fragment[f]]
                slot = start[m] + filled[kind]
                filled[kind] += 1
                atom[slot], step[slot] = s.fragment[f], first[m] + n


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

    def move(self, s: AtomTables, rules: Rules, r: Room, frame: Frame, block: Index, keys: Index) -> None:
        """Move the blocks ``block`` (m,) for ``rules.steps`` from velocities drawn by ``keys`` (m,), in place.

        Residuals of the frame are left as they were.
        """
        if not len(block):
            return
        u = self._neighbourhoods(s, rules, frame, block)
        dynamics(self.tables, s, self.places, rules, r, lists_for(u, len(r.x)), u, frame, motion(s, frame, u), keys)
        g = frame.grid
        g.reach[:] = 0.0
        np.maximum.at(g.reach, s.owner, np.linalg.norm(frame.atoms - g.beads[s.owner], axis=1))
        g.largest[0] = g.reach.max(initial=0.0)

    def _neighbourhoods(self, s: AtomTables, rules: Rules, frame: Frame, block: Index) -> Neighbourhoods:
        """Those of the sweep before, if they hold."""
        if self._known is not None:
            beads, places, known = self._known
            if beads is frame.grid.beads and np.array_equal(beads, places) and np.array_equal(known.block, block) and (
                    frame.grid.reach <= known.reach).all():
                return known
        turning = self._turning & rules.exact
        near = neighbourhoods(s, frame.grid, self.places, block, turning)
        self._known = frame.grid.beads, frame.grid.beads.copy(), near
        return self._known[2]


@compiled(nogil=True)
def dynamics(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, u: Neighbourhoods,
             frame: Frame, moving: Motion, keys):
    """Move all blocks of ``u`` for ``rules.steps``, from velocities that are drawn anew.

    Args:
        frame: Its atoms are changed in place, but neither residuals nor reach.
        moving: Everything at rest; changed in place.
        keys: Of the random numbers of each block, (m,).
    """
    for m in range(len(u.block)):
        one = u.block[m]
        first, start = p.first_atom[one], t.copies.atom_start[p.block[one]]
        for i in range(p.n_atoms[one]):
            for c in range(3):
                r.x[i, c] = frame.atoms[first + t.copies.atom[start + i], c]
        hold(t, p, one, rules.exact, frame.residual, r)
        draw_velocities(t, p.make[one], rules.heat, keys[m], r.velocity)
        for c in range(3):
            moving.held[m, c] = r.held[0, c]
            for i in range(p.n_atoms[one]):
                moving.velocity[first + t.copies.atom[start + i], c] = r.velocity[i, c]
    for step in range(rules.steps):
        begin = 0
        while begin < len(u.block):
            end = _alike(p.make, u.block, begin)
            _feel(t, s, p, rules, r, lists, u, frame, moving, begin, end)
            begin = end
        begin = 0
        while begin < len(u.block):
            end = _alike(p.make, u.block, begin)
            _advance(t, p, rules, r, u, frame, moving, begin, end, step == 0)
            begin = end


@part
def _alike(make, block, begin):
    """Where blocks of the make of that at ``begin`` end."""
    end = begin
    while end < len(block) and make[block[end]] == make[block[begin]]:
        end += 1
    return end


@part
def _tell(s: AtomTables, kinds, places, lists: Lists):
    """Parameters of the entries of a block, with each of its places; those in a row that are of one kind share them."""
    used = 0
    for i in range(places):
        if i > 0 and kinds[i] == kinds[i - 1]:
            lists.told[i] = lists.told[i - 1]
            continue
        lists.told[i] = used
        parameters(lists.bounds[i], s, kinds[i], lists.factor, used)
        used += lists.bounds[i, -1] - lists.bounds[i, 0]


@part
def _feel(t: BlockTables, s: AtomTables, p: BlockPlaces, rules: Rules, r: Room, lists: Lists, u: Neighbourhoods,
          frame: Frame, moving: Motion, begin, end):
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
            _tell(s, kinds, places, lists)
        for c in range(3):
            centre[c], held[0, c] = beads[first_bead[one], c], holds[m, c]
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
             begin, end, at_first):
    """One step of the blocks of ``u`` from ``begin`` to ``end``; what cannot take it stops where it is."""
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
    kick = 0.5 * dt if at_first else dt
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
                v[i, c] = velocity[here, c] + kick * inverse[i] * forces[here, c]
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
