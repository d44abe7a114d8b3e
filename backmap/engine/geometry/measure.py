"""The measure of rigid bonds: 1/2 log det G, with G = (grad b) m^-1 (grad b)^T over the rigid bonds b of a molecule.

Constrained dynamics samples exp(-U/kT) sqrt(det G) delta(b - b0) (Fixman, PNAS 71, 3050 (1974); Ciccotti, Kapral,
Vanden-Eijnden, ChemPhysChem 6, 1809 (2005)). Two bonds couple only if they share an atom a, by u u' / m_a with
unit vectors that point away from it; so G is banded along a molecule and its determinant costs a few operations a bond.
Dependent atoms are no coordinates: their masses are with their parents (``dependents.inverse_masses``).
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, tril
from scipy.sparse.csgraph import reverse_cuthill_mckee

from ...model.molecule import MoleculeType
from ...model.pairs import AtomPairs, AtomRows, Sets, distinct
from ..compiling.compiled import compiled, part
from .dependents import inverse_masses

Array = NDArray[np.float64]
Index = NDArray[np.int64]


#: Bonds from some atoms beyond which a molecule's other bonds do not change their share of sqrt(det G): each one away
#: counts for about (1/6)^2 less.
REACH = 12


class NearGram(NamedTuple):
    """A part of G: see ``BondGram``."""

    bonds: Index
    rows: Index
    columns: Index
    coupling: Array

    @property
    def width(self) -> int:
        """Distance of the farthest entry from the diagonal."""
        return int((self.rows - self.columns).max(initial=0))

    def half_log_det(self, atoms: Index, positions: Array) -> Array:
        """1/2 log of its determinant with its ``atoms`` (all ends of its bonds, ascending) at (n, atoms, 3), (n,)."""
        ends = np.searchsorted(atoms, self.bonds)
        return _half_log_dets(np.ascontiguousarray(positions), ends, self.rows, self.columns, self.coupling, self.width)


class BondGram:
    """G of the rigid bonds of one molecule type.

    Attributes:
        bonds: Rigid bonds, and other fixed distances, in their banded order, (c, 2).
        rows: Rows of the entries of G at and below its diagonal, (n,).
        columns: Columns of these entries, (n,).
        coupling: Factor of the cosine between the two bonds in each entry, 1/u, (n,).
    """

    def __init__(self, kind: MoleculeType) -> None:
        bonds = kind.rigid.pairs
        incidence, inverse = _incidence(bonds, kind.n_atoms), inverse_masses(kind)
        touching = abs(incidence) @ abs(inverse) @ abs(incidence).T
        touching.eliminate_zeros()
        order = banded_order(touching)
        incidence, self.bonds = incidence[order], np.ascontiguousarray(bonds[order])
        touching, coupling = tril(touching[order][:, order], format="csr"), incidence @ inverse @ incidence.T
        touching.sort_indices()
        self.rows, self.columns = (index.astype(np.int64) for index in touching.nonzero())
        self.coupling = np.asarray(coupling[self.rows, self.columns]) if len(bonds) else np.empty(0)
        self._width = int((self.rows - self.columns).max(initial=0))
        self._start = touching.indptr.astype(np.int64)
        self._of_atoms = AtomRows.of(kind.n_atoms, self.bonds)
        edges = np.array(kind.joined.edges, dtype=np.int64).reshape(-1, 2)
        ends = np.concatenate([edges, edges[:, ::-1]])
        self._joined = AtomPairs.of(kind.n_atoms, ends, np.ones(len(ends), dtype=bool))

    def near(self, atoms: Index) -> NearGram:
        """The part of G that the share of sqrt(det G) of some atoms depends on."""
        return self.near_each(Sets.of([atoms]))[0]

    def near_each(self, atoms: Sets) -> list[NearGram]:
        """The same for each of several sets of atoms."""
        kept = self._around(atoms).touching(self._of_atoms)
        member, entry = kept.along(self._start)
        owner = kept.owner[member]
        column = kept.places(owner, self.columns[entry])
        inside = column >= 0
        rows, columns, coupling = kept.rank[member][inside], column[inside], self.coupling[entry[inside]]
        start = np.searchsorted(owner[inside], np.arange(len(atoms) + 1))
        return [NearGram(self.bonds[kept[k]], rows[a:b], columns[a:b], coupling[a:b])
                for k, (a, b) in enumerate(zip(start[:-1].tolist(), start[1:].tolist(), strict=True))]

    def _around(self, atoms: Sets) -> Sets:
        """Each set with all atoms that are at most ``REACH`` bonds away."""
        size = self._joined.n_atoms
        near = new = distinct(atoms.owner * size + atoms.item)
        for _ in range(REACH):
            owner, atom = np.divmod(new, size)
            reached = distinct(np.repeat(owner, np.diff(self._joined.start)[atom]) * size
                               + self._joined.other[self._joined.among(atom)])
            new = reached[~np.isin(reached, near, assume_unique=True, kind="sort")]
            near = np.concatenate([near, new])
        return Sets.sorted(len(atoms), *np.divmod(near, size))

    def half_log_det(self, positions: Array) -> Array:
        """1/2 log det G of each of n molecules, (n,); 0 without rigid bonds, -inf where they depend on each other.

        Args:
            positions: Whole molecules, (n, A, 3), nm.
        """
        positions = np.ascontiguousarray(positions, dtype=np.float64)
        return _half_log_dets(positions, self.bonds, self.rows, self.columns, self.coupling, self._width)


def banded_order(coupled: csr_array) -> Index:
    """Order (n,) of rows that brings the entries of a symmetric matrix (n, n) near its diagonal."""
    if not coupled.shape[0]:
        return np.empty(0, dtype=np.int64)
    coupled.sort_indices()
    return reverse_cuthill_mckee(coupled, symmetric_mode=True).astype(np.int64)


def _incidence(bonds: Index, n_atoms: int) -> csr_array:
    """1 at the first atom of each bond and -1 at the second, (c, A)."""
    row = np.repeat(np.arange(len(bonds)), 2)
    return csr_array((np.tile([1.0, -1.0], len(bonds)), (row, bonds.ravel())), shape=(len(bonds), n_atoms))


@part
def band_log_det(band: Array, size: int, width: int) -> float:
    """log det of a symmetric positive matrix, factorised in place; -inf if it is not positive.

    Args:
        band: Row i holds columns i - width .. i, (size, width + 1).
        size: Rows to be used.
        width: Distance of the farthest entry from the diagonal.
    """
    total = 0.0
    for i in range(size):
        first = max(0, i - width)
        for j in range(first, i + 1):
            value = band[i, j - i + width]
            for k in range(max(first, j - width), j):
                value -= band[i, k - i + width] * band[j, k - j + width]
            if j < i:
                band[i, j - i + width] = value / band[j, width]
            elif value <= 0.0:
                return -np.inf
            else:
                band[i, width] = np.sqrt(value)
                total += np.log(value)
    return total


@compiled
def _half_log_dets(positions, bonds, row, column, coupling, width):
    n, size = len(positions), len(bonds)
    found = np.zeros(n)
    unit = np.empty((size, 3))
    band = np.empty((size, width + 1))
    for molecule in range(n):
        atoms = positions[molecule]
        for b in range(size):
            squared = 0.0
            for x in range(3):
                unit[b, x] = atoms[bonds[b, 0], x] - atoms[bonds[b, 1], x]
                squared += unit[b, x] * unit[b, x]
            for x in range(3):
                unit[b, x] /= np.sqrt(squared)
        band[:] = 0.0
        for entry in range(len(row)):
            i, j = row[entry], column[entry]
            cosine = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
            band[i, j - i + width] = coupling[entry] * cosine
        found[molecule] = 0.5 * band_log_det(band, size, width)
    return found
