"""Forces of rigid bonds: the multipliers that keep their lengths, averaged over velocities.

A rigid bond b_k = |r_i - r_j| has the second derivative u_k (f_i / m_i - f_j / m_j) + |v_perp|^2 / b_k. Multipliers
make it zero: G lambda = -(J m^-1 f + t), with J the gradients of the bonds, G = J m^-1 J^T, and t_k the average
of |v_perp|^2 / b_k over velocities of a temperature that leave all bonds as long as they are,

    t_k = kT / b_k [3 (1/m_i + 1/m_j) - tr(A_k^T G^-1 A_k)],   A_k = J m^-1 (e_i - e_j).

(Ryckaert, Ciccotti and Berendsen, J. Comput. Phys. 23, 327 (1977), for the multipliers.)
"""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ...model.molecule import MoleculeType

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Largest entry of G times that of its inverse, beyond which bonds count as dependent.
CONDITION = 1e10
#: Entries of G of as many molecules as are solved at once.
ENTRIES = 4_000_000


class BondForces:
    """Forces of the rigid bonds of one molecule type.

    Attributes:
        parts: Rigid bonds that share atoms with each other, directly or by others, (c, 2) each.
    """

    def __init__(self, kind: MoleculeType) -> None:
        bonds = kind.rigid.pairs
        self.mass, self.n_atoms = np.where(kind.mass > 0, kind.mass, np.inf), kind.n_atoms  # virtual sites have none
        self.parts = [_Part(bonds[own], self.mass) for own in _connected(bonds, kind.n_atoms)]

    def of(self, atoms: Array, forces: Array, heat: float) -> Array:
        """Forces of the bonds on the atoms.

        Args:
            atoms: Whole molecules, (n, A, 3), nm.
            forces: On the atoms, (n, A, 3), kJ/mol/nm.
            heat: kT, kJ/mol.

        Returns:
            (n, A, 3), kJ/mol/nm; with ``forces`` they keep the length of every rigid bond, on average over velocities.
        """
        found = np.zeros_like(forces)
        for part in self.parts:
            step = max(1, ENTRIES // len(part.bonds)**2)
            for first in range(0, len(atoms), step):
                some = slice(first, first + step)
                part.add(atoms[some], forces[some], heat, found[some])
        return found


class _Part:
    """Rigid bonds that depend on each other."""

    def __init__(self, bonds: Index, mass: Array) -> None:
        self.bonds, self.mass = bonds, mass
        incidence = np.zeros((len(bonds), len(mass)))
        rows = np.arange(len(bonds))
        incidence[rows, bonds[:, 0]], incidence[rows, bonds[:, 1]] = 1.0, -1.0
        self.coupling = (incidence / mass) @ incidence.T
        self.mobility = 1 / mass[bonds[:, 0]] + 1 / mass[bonds[:, 1]]

    def add(self, atoms: Array, forces: Array, heat: float, found: Array) -> None:
        """Add their forces on the atoms to ``found``, (n, A, 3)."""
        i, j = self.bonds.T
        vector = atoms[:, i] - atoms[:, j]
        length = np.linalg.norm(vector, axis=2)
        unit = vector / length[..., None]
        cosine = unit @ unit.transpose(0, 2, 1)
        inverse = _inverse(self.coupling * cosine)
        # tr(A_k^T G^-1 A_k): A_k has u_l times the coupling of l and k as its row l.
        held = np.einsum("lk,nlm,mk->nk", self.coupling, inverse * cosine, self.coupling, optimize=True)
        turning = heat / length * (3 * self.mobility - held)
        pulled = ((forces[:, i] / self.mass[i, None] - forces[:, j] / self.mass[j, None]) * unit).sum(axis=2)
        multipliers = -(inverse @ (pulled + turning)[..., None])
        np.add.at(found, (slice(None), i), multipliers * unit)
        np.add.at(found, (slice(None), j), -multipliers * unit)


def _inverse(gram: Array) -> Array:
    """Inverses of symmetric matrices (n, c, c); where rigid bonds depend on each other pseudo-inverses: least squares.

    Forces of bonds that depend on each other, as in a flat ring with rigid diagonals, are not known one by one; their
    sums on atoms are.
    """
    try:
        found = np.linalg.inv(gram)
    except np.linalg.LinAlgError:  # one of them is singular to the last digit, and all are lost
        found = np.full_like(gram, np.inf)
    size, scale = (np.abs(each).max(axis=(1, 2)) for each in (found, gram))
    singular = ~(size * scale < CONDITION) & np.isfinite(scale)  # what is no number stays none
    if singular.any():
        found[singular] = np.linalg.pinv(gram[singular], rcond=len(gram[0]) / CONDITION, hermitian=True)
    found[~np.isfinite(scale)] = np.nan
    return found


def _connected(bonds: Index, n_atoms: int) -> Iterator[Index]:
    """Numbers of bonds that hang together, part by part."""
    if len(bonds):
        joined = csr_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
        _, label = connected_components(joined, directed=False)
        for one in np.unique(label[bonds[:, 0]]):
            yield np.flatnonzero(label[bonds[:, 0]] == one)
