"""Lengths of bonds that a topology and its force field give, and those that no bond has."""
from __future__ import annotations

import numpy as np

from backmap.model.molecule import MoleculeType
from backmap.model.parameters import MoleculeParameters

Pair = tuple[int, int]
POSSIBLE = (0.05, 0.35)  #: nm; from H-H to bonds of iodine


def springs(known: MoleculeParameters) -> list[tuple[Pair, float]]:
    """Atoms, the lower one first, and length at rest, nm, of every spring of a bond."""
    return [(tuple(sorted(map(int, atoms))), float(parameters[0])) for bonded in known.bonded if bonded.term == "bond"
            for atoms, parameters in zip(bonded.atoms, bonded.parameters)]


def impossible(kind: MoleculeType, known: MoleculeParameters) -> dict[Pair, float]:
    """Bonds of a length, nm, that no bond has."""
    lengths = dict(springs(known))
    lengths |= {tuple(map(int, pair)): float(length) for pair, length in zip(kind.bonds, kind.bond_length)
                if np.isfinite(length)}
    joined = {tuple(map(int, pair)) for pair in kind.bonds}
    return {pair: length for pair, length in lengths.items()
            if pair in joined and not POSSIBLE[0] <= length <= POSSIBLE[1]}
