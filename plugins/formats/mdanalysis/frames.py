"""Frames of Amber, CHARMM and NAMD, of .pdb and .xyz, and of all else that MDAnalysis reads."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
from numpy.typing import NDArray
from openmm import app, unit
from scipy.io import netcdf_file

from backmap.api import FrameInfo, Options
from backmap.errors import BackmapError

from ...files.foreign import read_by
from ...files.reading import Files
from ..frames import FrameChoice, FrameFile, FrameReader, Frames, expect_file, unknown_suffix
from ..xdr import SUFFIXES as GROMACS_SUFFIXES
from ..xdr import XdrFile
from .files import DcdFile, NamesFile, PdbFile, TrajectoryFile, XyzFile, box_of

Array = NDArray[np.float64]
#: Opens a file, given the number of points and a box for files that have none.
Opener = Callable[[Path, int | None, Array | None], FrameFile]

Box = Annotated[list[float] | None, pydantic.Field(
    None, description="Periodic box where the files have none: three edges, nm, and three angles, degrees, if it is "
                      "not rectangular.")]


class RestartFile:
    """The one frame of an Amber restart file, text or NetCDF, as OpenMM reads it: MDAnalysis leaves the box out."""

    n_frames = 1

    def __init__(self, path: Path, n_points: int | None = None, box: Array | None = None) -> None:
        expect_file(path)
        self.path = path
        file = read_by("OpenMM", lambda: app.AmberInpcrdFile(str(path)), path, "The file may be truncated.")
        positions = np.asarray(file.getPositions(asNumpy=True).value_in_unit(unit.nanometer), dtype=np.float64)
        if file.boxVectors is not None:
            box = np.array(file.boxVectors.value_in_unit(unit.nanometer), dtype=np.float64)
        self._frame = FrameInfo(positions=positions, box=box, time=read_by("scipy", lambda: _restart_time(path), path))
        self.n_points = len(positions)

    def frame(self, number: int) -> FrameInfo:
        return self._frame

    def times(self) -> Array:
        return np.array([self._frame.time])


def _restart_time(path: Path) -> float:
    """Time of a restart file, ps, which OpenMM passes over; 0 without one."""
    with path.open("rb") as file:
        head = [file.readline().split() for _ in range(2)]
    if head[0] and head[0][0].startswith(b"CDF"):
        with netcdf_file(path, mmap=False) as data:
            return float(np.ravel(data.variables["time"][...])[0]) if "time" in data.variables else 0.0
    return float(head[1][1]) if len(head[1]) > 1 else 0.0


def _formatted(name: str) -> Opener:
    """Opens files as MDAnalysis' format ``name``."""
    return lambda path, n_points, box: TrajectoryFile(path, n_points, box, format=name)




class _FileList(Options):
    files: Files = pydantic.Field(min_length=1, description="Files.")


class _Package(FrameReader):
    """Files of a package: one with names, where there is one, then its coordinates."""

    named: dict[str, str] = {}  #: suffix: MDAnalysis' format of the topology
    known: dict[str, Opener] = {}  #: suffix: what opens it
    of: str = ""  #: the package, for messages

    def frames(self) -> Frames:
        options = self.options
        box = box_of(options.box)
        named, parts = None, []
        for path in map(Path, options.files):
            expect_file(path)
            suffix = path.suffix.lower()
            if suffix in self.named:
                if named is not None:
                    raise BackmapError(f"is a second topology beside {named.path}", where=path,
                                       hint="Give one, and the frames that belong to it.")
                named = NamesFile(path, topology_format=self.named[suffix])
            elif suffix not in self.known:
                raise unknown_suffix(path, self.of, [*self.named, *self.known])
        n_points = named.n_points if named is not None else None
        for path in map(Path, options.files):
            if path.suffix.lower() in self.known:
                parts.append(self.known[path.suffix.lower()](path, n_points, box))
        if not parts:
            raise BackmapError("has names but no positions", where=named.path,
                               hint=f"Give {', '.join(self.known)} files as well.")
        return Frames(parts, options.files, [named] if named else [])


class _AmberFiles(Options):
    files: Files = pydantic.Field(
        min_length=1, description="A .prmtop (.parm7) for names, and .nc trajectories, .mdcrd, or .rst7 (.inpcrd, "
                                  ".ncrst) frames, in order.")


class Amber(_Package):
    """Amber trajectories and restart files, with a .prmtop for names."""

    class Options(FrameChoice, _AmberFiles):
        box: Box

    options: Options

    of = "Amber's frames"
    named = {".prmtop": "PRMTOP", ".parm7": "PRMTOP", ".top": "PRMTOP"}
    known = {".nc": _formatted("NCDF"), ".ncdf": _formatted("NCDF"), ".mdcrd": _formatted("TRJ"), ".rst7": RestartFile,
             ".inpcrd": RestartFile, ".restrt": RestartFile, ".rst": RestartFile, ".ncrst": RestartFile}


class _CharmmFiles(Options):
    files: Files = pydantic.Field(
        min_length=1, description="A .psf for names, and .dcd trajectories, or .crd (.cor), .coor and .pdb frames, in "
                                  "order.")


class Charmm(_Package):
    """CHARMM and NAMD trajectories and coordinate files, with a .psf for names."""

    class Options(FrameChoice, _CharmmFiles):
        box: Box

    options: Options

    of = "CHARMM's frames"
    named = {".psf": "PSF"}
    known = {".dcd": DcdFile, ".crd": _formatted("CRD"), ".cor": _formatted("CRD"), ".coor": _formatted("NAMDBIN"),
             ".pdb": PdbFile}


class _OneFormat(FrameReader):
    """Files of one format, which all have the names."""

    format: str = ""  #: as MDAnalysis calls it, and people
    suffixes: tuple[str, ...] = ()
    opener: type[TrajectoryFile] = TrajectoryFile
    with_residues = True  #: the files tell them

    def frames(self) -> Frames:
        files, box = [Path(path) for path in self.options.files], box_of(self.options.box)
        for path in files:
            expect_file(path)
            if path.suffix.lower() not in self.suffixes:
                raise unknown_suffix(path, f"{self.format} frames", self.suffixes)
        names = NamesFile(files[0], topology_format=self.format, format=self.format)
        if not self.with_residues:
            names.residue_names = names.residues = None
        return Frames([self.opener(path, None, box) for path in files], files, [names])


class _PdbFiles(Options):
    files: Files = pydantic.Field(
        min_length=1, description=".pdb files; each MODEL is a frame. The box is that of CRYST1.")


class Pdb(_OneFormat):
    """PDB files, one or several frames each, with names."""

    class Options(FrameChoice, _PdbFiles):
        box: Box

    format, suffixes, opener = "PDB", (".pdb", ".ent"), PdbFile


class _XyzFiles(Options):
    files: Files = pydantic.Field(
        min_length=1, description=".xyz files, Angstrom; frames follow one another. They have no box: see `box`.")


class Xyz(_OneFormat):
    """XYZ files in Angstrom, with names."""

    class Options(FrameChoice, _XyzFiles):
        box: Box

    format, suffixes, opener = "XYZ", (".xyz",), XyzFile
    with_residues = False  # MDAnalysis makes one residue of all


class _AnyFiles(Options):
    files: Files = pydantic.Field(
        min_length=1, description="A topology, and trajectories in order, in any formats that MDAnalysis reads; or one "
                                  "file that is both.")


class AnyFormat(FrameReader):
    """Any other topology and trajectories that MDAnalysis reads."""

    class Options(FrameChoice, _AnyFiles):
        box: Box
        topology_format: str | None = pydantic.Field(
            None, description="MDAnalysis' name of the topology's format, where the suffix does not say it.")
        format: str | None = pydantic.Field(
            None, description="MDAnalysis' name of the trajectories' format, where the suffix does not say it.")

    options: Options

    def frames(self) -> Frames:
        options = self.options
        first, *others = [Path(path) for path in options.files]
        box = box_of(options.box)
        # A file that is both knows its coordinates by `format`; one that is not must not be read as trajectory.
        names = NamesFile(first, topology_format=options.topology_format)
        parts = [self._opened(path, names.n_points, box) for path in others or [first]]
        return Frames(parts, options.files, [names])

    def _opened(self, path: Path, n_points: int, box: Array | None) -> FrameFile:
        suffix, form = path.suffix.lower(), self.options.format
        if form is None and suffix in GROMACS_SUFFIXES:  # MDAnalysis would leave a file of offsets beside it
            return XdrFile(path)
        own = {".dcd": DcdFile, ".pdb": PdbFile, ".ent": PdbFile, ".xyz": XyzFile}
        if form is None and suffix in own:
            return own[suffix](path, n_points, box)
        return TrajectoryFile(path, n_points, box, format=form)
