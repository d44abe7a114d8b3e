"""Residues of a molecule type, their atoms, and stereocentres by the names of their atoms."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

Index = NDArray[np.int64]
Residues = Mapping[tuple[int, str], Mapping[str, int]]  #: ordinal and name -> the atoms by name


def residue_ordinals(residues: Index, residue_names: Sequence[str]) -> Index:
    """Number of each atom's residue inside the molecule, counted from 1, (A,).

    A new residue begins where the number or the name changes, since chains of one molecule type may each count from 1.
    """
    names = np.asarray(residue_names)
    changed = (residues[1:] != residues[:-1]) | (names[1:] != names[:-1])
    return np.concatenate([[1], 1 + np.cumsum(changed)]).astype(np.int64)


def by_residue(kind: MoleculeType) -> Residues:
    """The atoms of every residue by their names."""
    rows: dict[tuple[int, str], dict[str, int]] = {}
    ordinals = residue_ordinals(kind.residues, kind.residue_names).tolist()
    for atom, (name, residue, ordinal) in enumerate(zip(kind.atom_names, kind.residue_names, ordinals, strict=True)):
        rows.setdefault((ordinal, residue), {})[name] = atom
    return rows


def centres_named(kind: MoleculeType, wanted: Iterable[tuple[Sequence[str], Mapping[str, int]]]) -> Index:
    """Atoms with three neighbours each, (n, 4), by their names in a residue; those that are not all there, and not all
    bonded to the first of them, are left out."""
    found = [[row[name] for name in names] for names, row in wanted if row.keys() >= {*names}]
    found = [row for row in found if all(kind.graph.has_edge(row[0], a) for a in row[1:])]
    return np.array(found, dtype=np.int64).reshape(-1, 4)
