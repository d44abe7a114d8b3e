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
from .nearby import AtomTables, Cells, doubled_rows, fragments_near

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


@part
def neighbours(b: MovingBlock, s: AtomTables, g: Cells, atoms, lists: Lists):
    """Lists of what stands still near each atom of a block where it stands in ``atoms``, and images of what moves.

    They hold all pairs within the cut-off as long as ``renewed`` sees to it. What is returned is larger if need be.
    """
    return _listed(b, s, -1.0, _gathered(b, s, g, atoms, 0.0, _fetched(b, s, g, 0.0, lists)))


@borrowing
def strays(x, moving, lists: Lists):
    """Whether an atom has moved too far from where its list was made for ``x`` (places, 3)."""
    return _farthest(x, moving, lists.listed) > MARGIN * MARGIN


@part
def renewed(b: MovingBlock, s: AtomTables, g: Cells, atoms, start, lists: Lists):
    """The lists, those of atoms that have moved too far made anew.

    Args:
        start: Where the block stands in ``atoms``, nm, (places, 3).
    """
    if _farthest(b.x, b.moving, lists.gathered) > REACH * REACH:
        strayed = np.sqrt(_farthest(b.x, b.moving, start))
        if _farthest(b.x, b.moving, lists.fetched) > FETCH * FETCH:
            lists = _fetched(b, s, g, strayed, lists)
        return _listed(b, s, -1.0, _gathered(b, s, g, atoms, strayed, lists))
    return _listed(b, s, -1.0 if lists.used[0] > GROWN * lists.used[2] else MARGIN, lists)


@borrowing
def _farthest(x, moving, other):
    """The largest squared distance between two positions of an atom, nm^2."""
    most = 0.0
    for i in range(moving):
        most = max(most, (x[i, 0] - other[i, 0])**2 + (x[i, 1] - other[i, 1])**2 + (x[i, 2] - other[i, 2])**2)
    return most


@part(error_model="numpy")
def _listed(b: MovingBlock, s: AtomTables, margin, lists: Lists):
    """Lists of all atoms that have moved by more than ``margin``, behind the others; of all if it is negative."""
    # What loops take is taken before: arrays are counted each time they are handed out.
    near, factor, around, starts, bounds, told, used, listed = (
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
        away = (x[i, 0] - listed[i, 0])**2 + (x[i, 1] - listed[i, 1])**2 + (x[i, 2] - listed[i, 2])**2
        if margin >= 0.0 and away <= margin * margin:
            continue
        listed[i, 0], listed[i, 1], listed[i, 2] = x[i, 0], x[i, 1], x[i, 2]
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
                 lists.gathered, listed, centre, lists.images, lists.shift)


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
def _fetched(b: MovingBlock, s: AtomTables, g: Cells, strayed, lists: Lists):
    """Fragments that atoms of a block may come near to before one has moved by ``FETCH``."""
    middle, spread = _ball(b.x, b.moving)
    widths, extra = _widths(b, s.field.cutoff + MARGIN + REACH + FETCH), _image_reach(g, s, spread, strayed + FETCH)
    found, shifts = lists.fragments, lists.shifts
    count, found, shifts = fragments_near(
        g, middle[0], middle[1], middle[2], spread + s.field.cutoff + MARGIN + REACH + FETCH + extra, found, shifts)
    near = np.empty(count, np.int64)
    lists.used[3] = _kept(b, s, g, widths, extra, count, found, shifts, near)
    for n in range(lists.used[3]):
        found[n] = found[near[n]]
        for d in range(4):
            shifts[n, d] = shifts[near[n], d]
    copy(b.x, b.moving, lists.fetched)
    return Lists(lists.near, lists.bounds, lists.factor, lists.told, lists.used, lists.around, lists.kinds, found,
                 shifts, lists.fetched, lists.gathered, lists.listed, lists.centre, lists.images, lists.shift)


@part
def _gathered(b: MovingBlock, s: AtomTables, g: Cells, atoms, strayed, lists: Lists):
    """What is near the block, and pairs of what moves with its images, until an atom has moved by ``REACH``."""
    for c in range(3):
        lists.centre[c] = b.centre[c]
    copy(b.x, b.moving, lists.gathered)
    _, spread = _ball(b.x, b.moving)
    widths, extra = _widths(b, s.field.cutoff + MARGIN + REACH), _image_reach(g, s, spread, strayed)
    near = np.empty(lists.used[3], np.int64)
    count = _kept(b, s, g, widths, extra, len(near), lists.fragments, lists.shifts, near)
    around, image, image_shift = _candidates(b, s, atoms, near[:count], lists)
    images, shift = _imaged(b.x, s.field.cutoff + 2.0 * REACH, b.moving, image, image_shift)
    return Lists(lists.near, lists.bounds, lists.factor, lists.told, lists.used, around, lists.kinds, lists.fragments,
                 lists.shifts, lists.fetched, lists.gathered, lists.listed, lists.centre, images, shift)


@borrowing
def copy(x, moving, to):
    """Positions of what moves, into ``to``: slices take long to compile."""
    for i in range(moving):
        for c in range(3):
            to[i, c] = x[i, c]


@borrowing
def _image_reach(g: Cells, s: AtomTables, spread, strayed):
    """How much farther fragments are to be looked for that move themselves, in other boxes: they are found where they
    were."""
    narrow = g.periodic and min(g.width[0], g.width[1], g.width[2]) < s.field.cutoff + 2.0 * (REACH + FETCH + spread)
    return REACH + strayed if narrow else 0.0


@part
def _widths(b: MovingBlock, radius):
    """How far from the first atom of each group fragments are near it."""
    widths = np.empty(len(b.groups) - 1)
    for group in range(len(widths)):
        widths[group] = radius + _width(b.x, b.groups[group], b.groups[group + 1])
    return widths


@part
def _ball(x, moving):
    """A point in the middle of what moves, and how far the farthest atom is from it."""
    centre, most = np.zeros(3), 0.0
    for i in range(moving):
        for c in range(3):
            centre[c] += x[i, c] / moving
    for i in range(moving):
        most = max(most, (x[i, 0] - centre[0])**2 + (x[i, 1] - centre[1])**2 + (x[i, 2] - centre[2])**2)
    return centre, np.sqrt(most)


@borrowing
def _width(x, begin, end):
    """How far the atoms of a group are from its first."""
    most = 0.0
    for i in range(begin + 1, end):
        most = max(most, (x[i, 0] - x[begin, 0])**2 + (x[i, 1] - x[begin, 1])**2 + (x[i, 2] - x[begin, 2])**2)
    return np.sqrt(most)


@borrowing
def _kept(b: MovingBlock, s: AtomTables, g: Cells, widths, extra, count, found, shifts, near):
    """Which of the fragments found may be near some group, into ``near``; returns how many.

    Fragments that move themselves, in other boxes, may be farther by ``extra``.
    """
    kept, beads, reach, start, x, groups = 0, g.beads, g.reach, s.fragment_start, b.x, b.groups
    for n in range(count):
        bead, more = found[n], 0.0
        if extra > 0.0 and _moves(s.fragment, start[bead], start[bead + 1], b.role, b.first_atom, b.moving):
            more = extra
        u, v, w = beads[bead, 0] + shifts[n, 0], beads[bead, 1] + shifts[n, 1], beads[bead, 2] + shifts[n, 2]
        for group in range(len(widths)):
            i = groups[group]
            away = (x[i, 0] - u)**2 + (x[i, 1] - v)**2 + (x[i, 2] - w)**2
            if away < (widths[group] + more + reach[bead])**2:
                near[kept] = n
                kept += 1
                break
    return kept


@borrowing
def _moves(fragment, begin, end, role, first_atom, moving):
    """Whether any atom of a fragment, from ``begin`` to ``end``, is one of those that move."""
    for f in range(begin, end):
        local = fragment[f] - first_atom
        if 0 <= local < len(role) and 0 <= role[local] < moving:
            return True
    return False


@part
def _candidates(b: MovingBlock, s: AtomTables, atoms, near, lists: Lists):
    """Atoms of those fragments that are ``near`` into ``lists.around``, by kind, and images of what moves.

    Returns:
        ``lists.around``, perhaps larger; places of what moves in other boxes, (m,), and their shifts, (m, 3).
    """
    n_kinds, kind_of, charge, factor = len(s.field.c6), s.field.kind, s.field.charge, s.field.coulomb.factor
    start, fragment, role, first_atom, moving = s.fragment_start, s.fragment, b.role, b.first_atom, b.moving
    around, bounds, centre, n_images, total = lists.around, lists.kinds, lists.centre, 0, 0
    found, shifts = lists.fragments, lists.shifts
    for n in near:
        total += start[found[n] + 1] - start[found[n]]
    chosen, shift_of = np.empty(total, np.int64), np.empty(total, np.int64)
    image, image_shift, total, many = np.empty(total, np.int64), np.empty((total, 3)), 0, np.zeros(n_kinds, np.int64)
    for n in near:
        for f in range(start[found[n]], start[found[n] + 1]):
            atom = fragment[f]
            local = atom - first_atom
            place = role[local] if 0 <= local < len(role) else -1
            if place >= 0 and shifts[n, 3] == 0.0:
                continue  # listed
            if 0 <= place < moving:
                image[n_images] = place
                for c in range(3):
                    image_shift[n_images, c] = shifts[n, c]
                n_images += 1
                continue
            chosen[total], shift_of[total] = atom, n
            many[kind_of[atom]] += 1
            total += 1
    bounds[0] = 0
    for kind in range(n_kinds):
        bounds[kind + 1] = bounds[kind] + (many[kind] + WIDTH - 1) // WIDTH * WIDTH
        many[kind] = bounds[kind]
    if bounds[n_kinds] > around.shape[1]:
        around = np.empty((4, 2 * bounds[n_kinds]), np.float32)
    for n in range(total):
        atom, m = chosen[n], shift_of[n]
        slot = many[kind_of[atom]]
        many[kind_of[atom]] += 1
        for c in range(3):
            around[c, slot] = atoms[atom, c] + shifts[m, c] - centre[c]
        around[3, slot] = factor * charge[atom]
    for kind in range(n_kinds):
        for n in range(many[kind], bounds[kind + 1]):
            around[0, n] = around[1, n] = around[2, n] = NOWHERE
            around[3, n] = 0.0
    return around, image[:n_images], image_shift[:n_images]


@part
def _imaged(x, limit, moving, image, image_shift):
    """Pairs of atoms that both move, one of them in another box, nearer than ``limit``."""
    count, pairs, shift = 0, np.empty((16, 2), np.int64), np.empty((16, 3))
    for n in range(len(image)):
        place = image[n]
        at = (x[place, 0] + image_shift[n, 0], x[place, 1] + image_shift[n, 1], x[place, 2] + image_shift[n, 2])
        for i in range(min(moving, place)):
            away = (at[0] - x[i, 0])**2 + (at[1] - x[i, 1])**2 + (at[2] - x[i, 2])**2
            if away < limit * limit:
                if count == len(pairs):
                    pairs, shift = doubled_rows(pairs), doubled_rows(shift)
                pairs[count, 0], pairs[count, 1] = i, place
                for c in range(3):
                    shift[count, c] = image_shift[n, c]
                count += 1
    return pairs[:count], shift[:count]


@part
def _widened(values, used, size):
    """The same columns in a wider array."""
    larger = np.empty((len(values), size), values.dtype)
    for c in range(len(values)):
        for n in range(used):
            larger[c, n] = values[c, n]
    return larger
