"""What all readers of frames share: files that follow one another, and which of their frames and points count."""
from __future__ import annotations

import bisect
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import FrameInfo, FrameSource, InputPath, Options, Reader
from backmap.errors import BackmapError
from backmap.model.times import chosen as chosen_times

from .index_groups import read_group


class FrameFile(Protocol):
    """Frames of one file."""

    path: Path
    n_frames: int
    n_points: int

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0."""

    def times(self) -> NDArray[np.float64]:
        """Time of every frame, ps, (n_frames,)."""


class Names(Protocol):
    """A file that knows what its points are called, (n_points,) each."""

    path: Path
    n_points: int
    names: list[str] | None
    residue_names: list[str] | None
    residues: NDArray[np.int64] | None


class Frames:
    """Frames of files that follow one another, read when asked for.

    Args:
        parts: Files with frames.
        files: All files, for messages.
        named: Files with names; those of the first count.

    Attributes:
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
        where: The files, for messages.
        names: Atom or bead names, (n_points,); None if no file has them.
        residue_names: Residue names, (n_points,); None if no file has them.
        residues: Residue numbers, (n_points,); None if no file has them.
        by_type: Whether names are those of types, which may differ between copies of a molecule.

    Raises:
        BackmapError: If the files hold different numbers of points.
    """

    def __init__(self, parts: Sequence[FrameFile], files: Sequence[Path], named: Sequence[Names] = ()) -> None:
        _check_counts([*named, *parts])
        self._parts = list(parts)
        self._ends = list(accumulate(part.n_frames for part in parts))
        self.n_frames, self.n_points = self._ends[-1], parts[0].n_points
        self.where = ", ".join(str(path) for path in files)
        self.names: list[str] | None = named[0].names if named else None
        self.residue_names: list[str] | None = named[0].residue_names if named else None
        self.residues: NDArray[np.int64] | None = named[0].residues if named else None
        self.by_type = any(getattr(one, "by_type", False) for one in named[:1])

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0 over all files.

        Raises:
            BackmapError: If there is no such frame, or it cannot be read.
        """
        if not 0 <= number < self.n_frames:
            raise BackmapError(f"there is no frame {number}", where=self.where,
                               hint=f"Frames are counted from 0; the last is {self.n_frames - 1}.")
        part = bisect.bisect_right(self._ends, number)
        return self._parts[part].frame(number - (self._ends[part - 1] if part else 0))

    def times(self) -> NDArray[np.float64]:
        """Time of every frame, ps, (n_frames,)."""
        return np.concatenate([part.times() for part in self._parts])

    def __iter__(self) -> Iterator[FrameInfo]:
        return (self.frame(number) for number in range(self.n_frames))

    def __len__(self) -> int:
        return self.n_frames


def _check_counts(parts: Sequence[FrameFile | Names]) -> None:
    first = parts[0]
    for part in parts:
        if part.n_points != first.n_points:
            raise BackmapError(f"holds {part.n_points} atoms, but {first.path} holds {first.n_points}",
                               where=part.path, hint="All files must hold the same atoms.")


def expect_file(path: Path) -> None:
    """Check that ``path`` is a file.

    Raises:
        BackmapError: If it is none.
    """
    if not Path(path).is_file():
        raise BackmapError("there is no such file", where=path)


def unknown_suffix(path: Path, of: str, known: Sequence[str]) -> BackmapError:
    """The error for a file that a reader does not read, with what it does."""
    *others, last = known
    listed = f"{', '.join(others)} or {last}" if others else last
    return BackmapError(f"'{path.suffix}' is not a format of {of}", where=path, hint=f"Give {listed} files.")


class FrameChoice(Options):
    """Options of every reader: which frames and points of its files count. Inherit it before the files."""

    begin: float | None = pydantic.Field(None, description="Time of the first frame, ps; by default the file's first.")
    end: float | None = pydantic.Field(None, description="Time of the last frame, ps; by default the file's last.")
    dt: float | None = pydantic.Field(
        None, gt=0, allow_inf_nan=False,
        description="Take only frames whose time differs from the first one's by a multiple of this, ps.")
    index: dict[InputPath, str] | None = pydantic.Field(
        None, min_length=1, max_length=1,
        description="An index file and one of its groups: only these points count, in this order, e.g. {index.ndx: "
                    "Polymer}.")


class FrameReader(Reader):
    """A reader whose options include ``FrameChoice``."""

    options: FrameChoice

    def open(self) -> FrameSource:
        source, options = self.frames(), self.options
        if options.index is None and options.begin is None and options.end is None and options.dt is None:
            return source
        return Selected(source, options)

    @abstractmethod
    def frames(self) -> Frames:
        """All frames of the files.

        Raises:
            BackmapError: With the file and line, what stands there, what was expected.
        """


class Selected:
    """Some frames and some points of other frames.

    Attributes:
        n_frames: Number of frames chosen.
        n_points: Number of atoms or beads chosen.
        where: The files and what was chosen of them, for messages.
        names: As of ``Frames``, of the points chosen.
        residue_names: As of ``Frames``, of the points chosen.
        residues: As of ``Frames``, of the points chosen.
        by_type: As of ``Frames``.

    Raises:
        BackmapError: If no frame is left, or the index group does not fit.
    """

    def __init__(self, source: Frames, choice: FrameChoice) -> None:
        self._source = source
        self.where = source.where + _told(choice)
        self._numbers = _numbers(source, choice)
        self._rows: NDArray[np.int64] | None = None
        if choice.index is not None:
            ((path, group),) = choice.index.items()
            self._rows = read_group(path, group, source.n_points, source.where)
        self.n_frames = len(self._numbers)
        self.n_points = source.n_points if self._rows is None else len(self._rows)
        self.names, self.residue_names = self._part(source.names), self._part(source.residue_names)
        self.by_type = source.by_type
        self.residues = source.residues if self._rows is None or source.residues is None else \
            source.residues[self._rows]

    def _part(self, names: list[str] | None) -> list[str] | None:
        return names if names is None or self._rows is None else [names[row] for row in self._rows]

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number`` of those chosen, counted from 0.

        Raises:
            BackmapError: If there is no such frame, or it cannot be read.
        """
        if not 0 <= number < self.n_frames:
            raise BackmapError(f"there is no frame {number}", where=self.where,
                               hint=f"Frames are counted from 0; the last is {self.n_frames - 1}.")
        info = self._source.frame(int(self._numbers[number]))
        return info if self._rows is None else info.at(self._rows)

    def __iter__(self) -> Iterator[FrameInfo]:
        return (self.frame(number) for number in range(self.n_frames))

    def __len__(self) -> int:
        return self.n_frames


def _told(choice: FrameChoice) -> str:
    """What was chosen, in words."""
    given = {"from": choice.begin, "to": choice.end, "every": choice.dt}
    words = [f"{word} {value:g} ps" for word, value in given.items() if value is not None]
    groups = [f"group {group}" for group in (choice.index or {}).values()]
    return f" ({', '.join([*groups, ' '.join(words)] if words else groups)})"


def _numbers(source: Frames, choice: FrameChoice) -> NDArray[np.int64]:
    """The frames whose times are chosen."""
    if choice.begin is None and choice.end is None and choice.dt is None:
        return np.arange(source.n_frames)
    times = source.times()
    chosen = chosen_times(times, choice.begin, choice.end, choice.dt)
    if not chosen.any():
        raise BackmapError(f"has no frame{_told(choice)}", where=source.where,
                           hint=f"Its {len(times)} frames go from {times.min():g} to {times.max():g} ps.")
    return np.flatnonzero(chosen)
