"""First and second derivatives of distances, angles and dihedrals in closed form, many of them at once.

Each is a function of the vectors between its atoms, by which it is differentiated first: dihedrals as of Blondel and
Karplus, J. Comput. Chem. 17, 1132 (1996), with their F = a - b, G = b - c, H = d - c.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Sine of an angle below which its derivatives are those of one that is as straight as this.
STRAIGHT = 1e-6
#: What the vectors are made of: rows are vectors, columns the atoms.
_PAIR = np.array([[1.0, -1.0]])
_ARMS = np.array([[1.0, -1.0, 0.0], [0.0, -1.0, 1.0]])
_CHAIN = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 1.0, -1.0, 0.0], [0.0, 0.0, -1.0, 1.0]])


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Of m functions of k atoms each, in n molecules.

    Attributes:
        atoms: Of the molecule type, (m, k).
        gradient: By their coordinates, (n, m, 3 k).
        hessian: (n, m, 3 k, 3 k).
    """

    atoms: Index
    gradient: Array
    hessian: Array

    def take(self, rows: Index) -> Derivatives:
        """Those of some of the functions."""
        return Derivatives(self.atoms[rows], self.gradient[:, rows], self.hessian[:, rows])

    def then(self, first: Array, second: Array) -> Derivatives:
        """Those of functions of these functions, which have such derivatives, (n, m) each."""
        outer = self.gradient[..., :, None] * (second[..., None] * self.gradient)[..., None, :]
        return Derivatives(self.atoms, first[..., None] * self.gradient, first[..., None, None] * self.hessian + outer)


def lengths(positions: Array, pairs: Index) -> Derivatives:
    """Derivatives of distances, nm, of pairs (m, 2) in molecules (n, A, 3)."""
    step = positions[:, pairs[:, 0]] - positions[:, pairs[:, 1]]
    with np.errstate(all="ignore"):  # atoms in one place have no direction
        length = np.linalg.norm(step, axis=2)[..., None]
        unit = step / length
        across = (np.eye(3) - _outer(unit, unit)) / length[..., None]
    return _by_atoms(pairs, _PAIR, unit, across)


def cosines(positions: Array, atoms: Index) -> Derivatives:
    """Derivatives of cosines of angles (m, 3), which are smooth where atoms lie on a line."""
    return _cosines(positions, atoms)[0]


def angles(positions: Array, atoms: Index) -> Derivatives:
    """Derivatives of angles (m, 3), radians."""
    found, cosine = _cosines(positions, atoms)
    with np.errstate(all="ignore"):
        sine = np.sqrt(np.maximum(1 - cosine**2, STRAIGHT**2))
        return found.then(-1 / sine, -cosine / sine**3)


def dihedrals(positions: Array, atoms: Index) -> Derivatives:
    """Derivatives of dihedrals (m, 4), radians."""
    a, b, c, d = np.moveaxis(positions[:, atoms], 2, 0)
    f, g, h = a - b, b - c, d - c
    with np.errstate(all="ignore"):  # atoms on a line have no dihedral
        length = np.linalg.norm(g, axis=2)
        slopes, hessian = np.zeros((*f.shape[:2], 9)), np.zeros((*f.shape[:2], 9, 9))
        for sign, own, arm in ((-1.0, slice(0, 3), f), (1.0, slice(6, 9), h)):
            normal = np.cross(arm, g)
            square = (normal**2).sum(axis=2)
            along, across = np.cross(g, normal), np.cross(arm, normal)
            reach, square = (arm * g).sum(axis=2), square[..., None, None]
            far = length[..., None, None]
            slopes[..., own] += sign * (far / square)[..., 0] * normal
            slopes[..., 3:6] -= sign * (reach / length)[..., None] / square[..., 0] * normal
            hessian[..., own, own] -= sign * far / square**2 * _both(normal, along)
            mixed = sign / (far * square**2) * (far**2 * _outer(across, normal)
                                                + reach[..., None, None] * _outer(normal, along))
            hessian[..., own, 3:6] += mixed
            hessian[..., 3:6, own] += mixed.swapaxes(2, 3)
            hessian[..., 3:6, 3:6] -= sign * (_both(normal, along) / (2 * far**3 * square)
                                              + reach[..., None, None] / (far * square**2) * _both(normal, across))
    return _by_atoms(atoms, _CHAIN, slopes, hessian)


def _cosines(positions: Array, atoms: Index) -> tuple[Derivatives, Array]:
    """Derivatives of cosines of angles (m, 3), and these, (n, m)."""
    a, b, c = np.moveaxis(positions[:, atoms], 2, 0)
    slopes, hessian = np.empty((*a.shape[:2], 6)), np.empty((*a.shape[:2], 6, 6))
    with np.errstate(all="ignore"):  # atoms in one place have no angle
        sizes = [np.linalg.norm(arm, axis=2)[..., None] for arm in (a - b, c - b)]
        units = [arm / size for arm, size in zip((a - b, c - b), sizes)]
        cosine = (units[0] * units[1]).sum(axis=2)
        eye, square = np.eye(3), cosine[..., None]
        off = [units[1 - k] - square * units[k] for k in (0, 1)]  # the other arm, across this one
        for k, own in ((0, slice(0, 3)), (1, slice(3, 6))):
            slopes[..., own] = off[k] / sizes[k]
            hessian[..., own, own] = -(_both(units[k], off[k]) + square[..., None] * (eye - _outer(units[k], units[k]))
                                       ) / sizes[k][..., None]**2
        mixed = (eye - _outer(units[1], units[1]) - _outer(units[0], off[1])) / (sizes[0] * sizes[1])[..., None]
        hessian[..., :3, 3:], hessian[..., 3:, :3] = mixed, mixed.swapaxes(2, 3)
    return _by_atoms(atoms, _ARMS, slopes, hessian), cosine


def _by_atoms(atoms: Index, vectors: Array, slopes: Array, hessian: Array) -> Derivatives:
    """From derivatives by vectors (v, k), of which each is a sum of atoms."""
    made = np.kron(vectors, np.eye(3))
    return Derivatives(atoms, slopes @ made, made.T @ hessian @ made)


def _outer(a: Array, b: Array) -> Array:
    return a[..., :, None] * b[..., None, :]


def _both(a: Array, b: Array) -> Array:
    return _outer(a, b) + _outer(b, a)
