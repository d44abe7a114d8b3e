"""Van der Waals volumes of molecules from their bonds alone, and what share of a box they fill."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from backmap.model.molecule import MoleculeType

from .chemistry import implicit_hydrogens

Array = NDArray[np.float64]

CELL = 1.0  #: nm; about the width of the cells in which atoms are counted
LEAST_CELLS, MOST_CELLS = 2, 200  #: in each direction
#: Radii of Bondi (J. Phys. Chem. 68, 441 (1964)) by atomic number, nm; others are RDKit's.
BONDI = {1: 0.120, 6: 0.170, 7: 0.155, 8: 0.152, 9: 0.147, 14: 0.210, 15: 0.180, 16: 0.180, 17: 0.175, 35: 0.185,
         53: 0.198}
#: What overlaps take off the spheres, nm^3: for every bond, aromatic ring and other ring (Zhao, Abraham, Zissimos,
#: J. Org. Chem. 68, 7368 (2003), equation 4).
PER_BOND, PER_AROMATIC_RING, PER_RING = 5.92e-3, 14.7e-3, 3.8e-3


def volume_of(kind: MoleculeType) -> float:
    """Van der Waals volume of a molecule, nm^3; NaN if an atom with mass has no element."""
    element, solid = kind.chemistry.element, kind.mass > 0
    if (element[solid] == 0).any():
        return float("nan")
    table, hydrogens = Chem.GetPeriodicTable(), int(implicit_hydrogens(element, kind.mass).sum())
    radius = np.array([BONDI.get(z, table.GetRvdw(z) * 0.1) for z in element[solid].tolist()] + [BONDI[1]] * hydrogens)
    rings = len(kind.bonds) - kind.n_atoms + 1 if len(kind.bonds) else 0  # independent ones of one connected molecule
    bonds = int(solid[kind.bonds].all(axis=1).sum()) if len(kind.bonds) else 0
    aromatic = int(kind.chemistry.aromatic.sum()) // 6
    spheres = float((4 / 3 * np.pi * radius**3).sum())
    less = (PER_BOND * (bonds + hydrogens) + PER_AROMATIC_RING * min(aromatic, max(rings, 0))
            + PER_RING * max(rings - aromatic, 0))
    return max(spheres - less, 0.3 * spheres)


def packing(positions: Array, volume: Array, box: Array) -> tuple[float, float, float]:
    """Packing fraction of a box, its median around what is in it, and the share of cells that hold nothing.

    Args:
        positions: (n, 3), nm.
        volume: Of each of them, nm^3, (n,).
        box: (3, 3), nm.
    """
    whole = abs(np.linalg.det(box))
    n = np.clip((np.linalg.norm(box, axis=1) / CELL).astype(int), LEAST_CELLS, MOST_CELLS)
    cell = np.floor(np.linalg.solve(box.T, positions.T).T % 1.0 * n).astype(np.int64) % n
    key = np.ravel_multi_index(tuple(cell.T), tuple(n))
    filled = np.bincount(key, volume, minlength=int(n.prod()))
    around = filled[key] / (whole / n.prod())
    order = np.argsort(around)
    weight = np.cumsum(volume[order])
    median = float(around[order][np.searchsorted(weight, 0.5 * weight[-1])])
    return float(volume.sum() / whole), median, float((filled == 0).mean())
