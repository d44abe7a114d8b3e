"""The handedness of amino acids, by the names of residues and atoms."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

from .residues import by_residue, centres_named

Index = NDArray[np.int64]

#: Residues that are L, with the names of common force fields for their states of protonation.
LEFT = frozenset((
    "ALA", "ARG", "ARGN", "ASN", "ASP", "ASPH", "ASH", "ASPP", "CYS", "CYM", "CYX", "CYS2", "CYSH", "GLN", "GLU",
    "GLH", "GLUH", "GLUP", "HIS", "HISA", "HISB", "HISD", "HISE", "HISH", "HID", "HIE", "HIP", "HSD", "HSE", "HSP",
    "ILE", "LEU", "LYS", "LYN", "LYSH", "LSN", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL", "MSE", "HYP",
    "SEP", "TPO", "PTR",
))

#: Other stereocentres of natural amino acids, with three neighbours whose triple product is positive (2S,3S and 2S,3R).
SIDE_CHAINS = {"ILE": ("CB", "CA", "CG1", "CG2"), "THR": ("CB", "CA", "OG1", "CG2")}
#: Residues before which a peptide bond may be cis, and is trans unless somebody says otherwise.
PROLINE = frozenset(("PRO", "HYP", "NPRO", "CPRO"))


def natural_centres(kind: MoleculeType) -> Index:
    """Stereocentres of natural amino acids with three neighbours each, whose triple product is positive, (n, 4)."""
    others = [(SIDE_CHAINS[residue[-3:]], row) for (_, residue), row in by_residue(kind).items()
              if residue[-3:] in SIDE_CHAINS and _is_left(residue.upper())]
    return np.concatenate([left_handed(kind), centres_named(kind, others)])


def left_handed(kind: MoleculeType) -> Index:
    """Alpha carbons of L-amino acids with N, C and CB, (n, 4): the triple product of these is positive (CORN rule)."""
    return centres_named(kind, [(("CA", "N", "C", "CB"), row) for (_, residue), row in by_residue(kind).items()
                                if _is_left(residue.upper())])


def _is_left(residue: str) -> bool:
    """Whether a residue is of an L-amino acid, also at an end of the chain (NALA, CALA)."""
    return residue in LEFT or (len(residue) == 4 and residue[0] in "NC" and residue[1:] in LEFT)
