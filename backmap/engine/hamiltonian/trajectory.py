"""One trajectory of a block on its constraints, everything else at rest (compiled)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, part
from ..compiling.uniform import uniform
from .bonded import ROOM
from .constraints import (
    Constraints,
    bead_sums,
    constraints_of,
    directions,
    factorise,
    follow,
    hand_over,
    leads_to,
    project_positions,
    project_velocities,
)
from .forces import BlockTerms, energy_and_forces, quick_forces, terms_of
from .gathering import copy, neighbours, renewed, strays
from .lists import Lists, MovingBlock
from .nearby import AtomTables, Cells
from .quick import PairRoom, cores_of, pair_room
from .records import BlockTables
from .turning import Turn, turning

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: nm; atoms that go farther in a step were thrown off by others they lay on. Steps back are as long: it is no bias.
STRIDE = 0.1
#: Why a trajectory ended: as it should, constraints not met, dependent or not reversible, energies that are not finite
#: or atoms thrown off, outside of the cubes that it was to stay in.
WHOLE, TORN, INFINITE, OUTSIDE = 0, 1, 2, 3


class BlockPlaces(NamedTuple):
    """Where each block is: number in ``BlockCopies``, make; first atom, first bead and atoms of its molecule, (I,).

    ``stiffness`` is that of the spring to each bead of the system, kJ/mol/nm^2, (B,). ``pace`` is the time step of each
    block as a share of that of the rules, (I,): a number that has nothing to do with where atoms are. ``whole`` says
    which have all atoms of their molecule that move, (I,).
    """

    block: Index
    make: Index
    first_atom: Index
    first_bead: Index
    n_atoms: Index
    stiffness: Array
    pace: Array
    whole: NDArray[np.bool_]


class Rules(NamedTuple):
    """Parameters of the trajectories of blocks.

    Attributes:
        timestep: ps.
        steps: Mean number of time steps of a trajectory.
        heat: kT, kJ/mol.
        exact: Whether beads are constraints; else they are held by springs.
        molecule: Power of sqrt(det G) in the weight w: 1 for rigid bonds, 0 for stiff ones.
        block: Power of sqrt(det G_C) in the weight w: -1 for both.
        peak: Half-way, a trajectory has about so many times the energy that it begins and ends with.
        friction: At which whole molecules forget their velocities from move to move, 1/ps; inf where each move draws
            them anew.
        flat: Cosine up to which planar bonds that are as flat are kept so; 0 where only their side counts.
    """

    timestep: float
    steps: int
    heat: float
    exact: bool
    molecule: float
    block: float
    peak: float = 1.0
    friction: float = np.inf
    flat: float = 0.0


class Room(NamedTuple):
    """Arrays that a trajectory works in, large enough for every block: see ``room``.

    ``cubes`` are those that places stay in, centre and half an edge, nm, (places, 4).
    """

    x: Array
    start: Array
    previous: Array
    back: Array
    velocity: Array
    force: Array
    unit: Array
    factor: Array
    right: Array
    sums: Array
    held: Array
    springs: Array
    role: Index
    kinds: Index
    charges: Array
    pairs: PairRoom
    terms: Array
    cubes: Array


def room(t: BlockTables, n_kinds: int, n_atoms: int) -> Room:
    """Room for the blocks of molecules of at most ``n_atoms`` atoms."""
    places, rows = np.diff(t.places.start).max(initial=1), np.diff(t.beads.start).max(initial=1)
    six = (np.empty((places, 3)) for _ in range(6))
    starts = (t.bonds.start, t.factor.entry_start, t.factor.diagonal_start)
    bonds, entries, constraints = (np.diff(start).max(initial=1) for start in starts)
    return Room(*six, np.empty((bonds, 3)), np.empty(entries), np.empty(constraints), np.empty((rows, 3)),
                np.empty((rows, 3)), np.zeros(rows), np.full(n_atoms, -1), np.empty(places, dtype=np.int64),
                np.empty(places), pair_room(places, n_kinds, np.diff(t.solvent.start).max(initial=0)), np.empty(ROOM),
                np.full((places, 4), [0.0, 0.0, 0.0, np.inf]))


@borrowing
def draw_velocities(t: BlockTables, k: int, heat, key, v):
    """Maxwell velocities of the atoms of block ``k`` from numbers 2, 3, ... of the stream ``key`` (Box, Muller)."""
    moving, start, inverse_mass = t.places.free[k], t.places.start[k], t.places.inverse_mass
    for i in range(moving):
        scale = np.sqrt(heat * inverse_mass[start + i])
        for c in range(3):
            number = 2 * (3 * i + c) + 2
            radius = np.sqrt(-2.0 * np.log(uniform(key, number)))
            v[i, c] = scale * radius * np.cos(2.0 * np.pi * uniform(key, number + 1))
    v[moving:] = 0.0


@borrowing
def go_on(t: BlockTables, p: BlockPlaces, one: int, rules: Rules, steps, velocity, v):
    """Let block ``one`` begin with what it keeps of the velocities it had, and the rest of ``v`` as it was drawn.

    Of a trajectory of the time t it keeps exp(-friction t). Velocities of the frame (A, 3) are turned round in place:
    so a move that is rejected leaves them (Horowitz, Phys. Lett. B 268, 247 (1991)). The others are ``left_with``.
    """
    first, start, local = p.first_atom[one], t.copies.atom_start[p.block[one]], t.copies.atom
    keeps = np.exp(-rules.friction * steps * rules.timestep * p.pace[one])
    draws = np.sqrt(1.0 - keeps * keeps)
    for i in range(t.places.free[p.make[one]]):
        atom = first + local[start + i]
        if np.isfinite(velocity[atom, 0]):
            for c in range(3):
                v[i, c] = keeps * velocity[atom, c] + draws * v[i, c]
        for c in range(3):
            velocity[atom, c] = -v[i, c]


@borrowing
def left_with(t: BlockTables, p: BlockPlaces, one: int, v, velocity):
    """Write the velocities ``v`` with which block ``one`` was left into those of the frame, (A, 3)."""
    first, start, local = p.first_atom[one], t.copies.atom_start[p.block[one]], t.copies.atom
    for i in range(t.places.free[p.make[one]]):
        for c in range(3):
            velocity[first + local[start + i], c] = v[i, c]


@borrowing
def length(key, steps):
    """Steps of a move, by number 1 of its stream: evenly from half of ``steps`` to half as many more.

    A vibration that returns after ``steps`` would keep its energy for ever.
    """
    half = steps // 2
    return steps - half + int(uniform(key, 1) * (2 * half + 1))


@borrowing
def kinetic(moving, inverse, v):
    """Kinetic energy of atoms that move, kJ/mol."""
    total = 0.0
    for i in range(moving):
        squared = v[i, 0] * v[i, 0] + v[i, 1] * v[i, 1] + v[i, 2] * v[i, 2]
        total += 0.5 * squared / inverse[i]
    return total


@borrowing
def springs(h: Constraints, stiffness, x, sums, held, force):
    """Energy of soft beads, stiffness / 2 |M r - R|^2; ``held`` (rows, 3) is what the atoms that move should add.

    ``stiffness`` (rows,), kJ/mol/nm^2.
    """
    energy, start, end, place, weight = 0.0, h.weight_start, h.weight_end, h.weight_place, h.weight
    bead_sums(h, x, sums)
    for r in range(len(start)):
        for c in range(3):
            off = sums[r, c] - held[r, c]
            energy += 0.5 * stiffness[r] * off * off
            for n in range(start[r], end[r]):
                force[place[n], c] -= stiffness[r] * off * weight[n]
    return energy


@borrowing
def enter(t: BlockTables, s: AtomTables, p: BlockPlaces, one: int, atoms, r: Room):
    """Bring block ``one`` of ``p`` into the room: positions, types, charges and roles of its places."""
    block, first = p.block[one], p.first_atom[one]
    start, end, local = t.copies.atom_start[block], t.copies.atom_start[block + 1], t.copies.atom
    excluded, same = t.places.excluded, t.places.start[p.make[one]]
    for i in range(end - start):
        atom = first + local[start + i]
        for c in range(3):
            r.x[i, c] = r.start[i, c] = atoms[atom, c]
        r.kinds[i], r.charges[i] = s.field.kind[atom], s.field.charge[atom]
        if excluded[same + i]:
            r.role[local[start + i]] = i
    cores_of(s, r.kinds, end - start, r.pairs.cores)


@borrowing
def leave(t: BlockTables, p: BlockPlaces, one: int, r: Room):
    """Forget the roles of a block."""
    block, local = p.block[one], t.copies.atom
    for i in range(t.copies.atom_start[block], t.copies.atom_start[block + 1]):
        r.role[local[i]] = -1


@part
def hold(t: BlockTables, p: BlockPlaces, one: int, exact, residual, r: Room):
    """What the atoms that move shall contribute to their beads: exact beads stay, soft ones are drawn to R."""
    bead_sums(constraints_of(t, p.make[one], exact), r.x, r.held)
    if not exact:
        block, first, bead = p.block[one], p.first_bead[one], t.copies.bead
        start = t.copies.bead_start[block]
        for row in range(t.copies.bead_start[block + 1] - start):
            r.springs[row] = p.stiffness[first + bead[start + row]]
            for c in range(3):
                r.held[row, c] -= residual[first + bead[start + row], c]


@part
def bead_near(t: BlockTables, s: AtomTables, g: Cells, p: BlockPlaces, one: int):
    """Where the bead of the first atom of block ``one`` of ``p`` is, which does not move with it, nm, (3,)."""
    return g.beads[s.owner[p.first_atom[one] + t.copies.atom[t.copies.atom_start[p.block[one]]]]]


@part
def trajectory(t: BlockTables, s: AtomTables, g: Cells, p: BlockPlaces, one: int, atoms, rules: Rules, steps, r: Room,
               lists: Lists, turn: Turn):
    """Follow the block in the room from ``r.x``, ``r.velocity`` for ``steps``; both are moved.

    Velocities are first freed of what would leave the constraints. ``turn`` turns a stereocentre over on the way.

    Returns:
        How it ended; energies before and after, potential, kinetic and of springs, (2, 3), kJ/mol; log det G_C
        before and after; ``lists``, perhaps larger.
    """
    k, dt = p.make[one], rules.timestep * p.pace[one]
    constraints, own = constraints_of(t, k, rules.exact), terms_of(t, k)
    x, first, centre = r.x[:len(constraints.inverse_mass)], p.first_atom[one], bead_near(t, s, g, p, one)
    role, energies, before, after = r.role[:p.n_atoms[one]], np.zeros((2, 3)), 0.0, 0.0
    # Where arrays are not counted (``borrowing``) are all of a step but new lists.
    for step in range(steps + 1):
        ended, after = _drift(t, k, constraints, own.moving, dt, step, r)
        if ended != WHOLE:
            return ended, energies, before, after, lists
        if step == 0:
            before = after
            lists = neighbours(MovingBlock(own.moving, own.group, r.kinds, x, role, first, centre), s, g, atoms, lists)
        elif strays(x, own.moving, lists):
            block = MovingBlock(own.moving, own.group, r.kinds, x, role, first, centre)
            lists = renewed(block, s, g, atoms, r.start, lists)
        ended = _kick(t, s, k, constraints, own, dt, step, steps, rules, r, lists, turn, energies)
        if ended != WHOLE:
            return ended, energies, before, after, lists
    return WHOLE, energies, before, after, lists


@borrowing
def _drift(t: BlockTables, k: int, constraints: Constraints, places, dt, step, r: Room):
    """Positions of the next step, none for the first, and constraints there; how it ended, and log det G_C.

    ``places`` move or follow those that do.
    """
    inverse, moving, unit, factor = constraints.inverse_mass, constraints.moving, r.unit, r.factor
    x, v, force, previous, rate = r.x[:len(inverse)], r.velocity, r.force, r.previous, 1.0 / dt
    if step > 0:
        for i in range(moving):
            for c in range(3):
                previous[i, c] = x[i, c]
                x[i, c] += dt * (v[i, c] + 0.5 * dt * inverse[i] * force[i, c])
        if not project_positions(constraints, unit, factor, x, r.right, r.sums, r.held):
            return TORN, 0.0
        if places > moving:
            follow(t, k, x)
        if _thrown(x, previous, moving):
            return INFINITE, 0.0
        for i in range(moving):
            for c in range(3):
                v[i, c] = rate * (x[i, c] - previous[i, c])
    if not _inside(x, r.cubes, places):
        return OUTSIDE, 0.0
    directions(constraints.bond, x, unit)
    after = factorise(constraints, unit, factor)
    return WHOLE if np.isfinite(after) else TORN, after


@borrowing
def _kick(t: BlockTables, s: AtomTables, k: int, constraints: Constraints, own: BlockTerms, dt, step, steps,
          rules: Rules, r: Room, lists: Lists, turn: Turn, energies):
    """Forces and velocities of a step, energies at both ends; how it ended."""
    inverse, moving = constraints.inverse_mass, constraints.moving
    x, v, force, potential = r.x[:len(inverse)], r.velocity[:len(inverse)], r.force[:len(inverse)], 0.0
    if step == 0 or step == steps or len(turn.at):
        potential = energy_and_forces(own, s, r.kinds, r.charges, x, lists, r.pairs, r.terms, force)
    else:
        quick_forces(own, s, r.kinds, r.charges, x, lists, r.pairs, r.terms, force)
    if len(turn.at) and 0 < step < steps:
        turning(turn, step / steps, s, r.kinds, x, r.terms, r.back, force)
    if own.moving > moving:
        hand_over(t, k, x, force)
    spring = 0.0 if rules.exact else springs(constraints, r.springs, x, r.sums, r.held, force)
    if not np.isfinite(potential + spring):
        return INFINITE
    if step > 0:
        for i in range(moving):
            for c in range(3):
                v[i, c] += 0.5 * dt * inverse[i] * force[i, c]
    project_velocities(constraints, r.unit, r.factor, v, r.right, r.sums)
    if step > 0 and not _returns(constraints, dt, x, v, force, r):
        return TORN
    if step == 0:
        energies[0, 0], energies[0, 1], energies[0, 2] = potential, kinetic(moving, inverse, v), spring
    if rules.peak != 1.0:
        temper(rules.peak, step, steps, moving, v)
    if step == steps:
        energies[1, 0], energies[1, 1], energies[1, 2] = potential, kinetic(moving, inverse, v), spring
    return WHOLE


@borrowing
def temper(peak, step, steps, moving, v):
    """Scale velocities behind time step ``step``, so that a trajectory heats up to its middle and cools down again.

    Every step is scaled before and after it, in the first half by f, in the second by 1/f, in the middle one by f and
    1/f: backwards, the factors are the same. Volume in phase space shrinks by what it has grown, so that a tempered
    trajectory is accepted as any other. It crosses barriers on its way, into wells that others do not leave for.
    Neal, in Handbook of Markov Chain Monte Carlo (2011), 113, section 5.5.7.

    Args:
        peak: Product of all factors up to the middle. Half of the energy being kinetic, energies grow by as much.
    """
    scale, factor = 1.0, peak**(1.0 / steps)
    if step > 0:
        scale *= factor if 2 * step <= steps else 1.0 / factor
    if step < steps:
        scale *= factor if 2 * step < steps else 1.0 / factor
    for i in range(moving):
        for c in range(3):
            v[i, c] *= scale


@borrowing
def _thrown(x, previous, moving):
    """Whether an atom has gone too far in a step, or nowhere that is a number."""
    for i in range(moving):
        away = (x[i, 0] - previous[i, 0])**2 + (x[i, 1] - previous[i, 1])**2 + (x[i, 2] - previous[i, 2])**2
        if not away < STRIDE * STRIDE:
            return True
    return False


@borrowing
def _inside(x, cubes, moving):
    """Whether all that moves is in its cubes."""
    for i in range(moving):
        for c in range(3):
            if not abs(x[i, c] - cubes[i, c]) <= cubes[i, 3]:
                return False
    return True


@borrowing
def _returns(constraints: Constraints, dt, x, v, force, r: Room):
    """Whether a step back leads to where the step came from: constraints may be met in more than one place.

    Zappa, Holmes-Cerfon, Goodman, Commun. Pure Appl. Math. 71, 2609 (2018).
    """
    back, inverse = r.back, constraints.inverse_mass
    copy(x, constraints.moving, len(x), back)
    for i in range(constraints.moving):
        kick = 0.5 * dt * inverse[i]
        for c in range(3):
            back[i, c] = x[i, c] + dt * (kick * force[i, c] - v[i, c])
    return leads_to(constraints, r.unit, r.factor, r.back, r.right, r.sums, r.held, r.previous)
