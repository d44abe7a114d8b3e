"""Beads coarsened once more: frames of the mass centres of groups."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..molecules.bottleneck import CoarseMolecule
from .beads import BeadFrames
from .distances import blocks_of

Array = NDArray[np.float64]


class CoarseFrames:
    """e_s of frames of beads.

    Args:
        frames: The beads, molecules whole.
        coarse: The groups of each molecule type, by its name.
    """

    def __init__(self, frames: BeadFrames, coarse: dict[str, CoarseMolecule]) -> None:
        self.frames, self.coarse = frames, coarse
        self._parts = [(rows, coarse[kind.name]) for kind, rows in frames.rows.items()]
        sizes = [len(each.groups) for rows, each in self._parts for _ in rows]
        #: Molecule of each group, (N,); its block among those of its molecule type, (N,); its molecule type and type.
        self.molecule = np.repeat(np.arange(len(sizes)), sizes)
        self.block = np.concatenate([np.repeat(blocks_of(len(rows)), len(each.groups)) for rows, each in self._parts])
        self.types = [(each.molecule.name, kind) for rows, each in self._parts for _ in rows for kind in each.types]

    def of_type(self, name: str, frame: int) -> Array:
        """Groups of all molecules of a type, (m, G, 3), nm."""
        rows, coarse = next((rows, each) for rows, each in self._parts if each.molecule.name == name)
        return coarse.mapping.matrix @ self.frames.positions[frame][rows]

    def positions(self, frame: int) -> Array:
        """All groups, type by type, (N, 3), nm."""
        found = [coarse.mapping.matrix @ self.frames.positions[frame][rows] for rows, coarse in self._parts]
        return np.concatenate([each.reshape(-1, 3) for each in found])

    @property
    def density(self) -> float | None:
        """Groups per nm3, the mean over frames; None where a frame has no box."""
        density = self.frames.density
        return None if density is None else density * len(self.molecule) / self.frames.n_beads
