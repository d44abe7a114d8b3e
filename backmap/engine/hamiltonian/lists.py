"""Neighbour lists of a block: all that stands still around it, by group of atoms and kind (compiled)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import part
from .loops import LANES
from .nearby import AtomTables, Cells, doubled_rows, fragments_near

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]

#: Squared distance below which forces in single precision no longer grow, nm^2: it holds no more.
LEAST = np.float32(1e-4)
#: Entries whose parameters are written at a time: as many as a rare kind has in a list.
FEW = 16
#: nm; where what fills the lists up to whole lanes stands.
NOWHERE = 1e6


class Lists(NamedTuple):
    """Neighbour lists of a block.

    Attributes:
        at: Coordinates, nm, and charges times Coulomb's constant, (4, n).
        near: The same in single precision, relative to ``centre``.
        bounds: Where each kind begins in the list of each group, (groups, kinds + 1). Every bundle of kinds has a
            multiple of ``LANES`` entries; those that fill it up have no charge and are out of reach.
        centre: Origin of ``near``, nm, (3,).
        images: Places i < j of pairs of atoms that both move, of which j is a periodic image, (m, 2).
        shift: Displacement of that image, nm, (m, 3).
        factor: Where a bundle is of several kinds, c6, c12 and core of atoms that move with each of its entries, those
            of each group one after the other, (3, n); atoms in a row that are of one kind share them.
        quick_factor: The same in single precision, six times c6 and twelve times c12, the core no less than ``LEAST``.
        told: Where in them those of each atom that moves begin, (places,).
    """

    at: Array
    near: Single
    bounds: Index
    centre: Array
    images: Index
    shift: Array
    factor: Array
    quick_factor: Single
    told: Index


class MovingBlock(NamedTuple):
    """A block that lists are made for.

    Attributes:
        moving: Places that move.
        groups: Where the groups among them begin, as in ``BlockTables``.
        kinds: Of its places, (places,).
        x: Positions of its places, nm, (places, 3).
        role: Of each atom of the molecule: its place if its pairs with the block are listed, else -1.
        first_atom: Of the molecule.
    """

    moving: int
    groups: Index
    kinds: Index
    x: Array
    role: Index
    first_atom: int


def lists(groups: int, places: int, n_kinds: int) -> Lists:
    """Room for the lists of blocks of at most ``groups`` groups and ``places`` places."""
    size = 512 * LANES
    return Lists(np.empty((4, size)), np.empty((4, size), dtype=np.float32),
                 np.zeros((groups, n_kinds + 1), dtype=np.int64), np.zeros(3), np.empty((0, 2), dtype=np.int64),
                 np.empty((0, 3)), np.empty((3, size)), np.empty((3, size), dtype=np.float32),
                 np.zeros(places, dtype=np.int64))


@part(error_model="numpy")
def neighbours(b: MovingBlock, s: AtomTables, g: Cells, atoms, margin, strayed, lists: Lists):
    """Lists of what stands still near each group of a block, and images of what moves.

    They hold all pairs within the cut-off until ``outrun`` says that a group has moved by ``margin``, nm. ``strayed``
    is how far the block is from where it stands in ``atoms``.

    Args:
        lists: Room for them; what is returned is larger if need be.
    """
    n_kinds, moving, groups, x = len(s.field.c6), b.moving, b.groups, b.x
    centre, spread = _ball(x, moving)
    widths, radius, extra = np.empty(len(groups) - 1), s.field.cutoff + margin, 0.0
    for group in range(len(widths)):
        widths[group] = _width(x, groups[group], groups[group + 1])
    if g.periodic and g.width.min() < radius + margin + 2.0 * (spread + widths.max()):
        # Both atoms of a pair may move, also about the first of their group, and fragments are found where they were.
        extra = margin + strayed + 2.0 * widths.max()
    widths += radius
    found, shifts = np.empty(512, np.int64), np.empty((512, 4))
    count, found, shifts = fragments_near(g, centre[0], centre[1], centre[2], spread + radius + extra, found, shifts)
    count = _kept(b, s, g, widths, extra, count, found, shifts)
    around, bounds, image, image_shift = _candidates(b, s, atoms, count, found, shifts)
    images, pair_shift = _imaged(x, groups, widths + extra, image, image_shift)
    at, near, used, bundle = lists.at, lists.near, 0, s.bundle
    relative = np.empty((4, around.shape[1]), np.float32)
    for n in range(around.shape[1]):
        for c in range(3):
            relative[c, n] = around[c, n] - centre[c]
        relative[3, n] = around[3, n]
    squared, chosen = np.empty(around.shape[1]), np.empty(around.shape[1], np.uintp)
    for group in range(len(widths)):
        first, limit = groups[group], widths[group]**2
        _squared(around[0], around[1], around[2], x[first, 0], x[first, 1], x[first, 2], squared)
        while used + around.shape[1] + n_kinds * LANES > at.shape[1]:
            at, near = _widened(at, used), _widened(near, used)
        for one in range(len(bundle) - 1):
            m = np.uintp(0)
            for kind in range(bundle[one], bundle[one + 1]):
                lists.bounds[group, kind] = used + np.int64(m)
                m = _within(squared, np.uintp(bounds[kind]), np.uintp(bounds[kind + 1]), limit, chosen, m)
            used = _taken(around, relative, chosen, m, at, near, used)
            used = _filled_up(at, near, used)
        lists.bounds[group, n_kinds] = used
    return with_parameters(groups, s, b.kinds, Lists(at, near, lists.bounds, centre, images, pair_shift, lists.factor,
                                                     lists.quick_factor, lists.told))


@part
def _within(squared, begin, end, limit, chosen, m):
    """Numbers from ``begin`` to ``end`` of those nearer than ``limit``, into ``chosen`` from ``m`` on; returns the end.

    Numbers without a sign, here and in ``_taken``: signed ones would be looked at for whether they count from the end.
    """
    for n in range(begin, end):
        chosen[m] = n
        m += np.uintp(squared[n] < limit)
    return m


@part
def _taken(around, relative, chosen, count, at, near, used):
    """Append ``count`` chosen columns to the lists; returns where they end."""
    begin = np.uintp(used)
    for c in range(4):
        for n in range(count):
            at[c, begin + n] = around[c, chosen[n]]
        for n in range(count):
            near[c, begin + n] = relative[c, chosen[n]]
    return used + np.int64(count)


@part
def _filled_up(at, near, used):
    """Fill the lists up to whole lanes; returns where that ends."""
    filled = -(-used // LANES) * LANES
    for c in range(4):
        for n in range(used, filled):
            at[c, n] = near[c, n] = NOWHERE if c < 3 else 0.0
    return filled


@part
def with_parameters(groups, s: AtomTables, kinds, lists: Lists):
    """Lists with parameters of pairs, where a bundle is of several kinds; loops know those of one kind themselves.

    Lists are made for some time steps, in each of which parameters are read.

    Args:
        groups: Where the groups begin among the places that move.
        kinds: Of these places.

    Returns:
        The lists, perhaps larger.
    """
    n_kinds, bounds, factor, quick, used = len(s.field.c6), lists.bounds, lists.factor, lists.quick_factor, 0
    if len(s.bundle) > n_kinds:
        return lists
    for group in range(len(groups) - 1):
        size = bounds[group, n_kinds] - bounds[group, 0]
        for i in range(groups[group], groups[group + 1]):
            if i > groups[group] and kinds[i] == kinds[i - 1]:
                lists.told[i] = lists.told[i - 1]
                continue
            while used + size + FEW > factor.shape[1]:
                factor, quick = _widened(factor, used), _widened(quick, used)
            lists.told[i] = used
            _parameters(bounds[group], s.field.c6[kinds[i]], s.field.c12[kinds[i]], s.core[kinds[i]], factor, used)
            _in_single(factor, quick, used, used + size)
            used += size
    return Lists(lists.at, lists.near, bounds, lists.centre, lists.images, lists.shift, factor, quick, lists.told)


@part
def _parameters(bounds, c6, c12, core, values, first):
    """Write what an atom has with each kind, (kinds,), to the entries of ``bounds``, from column ``first`` on.

    Whole lanes are written: what is too much, the next kind or the next atom overwrites, or nobody reads.
    """
    for kind in range(len(c6)):
        n, end = np.uintp(first + bounds[kind] - bounds[0]), np.uintp(first + bounds[kind + 1] - bounds[0])
        while n < end:
            for lane in range(FEW):
                values[0, n + np.uintp(lane)] = c6[kind]
            for lane in range(FEW):
                values[1, n + np.uintp(lane)] = c12[kind]
            for lane in range(FEW):
                values[2, n + np.uintp(lane)] = core[kind]
            n += np.uintp(FEW)


@part
def _in_single(values, quick, begin, end):
    """The same in single precision, as forces need it."""
    for n in range(np.uintp(begin), np.uintp(end)):
        quick[0, n] = np.float32(6.0 * values[0, n])
    for n in range(np.uintp(begin), np.uintp(end)):
        quick[1, n] = np.float32(12.0 * values[1, n])
    for n in range(np.uintp(begin), np.uintp(end)):
        quick[2, n] = max(np.float32(values[2, n]), LEAST)


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


@part
def _width(x, begin, end):
    """How far the atoms of a group are from its first."""
    most = 0.0
    for i in range(begin + 1, end):
        most = max(most, (x[i, 0] - x[begin, 0])**2 + (x[i, 1] - x[begin, 1])**2 + (x[i, 2] - x[begin, 2])**2)
    return np.sqrt(most)


@part
def outrun(groups, x, listed):
    """How far a group has moved from where lists were made, at most, nm.

    Lists are taken around the first atom of a group, as wide as the group is: that others turn about it does not count,
    only that they move away from it. Hydrogens are fast, but on a leash.
    """
    most = 0.0
    for n in range(len(groups) - 1):
        i, end = groups[n], groups[n + 1]
        away = (x[i, 0] - listed[i, 0])**2 + (x[i, 1] - listed[i, 1])**2 + (x[i, 2] - listed[i, 2])**2
        most = max(most, np.sqrt(away) + max(_width(x, i, end) - _width(listed, i, end), 0.0))
    return most


@part(error_model="numpy")
def _squared(others_x, others_y, others_z, x, y, z, squared):
    for n in range(len(others_x)):
        dx, dy, dz = others_x[n] - x, others_y[n] - y, others_z[n] - z
        squared[n] = dx * dx + dy * dy + dz * dz


@part
def _kept(b: MovingBlock, s: AtomTables, g: Cells, widths, extra, count, found, shifts):
    """Move those of the fragments found that may be near some group to the front; returns how many.

    Fragments that move themselves, in other boxes, may be farther by ``extra``.
    """
    kept, beads, reach, start, fragment = 0, g.beads, g.reach, s.fragment_start, s.fragment
    x, role, first_atom, moving, groups = b.x, b.role, b.first_atom, b.moving, b.groups
    for n in range(count):
        bead = found[n]
        more = extra if _moves(fragment, start[bead], start[bead + 1], role, first_atom, moving) else 0.0
        at = beads[bead, 0] + shifts[n, 0], beads[bead, 1] + shifts[n, 1], beads[bead, 2] + shifts[n, 2]
        for group in range(len(widths)):
            i = groups[group]
            away = (x[i, 0] - at[0])**2 + (x[i, 1] - at[1])**2 + (x[i, 2] - at[2])**2
            if away < (widths[group] + more + reach[bead])**2:
                found[kept] = bead
                for d in range(4):
                    shifts[kept, d] = shifts[n, d]
                kept += 1
                break
    return kept


@part
def _moves(fragment, begin, end, role, first_atom, moving):
    """Whether any atom of a fragment, from ``begin`` to ``end``, is one of those that move."""
    for f in range(begin, end):
        local = fragment[f] - first_atom
        if 0 <= local < len(role) and 0 <= role[local] < moving:
            return True
    return False


@part
def _candidates(b: MovingBlock, s: AtomTables, atoms, count, found, shifts):
    """Atoms of fragments, those of one kind together, and images of what moves.

    Returns:
        Coordinates and charges of what stands still, (4, n); where each kind begins, (kinds + 1,); places of what
        moves in other boxes, (m,), and their shifts, (m, 3).
    """
    n_kinds, kind_of, charge, factor = len(s.field.c6), s.field.kind, s.field.charge, s.field.coulomb.factor
    start, fragment, role, first_atom, moving = s.fragment_start, s.fragment, b.role, b.first_atom, b.moving
    bounds, n_images, total = np.zeros(n_kinds + 1, np.int64), 0, 0
    for n in range(count):
        total += start[found[n] + 1] - start[found[n]]
    chosen, shift_of = np.empty(total, np.int64), np.empty(total, np.int64)
    image, image_shift, total = np.empty(total, np.int64), np.empty((total, 3)), 0
    for n in range(count):
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
            bounds[kind_of[atom] + 1] += 1
            total += 1
    for kind in range(n_kinds):
        bounds[kind + 1] += bounds[kind]
    filled, around = bounds[:-1].copy(), np.empty((4, total))
    for n in range(total):
        atom, m = chosen[n], shift_of[n]
        slot = filled[kind_of[atom]]
        filled[kind_of[atom]] += 1
        for c in range(3):
            around[c, slot] = atoms[atom, c] + shifts[m, c]
        around[3, slot] = factor * charge[atom]
    return around, bounds, image[:n_images], image_shift[:n_images]


@part
def _imaged(x, groups, widths, image, image_shift):
    """Pairs of atoms that both move, one of them in another box, near enough to count."""
    count, pairs, shift = 0, np.empty((16, 2), np.int64), np.empty((16, 3))
    for n in range(len(image)):
        place = image[n]
        at = (x[place, 0] + image_shift[n, 0], x[place, 1] + image_shift[n, 1], x[place, 2] + image_shift[n, 2])
        for group in range(len(widths)):
            begin, end = groups[group], groups[group + 1]
            away = (at[0] - x[begin, 0])**2 + (at[1] - x[begin, 1])**2 + (at[2] - x[begin, 2])**2
            if away > widths[group]**2:
                continue
            for i in range(begin, min(end, place)):
                if count == len(pairs):
                    pairs, shift = doubled_rows(pairs), doubled_rows(shift)
                pairs[count, 0], pairs[count, 1] = i, place
                for c in range(3):
                    shift[count, c] = image_shift[n, c]
                count += 1
    return pairs[:count], shift[:count]


@part
def _widened(values, used):
    larger = np.empty((len(values), 2 * values.shape[1]), values.dtype)
    for c in range(len(values)):
        for n in range(used):
            larger[c, n] = values[c, n]
    return larger
