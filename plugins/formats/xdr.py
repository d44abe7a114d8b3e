"""GROMACS' binary trajectories, .xtc and .trr."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameInfo
from backmap.errors import BackmapError

from .frames import expect_file
from .xdr_blocks import Damage, expect_decodable, scan

SUFFIXES = (".xtc", ".trr")  #: what this module reads


def opened(path: Path, mode: str = "r"):
    """A .xtc or .trr, by MDAnalysis, which takes long to be imported: many runs need neither."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

    return (XTCFile if path.suffix == ".xtc" else TRRFile)(str(path), mode)


class XdrFile:
    """One .xtc or .trr. Headers are gone through once; nothing is written beside it.

    Frames before a damaged one can be read; what is behind it is not known.

    Attributes:
        path: The file.
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
    """

    def __init__(self, path: Path) -> None:
        expect_file(path)
        self.path, self._blocks = path, scan(path)
        self.n_points, self.n_frames = self._blocks.n_points, len(self._blocks.offsets)
        said = self._blocks.damage if self.n_frames else "it is empty"
        try:
            if not self.n_points:
                raise OSError(said)
            self._file = opened(path)
            self._file.set_offsets(np.array(self._blocks.offsets, dtype=np.int64))
        except (OSError, RuntimeError) as error:
            raise BackmapError(f"cannot be read as {path.suffix} ({_first_line(error)})", where=path,
                               hint="The file may be truncated.") from None

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
        if self._blocks.damage:
            self._read(self.n_frames - 1)  # whose time is not known
        return np.array(self._blocks.times, dtype=np.float64)

    def _read(self, number: int):
        offset = self._blocks.offsets[number]
        try:
            if self._blocks.damage and number == self.n_frames - 1:
                raise Damage(self._blocks.damage)
            within = expect_decodable(self.path, offset) if self.path.suffix == ".xtc" else None
            self._file.seek(number)
            raw = self._file.read()
            if within is not None and not _inside(raw.x, *within):
                raise Damage("its coordinates are not within the range that its header gives")
            if not getattr(raw, "hasx", True):
                raise BackmapError(f"frame {number} has no positions", where=self.path,
                                   hint="Only velocities or forces were written there: choose other frames.")
            return raw
        except Damage as damage:
            raise BackmapError(f"frame {number} cannot be read (at byte {offset}: {damage})", where=self.path,
                               hint="The file may be truncated.") from None
        except (OSError, RuntimeError, StopIteration, EOFError) as error:
            raise BackmapError(f"frame {number} cannot be read ({_first_line(error)})", where=self.path,
                               hint="The file may be truncated.") from None


def _inside(positions: NDArray[np.float32], low: list[float], high: list[float]) -> bool:
    """Whether positions (n, 3) are all between two corners, but for rounding."""
    slack = 1e-3 + 1e-5 * np.abs([low, high]).max()
    return bool((positions.min(axis=0) >= np.array(low) - slack).all()
                and (positions.max(axis=0) <= np.array(high) + slack).all())


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
