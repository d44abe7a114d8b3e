"""Other mappings that beads of the same atoms may come from."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType

Array = NDArray[np.float64]


def other_mappings(kind: MoleculeType) -> Iterator[tuple[str, Mapping]]:
    """What each is called, and the mapping: centres of mass and of geometry, of all atoms and of the heavy ones.

    Hydrogens go with the heavy atom that they are bonded to, in all of its beads.
    """
    own = kind.mapping
    heavy, mass = kind.chemistry.heavy, kind.mass
    if not heavy.any() or own.is_identity:
        return
    rows = sorted({*zip(own.bead.tolist(), own.atom.tolist(), strict=True),
                   *((bead, hydrogen) for bead, atom in zip(own.bead.tolist(), own.atom.tolist(), strict=True)
                     if heavy[atom] for hydrogen in kind.graph[atom] if not heavy[hydrogen])})
    bead, atom = np.array(rows, dtype=np.int64).T
    for name, weight in (("the centres of mass of all their atoms", mass[atom]),
                         ("the centres of mass of their heavy atoms", mass[atom] * heavy[atom]),
                         ("the geometric centres of all their atoms", 1.0 * (mass[atom] > 0)),
                         ("the geometric centres of their heavy atoms", 1.0 * (heavy[atom] & (mass[atom] > 0)))):
        total = np.bincount(bead, weight, minlength=own.n_beads)
        if (total > 0).all():
            other = replace(own, bead=bead, atom=atom, weight=weight / total[bead], force_weight=None, share=None)
            if not other.near(own, 1e-3):
                yield name, other
