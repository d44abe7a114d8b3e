"""The handedness of sugars with rings of six atoms, by the names of residues and atoms."""
from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

from .residues import by_residue

Index = NDArray[np.int64]

#: Whether what stands at C2, C3 and C4 of the D-sugar points up in a Haworth projection; with deoxy sugars, acids and
#: N-acetyl amines of the same configuration.
_UP = {"Glc": "dud", "Gal": "duu", "Man": "uud", "All": "ddd", "Tal": "uuu", "Gul": "ddu", "Ido": "udu", "Alt": "udd"}
#: Letters of GLYCAM, of which a small one is L.
_GLYCAM = {"G": "Glc", "Y": "Glc", "Z": "Glc", "Q": "Glc", "X": "Glc", "L": "Gal", "V": "Gal", "O": "Gal", "F": "Gal",
           "M": "Man", "W": "Man", "H": "Man", "N": "All", "T": "Tal", "K": "Gul", "I": "Ido", "E": "Alt"}
#: Behind A or B, for the anomer, in CHARMM; fucose and rhamnose are L there and in nature.
_CHARMM = {"GLC": "Glc", "GLN": "Glc", "GLCA": "Glc", "GLCNA": "Glc", "XYL": "Glc", "GAL": "Gal", "GLA": "Gal",
           "GALNA": "Gal", "GALA": "Gal", "MAN": "Man", "ALL": "All", "TAL": "Tal", "GUL": "Gul", "ALT": "Alt",
           "FUC": "gal", "RHM": "man"}
#: Of the Protein Data Bank: anomer and sugar.
_PDB = {"BGC": "BGlc", "GLC": "AGlc", "NAG": "BGlc", "NDG": "AGlc", "BDP": "BGlc", "GCU": "AGlc", "XYP": "BGlc",
        "XYS": "AGlc", "GAL": "BGal", "GLA": "AGal", "NGA": "BGal", "A2G": "AGal", "MAN": "AMan", "BMA": "BMan",
        "FUC": "Agal", "FUL": "Bgal", "RAM": "Aman"}
_RING = ("O5", "C1", "C2", "C3", "C4", "C5")


def natural_pyranoses(kind: MoleculeType) -> Index:
    """Stereocentres of sugars with three neighbours each, whose triple product is positive, (n, 4).

    A ring is gone around clockwise, seen from above, from C1 to C5 and O5; the neighbours before and behind and what
    points up have a positive product.
    """
    found: list[list[int]] = []
    for (_, residue), row in by_residue(kind).items():
        told = _told(residue)
        ring = [row.get(name, -1) for name in _RING]
        closed = -1 not in ring and all(kind.graph.has_edge(a, b) for a, b in zip(ring, [*ring[1:], ring[0]]))
        if told is None or not closed:
            continue
        anomer, sugar = told
        right = sugar[0].isupper()  # D; of L all is mirrored, what is called alpha, too
        up = [anomer == "B", *(way == "u" for way in _UP[sugar.capitalize()]), True]
        for place, points in enumerate(up, start=1):
            centre, before, behind = ring[place], ring[place - 1], ring[(place + 1) % 6]
            outside = [atom for atom in kind.graph[centre] if atom not in ring and kind.chemistry.heavy[atom]]
            if len(outside) == 1:
                ways = [before, behind] if points == right else [behind, before]
                found.append([centre, *ways, outside[0]])
    return np.array(found, dtype=np.int64).reshape(-1, 4)


def _told(residue: str) -> tuple[str, str] | None:
    """The anomer, A or B, and the sugar, with a small letter if it is L; None for residues that are none of these."""
    name = residue.upper()
    if name in _PDB:
        return _PDB[name][0], _PDB[name][1:]
    if name[:1] in ("A", "B") and name[1:] in _CHARMM:
        return name[0], _CHARMM[name[1:]]
    glycam = re.fullmatch(r"[0-9A-Z]([A-Za-z])([AB])", residue)
    if glycam is None or glycam[1].upper() not in _GLYCAM:
        return None
    sugar = _GLYCAM[glycam[1].upper()]
    return glycam[2], sugar if glycam[1].isupper() else sugar.lower()
