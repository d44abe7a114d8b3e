"""Non-bonded energies of all pairs of a frame in one pass, serially: the same sum whatever the machine.

The quick twin of ``pair.pair_energies``, without gradients.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled
from ..sites.records import pair_at
from .pair import NEAREST, lennard_jones, reaction_field, sixth_of
from .tables import SystemTables

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class PairVectors(NamedTuple):
    """Pairs of atoms within the cut-off, each once.

    Attributes:
        i: System indices, (n,).
        j: System indices, (n,).
        vector: From i to that image of j, nm, (n, 3).
    """

    i: Index
    j: Index
    vector: Array


class PairSums(NamedTuple):
    """What Lennard-Jones energies are added to, kJ/mol.

    Attributes:
        of_atom: Half of each pair of an atom, (A,).
        intra: Each pair of one molecule, (M,).
        inter: Each pair of one molecule and another, for both, (M,).
    """

    of_atom: Array
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
def nonbonded(atoms: Array, pairs: PairVectors, tables: SystemTables, sums: PairSums) -> tuple[float, float]:
    """Lennard-Jones and Coulomb energy of pairs of ``atoms`` (A, 3), kJ/mol.

    A pair is excluded only as it stands in its molecule, not with the image of an atom.
    """
    field, molecule, rows = tables.field, tables.molecule, tables.row
    kind, charge, c6, c12, coulomb = field.kind, field.charge, field.c6, field.c12, field.coulomb
    start, key = tables.excluded.start, tables.excluded.key
    i, j, vector, of_atom, intra, inter = pairs.i, pairs.j, pairs.vector, sums.of_atom, sums.intra, sums.inter
    lj_sum, coulomb_sum = 0.0, 0.0
    limit = field.cutoff * field.cutoff
    for n in range(len(i)):
        a, b = i[n], j[n]
        dx, dy, dz = vector[n, 0], vector[n, 1], vector[n, 2]
        r2 = dx * dx + dy * dy + dz * dz
        if r2 >= limit:
            continue
        same, out = molecule[a] == molecule[b], False
        if same:
            off = abs(atoms[b, 0] - atoms[a, 0] - dx) + abs(atoms[b, 1] - atoms[a, 1] - dy)
            if off + abs(atoms[b, 2] - atoms[a, 2] - dz) < 1e-6:
                out = pair_at(start, key, rows[a], rows[b]) >= 0
        r2 = max(r2, NEAREST * NEAREST)
        charges = coulomb.factor * charge[a] * charge[b]
        beside = reaction_field(r2, coulomb.k, coulomb.c) if coulomb.reaction else 0.0
        if out:
            coulomb_sum += charges * beside
            continue
        coulomb_sum += charges * (1.0 / np.sqrt(r2) + beside)
        lj = lennard_jones(sixth_of(r2), c6[kind[a], kind[b]], c12[kind[a], kind[b]])
        lj_sum += lj
        of_atom[a] += 0.5 * lj
        of_atom[b] += 0.5 * lj
        if same:
            intra[molecule[a]] += lj
        else:
            inter[molecule[a]] += lj
            inter[molecule[b]] += lj
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
            energy[s, m] += total
