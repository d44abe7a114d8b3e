"""Molecules of beads in memory, for tests of the assessor of beads."""
from __future__ import annotations

import numpy as np
from backmap_plugins.assessors.coarse.assessor import CoarseStructure
from numpy.typing import NDArray

from backmap.engine.sites.snapshot import AtomIndex, Snapshot
from backmap.model.mapping import Mapping
from backmap.model.molecule import Chemistry, MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]
SECTION = "beads"


def kind_of(bonds: list[tuple[int, int]], types: list[str], name: str = "KG") -> MoleculeType:
    """A molecule type whose atoms are beads of their own, without elements."""
    n, none = len(types), np.zeros(len(types), dtype=np.int64)
    pairs = np.array(bonds, dtype=np.int64).reshape(-1, 2)
    chemistry = Chemistry(none, none.astype(bool), none, none.astype(float), np.ones(len(pairs)),
                          np.empty((0, 4), dtype=np.int64), none[:0])
    names = [f"K{k}" for k in range(n)]
    return MoleculeType(name, names, types, [name] * n, none, np.ones(n), none.astype(float), pairs, chemistry, names,
                        types, [name] * n, none, pairs, Mapping.identity(n), given=True)


def line(n: int, name: str = "KG") -> MoleculeType:
    """A chain of n beads of type K."""
    return kind_of([(k, k + 1) for k in range(n - 1)], ["K"] * n, name)


def ring(n: int) -> MoleculeType:
    """A closed chain of n beads."""
    return kind_of([(k, k + 1) for k in range(n - 1)] + [(0, n - 1)], ["K"] * n, "RING")


def rotating(rng: np.random.Generator, chains: int, n: int, length: float, cosine: float) -> Array:
    """Freely rotating chains, (chains, n, 3): successive bonds have the angle of this cosine, and any torsion."""
    bonds = np.empty((chains, n - 1, 3))
    bonds[:, 0] = _unit(rng.normal(size=(chains, 3)))
    for k in range(1, n - 1):
        across = _unit(np.cross(bonds[:, k - 1], rng.normal(size=(chains, 3))))
        bonds[:, k] = cosine * bonds[:, k - 1] + np.sqrt(1 - cosine**2) * across
    return np.concatenate([np.zeros((chains, 1, 3)), np.cumsum(length * bonds, axis=1)], axis=1)


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def snapshot(system: System, atoms: Array, box: Array | None = None, index: int = 0,
             before: Array | None = None) -> Snapshot:
    """One frame of beads (A, 3)."""
    return Snapshot(system, AtomIndex(system), index, index, box, atoms, atoms, before=before)


def measured(system: System, frames: list[Snapshot], **options: object) -> tuple[CoarseStructure, Tally]:
    """The assessor, and the tally of some frames."""
    assessor, tally = CoarseStructure(CoarseStructure.Options(**options)), Tally()
    assessor.begin(system, None)
    for frame in frames:
        assessor.measure(frame, tally)
    return assessor, tally
