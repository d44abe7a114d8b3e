"""Systems, the molecules of a simulation, and windows, frames of their positions."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError
from . import box as periodic
from .isomers import handedness, sides
from .molecule import MoleculeType, chain_names

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Value until it is given; hidden from type checkers.
_NOT_SAID: Any = None


@dataclass(frozen=True, eq=False)
class Group:
    """The m molecules of one type in a system, as rows of arrays.

    Attributes:
        type: The molecule type.
        atom_offset: System index of the first atom of each molecule, (m,).
        bead_offset: System index of the first bead of each molecule, (m,).
    """

    type: MoleculeType
    atom_offset: Index
    bead_offset: Index

    @cached_property
    def atoms(self) -> Index:
        """System index of every atom, (m, A)."""
        return self.atom_offset[:, None] + np.arange(self.type.n_atoms)

    @cached_property
    def beads(self) -> Index:
        """System index of every bead, (m, B)."""
        return self.bead_offset[:, None] + np.arange(self.type.n_beads)


@dataclass(frozen=True, eq=False)
class System:
    """The molecules of a simulation, in the order of the topology.

    Attributes:
        blocks: (molecule type, number of molecules) as [ molecules ] lists them; a type may occur more than once.
    """

    blocks: tuple[tuple[MoleculeType, int], ...]

    @cached_property
    def types(self) -> list[MoleculeType]:
        """Each molecule type once, in order of appearance."""
        return list(dict.fromkeys(kind for kind, _ in self.blocks))

    @cached_property
    def groups(self) -> list[Group]:
        """The molecules of each type, in the order of ``types``."""
        atoms: dict[MoleculeType, list[int]] = {kind: [] for kind in self.types}
        beads: dict[MoleculeType, list[int]] = {kind: [] for kind in self.types}
        atom = bead = 0
        for kind, count in self.blocks:
            atoms[kind].extend(atom + kind.n_atoms * k for k in range(count))
            beads[kind].extend(bead + kind.n_beads * k for k in range(count))
            atom, bead = atom + kind.n_atoms * count, bead + kind.n_beads * count
        return [Group(kind, np.array(atoms[kind], dtype=np.int64), np.array(beads[kind], dtype=np.int64))
                for kind in self.types]

    @property
    def n_atoms(self) -> int:
        """Number of atoms A."""
        return sum(kind.n_atoms * count for kind, count in self.blocks)

    @property
    def n_beads(self) -> int:
        """Number of beads B."""
        return sum(kind.n_beads * count for kind, count in self.blocks)

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return sum(count for _, count in self.blocks)

    @cached_property
    def as_beads(self) -> System:
        """The same molecules with nothing finer than their beads (``MoleculeType.as_beads``)."""
        blocks = tuple((kind.as_beads, count) for kind, count in self.blocks)
        return self if all(new is kind for (new, _), (kind, _) in zip(blocks, self.blocks)) else System(blocks)

    @property
    def only_beads(self) -> bool:
        """Whether there is nothing finer than beads: every atom is a bead of its own."""
        return self.as_beads is self

    @property
    def listed(self) -> str:
        """Numbers of molecules by name, in order, for messages; adjacent types of one name are counted together."""
        runs = groupby(self.blocks, key=lambda block: block[0].name)
        return ", ".join(f"{sum(count for _, count in run)} {name}" for name, run in runs)

    def bead_label(self, bead: int) -> str:
        """Return the name of a bead for messages, such as ``PS 3 STY4 A4``.

        That is molecule type, number of the molecule from 1, chain where several count their residues anew, residue and
        number where it has several, and bead.

        Raises:
            IndexError: If the system has no bead of that index.
        """
        first = molecule = 0
        for kind, count in self.blocks:
            if bead < first + count * kind.n_beads:
                number, local = divmod(bead - first, kind.n_beads)
                residues = kind.bead_residues
                residue = f"{kind.bead_residue_names[local]}{residues[local]} " if np.ptp(residues) else ""
                chain = chain_names(residues, kind.bead_names)[local] if residue else ""
                return f"{kind.name} {molecule + number + 1} {chain}{residue}{kind.bead_names[local]}"
            first, molecule = first + count * kind.n_beads, molecule + count
        raise IndexError(bead)

    def expect(self, n: int, what: str, where: object) -> None:
        """Check the number of atoms or beads in a file.

        Args:
            n: The number found.
            what: "atoms" or "beads".
            where: The file, for the message.

        Raises:
            BackmapError: If ``n`` is not the number of the system.
        """
        expected = self.n_atoms if what == "atoms" else self.n_beads
        if n != expected:
            raise BackmapError(f"holds {n} {what}, but the topology ({self.listed}) has {expected}", where=where,
                               hint="Check the molecule counts and that every chain has the topology's length.")

    def whole_beads(self, beads: Array, box: Array | None) -> Array:
        """Make the molecules of beads (B, 3), nm, whole along bead bonds, in the box (3, 3)."""
        return self._whole(beads, box, "beads", "bead_edges")

    def whole_atoms(self, atoms: Array, box: Array | None) -> Array:
        """Make the molecules of atoms (A, 3), nm, whole along bonds, in the box (3, 3)."""
        return self._whole(atoms, box, "atoms", "atom_edges")

    def _whole(self, positions: Array, box: Array | None, rows: str, edges: str) -> Array:
        whole = np.array(positions, dtype=np.float64)
        for group in self.groups:
            index = getattr(group, rows)
            whole[index] = periodic.make_whole(whole[index], getattr(group.type, edges), box)
        return whole

    def atoms_near_beads(self, atoms: Array, beads: Array, box: Array | None) -> Array:
        """Make molecules of atoms (A, 3), nm, whole and move each to the periodic image of its whole beads (B, 3)."""
        moved = self.whole_atoms(atoms, box)
        for group in self.groups:
            shift = self_image(group.type.mapping.apply(moved[group.atoms])[:, 0] - beads[group.beads[:, 0]], box)
            moved[group.atoms] -= shift[:, None]
        return moved

    def map(self, atoms: Array) -> Array:
        """Compute the beads M(r) of whole molecules, (..., A, 3) -> (..., B, 3), nm."""
        beads = np.empty((*atoms.shape[:-2], self.n_beads, 3))
        for group in self.groups:
            beads[..., group.beads, :] = group.type.mapping.apply(atoms[..., group.atoms, :])
        return beads

    def wrong_stereo(self, atoms: Array) -> Index:
        """Find stereocentres whose sign is not that of the topology.

        Args:
            atoms: Whole molecules, (W, A, 3), nm.

        Returns:
            (n, 5): frame in the window, and the system indices of the centre and its three neighbours.
        """
        wrong = []
        for group in self.groups:
            chemistry = group.type.chemistry
            if group.type.given:  # as somebody else made them
                continue
            signs = handedness(atoms[:, group.atoms], chemistry.centres)
            frame, molecule, centre = np.nonzero((signs != chemistry.sign) & (chemistry.sign != 0))
            quad = group.atom_offset[molecule, None] + chemistry.centres[centre]
            wrong.append(np.column_stack([frame, quad]))
        return np.concatenate(wrong).astype(np.int64) if wrong else np.empty((0, 5), dtype=np.int64)

    def wrong_sides(self, atoms: Array) -> Index:
        """Find planar bonds whose neighbours are on the other side than they should be.

        Args:
            atoms: Whole molecules, (W, A, 3), nm.

        Returns:
            (n, 5): frame in the window, and the system indices of a neighbour, both ends and a neighbour.
        """
        wrong = []
        for group in self.groups:
            planar = group.type.planar
            if group.type.given:
                continue
            found = sides(atoms[:, group.atoms], planar.atoms)
            frame, molecule, bond = np.nonzero((found != planar.side) & (planar.side != 0))
            wrong.append(np.column_stack([frame, group.atom_offset[molecule, None] + planar.atoms[bond]]))
        return np.concatenate(wrong).astype(np.int64) if wrong else np.empty((0, 5), dtype=np.int64)


def self_image(displacement: Array, box: Array | None) -> Array:
    """Return the lattice vector by which each displacement (..., 3) differs from its minimum image."""
    return displacement - periodic.minimum_image(displacement, box)


@dataclass(eq=False)
class Window:
    """W frames that go through the steps together.

    Attributes:
        frames: Number of each frame in the input, counted from 0, (W,).
        time: ps, (W,).
        boxes: Box vectors as rows, (W, 3, 3), nm; all zero without periodicity.
        beads: Positions of beads, molecules whole, (W, B, 3), nm.
        atoms: Positions of atoms, molecules whole and next to their beads, (W, A, 3), nm; None before any is made.
        placed: Which atoms have a position, (W, A) bool; None before any has.
        reference: True atoms, (W, A, 3), nm, where a file gave them; for training and assessors only.
        residual: M(r) - R after the last projection, (W, B, 3), nm; None before one.
        flags: Flagged beads by name of the physics warning, (W, B) bool each.
        place: Place of each frame in the run, counted from 0 over all replicas, (W,); by default that in the window.
        forces: Forces on ``atoms`` that a file gave or a step has computed, (W, A, 3), kJ/mol/nm, or None.
        reference_forces: Forces on ``reference`` that a file gave, (W, A, 3), kJ/mol/nm, or None.
        replica: Number of the draw of atoms for a frame of beads, counted from 0, (W,).
        system: What there is in these frames, of which all arrays are.
        before: Positions of beads before a step moved them, (W, B, 3), nm; None where none has.
        velocities: With which dynamics left ``atoms``, about their beads, (W, A, 3), nm/ps, NaN where it has none; None
            without.
        jumps: How often rotors of each kind have jumped since the first of the frames that follow one another, and in
            which time, ps, (W, kinds + 1); None where they are not counted.
    """

    frames: Index
    time: Array
    boxes: Array
    beads: Array
    atoms: Array | None = None
    placed: NDArray[np.bool_] | None = None
    reference: Array | None = None
    residual: Array | None = None
    flags: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    place: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    forces: Array | None = None
    reference_forces: Array | None = None
    replica: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    system: System = _NOT_SAID
    before: Array | None = None
    velocities: Array | None = None
    jumps: Array | None = None

    def __post_init__(self) -> None:
        if len(self.place) != len(self.frames):
            self.place = np.arange(len(self.frames))
        if len(self.replica) != len(self.frames):
            self.replica = np.zeros(len(self.frames), dtype=np.int64)

    @property
    def size(self) -> int:
        """Number of frames W."""
        return len(self.frames)

    def box(self, frame: int) -> Array | None:
        """Return the box (3, 3), nm, of a frame of the window, or None if it is not periodic."""
        box = self.boxes[frame]
        return box if periodic.is_valid(box) else None

    def take(self, chosen: Index | Sequence[int]) -> Window:
        """Return a window of some of the frames, by their place in the window."""
        part = {name: None if getattr(self, name) is None else getattr(self, name)[chosen] for name in _arrays()}
        return Window(**part, flags={name: flagged[chosen] for name, flagged in self.flags.items()},
                      system=self.system)

    @classmethod
    def joined(cls, parts: Sequence[Window]) -> Window:
        """Join windows into one, in order; a flag that a part does not have is False for all of its beads."""
        if len(parts) == 1:
            return parts[0]
        whole = {}
        for name in _arrays():
            arrays = [getattr(part, name) for part in parts]
            whole[name] = None if any(array is None for array in arrays) else np.concatenate(arrays)
        names = dict.fromkeys(name for part in parts for name in part.flags)
        flags = {name: np.concatenate([part.flags.get(name, np.zeros(part.beads.shape[:2], dtype=bool))
                                       for part in parts]) for name in names}
        return cls(**whole, flags=flags, system=parts[0].system)

    def with_atoms(self, atoms: Array, placed: NDArray[np.bool_] | None = None) -> Window:
        """Return a window with other atoms (W, A, 3), nm, by default all placed, without forces and velocities.

        The rest is shared.
        """
        if placed is None:
            placed = np.ones(atoms.shape[:2], dtype=bool)
        return replace(self, atoms=atoms, placed=placed, flags=dict(self.flags), forces=None, velocities=None)

    def with_beads(self, beads: Array, system: System) -> Window:
        """Return a window of the same frames of another system, of which there are beads (W, B, 3), nm, alone."""
        return replace(self, beads=beads, system=system, atoms=None, placed=None, reference=None, residual=None,
                       flags={}, forces=None, reference_forces=None, before=None, velocities=None, jumps=None)

    def as_beads(self) -> Window:
        """Return a window whose atoms are the beads of this one, and in which there is nothing finer."""
        only = self if self.system.only_beads else self.with_beads(self.beads, self.system.as_beads)
        return replace(only.with_atoms(self.beads), flags=self.flags, before=self.before)


def _arrays() -> list[str]:
    """Names of what a window has for each frame, flags left out."""
    return [f.name for f in fields(Window) if f.name not in ("flags", "system")]
