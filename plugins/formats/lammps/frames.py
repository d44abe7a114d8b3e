"""Frames of LAMMPS: data files and text dumps."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import FrameInfo, Options
from backmap.errors import BackmapError

from ...files.lammps import units as lammps_units
from ...files.lammps.data import DataFile
from ...files.lammps.units import Units, units_of
from ...files.reading import Files
from ..frames import FrameChoice, FrameReader, Frames, expect_file
from .dump import DumpFile


class _LammpsFiles(Options):
    dump: Files = pydantic.Field(
        [], description="Dumps in text form with the columns id and x y z (or xu, xs, xsu), read in order.")
    data: Files = pydantic.Field(
        [], description="Data files whose frames are read in order; with a dump, they only have to hold as many atoms.")
    units: lammps_units.Style = pydantic.Field(description=lammps_units.DESCRIPTION)
    sigma: float | None = pydantic.Field(None, gt=0, description=lammps_units.SIGMA)
    timestep: float | None = pydantic.Field(
        None, gt=0, description="Length of a step of the simulation, ps, for dumps without times; by default LAMMPS' "
                                "own: 0.001 ps for real and metal units, 0.005 tau for lj.")
    atom_style: str | None = pydantic.Field(
        None, description="Atom style of data files; by default what they say after `Atoms #`, or full.")


class Lammps(FrameReader):
    """LAMMPS dumps and data files; atoms or beads are in the order of their ids and are called by their types.

    Names are the labels of types, where the file has some, else their numbers, as text. Those of data files come first;
    a dump has some if it has a column ``type`` or ``typelabel``.
    """

    class Options(FrameChoice, _LammpsFiles):
        pass

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if not options.dump and not options.data:
            raise BackmapError("there is nothing to read", hint="Give dump: or data:, e.g. lammps: {dump: cg.dump, "
                                                                "units: real}.")
        self.units = units_of(options.units, options.sigma, options.timestep)

    def frames(self) -> Frames:
        options = self.options
        for path in (*options.data, *options.dump):
            expect_file(path)
        data = [DataFrame(Path(path), self.units, options.atom_style) for path in options.data]
        dumps = [DumpFrames(Path(path), self.units) for path in options.dump]
        source = Frames([*data, *dumps], [*options.data, *options.dump], data)  # checks that they fit
        return Frames(dumps, [*options.data, *options.dump], [*data, *dumps]) if dumps else source


class DataFrame:
    """The one frame of a data file."""

    n_frames = 1
    residue_names = residues = None
    by_type = True

    def __init__(self, path: Path, units: Units, style: str | None = None) -> None:
        self.path = path
        file = DataFile(path, style)
        self.n_points = file.n_points
        self.names: list[str] | None = [file.labels.get(kind, kind) for kind in file.types]
        self._frame = FrameInfo(positions=file.positions * units.length, box=file.box * units.length, time=0.0)

    def frame(self, number: int) -> FrameInfo:
        return self._frame

    def times(self) -> NDArray[np.float64]:
        return np.zeros(1)


class DumpFrames:
    """The frames of a dump, in nm and ps."""

    residue_names = residues = None
    by_type = True

    def __init__(self, path: Path, units: Units) -> None:
        self.path, self._units = path, units
        self._file = DumpFile(path)
        self.n_frames, self.n_points, self.names = self._file.n_frames, self._file.n_points, self._file.types()
        if self._file.units not in (None, units.style):
            raise BackmapError(f"says that its units are {self._file.units}, but the recipe says {units.style}",
                               where=path, hint="Set units.")

    def frame(self, number: int) -> FrameInfo:
        box, force = self._file.box(number), lammps_units.FORCE.get(self._units.style)
        forces = self._file.forces(number) if force else None  # an lj unit of energy is not known
        return FrameInfo(positions=self._file.positions(number) * self._units.length,
                         box=None if box is None else box * self._units.length, time=self._time(number),
                         forces=None if forces is None else forces * force)

    def times(self) -> NDArray[np.float64]:
        return np.array([self._time(number) for number in range(self.n_frames)])

    def _time(self, number: int) -> float:
        step, time = self._file.step(number)
        return step * self._units.timestep if time is None else time * lammps_units.TIME[self._units.style]
