"""Frames of beads, with molecules whole."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomTopology, BeadModel, FrameSource
from backmap.errors import BackmapError
from backmap.model import box as periodic

from ..molecules.bead_molecule import BeadMolecule

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Molecule types and how many there are of each, in the order of the files.
Blocks = Sequence[tuple[BeadMolecule, int]]


def molecules_of(topology: AtomTopology, mapped: Mapping[str, BeadModel] | None) -> Blocks:
    """The molecules of beads that a topology of beads describes, or one of atoms and its mapping.

    Their number is 0 where the topology does not say it.
    """
    counts = topology.blocks or [(name, 0) for name in topology.types]
    kinds: dict[str, BeadMolecule] = {}
    for name, _ in counts:
        if mapped is not None and name not in mapped:
            raise BackmapError(f"molecule type '{name}' has no mapping", where=topology.where,
                               hint=f"Mapped are: {', '.join(mapped) or 'none'}.")
        if name not in kinds:
            atoms = topology.types[name]
            kinds[name] = (BeadMolecule.of_topology(atoms) if mapped is None else
                           BeadMolecule.of_mapping(atoms, mapped[name]))
    return [(kinds[name], count) for name, count in counts]


@dataclass(frozen=True, eq=False)
class BeadFrames:
    """Frames of beads.

    Attributes:
        where: The files.
        blocks: Molecules, in order.
        positions: Of all beads of each frame, molecules whole, (N, 3), nm.
        boxes: Of each frame, (3, 3), nm, or None.
    """

    where: str
    blocks: Blocks
    positions: list[Array]
    boxes: list[Array | None]

    @classmethod
    def read(cls, source: FrameSource, blocks: Blocks,
             tell: Callable[[float], None] = lambda done: None) -> BeadFrames:
        """Read all frames.

        Raises:
            BackmapError: If there are none, or their beads are not those of the molecules.
        """
        blocks = _counted(source, blocks)
        if not source.n_frames:
            raise BackmapError("holds no frames", where=source.where)
        positions, boxes = [], []
        for number in range(source.n_frames):
            info = source.frame(number)
            box = info.box if info.box is not None and periodic.is_valid(info.box) else None
            beads = info.checked(f"{source.where}: frame {number}")
            for kind, rows in rows_of(blocks).items():
                beads[rows] = periodic.make_whole(beads[rows], kind.edges, box)
            positions.append(beads)
            boxes.append(box)
            tell(number + 1)
        return cls(source.where, blocks, positions, boxes)

    @property
    def n_frames(self) -> int:
        return len(self.positions)

    @property
    def n_beads(self) -> int:
        return len(self.positions[0])

    @property
    def n_molecules(self) -> int:
        return sum(count for _, count in self.blocks)

    @cached_property
    def rows(self) -> dict[BeadMolecule, Index]:
        """Beads of every molecule of a type, (m, B)."""
        return rows_of(self.blocks)

    @property
    def density(self) -> float | None:
        """Beads per nm3, the mean over frames; None where a frame has no box."""
        volumes = [None if box is None else abs(float(np.linalg.det(box))) for box in self.boxes]
        return None if None in volumes else float(np.mean([self.n_beads / volume for volume in volumes]))

    def scaled(self, factor: float) -> BeadFrames:
        """The same with all lengths times a factor."""
        return BeadFrames(self.where, self.blocks, [each * factor for each in self.positions],
                          [None if box is None else box * factor for box in self.boxes])

    def spread(self, factor: float) -> BeadFrames:
        """The same molecules, with the box and their mass centres times a factor."""
        moved = [each.copy() for each in self.positions]
        for kind, rows in self.rows.items():
            for each in moved:
                centres = (each[rows] * kind.mass[:, None]).sum(axis=1, keepdims=True) / kind.mass.sum()
                each[rows] += (factor - 1) * centres
        return BeadFrames(self.where, self.blocks, moved, [None if box is None else box * factor for box in self.boxes])


def rows_of(blocks: Blocks) -> dict[BeadMolecule, Index]:
    """Beads of every molecule of each type, (m, B)."""
    found: dict[BeadMolecule, list[Index]] = {}
    first = 0
    for kind, count in blocks:
        size = kind.n_beads * count
        found.setdefault(kind, []).append(first + np.arange(size).reshape(count, kind.n_beads))
        first += size
    return {kind: np.concatenate(rows) for kind, rows in found.items()}


def _counted(source: FrameSource, blocks: Blocks) -> Blocks:
    """The molecules with their numbers in a file: the topology's, or of a single type as many as fill it."""
    expected = sum(kind.n_beads * count for kind, count in blocks)
    if source.n_points == expected:
        return blocks
    kinds = list(dict.fromkeys(kind for kind, _ in blocks))
    if len(kinds) == 1 and source.n_points % kinds[0].n_beads == 0:
        return [(kinds[0], source.n_points // kinds[0].n_beads)]
    listed = ", ".join(f"{kind.n_beads} in {kind.name}" for kind in kinds)
    raise BackmapError(f"holds {source.n_points} beads, which are no whole number of molecules ({listed})"
                       if len(kinds) == 1 else
                       f"holds {source.n_points} beads, but the molecules of the topology have {expected}",
                       where=source.where, hint="Give the topology of these beads; both files must hold its molecules.")
