"""The handedness of natural lipids, by the names of residues and atoms."""
from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

from .residues import by_residue, centres_named

Index = NDArray[np.int64]

#: Cholesterol of CHARMM, Amber, Slipids and of the Protein Data Bank; two letters for both chains, and a head.
_STEROL = re.compile(r"CHL1|CHL|CHOL|CLR")
_PHOSPHOLIPID = re.compile(r"[A-Z]{2}(PC|PE|PG|PS|PA|PI)")
#: Carbons of cholesterol with three neighbours whose triple product is positive: 3S 8S 9S 10R 13R 14S 17R 20R.
_STEROL_CENTRES = (("C3", "C2", "O3", "C4"), ("C8", "C7", "C9", "C14"), ("C9", "C10", "C8", "C11"),
                   ("C10", "C5", "C1", "C9"), ("C13", "C14", "C12", "C17"), ("C14", "C13", "C8", "C15"),
                   ("C17", "C13", "C16", "C20"), ("C20", "C17", "C21", "C22"))
#: Glycerol of phospholipids, 2R, by the names of CHARMM and Slipids: C1 leads to the phosphate.
_GLYCEROL = ("C2", "C1", "O21", "C3")


def natural_lipids(kind: MoleculeType) -> Index:
    """Stereocentres of natural lipids with three neighbours each, whose triple product is positive, (n, 4)."""
    rows = [(residue.upper(), row) for (_, residue), row in by_residue(kind).items()]
    sterols = [(names, row) for residue, row in rows if _STEROL.fullmatch(residue) for names in _STEROL_CENTRES]
    return centres_named(kind, sterols + [(_GLYCEROL, row) for residue, row in rows
                                          if _PHOSPHOLIPID.fullmatch(residue) and _to_phosphate(kind, row)])


def _to_phosphate(kind: MoleculeType, row: dict[str, int]) -> bool:
    """Whether C1 of a residue is bonded to an oxygen of its phosphorus."""
    return {"P", "C1"} <= row.keys() and any(kind.graph.has_edge(atom, row["P"]) for atom in kind.graph[row["C1"]])
