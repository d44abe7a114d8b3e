"""Files that MDAnalysis reads, in nm and ps, and with what it says about damaged ones in one line."""
from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
from MDAnalysis.coordinates.base import ReaderBase
from MDAnalysis.coordinates.core import reader as reader_of
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.mdamath import triclinic_vectors
from numpy.typing import NDArray

from backmap.api import FrameInfo
from backmap.errors import BackmapError

from ...files.foreign import read_by
from ..frames import expect_file

Array = NDArray[np.float64]

LIBRARY = "MDAnalysis"
ANGSTROM = 0.1  #: nm
#: Columns of CRYST1 between which lengths and angles stand.
_CRYST1 = (6, 15, 24, 33, 40, 47, 54)
_DCD_HEAD = 84  #: bytes of the first block of a .dcd
_DAMAGED = "The file may be damaged or truncated, or of another format."


class NamesFile:
    """Names of atoms or beads in any file with a topology that MDAnalysis reads.

    Attributes:
        path: The file.
        universe: As MDAnalysis reads it; nothing is guessed.
        n_points: Atoms or beads.
        names: Atom or bead names, (n_points,); None if the file has none.
        residue_names: Residue names, (n_points,); None if the file has none.
        residues: Residue numbers, (n_points,); None if the file has none.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        expect_file(path)
        self.path = path
        self.universe = read_by(LIBRARY, lambda: MDAnalysis.Universe(str(path), to_guess=(), **options), path, _DAMAGED)
        self.n_points = len(self.universe.atoms)
        self.names, self.residue_names = self._listed("names"), self._listed("resnames")
        numbers = self._listed("resids")
        self.residues = None if numbers is None else np.array(numbers, dtype=np.int64)

    def _listed(self, attribute: str) -> list | None:
        """An attribute of the atoms; None if the file has none, or only blanks."""
        values = getattr(self.universe.atoms, attribute, None)
        listed = None if values is None else np.asarray(values).tolist()
        return listed if listed and any(value != "" for value in listed) else None


class TrajectoryFile:
    """Frames of one file that MDAnalysis reads.

    Args:
        path: The file.
        n_points: Atoms or beads, for formats that do not say it.
        box: Box of files that have none, (3, 3), nm; None if there is none.
        options: Of MDAnalysis' reader, e.g. ``format``.
    """

    def __init__(self, path: Path, n_points: int | None = None, box: Array | None = None, **options: Any) -> None:
        expect_file(path)
        self.path, self._box_given = path, box
        if n_points is not None:
            options["n_atoms"] = n_points
        self._reader: ReaderBase = read_by(LIBRARY, lambda: reader_of(str(path), **options), path, _DAMAGED)
        self.n_points = int(self._reader.n_atoms)
        self.n_frames = int(read_by(LIBRARY, lambda: self._reader.n_frames, path, _DAMAGED))
        if not self.n_frames:
            raise BackmapError("holds no frames", where=path)

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0; a frame without a time gets its number.

        Raises:
            BackmapError: If it cannot be read, or a coordinate is not a number.
        """
        positions, dimensions, time = self._step(number)
        positions = positions.astype(np.float64) * ANGSTROM
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if bad.size:
            raise BackmapError(f"atom {bad[0] + 1} of frame {number} has a coordinate that is not a number",
                               where=self.path, hint="The simulation that wrote it blew up.")
        box = self._box(number, dimensions)
        return FrameInfo(positions=positions, box=self._box_given if box is None else box, time=time)

    def times(self) -> Array:
        """Time of every frame, ps, (n_frames,)."""
        return np.array([self._step(number)[2] for number in range(self.n_frames)])

    def _step(self, number: int) -> tuple[NDArray, NDArray | None, float]:
        """Positions (n, 3), Angstrom, lengths and angles of the box, and time, ps, of a frame."""

        def read() -> tuple[NDArray, NDArray | None, float]:
            step = self._reader[number]
            return step.positions, step.dimensions, float(step.time)

        return read_by(LIBRARY, read, f"{self.path}: frame {number}", _DAMAGED)

    def _box(self, number: int, dimensions: NDArray | None) -> Array | None:
        """Vectors from lengths and angles: a along x, b in the plane of x and y, as nearly all programs have it."""
        if dimensions is None or not np.any(dimensions[:3]):
            return None
        box = triclinic_vectors(dimensions, dtype=np.float64) * ANGSTROM
        if not box.any():
            raise BackmapError(f"the box of frame {number} has no volume: {[float(x) for x in dimensions]} Angstrom "
                               "and degrees", where=self.path)
        return box


class DcdFile(TrajectoryFile):
    """A .dcd of CHARMM, NAMD, OpenMM or LAMMPS.

    CHARMM writes a symmetric matrix of box vectors, which lengths and angles alone would turn against the atoms. A last
    frame that is not whole would be left out.
    """

    def __init__(self, path: Path, n_points: int | None = None, box: Array | None = None, **options: Any) -> None:
        super().__init__(path, n_points, box, **options)
        first, frame, size = *_dcd_layout(path), path.stat().st_size
        if frame and (size - first) % frame:
            whole = (size - first) // frame
            raise BackmapError(f"frame {whole} begins at byte {first + whole * frame} and is of {frame} bytes, but the "
                               f"file ends at byte {size}", where=path, hint="The file is truncated.")

    @cached_property
    def _raw(self) -> DCDFile:
        return DCDFile(str(self.path))

    def _box(self, number: int, dimensions: NDArray | None) -> Array | None:
        box = super()._box(number, dimensions)
        if box is None or (dimensions[3:] == 90).all():
            return box
        self._raw.seek(number)
        xx, xy, yy, xz, yz, zz = self._raw.read().unitcell.astype(np.float64)
        cosines = max(abs(xy), abs(xz), abs(yz)) <= 1
        angles = min(xy, xz, yz) >= 0 and max(xy, xz, yz) <= 180
        if cosines or angles:
            return box
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) * ANGSTROM


def _dcd_layout(path: Path) -> tuple[int, int]:
    """Byte at which the first frame of a .dcd begins, and bytes of a frame; 0 if they differ."""
    with path.open("rb") as file:
        head = file.read(96)
        order = "<" if head[:4] == struct.pack("<i", _DCD_HEAD) else ">"
        numbers = struct.unpack(f"{order}20i", head[8:88])
        title = struct.unpack(f"{order}i", head[92:96])[0]
        file.seek(92 + 8 + title + 4)
        atoms = file.read(4)
    if head[4:8] != b"CORD" or len(atoms) < 4 or numbers[8] or numbers[11]:  # fixed atoms, and four dimensions
        return 0, 0
    n_atoms = struct.unpack(f"{order}i", atoms)[0]
    return 92 + 8 + title + 12, 56 * bool(numbers[10]) + 3 * (8 + 4 * n_atoms)


class PdbFile(TrajectoryFile):
    """A .pdb; each MODEL is a frame. One CRYST1 holds until the next one, wherever in the file it stands."""

    def __init__(self, path: Path, n_points: int | None = None, box: Array | None = None) -> None:
        super().__init__(path, n_points, box, format="PDB")
        self._boxes = [super(PdbFile, self)._box(number, edges) for number, edges in enumerate(self._edges())]

    def _box(self, number: int, dimensions: NDArray | None) -> Array | None:
        return self._boxes[number]

    def _edges(self) -> list[NDArray | None]:
        """Lengths and angles of every frame; None where there is no box."""
        edges: list[NDArray | None] = []
        now, models = None, 0
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if line.startswith("CRYST1"):
                    now = self._cryst1(line, number)
                models += line.startswith("MODEL")
                if line.startswith("ENDMDL"):
                    edges.append(now)
        return (edges + [now] * self.n_frames)[:self.n_frames] if models else [now]

    def _cryst1(self, line: str, number: int) -> NDArray | None:
        try:
            edges = np.array([float(line[a:b]) for a, b in itertools.pairwise(_CRYST1)])
        except ValueError:
            raise BackmapError(f"'{line.strip()}' is no CRYST1 record", where=f"{self.path}:{number}",
                               hint="Three edges, Angstrom, stand in columns 7 to 33, angles in 34 to 54.") from None
        placeholder = np.allclose(edges, [1, 1, 1, 90, 90, 90])  # as X-ray-free structures have it
        return None if placeholder or not edges[:3].any() else edges


class XyzFile(TrajectoryFile):
    """A .xyz, of which MDAnalysis would leave out a last frame that is not whole."""

    def __init__(self, path: Path, n_points: int | None = None, box: Array | None = None) -> None:
        super().__init__(path, n_points, box, format="XYZ")
        with self.path.open("rb") as file:
            n_lines = max((number for number, line in enumerate(file, start=1) if line.strip()), default=0)
        whole = self.n_frames * (self.n_points + 2)
        if n_lines != whole:
            raise BackmapError(f"{self.n_frames} frames of {self.n_points} atoms end in line {whole}, but the file in "
                               f"line {n_lines}", where=path,
                               hint="The file is truncated, or its frames hold different numbers of atoms.")


def box_of(edges: Sequence[float] | None) -> Array | None:
    """Box vectors (3, 3), nm, as rows, from three edges, nm, and three angles, degrees, if they are not right.

    Raises:
        BackmapError: If these span no box.
    """
    if edges is None:
        return None
    right = len(edges) in (3, 6) and all(edge > 0 for edge in edges)
    box = triclinic_vectors([*edges, 90, 90, 90][:6], dtype=np.float64) if right else np.zeros((3, 3))
    if not box.any():
        raise BackmapError(f"{list(edges)} is no box", where="box", hint="Give three edges in nm, and three angles in "
                                                                        "degrees if it is not rectangular.")
    return box
