"""Neighbour lists of a block: all that stands still around it, by atom and kind (compiled).

Fragments that atoms of a block may come near to are looked up where it begins. Of those that it is near to now atoms
are gathered, in single precision about a bead, which stands still: it is the same in a trajectory and in its way back,
so that both see neighbours at the same places, 1e-7 nm from where they are. Each atom's list is taken out of that, and
again when the atom has moved.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, part
from ..compiling.lanes import WIDTH
from ..compiling.packing import pack_near
from .loops import LANES
from .nearby import AtomTables

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]

#: nm; how far an atom moves before its list is made anew, before what is near the block is gathered anew, and before
#: fragments are looked up anew.
MARGIN, REACH, FETCH = 0.06, 0.1, 0.25
#: nm; more than rounding to single precision moves neighbours by.
ROUNDING = 1e-5
#: Lists that were made anew stand behind the others; with so many times what all took at first, all are made anew.
GROWN = 3
#: Squared distance below which forces in single precision no longer grow, nm^2: it holds no more.
LEAST = np.float32(1e-4)
#: nm; where what fills the lists up to whole lanes stands.
NOWHERE = 1e6


class Lists(NamedTuple):
    """Neighbour lists of a block.

    Attributes:
        near: Coordinates relative to ``centre``, nm, and charges times Coulomb's constant, (4, n).
        bounds: Where each kind begins in the list of each atom that moves, (places, kinds + 1). Every bundle of kinds
            has a multiple of ``LANES`` entries; those that fill it up have no charge and are out of reach.
        factor: Where a bundle is of several kinds, six times c6, twelve times c12 and core, no less than ``LEAST``, of
            atoms that move with each of their entries, (3, n).
        told: Where in them those of each atom that moves begin, (places,).
        used: Columns of ``near`` and of ``factor`` that are taken, of ``near`` when all lists were new, and rows of
            ``fragments``, (4,).
        around: What is near the block, as in ``near``, by kind, (4, m).
        kinds: Where each kind begins in it, always at a multiple of ``WIDTH``, (kinds + 1,).
        fragments: Beads of the fragments that atoms may come near to, (f,).
        shifts: Displacements of their images, nm, and whether they are images, (f, 4).
        fetched: Where atoms were when those were looked up, nm, (places, 3).
        gathered: Where they were when what is near was gathered, nm, (places, 3).
        listed: Where each was when its list was made, nm, (places, 3).
        centre: Origin of ``near``, nm, (3,).
        images: Places i < j of pairs of atoms that both move, of which j is a periodic image, (m, 2).
        shift: Displacement of that image, nm, (m, 3).
    """

    near: Single
    bounds: Index
    factor: Single
    told: Index
    used: Index
    around: Single
    kinds: Index
    fragments: Index
    shifts: Array
    fetched: Array
    gathered: Array
    listed: Array
    centre: Array
    images: Index
    shift: Array


class MovingBlock(NamedTuple):
    """A block that lists are made for.

    Attributes:
        moving: Places that move.
        groups: Where the groups among them begin, as in ``BlockTables``.
        kinds: Of its places, (places,).
        x: Positions of its places, nm, (places, 3).
        role: Of each atom of the molecule: its place if its pairs with the block are listed, else -1.
        first_atom: Of the molecule.
        centre: A bead near the block, nm, (3,).
    """

    moving: int
    groups: Index
    kinds: Index
    x: Array
    role: Index
    first_atom: int
    centre: Array


def lists(places: int, n_kinds: int) -> Lists:
    """Room for the lists of blocks of at most ``places`` places."""
    size = 512 * LANES
    single, integer = np.float32, np.int64
    return Lists(np.empty((4, size), single), np.zeros((places, n_kinds + 1), integer), np.empty((3, size), single),
                 np.zeros(places, integer), np.zeros(4, integer), np.empty((4, size), single),
                 np.zeros(n_kinds + 1, integer), np.empty(512, integer), np.empty((512, 4)),
                 *(np.empty((places, 3)) for _ in range(3)), np.zeros(3), np.empty((0, 2), integer), np.empty((0, 3)))


@part(error_model="numpy")
def listed(b: MovingBlock, s: AtomTables, margin, lists: Lists):
    """Lists of all atoms that have moved by more than ``margin``, behind the others; of all if it is negative."""
    # What loops take is taken before: arrays are counted each time they are handed out.
    near, factor, around, starts, bounds, told, used, stood = (
        lists.near, lists.factor, lists.around, lists.kinds, lists.bounds, lists.told, lists.used, lists.listed)
    bundle, centre, n_kinds, x, kinds = s.bundle, lists.centre, len(s.field.c6), b.x, b.kinds
    limit, many = np.float32((s.field.cutoff + MARGIN + ROUNDING)**2), len(bundle) <= n_kinds
    if margin < 0.0:
        used[0] = used[1] = 0
    most = starts[n_kinds] + (len(bundle) + 1) * LANES
    if used[0] + b.moving * most > near.shape[1]:
        near = _widened(near, used[0], 2 * (used[0] + b.moving * most))
    if many and used[1] + b.moving * most > factor.shape[1]:
        factor = _widened(factor, used[1], 2 * (used[1] + b.moving * most))
    for i in range(b.moving):
        away = (x[i, 0] - stood[i, 0])**2 + (x[i, 1] - stood[i, 1])**2 + (x[i, 2] - stood[i, 2])**2
        if margin >= 0.0 and away <= margin * margin:
            continue
        stood[i, 0], stood[i, 1], stood[i, 2] = x[i, 0], x[i, 1], x[i, 2]
        at_x, at_y, at_z = (np.float32(x[i, 0] - centre[0]), np.float32(x[i, 1] - centre[1]),
                            np.float32(x[i, 2] - centre[2]))
        end = np.uint64(used[0])
        for one in range(len(bundle) - 1):
            for kind in range(bundle[one], bundle[one + 1]):
                bounds[i, kind] = end
                end = _packed(around, starts[kind], starts[kind + 1], at_x, at_y, at_z, limit, near, end)
            end = _filled_up(near, end)
        bounds[i, n_kinds] = end
        if many:
            told[i] = used[1]
            parameters(bounds[i], s, kinds[i], factor, used[1])
            used[1] += np.int64(end) - used[0]
        used[0] = end
    if margin < 0.0:
        used[2] = used[0]
    return Lists(near, bounds, factor, told, used, around, starts, lists.fragments, lists.shifts, lists.fetched,
                 lists.gathered, stood, centre, lists.images, lists.shift)


@borrowing
def _packed(around, first, behind, x, y, z, limit, near, used):
    """Append what is near a point, of columns from ``first`` on, to ``near``; returns where they end."""
    for n in range(np.uint64(first), np.uint64(behind), np.uint64(WIDTH)):
        used = pack_near(around, n, x, y, z, limit, near, used)
    return used


@borrowing
def _filled_up(near, used):
    """Fill lists up to whole lanes; returns where that ends. Lanes beyond it are overwritten."""
    lanes = np.uint64(LANES)
    for c in range(3):
        for lane in range(LANES):
            near[c, used + np.uint64(lane)] = np.float32(NOWHERE)
    for lane in range(LANES):
        near[3, used + np.uint64(lane)] = np.float32(0.0)
    return (used + lanes - np.uint64(1)) // lanes * lanes


@borrowing
def parameters(bounds, s: AtomTables, mine, factor, first):
    """Write what an atom of kind ``mine`` has with the entries of ``bounds`` (kinds + 1,), from column ``first`` on.

    Whole lanes are written: what is too much, the next kind or the next atom overwrites, or nobody reads.
    """
    for kind in range(len(bounds) - 1):
        c6, c12 = np.float32(6.0 * s.field.c6[mine, kind]), np.float32(12.0 * s.field.c12[mine, kind])
        core = max(np.float32(s.core[mine, kind]), LEAST)
        n, end = np.uint64(first + bounds[kind] - bounds[0]), np.uint64(first + bounds[kind + 1] - bounds[0])
        while n < end:
            for lane in range(WIDTH):
                factor[0, n + np.uint64(lane)] = c6
            for lane in range(WIDTH):
                factor[1, n + np.uint64(lane)] = c12
            for lane in range(WIDTH):
                factor[2, n + np.uint64(lane)] = core
            n += np.uint64(WIDTH)


@borrowing
def tell(s: AtomTables, kinds, places, lists: Lists):
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
def _widened(values, used, size):
    """The same columns in a wider array."""
    larger = np.empty((len(values), size), values.dtype)
    for c in range(len(values)):
        for n in range(used):
            larger[c, n] = values[c, n]
    return larger
