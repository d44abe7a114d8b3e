"""A made-up force field for the small molecules of ``tests.builders``."""
from __future__ import annotations

import numpy as np

from backmap.model.molecule import MoleculeType
from backmap.model.parameters import Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

EPSILON = 0.3
SPRING = 2.0e5


def made_up(system: System, cutoff: float = 0.9, bonds: bool = True, charge: float = 0.0) -> ForceField:
    """Springs of 0.11 (with hydrogen) and 0.15 nm, angles of 109.5 degrees, Lennard-Jones by element, no torsions."""
    sigma = np.array([0.24, 0.32])
    mean = (sigma[:, None] + sigma) / 2
    molecules = {kind.name: _molecule(kind, bonds, charge) for kind in system.types}
    return ForceField(molecules, ["H", "X"], 4 * EPSILON * mean**6, 4 * EPSILON * mean**12, cutoff=cutoff,
                      coulomb="none", where="made up")


def _molecule(kind: MoleculeType, bonds: bool, charge: float) -> MoleculeParameters:
    element, near = kind.chemistry.element, kind.distance
    angles = np.array([(i, j, k) for j in kind.graph for i in kind.graph[j] for k in kind.graph[j] if i < k])
    hydrogen = (element[kind.bonds] == 1).any(axis=1)
    terms = [Bonded("harmonic_angle", angles, np.tile([np.radians(109.5), 400.0], (len(angles), 1)))]
    if bonds:
        terms.append(Bonded("harmonic_bond", kind.bonds, np.column_stack(
            [np.where(hydrogen, 0.11, 0.15), np.full(len(hydrogen), SPRING)])))
    excluded = np.argwhere((near <= 3) & (np.arange(kind.n_atoms)[:, None] < np.arange(kind.n_atoms)))
    return MoleculeParameters(kind.name, tuple(terms), (element != 1).astype(np.int64),
                              np.full(kind.n_atoms, charge), excluded, np.empty((0, 2), dtype=np.int64),
                              np.empty((0, 3)))
