"""Residues of a molecule type."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def residue_ordinals(residues: NDArray[np.int64], residue_names: Sequence[str]) -> NDArray[np.int64]:
    """Number of each atom's residue inside the molecule, counted from 1, (A,).

    A new residue begins where the number or the name changes.
    """
    names = np.asarray(residue_names)
    changed = (residues[1:] != residues[:-1]) | (names[1:] != names[:-1])
    return np.concatenate([[1], 1 + np.cumsum(changed)]).astype(np.int64)
