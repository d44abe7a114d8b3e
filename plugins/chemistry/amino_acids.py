"""The handedness of amino acids, by the names of residues and atoms."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

Index = NDArray[np.int64]

#: Residues that are L, with the names of common force fields for their states of protonation.
LEFT = frozenset((
    "ALA", "ARG", "ARGN", "ASN", "ASP", "ASPH", "ASH", "ASPP", "CYS", "CYM", "CYX", "CYS2", "CYSH", "GLN", "GLU",
    "GLH", "GLUH", "GLUP", "HIS", "HISA", "HISB", "HISH", "HID", "HIE", "HIP", "HSD", "HSE", "HSP", "ILE", "LEU",
    "LYS", "LYN", "LYSH", "LSN", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL", "MSE",
))


def left_handed(kind: MoleculeType) -> Index:
    """Alpha carbons of L-amino acids with N, C and CB, (n, 4): the triple product of these is positive (CORN rule)."""
    rows: dict[tuple[int, str], dict[str, int]] = {}
    for atom, (name, residue, number) in enumerate(zip(kind.atom_names, kind.residue_names, kind.residues.tolist(),
                                                       strict=True)):
        if name in ("CA", "N", "C", "CB") and _is_left(residue.upper()):
            rows.setdefault((number, residue), {})[name] = atom
    found = [[row[name] for name in ("CA", "N", "C", "CB")] for row in rows.values() if len(row) == 4]
    return np.array([row for row in found if all(kind.graph.has_edge(row[0], a) for a in row[1:])],
                    dtype=np.int64).reshape(-1, 4)


def _is_left(residue: str) -> bool:
    """Whether a residue is of an L-amino acid, also at an end of the chain (NALA, CALA)."""
    return residue in LEFT or (len(residue) == 4 and residue[0] in "NC" and residue[1:] in LEFT)
