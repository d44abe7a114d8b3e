"""GROMACS' binary trajectories, .xtc and .trr."""
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from numpy.typing import NDArray

from backmap.api import FrameInfo
from backmap.errors import BackmapError

from .frames import expect_file

_BINARY = {".xtc": XTCFile, ".trr": TRRFile}
#: What this module reads.
SUFFIXES = tuple(_BINARY)
#: Magic number, atoms, step and time stand at the start of every frame of .xtc.
_HEADER = struct.Struct(">iiif")


class XdrFile:
    """One .xtc or .trr. Offsets are found by reading it once; nothing is written beside it.

    Attributes:
        path: The file.
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
    """

    def __init__(self, path: Path) -> None:
        expect_file(path)
        self.path = path
        try:
            self._file = _BINARY[path.suffix](str(path))
            self.n_points = int(self._file.n_atoms)
            self.n_frames = len(self._file.offsets)
        except (OSError, RuntimeError) as error:
            raise BackmapError(f"cannot be read as {path.suffix} ({_first_line(error)})", where=path,
                               hint="The file may be truncated.") from None
        if not self.n_frames:
            raise BackmapError("holds no frames", where=path)

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0.

        Raises:
            BackmapError: If it cannot be read, or a coordinate is not a number.
        """
        raw = self._read(number)
        # Copies: the library may use its buffers again.
        positions, box = np.array(raw.x, dtype=np.float64), np.array(raw.box, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if bad.size:
            raise BackmapError(f"atom {bad[0] + 1} of frame {number} has a coordinate that is not a number",
                               where=self.path, hint="The simulation that wrote it blew up.")
        forces = np.array(raw.f, dtype=np.float64) if getattr(raw, "hasf", False) else None
        return FrameInfo(positions=positions, box=box if box.any() else None, time=float(raw.time), forces=forces)

    def times(self) -> NDArray[np.float64]:
        """Time of every frame, ps, (n_frames,)."""
        if self.path.suffix == ".trr":
            return np.array([self._read(number).time for number in range(self.n_frames)], dtype=np.float64)
        with self.path.open("rb") as file:
            times = []
            for offset in self._file.offsets.tolist():  # headers alone: nothing has to be decompressed
                file.seek(offset)
                times.append(_HEADER.unpack(file.read(_HEADER.size))[3])
        return np.array(times, dtype=np.float64)

    def _read(self, number: int):
        try:
            self._file.seek(number)
            return self._file.read()
        except (OSError, RuntimeError, StopIteration, EOFError) as error:
            raise BackmapError(f"frame {number} cannot be read ({_first_line(error)})", where=self.path,
                               hint="The file may be truncated.") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
