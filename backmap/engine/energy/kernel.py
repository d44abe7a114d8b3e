"""Non-bonded energies of all pairs of a frame in one pass, serially: the same sum whatever the machine.

The quick twin of ``pair.pair_energies``, without gradients.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import borrowing, compiled, part
from ..sites.records import pair_at
from .cells import AtomCells
from .pair import NEAREST, ending, lennard_jones, reaction_field, sixth_of
from .tables import SystemTables

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class PairSums(NamedTuple):
    """What energies are added to, kJ/mol.

    Attributes:
        lj: Half the Lennard-Jones energy of each pair of an atom, (A,).
        coulomb: The same of Coulomb, (A,).
        intra: Lennard-Jones of each pair of one molecule, (M,).
        inter: Of each pair of one molecule and another, for both, (M,).
    """

    lj: Array
    coulomb: Array
    intra: Array
    inter: Array


class AtomsAround(NamedTuple):
    """Neighbours of sites.

    Attributes:
        positions: From the anchor, nm, (S, N, 3).
        index: System indices, -1 for nothing, (S, N).
        own_image: In the own molecule, and no periodic image of it, (S, N) bool.
    """

    positions: Array
    index: Index
    own_image: NDArray[np.bool_]


class InCells(NamedTuple):
    """Atoms in the order of their cells, folded into them.

    Attributes:
        x: Coordinates, nm, (3, A).
        kind: Lennard-Jones type, (A,).
        charge: e, (A,).
        molecule: Number of the molecule, (A,).
        row: Atom row, (A,).
        standing: Whether it stands still, and may be bonded across the box, (A,).
        wrap: Boxes by which each was folded, (A, 3).
    """

    x: Any
    kind: Any
    charge: Any
    molecule: Any
    row: Any
    standing: Any
    wrap: Any


class Candidates(NamedTuple):
    """Room for the neighbours of one atom, n at most.

    Attributes:
        squared: Squared distances, nm^2, (n,).
        place: Place of each in its order, (n,).
        near: Row of its cell among those around, (n,).
    """

    squared: Any
    place: Any
    near: Any


@compiled(nogil=True, error_model="numpy")
def nonbonded(atoms: Array, cells: AtomCells, tables: SystemTables, sums: PairSums) -> tuple[float, float]:
    """Lennard-Jones and Coulomb energy of all pairs of ``atoms`` (A, 3) within the cut-off, kJ/mol.

    Each counts once, every periodic image of its second atom by itself. A pair is excluded only as it stands in its
    molecule, not with the image of an atom, unless the molecule stands still and may be bonded to its own image.
    """
    order, start, counts, lattice, wrap = cells.order, cells.start, cells.counts, cells.lattice, cells.wrap
    field, size, lj, coulomb = tables.field, len(atoms), 0.0, 0.0
    around, most = np.empty((0, 4), np.int64), 0
    x = np.empty((3, size))
    for n in range(size):
        a = order[n]
        for c in range(3):
            x[c, n] = (atoms[a, c] - wrap[a, 0] * lattice[0, c] - wrap[a, 1] * lattice[1, c]
                       - wrap[a, 2] * lattice[2, c])
    own = InCells(x, field.kind[order], field.charge[order], tables.molecule[order], tables.row[order],
                  tables.standing[order], wrap[order])
    of_atom, charged_of_atom = np.zeros(size), np.zeros(size)
    inside = PairSums(of_atom, charged_of_atom, sums.intra, sums.inter)
    for n in range(len(start) - 1):
        most = max(most, start[n + 1] - start[n])
    room = Candidates(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    for u in range(counts[0]):
        for v in range(counts[1]):
            for w in range(counts[2]):
                here = (u * counts[1] + v) * counts[2] + w
                if start[here] == start[here + 1]:
                    continue
                around, count = cells_around(cells, u, v, w, around)
                if len(room.squared) < count * most:
                    room = Candidates(np.empty(count * most), np.empty(count * most, np.int64),
                                      np.empty(count * most, np.int64))
                for first in range(start[here], start[here + 1]):
                    found = _within(first, here, around[:count], own.x, start, lattice, field.cutoff, room)
                    more, charged = _pairs_of(first, found, room, around, own, tables, inside)
                    lj += more
                    coulomb += charged
    for n in range(size):
        sums.lj[order[n]] += of_atom[n]
        sums.coulomb[order[n]] += charged_of_atom[n]
    return lj, coulomb


@part(nogil=True)
def cells_around(cells, u, v, w, near):
    """Cells in reach of one, and how many boxes away their atoms are, (n, 4); and how many they are."""
    counts, reach, count = cells.counts, cells.reach, 0
    size = (2 * reach[0] + 1) * (2 * reach[1] + 1) * (2 * reach[2] + 1)
    if len(near) < size:
        near = np.empty((size, 4), np.int64)
    for i in range(u - reach[0], u + reach[0] + 1):
        for j in range(v - reach[1], v + reach[1] + 1):
            for k in range(w - reach[2], w + reach[2] + 1):
                a, b, c = i // counts[0], j // counts[1], k // counts[2]
                if cells.periodic or (a == 0 and b == 0 and c == 0):
                    row = (i - a * counts[0]) * counts[1] + j - b * counts[1]
                    near[count, 0] = row * counts[2] + k - c * counts[2]
                    near[count, 1], near[count, 2], near[count, 3] = a, b, c
                    count += 1
    return near, count


@borrowing(nogil=True, error_model="numpy")
def _within(first, here, near, x, start, lattice, cutoff, room):
    """Write those that come after the ``first`` atom in cells ``near``, and half of its own images, to ``room``;
    returns how many are within the cut-off."""
    squared, place, of = room.squared, room.place, room.near
    found, limit = 0, cutoff * cutoff
    for n in range(len(near)):
        cell, p, q, r = near[n, 0], near[n, 1], near[n, 2], near[n, 3]
        begin, end = start[cell], start[cell + 1]
        if cell == here:
            begin = first if p > 0 or (p == 0 and (q > 0 or (q == 0 and r > 0))) else first + 1
        if cell < here or begin >= end:
            continue
        dx = p * lattice[0, 0] + q * lattice[1, 0] + r * lattice[2, 0] - x[0, first]
        dy = p * lattice[0, 1] + q * lattice[1, 1] + r * lattice[2, 1] - x[1, first]
        dz = p * lattice[0, 2] + q * lattice[1, 2] + r * lattice[2, 2] - x[2, first]
        for second in range(np.uintp(begin), np.uintp(end)):
            sx, sy, sz = x[0, second] + dx, x[1, second] + dy, x[2, second] + dz
            away = sx * sx + sy * sy + sz * sz
            squared[found], place[found], of[found] = away, second, n
            found += away < limit
    return found


@borrowing(nogil=True, error_model="numpy")
def _pairs_of(first, found, room, near, own, tables, sums):
    """Lennard-Jones and Coulomb energy of the pairs of the ``first`` atom in order with those found for it."""
    field, begin, key = tables.field, tables.excluded.start, tables.excluded.key
    c6, c12, coulomb = field.c6, field.c12, field.coulomb
    kinds, charges, molecules, rows, wrap = own.kind, own.charge, own.molecule, own.row, own.wrap
    kind, charge, molecule = kinds[first], coulomb.factor * charges[first], molecules[first]
    of_atom, charged_of_atom, intra, inter = sums.lj, sums.coulomb, sums.intra, sums.inter
    lj_sum, coulomb_sum, own_sum = 0.0, 0.0, 0.0
    for k in range(found):
        second, r2 = room.place[k], max(room.squared[k], NEAREST * NEAREST)
        same, out = molecules[second] == molecule, False
        if same:
            whole = True  # as it stands in its molecule
            for c in range(0 if own.standing[first] else 3):
                whole = whole and near[room.near[k], 1 + c] + wrap[first, c] == wrap[second, c]
            out = whole and pair_at(begin, key, rows[first], rows[second]) >= 0
        root = 1.0 / np.sqrt(r2)
        beside = reaction_field(r2, coulomb.k, coulomb.c) if coulomb.reaction else 0.0
        charged = charge * charges[second] * (beside if out else root + beside)
        coulomb_sum += charged
        charged_of_atom[second] += 0.5 * charged
        if out:
            continue
        one, other = c6[kind, kinds[second]], c12[kind, kinds[second]]
        lj = lennard_jones(sixth_of(r2), one, other) + ending(root, r2, one, other, field.tail)[0]
        lj_sum += lj
        of_atom[second] += 0.5 * lj
        if same:
            own_sum += lj
        else:
            inter[molecules[second]] += lj
            inter[molecule] += lj
    of_atom[first] += 0.5 * lj_sum
    charged_of_atom[first] += 0.5 * coulomb_sum
    intra[molecule] += own_sum
    return lj_sum, coulomb_sum


@compiled(nogil=True)
def sites(drawn: Array, owned: Index, around: AtomsAround, tables: SystemTables, energy: Array) -> None:
    """Add the non-bonded energy of candidates (S, K, F, 3) with themselves and with what is around to (S, K).

    ``owned`` (S, F) are system indices, -1 for nothing.
    """
    field, rows = tables.field, tables.row
    kind, charge, c6, c12, coulomb = field.kind, field.charge, field.c6, field.c12, field.coulomb
    start, key = tables.excluded.start, tables.excluded.key
    others, index, own_image = around.positions, around.index, around.own_image
    limit = field.cutoff * field.cutoff
    n_sites, n_candidates, n_own = drawn.shape[:3]
    for s in range(n_sites):
        for m in range(n_candidates):
            total = 0.0
            for f in range(n_own):
                a = owned[s, f]
                if a < 0:
                    continue
                x, y, z = drawn[s, m, f]
                # The other atoms of the fragment come after the neighbours.
                for n in range(index.shape[1] + n_own - f - 1):
                    inside = n >= index.shape[1]
                    if inside:
                        g = f + 1 + n - index.shape[1]
                        b = owned[s, g]
                        dx, dy, dz = drawn[s, m, g, 0] - x, drawn[s, m, g, 1] - y, drawn[s, m, g, 2] - z
                    else:
                        b = index[s, n]
                        dx, dy, dz = others[s, n, 0] - x, others[s, n, 1] - y, others[s, n, 2] - z
                    r2 = dx * dx + dy * dy + dz * dz
                    if b < 0 or r2 >= limit:
                        continue
                    out = False
                    if inside or own_image[s, n]:
                        out = pair_at(start, key, rows[a], rows[b]) >= 0
                    r2 = max(r2, NEAREST * NEAREST)
                    charges = coulomb.factor * charge[a] * charge[b]
                    beside = reaction_field(r2, coulomb.k, coulomb.c) if coulomb.reaction else 0.0
                    if out:
                        total += charges * beside
                        continue
                    total += charges * (1.0 / np.sqrt(r2) + beside)
                    total += lennard_jones(sixth_of(r2), c6[kind[a], kind[b]], c12[kind[a], kind[b]])
                    total += ending(1.0 / np.sqrt(r2), r2, c6[kind[a], kind[b]], c12[kind[a], kind[b]], field.tail)[0]
            energy[s, m] += total
