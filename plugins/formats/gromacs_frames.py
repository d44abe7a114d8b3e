"""Frames in GROMACS' formats: .gro, .xtc and .trr."""
from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from numpy.typing import NDArray

from backmap.api import FrameInfo, InputPath, Options, Reader
from backmap.errors import BackmapError

from ..common.gro import GroFile

_BINARY = {".xtc": XTCFile, ".trr": TRRFile}


def as_list(value: Any) -> Any:
    """A single file as a list of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


class Gromacs(Reader):
    """GROMACS files: a trajectory with a .gro for its names, or one or several .gro as frames."""

    class Options(Options):
        files: Annotated[list[InputPath], pydantic.BeforeValidator(as_list), pydantic.Field(
            min_length=1,
            description="A .gro and .xtc or .trr trajectories, or .gro files whose frames are read in order. With a "
                        "trajectory, the .gro gives names only.")]

    options: Options

    def open(self) -> GromacsFrames:
        return GromacsFrames(self.options.files)


class GromacsFrames:
    """Frames of one or several files, read when asked for.

    Attributes:
        n_frames, n_points: Frames, and atoms or beads in each.
        where: The files, for messages.
        names, residue_names: Of the .gro, (n_points,); None if there is only a trajectory.
        residues: Residue numbers of the .gro, (n_points,); None if there is only a trajectory.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        texts: list[GroFile] = []
        trajectories: list[_Trajectory] = []
        for path in map(Path, files):
            if not path.is_file():
                raise BackmapError("there is no such file", where=path)
            if path.suffix == ".gro":
                texts.append(GroFile(path))
            elif path.suffix in _BINARY:
                trajectories.append(_Trajectory(path))
            else:
                raise BackmapError(f"'{path.suffix}' is not a format of GROMACS' frames", where=path,
                                   hint="Give .gro, .xtc or .trr files.")
        _check_counts([*texts, *trajectories])
        self._parts: list[GroFile | _Trajectory] = [*(trajectories or texts)]
        self._ends = list(accumulate(part.n_frames for part in self._parts))
        self.n_frames, self.n_points = self._ends[-1], self._parts[0].n_points
        self.where = ", ".join(str(path) for path in files)
        named = texts[0] if texts else None
        self.names: list[str] | None = named.names if named else None
        self.residue_names: list[str] | None = named.residue_names if named else None
        self.residues: NDArray[np.int64] | None = named.residues if named else None

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0 over all files."""
        if not 0 <= number < self.n_frames:
            raise BackmapError(f"there is no frame {number}", where=self.where,
                               hint=f"Frames are counted from 0; the last is {self.n_frames - 1}.")
        part = bisect.bisect_right(self._ends, number)
        return self._parts[part].frame(number - (self._ends[part - 1] if part else 0))

    def __iter__(self) -> Iterator[FrameInfo]:
        return (self.frame(number) for number in range(self.n_frames))

    def __len__(self) -> int:
        return self.n_frames


def _check_counts(parts: Sequence[GroFile | _Trajectory]) -> None:
    first = parts[0]
    for part in parts:
        if part.n_points != first.n_points:
            raise BackmapError(f"holds {part.n_points} atoms, but {first.path} holds {first.n_points}",
                               where=part.path, hint="All files must hold the same atoms.")


class _Trajectory:
    """One .xtc or .trr. Offsets are found by reading it once; nothing is written beside it."""

    def __init__(self, path: Path) -> None:
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
        try:
            self._file.seek(number)
            raw = self._file.read()
        except (OSError, RuntimeError, StopIteration, EOFError) as error:
            raise BackmapError(f"frame {number} cannot be read ({_first_line(error)})", where=self.path,
                               hint="The file may be truncated.") from None
        # Copies: the library may use its buffers again.
        positions, box = np.array(raw.x, dtype=np.float64), np.array(raw.box, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if bad.size:
            raise BackmapError(f"atom {bad[0] + 1} of frame {number} has a coordinate that is not a number",
                               where=self.path, hint="The simulation that wrote it blew up.")
        return FrameInfo(positions=positions, box=box if box.any() else None, time=float(raw.time))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
