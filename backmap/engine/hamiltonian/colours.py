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
from ..compiling.compiled import compiled
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


class Course(NamedTuple):
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


def tied_to(system: System, t: BlockTables, numbers: list[int]) -> Sets:
    """Beads of its molecule, local ones, that each of L blocks has to do with besides pairs.

    Those of its atoms, of their partners in terms and bonds, and of bonds that its weight depends on; ``numbers`` are
    how many blocks each type has.
    """
    owners = [kind.mapping.owner for kind in system.types]
    first = np.repeat(np.cumsum([0, *(len(owner) for owner in owners)])[:-1], numbers)
    owner, copies = np.concatenate(owners), t.copies
    atoms = Sets(copies.atom_start, copies.atom).then(Sets(2 * copies.near_start, copies.near.ravel()))
    beads = Sets(atoms.start, owner[first[atoms.owner] + atoms.item]).then(Sets(copies.bead_start, copies.bead))
    return Sets.sorted(len(beads), beads.owner, beads.item)


class Colours:
    """Finds the course of sweeps."""

    def __init__(self, system: System, t: BlockTables, p: BlockPlaces, numbers: list[int], beads: Index,
                 strayed: Array, cutoff: float) -> None:
        """Prepare it.

        Args:
            numbers: How many blocks each molecule type has.
            beads: Of the I blocks, -1 padding, (I, K).
            strayed: How much farther than by their bonds atoms may be from each bead, nm, (B,).
            cutoff: nm.
        """
        self.tables, self.places, self.beads, self.cutoff = t, p, beads, cutoff
        self.half = per_bead(system, [half_edges(kind) for kind in system.types]) + strayed
        self.tied = tied_to(system, t, numbers)
        self._known: tuple[Array, tuple[Index, NDArray[np.int32]]] | None = None

    def alone(self, n: int) -> Course:
        """One block after the other, in the order they have."""
        return Course(np.arange(n), np.arange(n + 1))

    def cubes(self, g: Cells) -> Array:
        """Half edges of the cubes of a frame that is to be moved, nm, (B,): atoms that are far out have wider ones."""
        return np.maximum(self.half, g.reach + SLACK)

    def course(self, g: Cells, half: Array, chosen: Index, keys: Index, steps: Index, drawn: Array) -> Course:
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
        return Course(order, np.append(start, len(order)))

    def _room_for_two(self, g: Cells) -> bool:
        """Whether a box is wide enough anywhere for two beads that do not see each other."""
        return not g.periodic or np.linalg.norm(g.lattice, axis=1).sum() > 2.0 * self.cutoff

    def _colours(self, g: Cells, half: Array, chosen: Index, order: Index) -> tuple[Index, int]:
        """Colour of each of the blocks ``order``, -1 of others, (n,), and how many colours there are."""
        known = self.places, self.beads, self.tied.start, self.tied.item, chosen
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


@compiled(nogil=True)
def painted(p: BlockPlaces, beads, tied_start, tied, chosen, order, near, seen, most, first, colour):
    """Colour the blocks ``order`` of ``chosen``, one after the other, into ``colour`` (n,): from ``first`` on.

    Args:
        beads: Of all blocks, -1 padding, (I, K).
        tied_start, tied: As of ``tied_to``.
        near, seen: As of ``seeing``.
        most: Blocks that a colour has at most.

    Returns:
        The first colour behind them.
    """
    n_beads, number = len(near) - 1, 0
    room = 0
    for i in order:
        block = p.block[chosen[i]]
        room += beads.shape[1] + tied_start[block + 1] - tied_start[block]
    # Blocks that have their colour, as chains by the beads that they move and by those that they are tied to.
    head, after, owner = np.full((2, n_beads), -1), np.empty(room, np.int64), np.empty(room, np.int64)
    size, taken, used = np.zeros(len(order), np.int64), np.full(len(order), -1), 0
    for i in order:
        one = chosen[i]
        block, own = p.block[one], p.first_bead[one]
        for bead in beads[one]:
            if bead >= 0:
                for k in range(near[bead], near[bead + 1]):
                    entry = head[0, seen[k]]
                    while entry >= 0:
                        taken[owner[entry]] = i
                        entry = after[entry]
        for k in range(tied_start[block], tied_start[block + 1]):
            entry = head[1, own + tied[k]]
            while entry >= 0:
                taken[owner[entry]] = i
                entry = after[entry]
        mine = number - 1
        while mine >= 0 and (taken[mine] == i or size[mine] >= most):
            mine -= 1
        if mine < 0:
            mine = number
            number += 1
        size[mine] += 1
        colour[i] = first + mine
        for bead in beads[one]:
            if bead >= 0:
                owner[used], after[used], head[0, bead] = mine, head[0, bead], used
                used += 1
        for k in range(tied_start[block], tied_start[block + 1]):
            bead = own + tied[k]
            owner[used], after[used], head[1, bead] = mine, head[1, bead], used
            used += 1
    return first + number
