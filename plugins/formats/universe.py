"""MDAnalysis: frames from a Universe, and what a run made as a Universe."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.core.groups import AtomGroup
from MDAnalysis.lib.mdamath import triclinic_box, triclinic_vectors
from numpy.typing import NDArray
from rdkit import Chem

from backmap.api import Bridge, FrameInfo
from backmap.errors import BackmapError
from backmap.model.system import System

from ..chemistry.residues import residue_ordinals
from .gromacs.frames import GromacsFrames

#: MDAnalysis has Angstrom.
ANGSTROM = 0.1
#: Endings of trajectories that MDAnalysis reads frame by frame, the best first.
_TRAJECTORIES = (".trr", ".xtc", ".dcd", ".nc", ".pdb")
#: Those beside which MDAnalysis leaves a file with offsets, which an earlier run may have left there.
_INDEXED = (".trr", ".xtc")


class MDAnalysis(Bridge):
    """MDAnalysis Universes and AtomGroups, as frames that a run reads and as results that it gives back."""

    def knows(self, thing: object) -> bool:
        return isinstance(thing, mda.Universe | AtomGroup)

    def frames(self, thing: mda.Universe | AtomGroup) -> UniverseFrames:
        return UniverseFrames(thing)

    def atoms(self, system: System, files: Sequence[Path]) -> mda.Universe:
        return made(system, files)


class UniverseFrames:
    """Frames of a Universe, or of some of its atoms; the Universe itself stays at its frame.

    Attributes:
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each frame.
        where: For messages.
        names: Names of the points, (n_points,); None if they have none.
        residue_names: Residue names of the points, (n_points,); None if they have none.
    """

    def __init__(self, given: mda.Universe | AtomGroup) -> None:
        if getattr(given.universe, "trajectory", None) is None:
            raise BackmapError("this Universe has no positions", hint="Load a trajectory into it.")
        self._points = given.universe.copy().atoms[given.atoms.indices]
        self._trajectory = self._points.universe.trajectory
        self.n_frames, self.n_points = len(self._trajectory), len(self._points)
        self.where = f"Universe of {self.n_points} points"
        self.names: list[str] | None = _listed(self._points, "names")
        self.residue_names: list[str] | None = _listed(self._points, "resnames")

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0."""
        now = self._trajectory[number]
        box = None if now.dimensions is None else triclinic_vectors(now.dimensions).astype(np.float64) * ANGSTROM
        with warnings.catch_warnings():  # a structure has no time, which is then 0
            warnings.simplefilter("ignore", UserWarning)
            time = float(now.time)
        return FrameInfo(positions=self._points.positions.astype(np.float64) * ANGSTROM,
                         box=box if box is not None and box.any() else None, time=time)


def _listed(points: AtomGroup, attribute: str) -> list[str] | None:
    found = getattr(points, attribute, None)
    return None if found is None else [str(name) for name in found]


def made(system: System, files: Sequence[Path]) -> mda.Universe:
    """What a run made: a system with the trajectory of its atoms.

    Raises:
        BackmapError: If none of the files is one.
    """
    problems = []
    for file in (file for suffix in (*_TRAJECTORIES, ".gro") for file in files if file.suffix == suffix):
        try:
            return (_in_memory if file.suffix == ".gro" else _loaded)(universe_of(system), file)
        except BackmapError as problem:  # it may be of beads, or of what there was before
            problems.append(problem)
    raise next(iter(problems), BackmapError("the run wrote no trajectory of atoms", hint="Give the recipe a step "
                                            "write: {atoms: {gromacs: atoms.xtc}}."))


def universe_of(system: System) -> mda.Universe:
    """A Universe without positions: names, residues, elements, masses, charges and bonds of a system."""
    residue_of, residue_names, residue_numbers = _residues(system)
    universe = mda.Universe.empty(system.n_atoms, n_residues=len(residue_names), atom_resindex=residue_of,
                                  trajectory=False)
    universe.add_TopologyAttr("resnames", residue_names)
    universe.add_TopologyAttr("resids", residue_numbers)
    table = Chem.GetPeriodicTable()
    for name, values in (("names", lambda kind: kind.atom_names), ("types", lambda kind: kind.atom_types),
                         ("elements", lambda kind: [table.GetElementSymbol(int(z)) for z in kind.chemistry.element]),
                         ("masses", lambda kind: kind.mass), ("charges", lambda kind: kind.partial_charge)):
        rows = {kind: np.asarray(values(kind)) for kind in system.types}
        universe.add_TopologyAttr(name, np.concatenate([np.tile(rows[kind], n) for kind, n in system.blocks]))
    bonds = [group.atoms[:, group.type.bonds].reshape(-1, 2) for group in system.groups]
    universe.add_TopologyAttr("bonds", np.concatenate(bonds))
    return universe


def _residues(system: System) -> tuple[NDArray[np.int64], list[str], list[int]]:
    """Residue of each atom; name and number of each residue. Molecules of one residue are numbered on."""
    of_atom: list[NDArray[np.int64]] = []
    names: list[str] = []
    numbers: list[int] = []
    single = max((int(kind.residues.max()) for kind in system.types if len(np.unique(kind.residues)) > 1), default=0)
    for kind, count in system.blocks:
        own, first, index = np.unique(residue_ordinals(kind.residues, kind.residue_names), return_index=True,
                                      return_inverse=True)
        of_atom.append((len(names) + np.arange(count)[:, None] * len(own) + index).ravel())
        names += [kind.residue_names[atom] for atom in first] * count
        numbers += range(single + 1, single + count + 1) if len(own) == 1 else kind.residues[first].tolist() * count
        single += count if len(own) == 1 else 0
    return np.concatenate(of_atom), names, numbers


def _loaded(universe: mda.Universe, file: Path) -> mda.Universe:
    fresh = {"refresh_offsets": True} if file.suffix in _INDEXED else {}
    try:
        return universe.load_new(str(file), **fresh)
    except (ValueError, OSError) as error:
        raise BackmapError(f"is no trajectory of the {len(universe.atoms)} atoms of the run "
                           f"({str(error).splitlines()[0]})", where=file) from None


def _in_memory(universe: mda.Universe, file: Path) -> mda.Universe:
    """MDAnalysis reads one frame of a .gro only; ours has them all."""
    frames = [*GromacsFrames([file])]
    if len(frames[0].positions) != len(universe.atoms):
        raise BackmapError(f"holds {len(frames[0].positions)} atoms, but the run has {len(universe.atoms)}", where=file)
    boxes = np.array([np.zeros(6) if info.box is None else triclinic_box(*info.box / ANGSTROM) for info in frames])
    dt = frames[1].time - frames[0].time if len(frames) > 1 else 1.0
    return universe.load_new(np.array([info.positions for info in frames]) / ANGSTROM, order="fac", dimensions=boxes,
                             dt=dt)
