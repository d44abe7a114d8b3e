"""Several molecules about one bead: where they begin."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from backmap.api import FrameInfo, FrameSource
from backmap.engine.random import Stream
from backmap.model.molecule import TOUCHING, MoleculeType

from ..chemistry.volume import volume_of

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Distance of neighbours over the third root of the van der Waals volume: waters, of 0.0174 nm^3, are 0.28 nm apart.
APART = 1.08
#: Where clusters of close-packed spheres have their centre, in a cubic cell: on a sphere, between two, three, four and
#: six of them.
CENTRES = ((0, 0, 0), (1 / 4, 1 / 4, 0), (1 / 6, 1 / 6, 1 / 3), (1 / 4, 1 / 4, 1 / 4), (1 / 2, 1 / 2, 1 / 2))


def spacing(kind: MoleculeType) -> float:
    """How far molecules are from their neighbours, nm."""
    volume = volume_of(kind)
    return APART * volume ** (1 / 3) if np.isfinite(volume) else TOUCHING


@cache
def packed(count: int) -> tuple[tuple[float, ...], ...]:
    """Centres of ``count`` spheres of diameter 1 that are packed as closely as in a crystal, about their mean."""
    reach = int(np.ceil(count ** (1 / 3))) + 1
    corners = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    face = np.array([(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
    lattice = (corners + face).reshape(-1, 3) * np.sqrt(2)
    found = []
    for centre in CENTRES:
        away = np.linalg.norm(lattice - np.sqrt(2) * np.array(centre), axis=1)
        chosen = lattice[np.lexsort((*lattice.T, away.round(6)))[:count]]
        found.append(chosen - chosen.mean(axis=0))
    best = min(found, key=lambda points: round(float((points**2).sum()), 6))
    return tuple(map(tuple, best.tolist()))


class Spread:
    """Frames in which molecules that share a bead of the file stand about it, in packed clusters turned at random.

    Args:
        source: Frames in which they are all at that bead.
        shared: Of each molecule type their rows, (m,), the bead of the file of each, ascending, (m,), and how far
            neighbours are apart, nm.
        seed: Of the run.
    """

    def __init__(self, source: FrameSource, shared: Sequence[tuple[Index, Index, float]], seed: int) -> None:
        self._source, self._seed = source, seed
        self.n_frames, self.n_points, self.where = source.n_frames, source.n_points, source.where
        self.names = self.residue_names = None
        self._rows = np.concatenate([rows for rows, _, _ in shared])
        self._bead = np.concatenate([beads for _, beads, _ in shared])
        self._place = np.concatenate([_clusters(beads, distance) for _, beads, distance in shared])

    def frame(self, number: int) -> FrameInfo:
        info = self._source.frame(number)
        turns = Stream.of(self._seed, "several", number, torch.as_tensor(self._bead)).rotation().numpy()
        positions = np.array(info.positions, dtype=np.float64)
        positions[self._rows] += np.einsum("nij,nj->ni", turns, self._place)
        return replace(info, positions=positions, forces=None)


def _clusters(beads: Index, distance: float) -> Array:
    """Where the molecules of each bead stand in its cluster, (m, 3), nm."""
    _, counts = np.unique(beads, return_counts=True)
    return np.concatenate([distance * np.array(packed(int(count))) for count in counts])
