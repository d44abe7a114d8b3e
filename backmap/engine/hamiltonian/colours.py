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
from .nearby import Cells
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
SOME = 0.5  #: share of the beads below which only those that are moved are asked whom they see


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
        near, seen = self._near(g, half, moved_by(*known, len(half)))
        colour = np.full(len(chosen), -1)
        number = painted(*known, order, near, seen, len(chosen), 0, colour)
        sizes, last = np.bincount(colour[order], minlength=number), np.empty(number, dtype=np.int64)
        last[colour[order]] = order
        again = order[np.isin(order, last[(sizes % 2 == 1) & (sizes > 2) & (sizes < FEW)])]
        colour[again] = -1
        return colour, painted(*known, again, near, seen, 2, number, colour)

    def _near(self, g: Cells, half: Array, wanted: NDArray[np.bool_]) -> tuple[Index, NDArray[np.int32]]:
        """Beads that see each bead that is ``wanted`` (B,); those of all are kept for as long as beads stand."""
        far = self.cutoff + MARGIN + 2.0 * ROUNDING
        if wanted.mean() < SOME:
            return seeing(g, half, far, wanted)
        where = np.concatenate([g.beads.ravel(), g.lattice.ravel(), half])
        if self._known is None or not np.array_equal(self._known[0], where):
            self._known = where, seeing(g, half, far, np.ones_like(wanted))
        return self._known[1]


@compiled(nogil=True)
def moved_by(p: BlockPlaces, beads: BlockBeads, chosen, size):
    """Whether each of ``size`` beads is moved by a block of ``chosen``."""
    moved = np.zeros(size, np.bool_)
    for one in chosen:
        block, first = p.block[one], p.first_bead[one]
        for k in range(beads.moved_start[block], beads.moved_start[block + 1]):
            moved[first + beads.moved[k]] = True
    return moved


@compiled(nogil=True)
def costs(t: BlockTables, p: BlockPlaces, chosen, keys, steps):
    """How long blocks take to be moved, about, (n,)."""
    cost = np.empty(len(chosen), np.int64)
    for m in range(len(chosen)):
        cost[m] = t.places.moving[p.make[chosen[m]]] * (length(keys[m], steps[m]) + ENDS)
    return cost


@compiled(nogil=True)
def seeing(g: Cells, half, far, wanted):
    """Beads whose cubes are nearer than ``far`` to that of each bead, itself included: where they begin, and they.

    Of those that are not ``wanted`` (B,) there are none.
    """
    start, member, used = np.zeros(len(half) + 1, np.int64), np.empty(64 * len(half), np.int32), 0
    x, y, z, edge = _by_cells(g, half)
    last, widest = np.full(len(half), -1), half.max()
    # What loops take from ``g`` is taken before: arrays are counted each time they are handed out.
    beads, counts, lattice, cells, order = g.beads, g.counts, g.lattice, g.start, g.member
    low, high, gap = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(len(half))
    for bead in range(len(half)):
        start[bead + 1] = used
        if not wanted[bead]:
            continue
        _within(g, bead, far + half[bead] + widest, low, high)
        limit = far * far
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                a, b = i // counts[0], j // counts[1]
                row = ((i - a * counts[0]) * counts[1] + j - b * counts[1]) * counts[2]
                for c in range(low[2] // counts[2], high[2] // counts[2] + 1):  # cells of one image follow one another
                    first = cells[row + max(low[2] - c * counts[2], 0)]
                    behind = cells[row + min(high[2] - c * counts[2], counts[2] - 1) + 1]
                    if used + behind - first > len(member):
                        member = _longer(member, used, 2 * (used + behind - first))
                    px = beads[bead, 0] - (a * lattice[0, 0] + b * lattice[1, 0] + c * lattice[2, 0])
                    py = beads[bead, 1] - (a * lattice[0, 1] + b * lattice[1, 1] + c * lattice[2, 1])
                    pz = beads[bead, 2] - (a * lattice[0, 2] + b * lattice[1, 2] + c * lattice[2, 2])
                    _gaps(x[first:behind], y[first:behind], z[first:behind], edge[first:behind], px, py, pz, half[bead],
                          gap)
                    for n in range(behind - first):
                        other = order[first + n]
                        if gap[n] < limit and last[other] != bead:
                            last[other] = bead
                            member[used] = other
                            used += 1
        start[bead + 1] = used
    return start, member[:used].copy()


@part(error_model="numpy")
def _gaps(x, y, z, edge, px, py, pz, half, gap):
    """Squared distances of cubes from one, nm^2, into ``gap``."""
    for n in range(len(x)):
        both = half + edge[n]
        u, v, w = (max(abs(x[n] - px) - both, 0.0), max(abs(y[n] - py) - both, 0.0), max(abs(z[n] - pz) - both, 0.0))
        gap[n] = u * u + v * v + w * w


@part
def _by_cells(g: Cells, half):
    """Positions of beads inside the box and half edges of their cubes, nm, in the order of cells, (B,) each."""
    wrap, lattice = g.wrap, g.lattice
    x, y, z, edge = np.empty(len(half)), np.empty(len(half)), np.empty(len(half)), np.empty(len(half))
    for n in range(len(half)):
        bead = g.member[n]
        a, b, c = wrap[bead, 0], wrap[bead, 1], wrap[bead, 2]
        x[n] = g.beads[bead, 0] - (a * lattice[0, 0] + b * lattice[1, 0] + c * lattice[2, 0])
        y[n] = g.beads[bead, 1] - (a * lattice[0, 1] + b * lattice[1, 1] + c * lattice[2, 1])
        z[n] = g.beads[bead, 2] - (a * lattice[0, 2] + b * lattice[1, 2] + c * lattice[2, 2])
        edge[n] = half[bead]
    return x, y, z, edge


@part
def _within(g: Cells, bead, extent, low, high):
    """The first and the last cells, along each edge of the box, of a cube of half an edge ``extent`` about a bead."""
    for d in range(3):
        middle, wide = 0.0, 0.0
        for c in range(3):
            middle += (g.beads[bead, c] - g.origin[c]) * g.inverse[c, d]
            wide += extent * abs(g.inverse[c, d])
        low[d] = int(np.floor((middle - wide) * g.counts[d]))
        high[d] = int(np.floor((middle + wide) * g.counts[d]))
        if not g.periodic:
            low[d], high[d] = max(low[d], 0), min(high[d], g.counts[d] - 1)


@part
def _longer(member, used, size):
    """The first entries in more room."""
    larger = np.empty(size, np.int32)
    for n in range(used):
        larger[n] = member[n]
    return larger


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
