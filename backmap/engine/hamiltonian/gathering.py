"""What stands still near a block: fragments that its atoms may come near to, and the atoms of those (compiled)."""
from __future__ import annotations

import numpy as np

from ..compiling.compiled import borrowing, part
from .lists import FETCH, GROWN, MARGIN, NOWHERE, REACH, WIDTH, Lists, MovingBlock, listed
from .nearby import AtomTables, Cells, doubled_rows, fragments_near


@part
def neighbours(b: MovingBlock, s: AtomTables, g: Cells, atoms, lists: Lists):
    """Lists of what stands still near each atom of a block where it stands in ``atoms``, and images of what moves.

    They hold all pairs within the cut-off as long as ``renewed`` sees to it. What is returned is larger if need be.
    """
    return listed(b, s, -1.0, _gathered(b, s, g, atoms, 0.0, _fetched(b, s, g, 0.0, lists)))


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
        return listed(b, s, -1.0, _gathered(b, s, g, atoms, strayed, lists))
    return listed(b, s, -1.0 if lists.used[0] > GROWN * lists.used[2] else MARGIN, lists)


@borrowing
def _farthest(x, moving, other):
    """The largest squared distance between two positions of an atom, nm^2."""
    most = 0.0
    for i in range(moving):
        most = max(most, (x[i, 0] - other[i, 0])**2 + (x[i, 1] - other[i, 1])**2 + (x[i, 2] - other[i, 2])**2)
    return most


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
    copy(b.x, 0, b.moving, lists.fetched)
    return Lists(lists.near, lists.bounds, lists.factor, lists.told, lists.used, lists.around, lists.kinds, found,
                 shifts, lists.fetched, lists.gathered, lists.listed, lists.centre, lists.images, lists.shift)


@part
def _gathered(b: MovingBlock, s: AtomTables, g: Cells, atoms, strayed, lists: Lists):
    """What is near the block, and pairs of what moves with its images, until an atom has moved by ``REACH``."""
    for c in range(3):
        lists.centre[c] = b.centre[c]
    copy(b.x, 0, b.moving, lists.gathered)
    _, spread = _ball(b.x, b.moving)
    widths, extra = _widths(b, s.field.cutoff + MARGIN + REACH), _image_reach(g, s, spread, strayed)
    near = np.empty(lists.used[3], np.int64)
    count = _kept(b, s, g, widths, extra, len(near), lists.fragments, lists.shifts, near)
    around, image, image_shift = _candidates(b, s, atoms, near[:count], lists)
    images, shift = _imaged(b.x, s.field.cutoff + 2.0 * REACH, b.moving, image, image_shift)
    return Lists(lists.near, lists.bounds, lists.factor, lists.told, lists.used, around, lists.kinds, lists.fragments,
                 lists.shifts, lists.fetched, lists.gathered, lists.listed, lists.centre, images, shift)


@borrowing
def copy(x, begin, end, other):
    """Positions from place ``begin`` to ``end``, into ``other``: slices take long to compile."""
    for i in range(begin, end):
        for c in range(3):
            other[i, c] = x[i, c]


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
