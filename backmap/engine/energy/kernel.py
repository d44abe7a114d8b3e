"""Non-bonded energies of all pairs of a frame in one pass, serially: the same sum whatever the machine.

The quick twin of ``pair.pair_energies``, without gradients.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..compiling.compiled import compiled
from .pair import NEAREST, lennard_jones, reaction_field, sixth_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled(nogil=True)
def nonbonded(atoms: Array, i: Index, j: Index, vector: Array, cutoff: float, molecule: Index, kind: Index,
              charge: Array, c6: Array, c12: Array, types: Index, local: Index, base: Index, size: Index,
              excluded: NDArray[np.bool_], factor: float, k: float, c: float, reaction: bool, lj_of_atom: Array,
              intra: Array, inter: Array) -> tuple[float, float]:
    """Lennard-Jones and Coulomb energy of the pairs (i, j), (n,), at ``vector`` (n, 3); kJ/mol.

    A pair is excluded only as it stands in its molecule, not with the image of an atom. ``lj_of_atom`` (A,)
    gets half of each pair, ``intra`` (M,) each pair of one molecule, ``inter`` (M,) each other pair twice.
    """
    lj_sum, coulomb_sum = 0.0, 0.0
    limit = cutoff * cutoff
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
                t = types[a]
                out = excluded[base[t] + local[a] * size[t] + local[b]]
        r2 = max(r2, NEAREST * NEAREST)
        field = reaction_field(r2, k, c) if reaction else 0.0
        charges = factor * charge[a] * charge[b]
        if out:
            coulomb_sum += charges * field
            continue
        coulomb_sum += charges * (1.0 / np.sqrt(r2) + field)
        lj = lennard_jones(sixth_of(r2), c6[kind[a], kind[b]], c12[kind[a], kind[b]])
        lj_sum += lj
        lj_of_atom[a] += 0.5 * lj
        lj_of_atom[b] += 0.5 * lj
        if same:
            intra[molecule[a]] += lj
        else:
            inter[molecule[a]] += lj
            inter[molecule[b]] += lj
    return lj_sum, coulomb_sum


@compiled(nogil=True)
def sites(drawn: Array, owned: Index, others: Array, index: Index, own_image: NDArray[np.bool_], cutoff: float,
          kind: Index, charge: Array, c6: Array, c12: Array, types: Index, local: Index, base: Index, size: Index,
          excluded: NDArray[np.bool_], factor: float, k: float, c: float, reaction: bool,
          energy: Array) -> None:
    """Add the non-bonded energy of candidates (S, K, F, 3) with themselves and with others (S, N, 3) to (S, K).

    ``owned`` (S, F) and ``index`` (S, N) are system indices, -1 for nothing; ``own_image`` (S, N): in the
    own molecule, and no periodic image of it.
    """
    limit = cutoff * cutoff
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
                        t = types[a]
                        out = excluded[base[t] + local[a] * size[t] + local[b]]
                    r2 = max(r2, NEAREST * NEAREST)
                    field = reaction_field(r2, k, c) if reaction else 0.0
                    charges = factor * charge[a] * charge[b]
                    if out:
                        total += charges * field
                        continue
                    total += charges * (1.0 / np.sqrt(r2) + field)
                    total += lennard_jones(sixth_of(r2), c6[kind[a], kind[b]], c12[kind[a], kind[b]])
            energy[s, m] += total
