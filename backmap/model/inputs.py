"""What readers of files give: frames, topologies as the file alone knows them, and bead models."""
from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..errors import BackmapError

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

    from .mapping import Mapping
    from .molecule import BeadTerm, MoleculeType
    from .rigid import Dependents, FixedDistances
    from .system import System


FARTHEST = 1e6  #: nm; no position is as far from the origin
#: What beads are: mapped from the atoms of an all-atom simulation, or those of a coarse-grained model.
BeadsAre = Literal["mapped", "model"]
#: What a recipe says of them: that, or that a pilot is to find out how far they are to be trusted.
BeadsSaid = Literal["mapped", "model", "auto"]

_reading: ContextVar[dict[Path, None] | None] = ContextVar("reading", default=None)


def is_called(name: str, residue: str, patterns: Sequence[str]) -> bool:
    """Whether a point's name or residue name fits one of some patterns (``*``, ``?``), or both fit ``RESIDUE:NAME``."""
    return any(fnmatchcase(f"{residue}:{name}", pattern) if ":" in pattern else
               fnmatchcase(name, pattern) or fnmatchcase(residue, pattern) for pattern in patterns)


def place_of(wanted: Sequence[str], names: Sequence[str], taken: Sequence[bool] | None = None) -> int | None:
    """Where atoms stand among the points of a file, by their names in a row.

    Args:
        wanted: Names of the atoms; what a .gro file cuts off of them, after five characters, does not count.
        names: Names of the points.
        taken: Which points are others'; None if none are.

    Returns:
        The place of the first; None where they stand nowhere.
    """
    cut, among = [name[:5] for name in wanted], [name[:5] for name in names]
    return next((k for k in range(len(among) - len(cut) + 1) if among[k] == cut[0] and among[k:k + len(cut)] == cut
                 and not (taken is not None and any(taken[k:k + len(cut)]))), None)


@contextmanager
def all_kept() -> Iterator[None]:
    """For reading many small things, none of which is thrown away: looking for what is takes half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def also_read(path: Path | str) -> None:
    """Register a file that is read but named by no option, such as one that another file includes.

    Its hash is kept with those of the files named in the recipe, as results depend on it.
    """
    known = _reading.get()
    if known is not None:
        known[Path(path)] = None


@contextmanager
def files_read() -> Iterator[dict[Path, None]]:
    """Collect the files registered by ``also_read`` inside, in order."""
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
        positions: Of atoms or beads, (n, 3), nm.
        box: Box vectors as rows, (3, 3), nm; None without periodicity.
        time: ps.
        forces: Forces on the points, (n, 3), kJ/mol/nm; None if the file has none.
    """

    positions: np.ndarray
    box: np.ndarray | None
    time: float
    forces: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> FrameInfo:
        """Some of the points, by index (m,)."""
        return replace(self, positions=self.positions[rows], forces=None if self.forces is None else self.forces[rows])

    def checked(self, where: str) -> np.ndarray:
        """Return the positions in float64.

        Args:
            where: File and frame, for messages.

        Raises:
            BackmapError: If some are not finite.
        """
        bad = (self.positions - self.positions != 0).any(axis=1)  # inf - inf and nan - nan are nan
        if bad.any():
            raise BackmapError(f"{bad.sum()} of {len(bad)} positions are not numbers, the first is number "
                               f"{bad.argmax()} (counted from 0)", where=where,
                               hint="Leave the frame out with --frames, or write the trajectory again.")
        far = abs(self.positions).max(initial=0.0)
        if far > FARTHEST:
            raise BackmapError(f"a position is {far:.3g} nm from the origin", where=where,
                               hint="The file is damaged, or its lengths are in another unit than nm.")
        return self.positions.astype("float64")


def forces_of(frames: Sequence[FrameInfo]) -> np.ndarray | None:
    """Forces of frames, (W, n, 3), kJ/mol/nm; None if one has none."""
    import numpy as np

    return None if any(frame.forces is None for frame in frames) else np.stack([frame.forces for frame in frames])


class FrameSource(Protocol):
    """The frames of a trajectory, read from disk when asked for.

    Attributes:
        n_frames: Number of frames.
        n_points: Number of atoms or beads in each.
        where: The files, for messages.
        names: Names of atoms or beads as in the files, (n_points,); None, or left out, where the files have none.
        residue_names: Names of their residues, in the same way.
    """

    n_frames: int
    n_points: int
    where: str
    names: list[str] | None
    residue_names: list[str] | None

    def frame(self, number: int) -> FrameInfo:
        """Read frame ``number``, counted from 0."""


def _none(name: str) -> Any:
    """An empty one of ``rigid``, which is imported no sooner: it needs numpy."""
    from . import rigid

    return getattr(rigid, name).of()


@dataclass(frozen=True, eq=False)
class AtomMolecule:
    """A molecule type as described by an atomistic topology alone: A atoms, no beads (see ``MoleculeType``).

    Attributes:
        name: Name of the molecule type.
        atom_names: (A,).
        atom_types: Atom types of the force field, (A,).
        residue_names: Name of each atom's residue, (A,).
        residues: Residue number of each atom, (A,).
        element: Atomic numbers, (A,).
        mass: u, (A,).
        partial_charge: e, (A,).
        bonds: Pairs of bonded atoms, smaller index first, sorted, (n_bonds, 2).
        bond_length: Equilibrium lengths, nm, NaN if unknown, (n_bonds,).
        constrained: Bonds that the topology constrains, (n_bonds,) bool.
        held: Atoms that are not bonded, but whose distances the topology constrains.
        dependents: Atoms whose position follows from others, such as virtual sites.
    """

    name: str
    atom_names: list[str]
    atom_types: list[str]
    residue_names: list[str]
    residues: np.ndarray
    element: np.ndarray
    mass: np.ndarray
    partial_charge: np.ndarray
    bonds: np.ndarray
    bond_length: np.ndarray
    constrained: np.ndarray
    held: FixedDistances = field(default_factory=lambda: _none("FixedDistances"))
    dependents: Dependents = field(default_factory=lambda: _none("Dependents"))

    @property
    def joined(self) -> nx.Graph:
        """The graph of the atoms, see ``MoleculeType.joined``."""
        from .molecule import joined_graph

        return joined_graph(len(self.atom_names), self.bonds, self.held, self.dependents)

    @classmethod
    def of(cls, kind: MoleculeType) -> AtomMolecule:
        """Forget the beads of a molecule type."""
        import numpy as np

        bonds = np.sort(kind.bonds.reshape(-1, 2), axis=1)
        order = np.lexsort(bonds.T[::-1])
        length = kind.bond_length[order]
        return cls(kind.name, kind.atom_names, kind.atom_types, kind.residue_names, kind.residues,
                   kind.chemistry.element, kind.mass, kind.partial_charge, bonds[order], length, np.isfinite(length),
                   kind.held, kind.dependents)


@dataclass(frozen=True, eq=False)
class AtomTopology:
    """The content of a topology file.

    Attributes:
        types: Molecule types by name.
        blocks: (molecule type, number of molecules) in order, as [ molecules ] lists them; empty if the file does not.
        where: The file, for messages.
    """

    types: dict[str, AtomMolecule]
    blocks: list[tuple[str, int]]
    where: str

    @classmethod
    def of(cls, system: System, where: str) -> AtomTopology:
        """What a file of the atoms of a system would say; ``where`` stands for the file."""
        return cls({kind.name: AtomMolecule.of(kind) for kind in system.types},
                   [(kind.name, count) for kind, count in system.blocks], where)


#: What mappings say of isomers by: the first counts more than a reference structure, the other one less.
MAPPING, CGSMILES = "the mapping", "CGsmiles"


@dataclass(frozen=True)
class ToldSide:
    """On which side of a bond two atoms are, as a mapping file says it.

    Attributes:
        atoms: A neighbour, both ends of the bond, a neighbour.
        side: ``isomers.CIS`` or ``isomers.TRANS``.
        where: File and line.
    """

    atoms: tuple[int, int, int, int]
    side: int
    where: str


@dataclass(frozen=True, eq=False)
class BeadModel:
    """The B beads of one molecule type, as described by a mapping file.

    Attributes:
        bead_names: (B,).
        bead_types: (B,).
        bead_residue_names: Name of each bead's residue, (B,).
        bead_residues: Residue number of each bead, (B,).
        bead_bonds: Pairs of bonded beads, (m, 2); None if the file gives no bonds.
        mapping: Weights and owners.
        stereocentres: Atoms of the stereocentres of the file, (n, 4): the centre and three neighbours, whose vectors
            from the centre have a positive triple product; None if the file gives none.
        remarks: What of the file is not used, one line each, for the user.
        where: File and line of each bead, for messages, (B,); empty where the file has no lines for them.
        terms: Bonded interactions of the beads that the file names.
        sides: On which side of planar bonds atoms are, as far as the file says it; it may speak of other bonds, too.
        isomers_by: What tells stereocentres and sides, ``MAPPING`` or ``CGSMILES``.
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
    terms: tuple[BeadTerm, ...] = ()
    sides: tuple[ToldSide, ...] = ()
    isomers_by: str = MAPPING


@dataclass(frozen=True)
class MappingEntry:
    """One molecule, residue or sequence of residues that a mapping file describes.

    Attributes:
        residues: Names of the residues, or of the molecule.
        beads: Names of the atoms of each bead, in order; an atom without weight in brackets.
        where: File, and line where there is one.
        source: Atomistic force fields that it is for; empty if the file does not say.
        target: Coarse-grained force fields; empty if the file does not say.
        remarks: What of the file is passed over, a line each.
    """

    residues: tuple[str, ...]
    beads: dict[str, tuple[str, ...]]
    where: str
    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
