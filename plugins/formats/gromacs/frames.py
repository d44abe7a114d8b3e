"""Frames in GROMACS' formats: .gro, .xtc, .trr, .pdb and .tpr."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from backmap.api import Options

from ...files.gro import GroFile
from ...files.reading import Files
from ..frames import FrameChoice, FrameFile, FrameReader, Frames, expect_file, unknown_suffix
from ..xdr import SUFFIXES as TRAJECTORIES
from ..xdr import XdrFile

if TYPE_CHECKING:
    from ..mdanalysis.files import NamesFile

__all__ = ["Gromacs", "GromacsFrames"]

_SUFFIXES = (".gro", ".xtc", ".trr", ".pdb", ".tpr")


class _GromacsFiles(Options):
    files: Files = pydantic.Field(
        min_length=1,
        description="A .gro, .pdb or .tpr and .xtc or .trr trajectories, or .gro or .pdb files whose frames are read "
                    "in order. With a trajectory, the others give names only.")


class Gromacs(FrameReader):
    """GROMACS trajectories (.xtc, .trr) with a .gro, .pdb or .tpr for names, or .gro and .pdb files as frames."""

    class Options(FrameChoice, _GromacsFiles):
        pass

    options: Options

    def frames(self) -> GromacsFrames:
        return GromacsFrames(self.options.files)


class GromacsFrames(Frames):
    """Frames of one or several files of GROMACS; see ``Frames``. Names are those of the first file that has any."""

    def __init__(self, files: Sequence[Path]) -> None:
        named: dict[Path, GroFile | NamesFile] = {}
        trajectories: list[FrameFile] = []
        for path in map(Path, files):
            expect_file(path)
            if path.suffix not in _SUFFIXES:
                raise unknown_suffix(path, "GROMACS' frames", _SUFFIXES)
            if path.suffix in TRAJECTORIES:
                trajectories.append(XdrFile(path))
            else:
                named[path] = GroFile(path) if path.suffix == ".gro" else _named(path)
        frames = [path for path in named if path.suffix != ".tpr"] or [*named]  # a .tpr is a frame if there is no other
        parts = trajectories or [_frames_of(path, named[path]) for path in frames]
        super().__init__(parts, files, [*named.values()])


def _named(path: Path) -> NamesFile:
    """The names of a .pdb or .tpr; MDAnalysis takes as long to be imported as all else of a format, and only here."""
    from ..mdanalysis.files import NamesFile

    return NamesFile(path)


def _frames_of(path: Path, named: GroFile | NamesFile) -> FrameFile:
    """The frames of a file that also has names."""
    if isinstance(named, GroFile):
        return named
    from ..mdanalysis.files import PdbFile, TrajectoryFile

    return PdbFile(path) if path.suffix == ".pdb" else TrajectoryFile(path)
