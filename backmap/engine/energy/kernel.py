"""Non-bonded energies of all pairs of a frame in one pass, serially: the same sum whatever the machine.

The quick twin of ``pair.pair_energies``, without gradients.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled, part
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


@compiled(nogil=True)
def nonbonded(atoms: Array, cells: AtomCells, tables: SystemTables, sums: PairSums) -> tuple[float, float]:
    """Lennard-Jones and Coulomb energy of all pairs of ``atoms`` (A, 3) within the cut-off, kJ/mol.

    Each counts once, every periodic image of its second atom by itself. A pair is excluded only as it stands in its
    molecule, not with the image of an atom.
    """
    order, start, counts, lattice, wrap = cells.order, cells.start, cells.counts, cells.lattice, cells.wrap
    lj, coulomb = 0.0, 0.0
    near = np.empty((0, 4), np.int64)
    x = atoms[order]  # in the order in which they are met
    for u in range(counts[0]):
        for v in range(counts[1]):
            for w in range(counts[2]):
                here = (u * counts[1] + v) * counts[2] + w
                if start[here] == start[here + 1]:
                    continue
                near, count = cells_around(cells, u, v, w, near)
                for first in range(start[here], start[here + 1]):
                    more, charged = _pairs_of(first, near[:count], x, order, start, lattice, wrap, tables, sums)
                    lj += more
                    coulomb += charged
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


@part(nogil=True)
def _pairs_of(first, near, x, order, start, lattice, wrap, tables, sums):
    """Lennard-Jones and Coulomb energy of the pairs of the ``first`` atom in order with those of cells ``near``."""
    field, molecule, rows = tables.field, tables.molecule, tables.row
    kind, charge, c6, c12, coulomb = field.kind, field.charge, field.c6, field.c12, field.coulomb
    begin, key = tables.excluded.start, tables.excluded.key
    of_atom, charged_of_atom, intra, inter = sums.lj, sums.coulomb, sums.intra, sums.inter
    a, limit = order[first], field.cutoff * field.cutoff
    lj_sum, coulomb_sum, half, charged_half = 0.0, 0.0, 0.0, 0.0
    for n in range(len(near)):
        cell = near[n, 0]
        for second in range(start[cell], start[cell + 1]):
            b = order[second]
            if b < a:
                continue
            p = near[n, 1] + wrap[a, 0] - wrap[b, 0]
            q = near[n, 2] + wrap[a, 1] - wrap[b, 1]
            r = near[n, 3] + wrap[a, 2] - wrap[b, 2]
            if b == a and not (p > 0 or (p == 0 and (q > 0 or (q == 0 and r > 0)))):
                continue
            dx = x[second, 0] - x[first, 0] + p * lattice[0, 0] + q * lattice[1, 0] + r * lattice[2, 0]
            dy = x[second, 1] - x[first, 1] + p * lattice[0, 1] + q * lattice[1, 1] + r * lattice[2, 1]
            dz = x[second, 2] - x[first, 2] + p * lattice[0, 2] + q * lattice[1, 2] + r * lattice[2, 2]
            r2 = dx * dx + dy * dy + dz * dz
            if r2 >= limit:
                continue
            same = molecule[a] == molecule[b]
            out = same and p == 0 and q == 0 and r == 0 and pair_at(begin, key, rows[a], rows[b]) >= 0
            r2 = max(r2, NEAREST * NEAREST)
            charges = coulomb.factor * charge[a] * charge[b]
            beside = reaction_field(r2, coulomb.k, coulomb.c) if coulomb.reaction else 0.0
            charged = charges * beside if out else charges * (1.0 / np.sqrt(r2) + beside)
            coulomb_sum += charged
            charged_half += 0.5 * charged
            charged_of_atom[b] += 0.5 * charged
            if out:
                continue
            lj = lennard_jones(sixth_of(r2), c6[kind[a], kind[b]], c12[kind[a], kind[b]])
            lj += ending(1.0 / np.sqrt(r2), r2, c6[kind[a], kind[b]], c12[kind[a], kind[b]], field.tail)[0]
            lj_sum += lj
            half += 0.5 * lj
            of_atom[b] += 0.5 * lj
            if same:
                intra[molecule[a]] += lj
            else:
                inter[molecule[a]] += lj
                inter[molecule[b]] += lj
    of_atom[a] += half
    charged_of_atom[a] += charged_half
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
