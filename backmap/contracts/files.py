"""The contracts of what reads and writes files, and of bridges to other Python libraries."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BackmapError
from .plugin import Plugin

if TYPE_CHECKING:
    from ..model.inputs import AtomTopology, BeadModel, FrameSource
    from ..model.parameters import ForceField
    from ..model.system import System, Window


class ForceFieldReader(Plugin):
    """Reads force-field parameters of one format."""

    @abstractmethod
    def read(self, system: System) -> ForceField:
        """Parameters of the molecule types of ``system``.

        Raises:
            BackmapError: With the file, and line where there is one, if parameters are missing.
        """


class Reader(Plugin):
    """Reads trajectories of one format. Angstrom and 1-based indices end here."""

    @abstractmethod
    def open(self) -> FrameSource:
        """Check the files and return their frames.

        Raises:
            BackmapError: With the file and line, what stands there, what was expected.
        """


class TopologyReader(Plugin):
    """Reads atomistic topologies: molecule types without beads, and how many of each."""

    @abstractmethod
    def read(self) -> AtomTopology: ...


class MappingReader(Plugin):
    """Reads mapping files."""

    @abstractmethod
    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        """The bead model of each molecule type that the files describe, by molecule type name."""

    def problems(self, topology: AtomTopology) -> Iterator[BackmapError]:
        """All that is wrong with the files, for ``backmap check``; by default the first that ``read`` meets."""
        try:
            self.read(topology)
        except BackmapError as error:
            yield error


class Writer(Plugin):
    """Writes one kind of file. ``write`` is called once per window; bytes are only ever appended."""

    @abstractmethod
    def paths(self) -> Sequence[Path]:
        """Files it writes, relative to the output folder."""

    @abstractmethod
    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        """Bytes to append to each of ``paths``; ``first`` is True for the first window of the run."""


class Bridge(Plugin):
    """Carries frames over from an object of another Python library, and what a run made back to it.

    Recipes do not name it: it serves those who call ``backmap.run`` from Python.
    """

    @abstractmethod
    def knows(self, thing: object) -> bool:
        """True if ``thing`` is an object of that library that holds frames."""

    @abstractmethod
    def frames(self, thing: object) -> FrameSource:
        """The frames that ``thing`` holds; it stays as it is."""

    @abstractmethod
    def atoms(self, system: System, files: Sequence[Path]) -> object:
        """The atoms of ``system`` with the trajectory that a run has written, as an object of that library.

        Raises:
            BackmapError: If none of ``files`` is a trajectory of these atoms.
        """
