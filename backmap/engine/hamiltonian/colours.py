"""Which blocks of a sweep can move at once: those of one colour, which do not see each other (compiled).

An atom of a block that moves with others stays in a cube about its bead. Two blocks see each other if any two of their
cubes are nearer than the cut-off with the margin of lists, or if they lie next to each other in a molecule. Beads stand
still, so that colours do not depend on where atoms are, nor on how many threads there are: blocks get them one after
the other, each the latest one that none of those it sees has (Jones, Plassmann, SIAM J. Sci. Comput. 14, 654 (1993)).

A trajectory that leaves a cube is rejected, as the one backwards would be: what is sampled inside stays what it was.
Cubes are so wide that bonds hardly let atoms out, and some blocks of every sweep, drawn by name, move alone and have
none, so that all places can be reached.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.molecule import FARTHEST, MoleculeType
from ...model.pairs import FAR, Sets, ranges
from ...model.system import System
from ..compiling.compiled import compiled, part
from ..sites.schedule import per_bead
from .lists import MARGIN, ROUNDING
from .nearby import Cells, fragments_near
from .records import BlockTables
from .trajectory import BlockPlaces, length

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: nm; n bonds part atoms by ``SPAN`` n at most, about; ``SLACK`` is what cubes are wider than that.
SPAN, SLACK = 0.127, 0.05
ALONE = 1 / 32  #: share of blocks that move alone wherever they stand
#: Steps that the two ends of a trajectory take as long as.
ENDS = 5
#: Colours of fewer blocks than this have an even number of them, so that two threads share them out.
FEW = 16


class SweepOrder(NamedTuple):
    """In which order n blocks are moved.

    Attributes:
        order: Numbers of the blocks, (n,).
        start: Where each colour begins in it, and where the last ends, (colours + 1,).
    """

    order: Index
    start: Index

    @property
    def widest(self) -> int:
        """Blocks of the colour that has most."""
        return int(np.diff(self.start).max(initial=1))


class BlockBeads(NamedTuple):
    """Beads of L blocks: see ``beads_of``.

    Attributes:
        moved_start: Where those that each moves atoms of begin, (L + 1,).
        moved: Local beads, (n,).
        tied_start: Where those that it has to do with begin, (L + 1,).
        tied: Local beads, (m,).
    """

    moved_start: Index
    moved: Index
    tied_start: Index
    tied: Index


def half_edges(kind: MoleculeType) -> Array:
    """Half an edge of the cube about each bead that its atoms are hardly ever outside of, nm, (B,).

    By how many bonds part an atom from those that its bead is the centre of.
    """
    bead, atom, weight = kind.mapping.entries
    start, owner = np.searchsorted(bead, np.arange(kind.n_beads + 1)), kind.mapping.owner
    rows, each = ranges(start, owner), np.repeat(np.arange(kind.n_atoms), np.diff(start)[owner])
    apart = np.minimum(kind.near.look_up(each, atom[rows], FAR), 2 * FARTHEST)  # beyond, more are not counted
    far = np.bincount(each, np.abs(weight[rows]) * SPAN * apart, minlength=kind.n_atoms)
    half = np.zeros(kind.n_beads)
    np.maximum.at(half, owner, far)
    return half + SLACK


def beads_of(system: System, t: BlockTables, numbers: list[int]) -> tuple[Sets, Sets]:
    """Local beads that each of L blocks moves atoms of, and all that it has to do with but by pairs.

    The others are those of partners in terms and bonds, and of bonds that its weight depends on; ``numbers`` are how
    many blocks each type has.
    """
    owners, copies = [kind.mapping.owner for kind in system.types], t.copies
    first, owner = np.cumsum([0, *(len(each) for each in owners)])[:-1].repeat(numbers), np.concatenate(owners)
    atoms = Sets(copies.atom_start, copies.atom)
    moving = atoms.where(atoms.rank < t.places.moving[copies.make][atoms.owner])
    near = atoms.then(Sets(2 * copies.near_start, copies.near.ravel()))
    moved, tied = (Sets(part.start, owner[first[part.owner] + part.item]) for part in (moving, near))
    tied = tied.then(Sets(copies.bead_start, copies.bead))
    return tuple(Sets.sorted(len(each), each.owner, each.item) for each in (moved, tied))


class Colours:
    """Finds the course of sweeps."""

    def __init__(self, system: System, t: BlockTables, p: BlockPlaces, numbers: list[int], strayed: Array,
                 cutoff: float) -> None:
        """Prepare it.

        Args:
            numbers: How many blocks each molecule type has.
            strayed: How much farther than by their bonds atoms may be from each bead, nm, (B,).
            cutoff: nm.
        """
        self.tables, self.places, self.cutoff = t, p, cutoff
        self.half = per_bead(system, [half_edges(kind) for kind in system.types]) + strayed
        moved, tied = beads_of(system, t, numbers)
        self.beads = BlockBeads(moved.start, moved.item, tied.start, tied.item)
        self._known: tuple[Array, tuple[Index, NDArray[np.int32]]] | None = None

    def alone(self, n: int) -> SweepOrder:
        """One block after the other, in the order they have."""
        return SweepOrder(np.arange(n), np.arange(n + 1))

    def cubes(self, g: Cells) -> Array:
        """Half edges of the cubes of a frame that is to be moved, nm, (B,): atoms that are far out have wider ones."""
        return np.maximum(self.half, g.reach + SLACK)

    def course(self, g: Cells, half: Array, chosen: Index, keys: Index, steps: Index, drawn: Array) -> SweepOrder:
        """The course of the blocks ``chosen`` (n,).

        Args:
            half: As of ``cubes``.
            keys: Of their random numbers, (n,): how long a trajectory is follows from that.
            steps: Mean number of steps of their trajectories, (n,).
            drawn: Uniform random numbers, (n,).
        """
        alone = self.alone(len(chosen))
        if len(chosen) < 2 or not self._room_for_two(g):
            return alone
        cost = costs(self.tables, self.places, chosen, keys, steps)
        # Those that take as long have the same colour, so that threads wait little.
        order = np.lexsort((drawn, -cost))
        with_others = drawn[order] >= ALONE
        colour, number = self._colours(g, half, chosen, order[with_others])
        if np.bincount(colour[colour >= 0], minlength=1).max() < 2:
            return alone
        colour[order[~with_others]] = number + np.arange((~with_others).sum())
        first = np.full(colour.max() + 1, 2.0)
        np.minimum.at(first, colour, drawn)
        order = np.lexsort((drawn, -cost, first[colour]))
        start = np.flatnonzero(np.diff(colour[order], prepend=-1))
        return SweepOrder(order, np.append(start, len(order)))

    def _room_for_two(self, g: Cells) -> bool:
        """Whether a box is wide enough anywhere for two beads that do not see each other."""
        return not g.periodic or np.linalg.norm(g.lattice, axis=1).sum() > 2.0 * self.cutoff

    def _colours(self, g: Cells, half: Array, chosen: Index, order: Index) -> tuple[Index, int]:
        """Colour of each of the blocks ``order``, -1 of others, (n,), and how many colours there are."""
        known = self.places, self.beads, chosen
        near, seen = self._near(g, half)
        colour = np.full(len(chosen), -1)
        number = painted(*known, order, near, seen, len(chosen), 0, colour)
        sizes, last = np.bincount(colour[order], minlength=number), np.empty(number, dtype=np.int64)
        last[colour[order]] = order
        again = order[np.isin(order, last[(sizes % 2 == 1) & (sizes > 2) & (sizes < FEW)])]
        colour[again] = -1
        return colour, painted(*known, again, near, seen, 2, number, colour)

    def _near(self, g: Cells, half: Array) -> tuple[Index, NDArray[np.int32]]:
        """Beads that see each bead, those of the sweep before if beads stand where they stood."""
        where = np.concatenate([g.beads.ravel(), g.lattice.ravel(), half])
        if self._known is None or not np.array_equal(self._known[0], where):
            wide = g._replace(reach=np.sqrt(3.0) * half, largest=np.array([np.sqrt(3.0) * half.max()]))
            self._known = where, seeing(wide, half, self.cutoff + MARGIN + 2.0 * ROUNDING)
        return self._known[1]


@compiled(nogil=True)
def costs(t: BlockTables, p: BlockPlaces, chosen, keys, steps):
    """How long blocks take to be moved, about, (n,)."""
    cost = np.empty(len(chosen), np.int64)
    for m in range(len(chosen)):
        cost[m] = t.places.moving[p.make[chosen[m]]] * (length(keys[m], steps[m]) + ENDS)
    return cost


@compiled(nogil=True)
def seeing(g: Cells, half, far):
    """Beads whose cubes are nearer than ``far`` to that of each bead, itself included: where they begin, and they."""
    start, member, used = np.zeros(len(half) + 1, np.int64), np.empty(64 * len(half), np.int32), 0
    found, shifts = np.empty(512, np.int64), np.empty((512, 4))
    for bead in range(len(half)):
        at = g.beads[bead]
        count, found, shifts = fragments_near(g, at[0], at[1], at[2], far + g.reach[bead], found, shifts)
        if used + count > len(member):
            larger = np.empty(2 * (used + count), np.int32)
            for n in range(used):
                larger[n] = member[n]
            member = larger
        for n in range(count):
            other, away = found[n], 0.0
            for c in range(3):
                gap = abs(g.beads[other, c] + shifts[n, c] - at[c]) - half[bead] - half[other]
                away += max(gap, 0.0)**2
            if away < far * far:
                member[used] = other
                used += 1
        start[bead + 1] = used
    return start, member[:used].copy()


@part
def _enter(head, after, owner, used, start, beads, block, first, mine):
    """Put a block of colour ``mine`` into the chains of its beads; returns how many entries there are then."""
    for k in range(start[block], start[block + 1]):
        bead = first + beads[k]
        owner[used], after[used], head[bead] = mine, head[bead], used
        used += 1
    return used


@part
def _mark(entry, after, owner, taken, i):
    """Mark the colours of a chain as seen by block ``i``."""
    while entry >= 0:
        taken[owner[entry]] = i
        entry = after[entry]


@compiled(nogil=True)
def painted(p: BlockPlaces, beads: BlockBeads, chosen, order, near, seen, most, first, colour):
    """Colour the blocks ``order`` of ``chosen``, one after the other, into ``colour`` (n,): from ``first`` on.

    Args:
        near, seen: As of ``seeing``.
        most: Blocks that a colour has at most.

    Returns:
        The first colour behind them.
    """
    moved_start, moved, tied_start, tied = beads.moved_start, beads.moved, beads.tied_start, beads.tied
    number, room = 0, 0
    for i in order:
        block = p.block[chosen[i]]
        room += moved_start[block + 1] - moved_start[block] + tied_start[block + 1] - tied_start[block]
    # Blocks that have their colour, as chains by the beads that they move and by those that they are tied to.
    after, owner, used = np.empty(room, np.int64), np.empty(room, np.int64), 0
    moving, holding = np.full(len(near) - 1, -1), np.full(len(near) - 1, -1)
    size, taken = np.zeros(len(order), np.int64), np.full(len(order), -1)
    for i in order:
        block, own = p.block[chosen[i]], p.first_bead[chosen[i]]
        for k in range(moved_start[block], moved_start[block + 1]):
            for other in seen[near[own + moved[k]]:near[own + moved[k] + 1]]:
                _mark(moving[other], after, owner, taken, i)
        for k in range(tied_start[block], tied_start[block + 1]):
            _mark(holding[own + tied[k]], after, owner, taken, i)
        mine = number - 1
        while mine >= 0 and (taken[mine] == i or size[mine] >= most):
            mine -= 1
        if mine < 0:
            mine = number
            number += 1
        size[mine] += 1
        colour[i] = first + mine
        used = _enter(moving, after, owner, used, moved_start, moved, block, own, mine)
        used = _enter(holding, after, owner, used, tied_start, tied, block, own, mine)
    return first + number
