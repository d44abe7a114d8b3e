"""What hardly any bead of training frames goes beyond: limits of bonds, angles and contacts, by types of beads.

Extreme values grow with the sample; quantiles do not.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model import box as periodic
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

Array = NDArray[np.float64]
Samples = dict[tuple[str, ...], list[Array]]

TAIL = 0.001  #: share of values beyond each limit
REACH = 2.0  #: units of length within which the nearest contact of a bead is looked for


def with_limits(system: System, frames: Sequence[tuple[Array, Array]]) -> System:
    """The system with the limits that whole molecules of ``frames`` show: atoms (A, 3) and box (3, 3) of each, nm.

    Molecule types of atoms have none: force fields say theirs.
    """
    if not any(_learns(kind) for kind in system.types):
        return system
    bonds, angles, contacts = (defaultdict(list) for _ in range(3))
    where = AtomIndex(system)
    for atoms, box in frames:
        for group in system.groups:
            if _learns(group.type):
                _bonded(group.type, atoms[group.atoms], bonds, angles)
        frame = Snapshot(system, where, 0, 0, box if periodic.is_valid(box) else None, atoms, atoms[:0])
        _nearest(frame, contacts)
    found = {"bonds": [[*types, *_quantiles(values, TAIL, 1 - TAIL)] for types, values in sorted(bonds.items())],
             "angles": [[*types, *_quantiles(values, TAIL, 1 - TAIL)] for types, values in sorted(angles.items())],
             "contacts": [[*types, *_quantiles(values, TAIL)] for types, values in sorted(contacts.items())]}
    changed = {kind: replace(kind, limits=found) if _learns(kind) else kind for kind in system.types}
    return replace(system, blocks=tuple((changed[kind], count) for kind, count in system.blocks))


def triples(molecule: MoleculeType) -> list[tuple[int, int, int]]:
    """Angles: two neighbours of a bead, which stands in the middle."""
    return [(i, middle, k) for middle in molecule.graph for i, k in combinations(sorted(molecule.graph[middle]), 2)]


def sorted_types(molecule: MoleculeType, beads: Sequence[int]) -> tuple[str, ...]:
    """Types of beads, read from the end that comes first in the alphabet."""
    types = tuple(molecule.atom_types[bead] for bead in beads)
    return min(types, types[::-1])


def _learns(molecule: MoleculeType) -> bool:
    return molecule.coarse and not molecule.given and len(molecule.bonds) > 0


def _bonded(molecule: MoleculeType, copies: Array, bonds: Samples, angles: Samples) -> None:
    """Add the bond lengths and angles of copies (m, A, 3) of a molecule type."""
    for pair in molecule.bonds.tolist():
        bonds[sorted_types(molecule, pair)].append(np.linalg.norm(copies[:, pair[0]] - copies[:, pair[1]], axis=1))
    for i, j, k in triples(molecule):
        one, other = copies[:, i] - copies[:, j], copies[:, k] - copies[:, j]
        across = np.linalg.norm(np.cross(one, other), axis=1)
        angles[sorted_types(molecule, (i, j, k))].append(np.arctan2(across, (one * other).sum(axis=1)))


def _nearest(frame: Snapshot, contacts: Samples) -> None:
    """Add the distance of every bead from the nearest of each type that is three bonds apart or more."""
    system = frame.system
    pairs = frame.pairs(REACH * max(kind.length_unit for kind in system.types))
    types = np.array([name for kind, count in system.blocks for name in kind.atom_types * count])
    learns = np.concatenate([np.full(count * kind.n_atoms, _learns(kind)) for kind, count in system.blocks])
    far = (pairs.bonds > 2) & learns[pairs.i] & learns[pairs.j]
    i, j, distance = pairs.i[far], pairs.j[far], pairs.distance[far]
    names = np.unique(types[learns])
    for a, b in [(a, b) for k, a in enumerate(names) for b in names[k:]]:
        least = np.full(len(types), np.inf)
        for one, other in ((i, j), (j, i)):
            meet = ((types[one] == a) & (types[other] == b)) | ((types[one] == b) & (types[other] == a))
            np.minimum.at(least, one[meet], distance[meet])
        if np.isfinite(least).any():
            contacts[str(a), str(b)].append(least[np.isfinite(least)])


def _quantiles(values: list[Array], *shares: float) -> list[float]:
    return [float(value) for value in np.quantile(np.concatenate(values), shares)]
