"""Where particles are expected before they are drawn: nearer to what they are bonded to.

The mean of a Gaussian network (springs of equal strength along bonds) in which some mass centres are known. It is
linear in these, so that a table of weights is all that has to be kept; along a chain it is a spline through them.
"""
from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, coo_array, csc_array, eye_array
from scipy.sparse.linalg import SuperLU, splu

from ...model.molecule import MoleculeType
from ...model.system import System

TIE = 1e-3  #: of a spring from each particle to the centre that it is part of, for those that no bond ties to anything


def expected(centres: NDArray[np.float64], bonds: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each centre counts in the expected position of each particle, (n, m); rows add up to 1.

    Args:
        centres: What each particle counts in each known centre, (m, n); rows add up to 1, each particle is in one.
        bonds: Between particles, (b, 2).
    """
    m, n = centres.shape
    springs = np.eye(n) * TIE
    np.add.at(springs, (bonds, bonds), 1)
    springs[bonds[:, 0], bonds[:, 1]] = springs[bonds[:, 1], bonds[:, 0]] = -1
    equations = np.block([[springs, centres.T], [centres, np.zeros((m, m))]])
    return np.linalg.solve(equations, np.concatenate([TIE * (centres.T > 0), np.eye(m)]))[:n]


def expected_atoms(system: System, beads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected positions of all atoms, (W, A, 3), where beads (W, B, 3) are all that is known, molecules whole; nm."""
    atoms = np.zeros((len(beads), system.n_atoms, 3))
    for group in system.groups:
        kind, own = group.type, beads[:, group.beads]
        if kind.given:
            atoms[:, group.atoms] = own[:, :, kind.mapping.owner]
            continue
        known = np.concatenate([TIE * own[:, :, kind.mapping.owner], own], axis=2)  # (W, molecules, n + m, 3)
        solved = _springs(kind).solve(np.moveaxis(known, 2, 0).reshape(known.shape[2], -1))[:kind.n_atoms]
        atoms[:, group.atoms] = np.moveaxis(solved.reshape(-1, *own.shape[:2], 3), 0, 2)
    return atoms


@lru_cache(maxsize=64)
def _springs(kind: MoleculeType) -> SuperLU:
    """What ``expected`` solves, for all of a molecule type, sparse."""
    n, mapping = kind.n_atoms, kind.mapping
    ends = np.concatenate([kind.bonds, kind.bonds[:, ::-1]])
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    springs = csc_array((links.sum(axis=1), (np.arange(n), np.arange(n))), shape=(n, n)) - links + TIE * eye_array(n)
    centres = coo_array((mapping.weight, (mapping.bead, mapping.atom)), shape=(mapping.n_beads, n))
    return splu(block_array([[springs, centres.T], [centres, None]], format="csc"))
