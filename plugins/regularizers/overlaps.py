"""Fast twin, for processors, of what ``steric`` does with tensors: no derivatives, nothing that passes over memory."""
from __future__ import annotations

import numpy as np

from backmap.engine.compiling.compiled import compiled


@compiled(nogil=True, error_model="numpy")
def strain(drawn, own, others, rows, there, same, context, context_rows, context_there, contact, covalent, base, size,
           start, distance, factor, total):
    """Add squared overlaps and squared excess lengths of bonds of S sites with K candidates to ``total`` (S, K).

    Args:
        drawn, own: Atoms of fragments, (S, K, F, 3), and their rows, (S, F), -1 padding.
        others, rows, there, same: Neighbours, (S, N, 3); their rows; whether placed, and of the same molecule, (S, N).
        context, context_rows, context_there: Atoms a few bonds away, (S, C, 3), their rows and whether they are placed.
        contact, covalent: Radii by row, nm.
        base, size, start: First row and atoms of each site's molecule type, and where its distances begin, (S,).
        distance: Bonds between atoms of a molecule type, flat; factor: of contact radii, by that number.
    """
    for s in range(len(drawn)):
        for f in range(own.shape[1]):
            a = own[s, f]
            if a < 0:
                continue
            bonds = start[s] + (a - base[s]) * size[s] - base[s]
            for n in range(rows.shape[1]):
                if not there[s, n]:
                    continue
                b = rows[s, n]
                least = contact[a] + contact[b]
                if same[s, n]:
                    least *= factor[distance[bonds + b]]
                for k in range(drawn.shape[1]):
                    dx, dy = drawn[s, k, f, 0] - others[s, n, 0], drawn[s, k, f, 1] - others[s, n, 1]
                    dz = drawn[s, k, f, 2] - others[s, n, 2]
                    squared = dx * dx + dy * dy + dz * dz
                    if squared < least * least:
                        total[s, k] += (least - np.sqrt(squared))**2
            for n in range(context_rows.shape[1]):
                b = context_rows[s, n]
                if b < 0 or not context_there[s, n] or distance[bonds + b] != 1:
                    continue
                most = covalent[a] + covalent[b]
                for k in range(drawn.shape[1]):
                    dx, dy = drawn[s, k, f, 0] - context[s, n, 0], drawn[s, k, f, 1] - context[s, n, 1]
                    dz = drawn[s, k, f, 2] - context[s, n, 2]
                    total[s, k] += max(np.sqrt(dx * dx + dy * dy + dz * dz) - most, 0.0)**2
            for g in range(f):
                b = own[s, g]
                if b < 0:
                    continue
                number = distance[bonds + b]
                least, most = (contact[a] + contact[b]) * factor[number], covalent[a] + covalent[b]
                for k in range(drawn.shape[1]):
                    dx, dy = drawn[s, k, f, 0] - drawn[s, k, g, 0], drawn[s, k, f, 1] - drawn[s, k, g, 1]
                    dz = drawn[s, k, f, 2] - drawn[s, k, g, 2]
                    length = np.sqrt(dx * dx + dy * dy + dz * dz)
                    total[s, k] += max(least - length, 0.0)**2
                    if number == 1:
                        total[s, k] += max(length - most, 0.0)**2
