"""What of an OpenMM system is one molecule. Without OpenMM: who only tells molecules apart need not wait for it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OpenMMMolecule:
    """One molecule of an openmm.System.

    Attributes:
        atoms: Its particles, in the order of the molecule type, (A,).
        bonds: Pairs of these, counted inside the molecule, that are chemically bonded, (n, 2).
    """

    atoms: Index
    bonds: Index
