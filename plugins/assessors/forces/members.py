"""Which beads distributions of forces are made of."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.model.system import System

Index = NDArray[np.int64]


def members_of(system: System) -> tuple[dict[str, Index], NDArray[np.object_]]:
    """Beads to which atoms are put back, all of them first and then those of each type; and the type of every bead.

    Types are "" for beads that are given.
    """
    kinds = np.empty(system.n_beads, dtype=object)
    for group in system.groups:
        kinds[group.beads] = [""] * group.type.n_beads if group.type.given else group.type.bead_types
    drawn = np.flatnonzero(kinds != "")
    return ({"all": drawn} | {f"bead {name}": np.flatnonzero(kinds == name) for name in sorted(set(kinds[drawn]))},
            kinds)
