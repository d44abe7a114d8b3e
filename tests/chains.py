"""Chains of points on rigid bonds, many of them far apart, and statistics for samplers that move them."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from backmap.model.mapping import Mapping
from backmap.model.molecule import Chemistry, MoleculeType, graph_of, implied_bead_bonds
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

Array = NDArray[np.float64]

LENGTH, MASS = 0.15, 14.0


def chain(n: int, beads: list[dict[int, float]], masses: list[float] | None = None) -> MoleculeType:
    """``n`` atoms in a row on rigid bonds; each bead is {atom: weight}."""
    none, bonds = np.zeros(n, dtype=np.int64), np.column_stack([np.arange(n - 1), np.arange(1, n)])
    chemistry = Chemistry(np.full(n, 6), none > 0, none, np.zeros(n), np.ones(n - 1), np.empty((0, 4), dtype=np.int64),
                          np.empty(0, dtype=np.int64))
    rows = [(list(bead), list(bead.values())) for bead in beads]
    mapping = Mapping.from_rows(rows, graph_of(n, bonds), np.ones(n, dtype=bool))
    names, count = [f"C{k}" for k in range(n)], len(beads)
    return MoleculeType(
        "CHN", names, ["C"] * n, ["CHN"] * n, none + 1, np.array(masses or [MASS] * n), np.zeros(n), bonds, chemistry,
        [f"B{k}" for k in range(count)], ["B"] * count, ["CHN"] * count, np.ones(count, dtype=np.int64),
        implied_bead_bonds(bonds, mapping), mapping, np.full(n - 1, LENGTH))


def field_of(kind: MoleculeType, *bonded: Bonded) -> ForceField:
    """A force field without any non-bonded interaction."""
    n = kind.n_atoms
    nothing = np.empty((0, 2), dtype=np.int64)
    molecule = MoleculeParameters(kind.name, bonded, np.zeros(n, dtype=np.int64), np.zeros(n), nothing, nothing,
                                  np.empty((0, 3)))
    return ForceField({kind.name: molecule}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)), 0.1, "none", 0.0, "made up")


def far_apart(kind: MoleculeType, shapes: Array) -> tuple[System, Array]:
    """A molecule for each of ``shapes`` (m, A, 3), on a lattice of 2 nm, and its atoms, (m A, 3)."""
    side = int(np.ceil(len(shapes) ** (1 / 3)))
    corner = np.stack(np.unravel_index(np.arange(len(shapes)), (side,) * 3), axis=1) * 2.0
    return System(((kind, len(shapes)),)), (shapes + corner[:, None]).reshape(-1, 3)


def angle_of(atoms: Array, i: int, j: int, k: int) -> Array:
    """Angle i-j-k, (...), of atoms (..., A, 3)."""
    u, v = atoms[..., i, :] - atoms[..., j, :], atoms[..., k, :] - atoms[..., j, :]
    return np.arccos((u * v).sum(-1) / np.linalg.norm(u, axis=-1) / np.linalg.norm(v, axis=-1))


def p_value(samples: Array, edges: Array, expected: Array) -> float:
    """Of a histogram of ``samples`` (s, m), from m independent chains of s states each, against ``expected`` shares.

    The chains are the independent data: the covariance of their mean shares takes care of correlated states. Shares
    sum to one, so one bin is left out.
    """
    shares = np.stack([np.histogram(one, edges)[0] / len(one) for one in samples.T])[:, :-1]
    off = shares.mean(axis=0) - expected[:-1] / expected.sum()
    covariance = np.cov(shares.T) / len(shares)
    return float(chi2.sf(off @ np.linalg.solve(covariance, off), len(off)))
