"""The handedness of the sugars of DNA and RNA, by the names of residues and atoms."""
from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

from .residues import by_residue, centres_named

Index = NDArray[np.int64]

#: Nucleotides of Amber (DA, DA5, RU3, A, AN), CHARMM (ADE, THY) and OL3.
_NUCLEOTIDE = re.compile(r"[DR]?[ACGTU][35N]?|ADE|CYT|GUA|THY|URA")
#: Carbons of D-ribose and D-deoxyribose with three neighbours whose triple product is positive: 1'R, 2'R, 3'S, 4'R; the
#: base is bonded by N9 or N1.
_SUGAR = (("C1'", "N9", "O4'", "C2'"), ("C1'", "N1", "O4'", "C2'"), ("C2'", "C1'", "O2'", "C3'"),
          ("C3'", "C4'", "C2'", "O3'"), ("C4'", "C5'", "C3'", "O4'"))


def natural_sugars(kind: MoleculeType) -> Index:
    """Stereocentres of D-sugars with three neighbours each, whose triple product is positive, (n, 4)."""
    return centres_named(kind, [(names, row) for (_, residue), row in by_residue(kind).items()
                                if _NUCLEOTIDE.fullmatch(residue.upper()) for names in _SUGAR])
