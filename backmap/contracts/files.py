"""The contracts of what reads and writes files, and of bridges to other Python libraries."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BackmapError
from .plugin import Plugin

if TYPE_CHECKING:
    from ..model.inputs import AtomTopology, BeadModel, FrameSource, MappingEntry
    from ..model.parameters import ForceField
    from ..model.run_parameters import RunParameters
    from ..model.system import System, Window


class ForceFieldReader(Plugin):
    """A reader of force-field parameters in one format."""

    @abstractmethod
    def read(self, system: System) -> ForceField:
        """Read the parameters of all molecule types of ``system``.

        Raises:
            BackmapError: If a file is damaged or parameters are missing; with the file, and line where there is one.
        """

    def run_parameters(self) -> RunParameters | None:
        """What the files say of a simulation beside its force field: cut-offs, temperature. None if nothing.

        Raises:
            BackmapError: If what they say cannot be followed.
        """
        return None

    def problems(self) -> Iterator[BackmapError]:
        """All that is wrong with the files, whatever the system is; ``backmap check`` lists it even if nothing fits."""
        return iter(())


class Reader(Plugin):
    """A reader of trajectories in one format; it converts to nm and ps, and to indices counted from 0."""

    @abstractmethod
    def open(self) -> FrameSource:
        """Check the files and return their frames.

        Raises:
            BackmapError: If a file is damaged; with the file and line, what was found and what was expected.
        """


class TopologyReader(Plugin):
    """A reader of atomistic topologies: molecule types without beads, and the number of molecules of each."""

    @abstractmethod
    def read(self) -> AtomTopology:
        """Read the topology.

        Raises:
            BackmapError: If the file is damaged or lacks what is needed; with the file, and line where there is one.
        """


class MappingReader(Plugin):
    """A reader of mapping files."""

    @abstractmethod
    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        """Read the bead models of the molecule types that the files describe, by name of the type.

        Raises:
            BackmapError: If a file is damaged or does not fit ``topology``; with the file, and line where there is one.
        """

    def problems(self, topology: AtomTopology) -> Iterator[BackmapError]:
        """List all that is wrong with the files, for ``backmap check``; by default the first error of ``read``."""
        try:
            self.read(topology)
        except BackmapError as error:
            yield from error.all

    def entries(self) -> Iterator[MappingEntry]:
        """Molecules and residues that the files describe, whatever the topology is; for ``backmap mappings``.

        Raises:
            BackmapError: If a file is damaged.
        """
        return iter(())


class Writer(Plugin):
    """A writer of one kind of file. ``encode`` is called once per window, and its bytes are appended."""

    @abstractmethod
    def paths(self) -> Sequence[Path]:
        """Return the files it writes, relative to the output folder."""

    @abstractmethod
    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        """Return the bytes to append to each of ``paths``; ``first`` is True for the first window of the run."""


class Bridge(Plugin):
    """A converter between frames and objects of another Python library, in both directions.

    Recipes do not name it; it is used when ``backmap.run`` is called from Python.
    """

    @abstractmethod
    def knows(self, thing: object) -> bool:
        """Tell whether ``thing`` is an object of that library that holds frames."""

    @abstractmethod
    def frames(self, thing: object) -> FrameSource:
        """Return the frames that ``thing`` holds, without changing it."""

    @abstractmethod
    def atoms(self, system: System, files: Sequence[Path]) -> object:
        """Load the trajectory that a run has written as an object of that library, with the atoms of ``system``.

        Raises:
            BackmapError: If none of ``files`` is a trajectory of these atoms.
        """
