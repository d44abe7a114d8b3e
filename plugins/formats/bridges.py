"""ParmEd and OpenMM: frames of their objects, and what a run made as such objects, by way of MDAnalysis."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.mdamath import triclinic_vectors
from numpy.typing import NDArray

from backmap.api import Bridge, FrameInfo
from backmap.errors import BackmapError
from backmap.model.system import System

from .universe import ANGSTROM, made

if TYPE_CHECKING:
    import parmed
    from openmm import app


class ParmEd(Bridge):
    """ParmEd Structures with coordinates, as frames that a run reads and as results: all frames, bonds and charges."""

    def knows(self, thing: object) -> bool:
        library = sys.modules.get("parmed")  # who has one of its objects has loaded it
        return library is not None and isinstance(thing, library.Structure)

    def frames(self, thing: parmed.Structure) -> HeldFrames:
        coordinates = thing.get_coordinates("all")
        if coordinates is None or not np.size(coordinates):
            raise BackmapError("this Structure has no coordinates", hint="Load it with xyz=, or set its coordinates.")
        box = None if thing.box is None else triclinic_vectors(thing.box).astype(np.float64) * ANGSTROM
        return HeldFrames(np.reshape(coordinates, (-1, len(thing.atoms), 3)) * ANGSTROM, box, thing.atoms)

    def atoms(self, system: System, files: Sequence[Path]) -> parmed.Structure:
        universe = made(system, files)
        structure = _structure(universe)
        structure.coordinates = np.array([frame.positions for frame in universe.trajectory], dtype=float)
        return structure


class OpenMMObjects(Bridge):
    """Objects of OpenMM's application layer: a Modeller, a Simulation, what PDBFile and its like read; results as a
    Modeller of the first frame."""

    def knows(self, thing: object) -> bool:
        library: Any = sys.modules.get("openmm.app")
        return library is not None and isinstance(thing, library.Modeller | library.Simulation | library.PDBFile
                                                  | library.PDBxFile)

    def frames(self, thing: Any) -> HeldFrames:
        from openmm import unit

        positions, box = getattr(thing, "positions", None), thing.topology.getPeriodicBoxVectors()
        periodic = box is not None  # vectors that were given as an array have no truth value
        if positions is None:  # a simulation
            state = thing.context.getState(getPositions=True)
            positions, box = state.getPositions(), state.getPeriodicBoxVectors()
        return HeldFrames(np.array([positions.value_in_unit(unit.nanometer)], dtype=np.float64),
                          np.array(box.value_in_unit(unit.nanometer)) if periodic else None,
                          list(thing.topology.atoms()))

    def atoms(self, system: System, files: Sequence[Path]) -> app.Modeller:
        from openmm import app, unit

        universe = made(system, files)
        topology = _structure(universe).topology
        if universe.dimensions is not None:
            topology.setPeriodicBoxVectors(triclinic_vectors(universe.dimensions).astype(float) * unit.angstrom)
        return app.Modeller(topology, universe.atoms.positions.astype(float) * unit.angstrom)


class HeldFrames:
    """Frames that an object holds, which knows one box for all and no times; attributes are those of ``FrameSource``.

    Args:
        positions: (frames, points, 3), nm.
        box: Box vectors as rows, nm; None without periodicity.
        points: Their names, and those of their residues, as both libraries have them.
    """

    def __init__(self, positions: NDArray[np.float64], box: NDArray[np.float64] | None, points: Sequence[Any]) -> None:
        self._positions, self._box = positions, box
        self.n_frames, self.n_points = positions.shape[:2]
        self.where = f"object of {self.n_points} points"
        self.names: list[str] | None = [point.name for point in points]
        self.residue_names: list[str] | None = [point.residue.name for point in points]

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0; its time is its number, ps."""
        return FrameInfo(self._positions[number], self._box, float(number))


def _structure(universe: mda.Universe) -> parmed.Structure:
    """Atoms, bonds and residues of a Universe as ParmEd has them.

    Raises:
        BackmapError: If ParmEd is not installed.
    """
    if find_spec("parmed") is None:
        raise BackmapError("ParmEd, which takes the bonds along, is not installed", hint="pip install ParmEd")
    universe.add_TopologyAttr("segids", [""] * len(universe.segments))  # which MDAnalysis asks for
    return universe.atoms.convert_to("PARMED")
