"""Who may be near whom where many molecules move at once (compiled).

Beads stand still, so it is found once, for as long as no molecule reaches farther from its bead.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
from .loops import LANES
from .nearby import AtomTables, Cells, fragments_near
from .trajectory import BlockPlaces

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]
Short = NDArray[np.int32]

#: nm; how much farther from its bead an atom may come before neighbours are looked for again, unless it is held.
ROOM_TO_MOVE = 0.03


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
