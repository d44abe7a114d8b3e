"""Beads that the mapping makes of frames of atoms."""
from __future__ import annotations

from dataclasses import replace

from backmap.api import FrameInfo, FrameSource
from backmap.model import box as periodic
from backmap.model.system import System


class MappedFrames:
    """Frames of beads M(r), from frames of atoms.

    Args:
        atoms: Frames of the system's atoms.
        system: What is there.
    """

    names = residue_names = None

    def __init__(self, atoms: FrameSource, system: System) -> None:
        self._atoms, self._system = atoms, system
        self.n_frames, self.n_points, self.where = atoms.n_frames, system.n_beads, atoms.where

    def frame(self, number: int) -> FrameInfo:
        """Beads of frame ``number``, counted from 0."""
        info = self._atoms.frame(number)
        atoms = info.checked(f"{self.where}: frame {number}")
        box = info.box if info.box is not None and periodic.is_valid(info.box) else None
        return replace(info, positions=self._system.map(self._system.whole_atoms(atoms, box)), forces=None)
