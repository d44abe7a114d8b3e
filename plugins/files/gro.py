"""The .gro format: a table of frames that can be read in any order, with the place of every error."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameInfo
from backmap.errors import BackmapError

from .reading import reading

Array = NDArray[np.float64]

#: Residue number and name, atom name and number come in 20 columns before the coordinates.
_PREFIX = 20
#: Columns of a coordinate with the usual three decimals.
_WIDTH = 8
_TIME = re.compile(r"\bt=\s*([-+.\deE]+)")


@dataclass(frozen=True)
class _Place:
    offset: int
    line: int
    n_atoms: int


class GroFile:
    """One .gro file with one or several frames of the same atoms.

    Attributes:
        path: The file.
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
        names: Atom or bead names of the first frame, (n_points,).
        residue_names: Residue names of the first frame, (n_points,).
        residues: Residue numbers as written, (n_points,).
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._named: list[str] | None = None
        self._places = self._scan()
        self.n_frames, self.n_points = len(self._places), self._places[0].n_atoms
        lines = self._lines(0)[2:-1]
        self.residue_names = [line[5:10].strip() for line in lines]
        self.names = [line[10:15].strip() for line in lines]
        self.residues = np.array([self._integer(line[:5], 3 + k) for k, line in enumerate(lines)], dtype=np.int64)

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0; a frame without a time in its title gets its number."""
        title, _, *lines, box = self._lines(number)
        first = self._places[number].line
        self._expect_names(lines, first + 2)
        return FrameInfo(positions=self._positions(lines, first + 2), box=self._box(box, first + 2 + len(lines)),
                         time=_time(title, number))

    def _expect_names(self, lines: list[str], first_line: int) -> None:
        """Raise BackmapError if atoms are called otherwise than in the first frame."""
        if self._named is None:
            self._named = [line[5:15] for line in self._lines(0)[2:-1]]
        names = [line[5:15] for line in lines]
        if names != self._named:
            atom = next(k for k, (here, there) in enumerate(zip(names, self._named)) if here != there)
            raise self._error(first_line + atom, f"atom {atom + 1} is called {' '.join(names[atom].split())}, but "
                              f"{' '.join(self._named[atom].split())} in the first frame",
                              "Frames of one file are of the same atoms in the same order. Split the file.")

    def times(self) -> Array:
        """Time of every frame, ps, (n_frames,)."""
        with self.path.open("rb") as file:
            titles = []
            for place in self._places:
                file.seek(place.offset)
                titles.append(file.readline().decode(errors="replace"))
        return np.array([_time(title, number) for number, title in enumerate(titles)])

    def _scan(self) -> list[_Place]:
        """Where each frame begins. Only counts, lines and boxes are looked at."""
        places: list[_Place] = []
        with reading(self.path), self.path.open("rb") as file:
            offset, line = 0, 1
            while title := file.readline():
                if not title.strip() and places:  # blank lines at the end
                    offset, line = file.tell(), line + 1
                    continue
                n_atoms = self._integer(file.readline().decode(errors="replace"), line + 1, "the number of atoms")
                if n_atoms < 0:
                    raise self._error(line + 1, f"there are {n_atoms} atoms", "Is this a .gro file?")
                self._skip(file, n_atoms, line)
                places.append(_Place(offset, line, n_atoms))
                offset, line = file.tell(), line + n_atoms + 3
        if not places:
            raise BackmapError("is empty", where=self.path)
        for place in places:
            if place.n_atoms != places[0].n_atoms:
                raise self._error(place.line + 1, f"this frame has {place.n_atoms} atoms, the first has "
                                                  f"{places[0].n_atoms}", "Split the file.")
        return places

    def _skip(self, file: BinaryIO, n_atoms: int, line: int) -> None:
        text = b""
        for k in range(n_atoms + 1):
            text = file.readline()
            if not text.strip():
                what = "the box" if k == n_atoms else f"atom {k + 1}"
                raise self._error(line + 2 + k, f"{what} of {n_atoms} atoms is missing", "The file is truncated.")
        # A wrong number of atoms shows here, before the rest is taken for another frame.
        self._box(text.decode(errors="replace"), line + 2 + n_atoms)

    def _lines(self, number: int) -> list[str]:
        place = self._places[number]
        with self.path.open("rb") as file:
            file.seek(place.offset)
            return [file.readline().decode(errors="replace").rstrip("\r\n") for _ in range(place.n_atoms + 3)]

    def _positions(self, lines: list[str], first_line: int) -> Array:
        """Coordinates, (n, 3); ``first_line`` is the number of the first atom's line."""
        if not lines:
            return np.empty((0, 3))
        width = _column_width(lines[0])
        spans = [slice(_PREFIX + k * width, _PREFIX + (k + 1) * width) for k in range(3)]
        try:
            positions = np.array([[float(line[span]) for span in spans] for line in lines])
            if np.isfinite(positions).all():
                return positions
        except ValueError:
            pass
        raise self._bad_atom(lines, spans, first_line)

    def _bad_atom(self, lines: list[str], spans: list[slice], first_line: int) -> BackmapError:
        for k, line in enumerate(lines):
            for axis, span in zip("xyz", spans, strict=True):
                if not math.isfinite(_number(line[span], math.nan)):
                    found = line[span].strip()
                    return self._error(first_line + k, f"{axis} of atom {k + 1} is '{found}', not a number",
                                       "The file is damaged, or the simulation that wrote it blew up.")
        return self._error(first_line, "cannot be read", "")

    def _box(self, text: str, line: int) -> Array | None:
        values = [_number(word, math.nan) for word in text.split()]
        if len(values) not in (3, 9) or not all(map(math.isfinite, values)):
            raise self._error(line, f"'{text.strip()}' is not a box", "Expected 3 or 9 numbers; is the number of atoms "
                                                                      "in line 2 right?")
        if not any(values):
            return None
        v = values + [0.0] * (9 - len(values))
        return np.array([[v[0], v[3], v[4]], [v[5], v[1], v[6]], [v[7], v[8], v[2]]])

    def _integer(self, text: str, line: int, what: str = "the residue number") -> int:
        try:
            return int(text)
        except ValueError:
            said = "".join(letter if letter.isprintable() else "?" for letter in text.strip()[:40])
            raise self._error(line, f"'{said}' stands where {what} should be", "Is this a .gro file?") from None

    def _error(self, line: int, problem: str, hint: str) -> BackmapError:
        return BackmapError(problem, where=f"{self.path}:{line}", hint=hint)


def _column_width(line: str) -> int:
    """Columns of a coordinate: the distance between two decimal points."""
    first = line.find(".", _PREFIX)
    second = line.find(".", first + 1)
    return second - first if second > first >= 0 else _WIDTH


def _time(title: str, number: int) -> float:
    """Time in the title of frame ``number``, ps; without one, its number."""
    time = _TIME.search(title)
    return _number(time[1], float(number)) if time else float(number)


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default
