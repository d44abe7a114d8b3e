"""Fast twin, for processors, of what ``steric`` does with tensors: no derivatives, nothing that passes over memory."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled
from backmap.engine.sites.records import ContextAtoms, DrawnAtoms, MoleculePairs, SeenAtoms, pair_at
from backmap.model.pairs import FAR


class Reaches(NamedTuple):
    """How near atoms may come, and how far apart bonded ones may be.

    Attributes:
        contact: Radius of each atom row, nm, (n,).
        covalent: Radius of each atom row, as long as a bond may be, nm, (n,).
        factor: What contact distances are multiplied by, by the number of bonds between two atoms, (100,).
    """

    contact: NDArray[np.float32]
    covalent: NDArray[np.float32]
    factor: NDArray[np.float32]


@compiled(nogil=True, error_model="numpy")
def strain(drawn: DrawnAtoms, seen: SeenAtoms, context: ContextAtoms, between: MoleculePairs, reaches: Reaches,
           total: NDArray[np.float32]) -> None:
    """Add squared overlaps and squared excess lengths of bonds of S sites with K candidates to ``total`` (S, K).

    Args:
        drawn: Given atoms count as drawn.
        between: Bonds between atoms.
    """
    x, own, others, rows, there, same = drawn.positions, drawn.row, seen.positions, seen.row, seen.placed, seen.same
    away, away_rows, away_there = context.positions, context.row, context.placed
    contact, covalent, factor = reaches.contact, reaches.covalent, reaches.factor
    start, key, number = between.start, between.key, between.value
    for s in range(len(x)):
        for f in range(own.shape[1]):
            a = own[s, f]
            if a < 0:
                continue
            for n in range(rows.shape[1]):
                if not there[s, n]:
                    continue
                b = rows[s, n]
                least = max(contact[a] + contact[b], 0.0)
                if same[s, n]:
                    at = pair_at(start, key, a, b)
                    least *= factor[number[at] if at >= 0 else FAR]
                for k in range(x.shape[1]):
                    dx, dy = x[s, k, f, 0] - others[s, n, 0], x[s, k, f, 1] - others[s, n, 1]
                    dz = x[s, k, f, 2] - others[s, n, 2]
                    squared = dx * dx + dy * dy + dz * dz
                    if squared < least * least:
                        total[s, k] += (least - np.sqrt(squared))**2
            for n in range(away_rows.shape[1]):
                b = away_rows[s, n]
                if b < 0 or not away_there[s, n]:
                    continue
                at = pair_at(start, key, a, b)
                if at < 0 or number[at] != 1:
                    continue
                most = covalent[a] + covalent[b]
                for k in range(x.shape[1]):
                    dx, dy = x[s, k, f, 0] - away[s, n, 0], x[s, k, f, 1] - away[s, n, 1]
                    dz = x[s, k, f, 2] - away[s, n, 2]
                    total[s, k] += max(np.sqrt(dx * dx + dy * dy + dz * dz) - most, 0.0)**2
            for g in range(f):
                b = own[s, g]
                if b < 0:
                    continue
                at = pair_at(start, key, a, b)
                apart = number[at] if at >= 0 else FAR
                least, most = (contact[a] + contact[b]) * factor[apart], covalent[a] + covalent[b]
                for k in range(x.shape[1]):
                    dx, dy = x[s, k, f, 0] - x[s, k, g, 0], x[s, k, f, 1] - x[s, k, g, 1]
                    dz = x[s, k, f, 2] - x[s, k, g, 2]
                    length = np.sqrt(dx * dx + dy * dy + dz * dz)
                    total[s, k] += max(least - length, 0.0)**2
                    if apart == 1:
                        total[s, k] += max(length - most, 0.0)**2
