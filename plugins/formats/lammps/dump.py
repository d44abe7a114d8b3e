"""LAMMPS' text dumps: frames that can be read in any order. Lengths and times stay in the file's units."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ...files.reading import reading

Array = NDArray[np.float64]

#: Columns of positions, the best first, and whether they are shares of the box.
_COLUMNS = ((("xu", "yu", "zu"), False), (("x", "y", "z"), False), (("xsu", "ysu", "zsu"), True),
            (("xs", "ys", "zs"), True))
_FORCES = ("fx", "fy", "fz")


@dataclass
class _Frame:
    """Where a frame stands, and its items but the atoms."""

    line: int
    items: dict[str, tuple[str, list[str], int]] = field(default_factory=dict)
    offset: int = 0  #: of the first atom
    first_atom: int = 0  #: line of the first atom
    n_atoms: int = 0


class DumpFile:
    """One LAMMPS dump in text form; atoms are in the order of their ids.

    Attributes:
        path: The file.
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
        units: Style of units, where the file says it (`dump_modify units yes`).
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with reading(self.path), self.path.open("rb") as file:
            self._frames = self._scan(file)
        if not self._frames:
            raise BackmapError("is empty", where=self.path)
        self.n_frames, self.n_points = len(self._frames), self._frames[0].n_atoms
        units = self._frames[0].items.get("UNITS")
        self.units = units[1][0].strip() if units and units[1] else None
        for frame in self._frames:
            if frame.n_atoms != self.n_points:
                raise self._error(frame.line, f"this frame has {frame.n_atoms} atoms, the first has {self.n_points}",
                                  "Split the file.")
        self._ids: NDArray[np.int64] | None = None

    def step(self, number: int) -> tuple[int, float | None]:
        """Number of the step, and its time in the file's units if the file has it (`dump_modify time yes`)."""
        items = self._frames[number].items
        _, rows, line = items["TIMESTEP"]
        step = int(self._numbers(rows[0], line, 1)[0])
        time = items.get("TIME")
        return step, float(self._numbers(time[1][0], time[2], 1)[0]) if time else None

    def positions(self, number: int) -> Array:
        """Positions, (n, 3)."""
        frame = self._frames[number]
        names, _, line = frame.items["ATOMS"]
        columns = names.split()
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise self._error(line, f"the column '{twice}' is there twice")
        if "id" not in columns:
            raise self._error(line, "the dump has no column 'id', so that the order of its atoms is not known",
                              "Write it with `dump custom ... id type x y z`.")
        found = [row for row in _COLUMNS if set(row[0]) <= set(columns)]
        if not found:
            raise self._error(line, f"the dump has no positions, but {names}", "Give it the columns x y z.")
        wanted, scaled = found[0]
        ids, points = self._table(frame, columns, wanted)
        if self._ids is None:
            self._ids = ids
        if not np.array_equal(ids, self._ids):
            raise self._error(frame.line, "the atoms of this frame are others than those before")
        if scaled:
            points = points @ self._cell(number)[0] + self._cell(number)[1]
        return points

    def types(self) -> list[str] | None:
        """Labels or numbers of the types in the first frame, in the order of ids, (n,); None where it has neither."""
        frame = self._frames[0]
        columns = frame.items["ATOMS"][0].split()
        told = next((name for name in ("typelabel", "type") if name in columns), None)
        if told is None or "id" not in columns:
            return None
        rows = list(self._words(frame, columns, ("id", told)))
        if not all(number.isdigit() for number, _ in rows):
            return None  # where positions are read, this is an error
        return [kind for _, kind in sorted((int(number), kind) for number, kind in rows)]

    def forces(self, number: int) -> Array | None:
        """Forces, (n, 3), in the order of the positions; None where the dump has no columns fx fy fz."""
        frame = self._frames[number]
        columns = frame.items["ATOMS"][0].split()
        return self._table(frame, columns, _FORCES)[1] if set(_FORCES) <= set(columns) else None

    def box(self, number: int) -> Array | None:
        """Rows are the box vectors, (3, 3); None without periodicity."""
        box, _, periodic = self._cell(number)
        if not periodic:
            return None
        return box

    def _scan(self, file: BinaryIO) -> list[_Frame]:
        """Where each frame stands; the lines of atoms are counted, not read."""
        frames: list[_Frame] = []
        line, text = 1, file.readline()
        pending: dict[str, tuple[str, list[str], int]] = {}  # UNITS may stand before TIMESTEP
        while text.strip():
            label = self._item(text, line)
            name, rest = _split(label)
            n_rows = {"BOX BOUNDS": 3, "ATOMS": 0}.get(name, 1)
            rows = [file.readline().decode(errors="replace").strip() for _ in range(n_rows)]
            if not all(rows):
                raise self._error(line, f"'{label}' has nothing after it", "The file is truncated.")
            if name == "TIMESTEP":
                frames.append(_Frame(line, pending))
                pending = {}
            items = pending if not frames or name == "UNITS" else frames[-1].items
            items[name] = rest, rows, line + 1 if n_rows else line
            line += 1 + n_rows
            if name == "ATOMS":
                line = self._skip(file, frames[-1] if frames else _Frame(1), line)
            text = file.readline()
        return frames

    def _item(self, text: bytes, line: int) -> str:
        label = text.decode(errors="replace").strip()
        if not label.startswith("ITEM: "):
            raise self._error(line, f"'{label[:40]}' stands where 'ITEM: ...' should be",
                              "Is it a LAMMPS dump in text form?")
        return label[6:]

    def _skip(self, file: BinaryIO, frame: _Frame, line: int) -> int:
        missing = [name for name in ("TIMESTEP", "NUMBER OF ATOMS", "BOX BOUNDS") if name not in frame.items]
        if missing:
            raise self._error(line - 1, f"'ITEM: {missing[0]}' is missing before the atoms")
        _, rows, place = frame.items["NUMBER OF ATOMS"]
        count = self._numbers(rows[0], place, 1)[0]
        if count < 1 or count != round(count):
            raise self._error(place, f"'{rows[0]}' is no number of atoms")
        frame.n_atoms = int(count)
        frame.offset, frame.first_atom = file.tell(), line
        for k in range(frame.n_atoms):
            text = file.readline()
            if not text.endswith(b"\n") or not text.strip() or text.startswith(b"ITEM"):
                if text.strip() and not text.startswith(b"ITEM") and k == frame.n_atoms - 1:
                    break  # the last line of the file may lack its end
                raise self._error(line + k, f"atom {k + 1} of {frame.n_atoms} is missing", "The file is truncated.")
        return line + frame.n_atoms

    def _table(self, frame: _Frame, columns: list[str], wanted: tuple[str, ...]) -> tuple[NDArray[np.int64], Array]:
        rows = []
        for k, words in enumerate(self._words(frame, columns, ("id", *wanted))):
            try:
                rows.append([float(word) for word in words])
            except ValueError:
                raise self._broken(frame, columns, k) from None
        table = np.array(rows).reshape(-1, 4)
        bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if bad.size:
            raise self._error(frame.first_atom + int(bad[0]), "a coordinate is not a number",
                              "The simulation that wrote it blew up.")
        order = np.argsort(table[:, 0], kind="stable")
        ids = table[order, 0]
        again = np.flatnonzero(np.diff(ids) == 0)
        if again.size:
            raise self._error(frame.first_atom + int(order[again[0] + 1]), f"atom {ids[again[0]]:.0f} is there twice",
                              "Dumps of several processes that were put together twice look so.")
        odd = np.flatnonzero((ids != np.round(ids)) | (ids < 1))
        if odd.size:
            raise self._error(frame.first_atom + int(order[odd[0]]), f"'{ids[odd[0]]:g}' is no id of an atom")
        return ids.astype(np.int64), table[order, 1:]

    def _words(self, frame: _Frame, columns: list[str], wanted: tuple[str, ...]) -> Iterator[list[str]]:
        """What stands in some columns, atom after atom as written."""
        places = [columns.index(name) for name in wanted]
        with self.path.open("rb") as file:
            file.seek(frame.offset)
            for k in range(frame.n_atoms):
                words = file.readline().decode(errors="replace").split()
                if len(words) <= max(places):
                    raise self._broken(frame, columns, k)
                yield [words[place] for place in places]

    def _broken(self, frame: _Frame, columns: list[str], row: int) -> BackmapError:
        return self._error(frame.first_atom + row, f"is no line of the columns {' '.join(columns)}",
                           "The file is damaged or truncated.")

    def _cell(self, number: int) -> tuple[Array, Array, bool]:
        """Box vectors, corner, and whether it is periodic.

        A tilted box is written as the bounds of all its corners (LAMMPS manual, Howto triclinic).
        """
        head, rows, line = self._frames[number].items["BOX BOUNDS"]
        words = head.split()
        flags = [word for word in words if len(word) == 2 and not {*word} - {*"pfsm"}]
        count = {"abc": 4, "xy": 3}.get(words[0] if words else "", 2)
        table = np.array([self._numbers(row, line + k, count) for k, row in enumerate(rows)])
        if count == 4:
            box, corner = table[:, :3], table[:, 3]
        else:
            xy, xz, yz = table[:, 2] if count == 3 else (0.0, 0.0, 0.0)
            low = table[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
            high = table[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
            box, corner = np.diag(high - low), low
            box[1, 0], box[2, 0], box[2, 1] = xy, xz, yz
        for k in range(3):
            if count < 4 and not box[k, k] > 0:
                raise self._error(line + k, f"the bounds '{rows[k]}' are inverted or span nothing",
                                  "The lower one stands first.")
        periodic = [flag == "pp" for flag in flags] or [True]
        if any(periodic) and not all(periodic):
            raise self._error(line - 1, f"the box is periodic in some directions only ({' '.join(flags)})",
                              "backmap needs all three, or none.")
        return box, corner, all(periodic)

    def _numbers(self, text: str, line: int, count: int) -> Array:
        try:
            values = np.array([float(word) for word in text.split()])
        except ValueError:
            values = np.empty(0)
        if len(values) != count or not np.isfinite(values).all():
            raise self._error(line, f"'{text}' stands where {count} numbers should be")
        return values

    def _error(self, line: int, problem: str, hint: str = "") -> BackmapError:
        return BackmapError(problem, where=f"{self.path}:{line}", hint=hint)


def _split(label: str) -> tuple[str, str]:
    """Name of an item, and what stands after it in the line."""
    for name in ("BOX BOUNDS", "ATOMS"):
        if label == name or label.startswith(name + " "):
            return name, label[len(name):].strip()
    return label, ""
