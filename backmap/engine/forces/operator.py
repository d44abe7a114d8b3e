"""The matrix that makes forces on beads of forces on atoms.

F_I = sum_i B_Ii f_i has the mean force -dW/dR_I as its average at given beads, for the potential of mean force W, if
B c^T = 1 with the weights c of the mapping (Noid et al., J. Chem. Phys. 128, 244114 (2008); Ciccotti, Kapral and
Vanden-Eijnden, ChemPhysChem 6, 1809 (2005)).
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...model.mapping import Mapping
from ...model.molecule import MoleculeType

Array = NDArray[np.float64]

#: Largest entry of B c^T - 1 with which forces on beads count as mean forces.
EXACT = 1e-9


def force_operator(mapping: Mapping, mass: Array) -> Array:
    """B of one molecule type.

    Args:
        mapping: With weights of forces d, or without.
        mass: Of the atoms, u, (A,).

    Returns:
        (B, A): d / c of VOTCA's maps where the file gives d; 1 for the atoms of a bead where no atom has weight in two
        beads, so that forces are summed up; else (c m^-1 c^T)^-1 c m^-1, whose forces have the least variance.
    """
    weights = mapping.matrix
    if mapping.force_weight is not None:
        operator = np.zeros_like(weights)
        counted = mapping.weight > 0
        rows = mapping.bead[counted], mapping.atom[counted]
        operator[rows] = mapping.force_weight[counted] / mapping.weight[counted]
        return operator
    if ((weights > 0).sum(axis=0) <= 1).all():
        return (weights > 0).astype(np.float64)
    lighter = np.divide(weights, mass, out=np.zeros_like(weights), where=mass > 0)  # virtual sites have none
    return np.linalg.solve(lighter @ weights.T, lighter)


def mean_force_error(operator: Array, mapping: Mapping) -> float:
    """Largest entry of B c^T - 1: above ``EXACT``, B f is no mean force."""
    return float(np.abs(operator @ mapping.matrix.T - np.eye(mapping.n_beads)).max())


def rigid_across(kind: MoleculeType, operator: Array) -> int:
    """Number of rigid bonds whose two atoms count differently for a bead, so that the bond's own force matters."""
    i, j = kind.rigid.pairs.T
    return int((np.abs(operator[:, i] - operator[:, j]) > EXACT).any(axis=0).sum())
