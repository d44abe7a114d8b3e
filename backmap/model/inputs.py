"""What readers of files give: frames, topologies as the file alone knows them, and bead models."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import BackmapError

if TYPE_CHECKING:
    import numpy as np

    from .mapping import Mapping


_reading: ContextVar[dict[Path, None] | None] = ContextVar("reading", default=None)


def also_read(path: Path | str) -> None:
    """Say that a file is read which no option names, such as one that another file includes.

    The run keeps its hash with those of the recipe's own files: it is part of what the results follow from.
    """
    known = _reading.get()
    if known is not None:
        known[Path(path)] = None


@contextmanager
def files_read() -> Iterator[dict[Path, None]]:
    """Collects what ``also_read`` is told inside, in order."""
    known: dict[Path, None] = {}
    token = _reading.set(known)
    try:
        yield known
    finally:
        _reading.reset(token)


@dataclass(frozen=True, eq=False)
class FrameInfo:
    """One frame as read from a file.

    Attributes:
        positions: nm, (n, 3).
        box: Rows are the box vectors, nm, (3, 3); None without periodicity.
        time: ps.
        forces: On the points, kJ/mol/nm, (n, 3); None where the file has none.
    """

    positions: np.ndarray
    box: np.ndarray | None
    time: float
    forces: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> FrameInfo:
        """Some of the points, by index (m,)."""
        return replace(self, positions=self.positions[rows], forces=None if self.forces is None else self.forces[rows])

    def checked(self, where: str) -> np.ndarray:
        """The positions in float64.

        Raises:
            BackmapError: If some are not numbers.
        """
        bad = (self.positions - self.positions != 0).any(axis=1)  # inf - inf and nan - nan are nan
        if bad.any():
            raise BackmapError(f"{bad.sum()} of {len(bad)} positions are not numbers, the first is number "
                               f"{bad.argmax()} (counted from 0)", where=where,
                               hint="Leave the frame out with --frames, or write the trajectory again.")
        return self.positions.astype("float64")


def forces_of(frames: Sequence[FrameInfo]) -> np.ndarray | None:
    """Forces of frames, (W, n, 3), kJ/mol/nm; None if one has none."""
    import numpy as np

    return None if any(frame.forces is None for frame in frames) else np.stack([frame.forces for frame in frames])


class FrameSource(Protocol):
    """Frames on disk, read when asked for.

    Attributes:
        n_frames, n_points: Frames, and atoms or beads in each.
        where: The files, for messages.
        names, residue_names: Of the points, (n_points,), as the files spell them; None, or left out, where the
            files have none. They are what tells beads of one kind from those of another.
    """

    n_frames: int
    n_points: int
    where: str
    names: list[str] | None
    residue_names: list[str] | None

    def frame(self, number: int) -> FrameInfo:
        """Frame ``number``, counted from 0."""


@dataclass(frozen=True, eq=False)
class AtomMolecule:
    """A molecule type as the topology alone knows it; see ``model.molecule.MoleculeType``."""

    name: str
    atom_names: list[str]
    atom_types: list[str]
    residue_names: list[str]
    residues: np.ndarray
    element: np.ndarray  #: atomic numbers, (A,)
    mass: np.ndarray
    partial_charge: np.ndarray
    bonds: np.ndarray  #: smaller index first, sorted, (n_bonds, 2)
    bond_length: np.ndarray  #: equilibrium length, nm, NaN if unknown, (n_bonds,)
    constrained: np.ndarray  #: bonds the topology itself constrains, (n_bonds,) bool
    held_apart: tuple[tuple[int, int], ...] = ()  #: atoms that are not bonded, but at a distance it constrains


@dataclass(frozen=True, eq=False)
class AtomTopology:
    """All molecule types of a topology file, and the list of [ molecules ] if it has one."""

    types: dict[str, AtomMolecule]
    blocks: list[tuple[str, int]]
    where: str


@dataclass(frozen=True, eq=False)
class BeadModel:
    """The beads of one molecule type.

    Attributes:
        bead_names, bead_types, bead_residue_names: (B,).
        bead_residues: (B,).
        bead_bonds: Pairs of beads if the file gives bonds, else None, (m, 2).
        mapping: Weights and owners.
        stereocentres: What the file says of stereochemistry: a stereocentre and three of its neighbours, whose vectors
            have a positive triple product, (n, 4); None if it says nothing.
        remarks: What the user should know, one line each: what of the file is not used.
        where: File and line of each bead, for messages, (B,); empty where the file has no lines for them.
    """

    bead_names: list[str]
    bead_types: list[str]
    bead_residue_names: list[str]
    bead_residues: np.ndarray
    bead_bonds: np.ndarray | None
    mapping: Mapping
    stereocentres: np.ndarray | None = None
    remarks: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
