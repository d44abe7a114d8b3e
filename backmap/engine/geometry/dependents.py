"""Dependent atoms: their places from those of their parents, and their forces on them (compiled).

``model.rigid.Dependence`` says how a place follows. A force f on it pulls at the parents by the transposed derivative:
weight f, and for the vectors u and v the derivative of each part by them.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from ...model.molecule import MoleculeType
from ...model.rigid import Dependents
from ...model.system import System
from ..compiling.compiled import borrowing, compiled

Array = NDArray[np.float64]


@borrowing
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@borrowing
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@borrowing
def _scaled(a, factor):
    return a[0] * factor, a[1] * factor, a[2] * factor


@borrowing
def _sum(begin, end, parent, weight, column, x):
    """The parents' positions, weighed by a column."""
    a, b, c = 0.0, 0.0, 0.0
    for n in range(begin, end):
        i, w = parent[n], weight[n, column]
        a += w * x[i, 0]
        b += w * x[i, 1]
        c += w * x[i, 2]
    return a, b, c


@borrowing
def place(atoms, begins, ends, parent, weight, factor, x):
    """Put dependent atoms of ``x`` (A, 3) where they belong; the arrays are those of ``Dependents``."""
    for d in range(len(atoms)):
        begin, end = begins[d], ends[d]
        px, py, pz = _sum(begin, end, parent, weight, 0, x)
        along, cross, normal, across = factor[d, 0], factor[d, 1], factor[d, 2], factor[d, 3]
        if along != 0.0 or cross != 0.0 or normal != 0.0 or across != 0.0:
            u = _sum(begin, end, parent, weight, 1, x)
            v = _sum(begin, end, parent, weight, 2, x)
            n = _cross(u, v)
            if along != 0.0:
                scale = along / np.sqrt(_dot(u, u))
                px, py, pz = px + scale * u[0], py + scale * u[1], pz + scale * u[2]
            if cross != 0.0 or normal != 0.0:
                scale = cross + (normal / np.sqrt(_dot(n, n)) if normal != 0.0 else 0.0)
                px, py, pz = px + scale * n[0], py + scale * n[1], pz + scale * n[2]
            if across != 0.0:
                t = _cross(n, u)
                scale = across / np.sqrt(_dot(t, t))
                px, py, pz = px + scale * t[0], py + scale * t[1], pz + scale * t[2]
        x[atoms[d], 0], x[atoms[d], 1], x[atoms[d], 2] = px, py, pz


@borrowing
def _by_direction(a, length, f):
    """The derivative of ``length`` f . a/|a| by a."""
    square = _dot(a, a)
    scale, along = length / np.sqrt(square), _dot(a, f) / square
    return scale * (f[0] - along * a[0]), scale * (f[1] - along * a[1]), scale * (f[2] - along * a[2])


@borrowing
def _pull(begin, end, parent, weight, column, pull, force):
    for n in range(begin, end):
        i, w = parent[n], weight[n, column]
        force[i, 0] += w * pull[0]
        force[i, 1] += w * pull[1]
        force[i, 2] += w * pull[2]


@borrowing
def spread(atoms, begins, ends, parent, weight, factor, x, force):
    """Hand the forces (A, 3) on dependent atoms to their parents; none is left on them."""
    for d in range(len(atoms)):
        begin, end, atom = begins[d], ends[d], atoms[d]
        f = (force[atom, 0], force[atom, 1], force[atom, 2])
        force[atom, 0], force[atom, 1], force[atom, 2] = 0.0, 0.0, 0.0
        _pull(begin, end, parent, weight, 0, f, force)
        along, cross, normal, across = factor[d, 0], factor[d, 1], factor[d, 2], factor[d, 3]
        if along != 0.0 or cross != 0.0 or normal != 0.0 or across != 0.0:
            u = _sum(begin, end, parent, weight, 1, x)
            v = _sum(begin, end, parent, weight, 2, x)
            n = _cross(u, v)
            if along != 0.0:
                _pull(begin, end, parent, weight, 1, _by_direction(u, along, f), force)
            by_n = _scaled(f, cross)
            if normal != 0.0:
                more = _by_direction(n, normal, f)
                by_n = (by_n[0] + more[0], by_n[1] + more[1], by_n[2] + more[2])
            if across != 0.0:  # t = n x u
                by_t = _by_direction(_cross(n, u), across, f)
                more = _cross(u, by_t)
                by_n = (by_n[0] + more[0], by_n[1] + more[1], by_n[2] + more[2])
                _pull(begin, end, parent, weight, 1, _cross(by_t, n), force)
            if cross != 0.0 or normal != 0.0 or across != 0.0:  # n = u x v
                _pull(begin, end, parent, weight, 1, _cross(v, by_n), force)
                _pull(begin, end, parent, weight, 2, _cross(by_n, u), force)


@compiled
def _place_all(atoms, begins, ends, parent, weight, factor, positions):
    for n in range(len(positions)):
        place(atoms, begins, ends, parent, weight, factor, positions[n])


@compiled
def _spread_all(atoms, begins, ends, parent, weight, factor, positions, forces):
    for n in range(len(positions)):
        spread(atoms, begins, ends, parent, weight, factor, positions[n], forces[n])


def arrays_of(dependents: Dependents) -> tuple[NDArray, ...]:
    """What compiled code takes."""
    each = dependents
    return each.atoms, each.start[:-1], each.start[1:], each.parent, each.weight, each.factor


def placed(dependents: Dependents, positions: Array) -> Array:
    """Molecules (..., A, 3), nm, with their dependent atoms where they belong; the same array where there are none."""
    if not len(dependents):
        return positions
    moved = np.array(positions, dtype=np.float64, order="C")
    _place_all(*arrays_of(dependents), moved.reshape(-1, *moved.shape[-2:]))
    return moved


def all_placed(system: System, atoms: Array) -> Array:
    """The same for whole molecules of frames, (..., A, 3)."""
    if not has_dependents(system):
        return atoms
    moved = np.array(atoms, dtype=np.float64)
    for group in system.groups:
        if len(group.type.dependents) and not group.type.given:
            moved[..., group.atoms, :] = placed(group.type.dependents, moved[..., group.atoms, :])
    return moved


def all_spread(system: System, atoms: Array, forces: Array) -> Array:
    """Forces (A, 3) on whole molecules with those on dependent atoms handed to their parents."""
    if not has_dependents(system):
        return forces
    found = np.array(forces, dtype=np.float64)
    for group in system.groups:
        if len(group.type.dependents):
            here = np.ascontiguousarray(found[group.atoms])
            _spread_all(*arrays_of(group.type.dependents), np.ascontiguousarray(atoms[group.atoms]), here)
            found[group.atoms] = here
    return found


def has_dependents(system: System) -> bool:
    """Whether any atom depends on others."""
    return any(len(kind.dependents) for kind in system.types)


def massive(kind: MoleculeType) -> NDArray[np.bool_]:
    """Dependent atoms that have a mass, (D,) bool."""
    return kind.mass[kind.dependents.atoms] > 0


def inverse_masses(kind: MoleculeType) -> csr_array:
    """The inverse of the mass matrix of the free atoms along one axis, (A, A), 1/u; 0 for dependent atoms.

    What linear dependent atoms weigh is with their parents, which it couples.
    """
    dependents, heavy = kind.dependents, massive(kind)
    entries = dependents.weight[:, 0], (dependents.row, dependents.parent)
    share = csr_array(entries, shape=(len(dependents), kind.n_atoms))[heavy]
    coupled = np.unique(share.nonzero()[1])
    share = share[:, coupled].toarray()
    diagonal = np.divide(1.0, kind.mass, out=np.zeros(kind.n_atoms), where=kind.free)
    diagonal[coupled] = 0.0
    block = np.diag(kind.mass[coupled]) + (share.T * kind.mass[dependents.atoms[heavy]]) @ share
    rows = np.repeat(coupled, len(coupled)), np.tile(coupled, len(coupled))
    return diags_array(diagonal).tocsr() + csr_array((np.linalg.inv(block).ravel(), rows), shape=(kind.n_atoms,) * 2)
