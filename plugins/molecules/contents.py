"""What stands in files beside the molecules that are backmapped: excluded and fixed ones, sites without atoms."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameInfo, FrameSource, Reader, State
from backmap.errors import BackmapError
from backmap.model import box as periodic
from backmap.model.inputs import is_called, place_of
from backmap.model.listing import counted, listed
from backmap.model.system import System

from .. import handed
from .bead_names import Beads
from .clusters import Spread, spacing
from .sources import expect_atoms, names_of

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

SAME_BOX = 0.01  #: nm; edges of two boxes of the same frame differ by less


@dataclass(frozen=True)
class Excluded:
    """A molecule type that is not backmapped.

    Attributes:
        patterns: Names of its beads or of their residues in files of beads; ``RESIDUE:BEAD`` for both.
        count: Molecules in the topology.
        placed: It is one atom, and that is put at its bead.
    """

    patterns: tuple[str, ...]
    count: int
    placed: bool


@dataclass(frozen=True)
class Shared:
    """Beads of the file each of which is several molecules of one type.

    Attributes:
        molecules: The molecule type.
        count: Of molecules at each bead.
    """

    molecules: str
    count: int


@dataclass(frozen=True, eq=False)
class SortedOut:
    """Which beads of a file are which.

    Attributes:
        rows: Of mapped beads, (n,).
        placed: Rows of the molecules of other types, one after the other, by name.
        aside: What is not mapped, for messages.
    """

    rows: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    placed: Mapping[str, Index] = field(default_factory=dict)
    aside: Sequence[str] = ()


@dataclass(eq=False)
class Contents:
    """What the files of a run hold, in the order of the topology.

    Attributes:
        system: What is there; molecules that are fixed and atoms that are placed are ``given`` types of it.
        blocks: (molecule type, count, atoms of one molecule) of the whole topology.
        excluded: By molecule type.
        fixed: Molecule types whose atoms are known and stay.
        ignore: Patterns of sites without atoms.
        fixed_frames: Frames of the fixed atoms; None if they are in the files of beads.
        log: For the user.
        several: Beads that are several molecules, by pattern of their names.
        seed: By which those are put about their beads.
    """

    system: System
    blocks: Sequence[tuple[str, int, int]]
    excluded: Mapping[str, Excluded] = field(default_factory=dict)
    fixed: Sequence[str] = ()
    ignore: Sequence[str] = ()
    fixed_frames: Reader | None = None
    log: Callable[[str], None] = print
    several: Mapping[str, Shared] = field(default_factory=dict)
    seed: int = 0

    def atoms(self, source: FrameSource) -> FrameSource:
        """Frames of the system's atoms from a file that may hold those of the whole topology."""
        inside = np.repeat([name not in self._left_out for name, *_ in self.blocks], self._sizes)
        if source.n_points == self.system.n_atoms or source.n_points != len(inside):
            return source
        return Chosen(source, np.flatnonzero(inside))

    def beads(self, source: FrameSource) -> FrameSource:
        """Frames of the system's beads: those of the file, and atoms that are fixed, each in its place.

        Raises:
            BackmapError: If beads are left over, missing, or in another order.
        """
        shared = {one.molecules for one in self.several.values()}
        mapped = [block for block in self.system.blocks
                  if block[0].name not in {*self.excluded, *self.fixed, *shared}]
        rows = np.arange(source.n_points)
        found = SortedOut()
        among = self.fixed if self.fixed_frames is None else ()
        if self.excluded or self.ignore or self.several or among:
            found = self._sorted_out(source, sum(kind.n_beads * count for kind, count in mapped))
            rows = found.rows
        beads = Beads(source.where, rows, *names_of(source),
                      f"without {', '.join(found.aside)}" if found.aside else "",
                      getattr(source, "by_type", False))
        beads, said = beads.arranged(mapped)
        beads.expect(mapped, System(tuple(mapped)).listed)
        rows = beads.rows
        for line in said:
            self.log(line)
        if not found.placed and not self.fixed and len(rows) == source.n_points:
            return Chosen(source, rows) if said else source
        place = np.full(self.system.n_beads, -1)
        place[self._beads_of({kind.name for kind, _ in mapped})] = rows
        for name, own in found.placed.items():
            place[self._beads_of({name})] = own
        whole = Composed(source, place, self._fixed_source(source) if self.fixed_frames else None,
                         self._beads_of(set(self.fixed)))
        return Spread(whole, [(self._beads_of({kind.name}), found.placed[kind.name], spacing(kind))
                              for kind in self.system.types if kind.name in shared], self.seed) if shared else whole

    @cached_property
    def _left_out(self) -> set[str]:
        return {name for name, excluded in self.excluded.items() if not excluded.placed}

    @property
    def _sizes(self) -> list[int]:
        return [count * size for _, count, size in self.blocks]

    def _beads_of(self, names: set[str]) -> Index:
        """System indices of the beads of molecule types, ascending."""
        inside = [np.full(kind.n_beads * count, kind.name in names) for kind, count in self.system.blocks]
        return np.flatnonzero(np.concatenate(inside))

    def _sorted_out(self, source: FrameSource, n_mapped: int) -> SortedOut:
        """Which beads of a file are which; told from their names."""
        names, residues = names_of(source)
        if names is None:
            if source.n_points == n_mapped and not self.several and not any(
                    excluded.placed for excluded in self.excluded.values()):
                return SortedOut(np.arange(n_mapped))
            raise BackmapError("has no names, so that beads under 'exclude', 'several', 'fixed' and 'ignore' of "
                               "topology cannot be told from others", where=source.where,
                               hint="Give a file with names beside it, such as a .gro.")
        ignored = matching(self.ignore, names, residues)
        taken, placed = ignored.copy(), {}
        aside = [f"{ignored.sum()} sites without atoms"] if ignored.any() else []

        def own(patterns: Sequence[str], name: str, key: str) -> Index:
            found = matching(patterns, names, residues) & ~ignored
            if (found & taken).any():
                row = int(np.flatnonzero(found & taken)[0])
                raise BackmapError(f"bead {row + 1} ({names[row]}) belongs to two molecule types under {key}, "
                                   f"one of them {name}", where=source.where,
                                   hint="Give names that differ, as RESIDUE:BEAD.")
            taken[found] = True
            return np.flatnonzero(found)

        for name in self.fixed if self.fixed_frames is None else ():
            placed[name] = self._among(name, names, taken, source.where)
            taken[placed[name]] = True
            aside.append(f"{len(placed[name])} atoms of {name}")
            self.log(f"{name}: {len(placed[name])} atoms fixed as they are among the beads")
        for name, excluded in self.excluded.items():
            found = own(excluded.patterns, name, "'exclude'")
            if excluded.placed:
                placed[name] = self._ions(name, excluded, found, source.where)
                aside.append(f"{excluded.count} {name} placed")
            elif len(found):
                aside.append(f"{len(found)} of {name}")
            self.log(f"{name}: {excluded.count} atoms placed on their beads" if excluded.placed else
                     f"{name}: {excluded.count} molecules and {len(found)} beads left out")
        each = [(pattern, one, own([pattern], one.molecules, "'exclude' and 'several'"))
                for pattern, one in self.several.items()]
        for name in dict.fromkeys(one.molecules for _, one, _ in each):
            mine = [(pattern, one, found) for pattern, one, found in each if one.molecules == name]
            placed[name] = self._shared(name, mine, source.where)
            aside.append(f"{sum(len(found) for _, _, found in mine)} of {name}")
        if self.ignore:
            self.log(f"{', '.join(self.ignore)}: {ignored.sum()} sites without atoms left out")
        return SortedOut(np.flatnonzero(~taken), placed, aside)

    def _shared(self, name: str, each: Sequence[tuple[str, Shared, Index]], where: str) -> Index:
        """The row of each molecule of a type of which a bead is several, in the order of the file.

        Raises:
            BackmapError: If there are more or fewer than in the topology.
        """
        rows = np.sort(np.concatenate([np.repeat(found, one.count) for _, one, found in each]))
        count = sum(number for kind, number, _ in self.blocks if kind == name)
        listed = " and ".join(f"{len(found)} {pattern} of {one.count}" for pattern, one, found in each)
        if len(rows) != count:
            others = sum(len(found) for _, _, found in each)
            raise BackmapError(f"{listed} molecules each are {len(rows)} {name}, but the topology has {count}",
                               where=where, hint=f"Write {name} {len(rows)} under [ molecules ], or all counts under "
                                                 "'molecules' of topology." if others else
                               "Say what these beads are called in the file, as in 'several: {NAME: {molecules: "
                               f"{name}, count: 4}}}}'.")
        self.log(f"{name}: {len(rows)} molecules about {listed} each; they move freely from then on")
        return rows

    def _among(self, name: str, names: Sequence[str], taken: NDArray[np.bool_], where: str) -> Index:
        """Rows of the atoms of a type that stand in the file of beads under their own names, and are not taken.

        Raises:
            BackmapError: If they do not, one molecule after the other.
        """
        wanted = [atom for kind, count in self.system.blocks if kind.name == name for atom in kind.bead_names * count]
        first = place_of(wanted, names, taken)
        if first is None:
            raise BackmapError(f"holds no {counted(len(wanted), 'atom')} of {name}, which is fixed, in a row: "
                               f"{listed(wanted, 2)}", where=where,
                               hint="Say where they are, as in 'fixed: {molecules: [Protein], atoms: {gromacs: "
                                    "protein.gro}}'.")
        return np.arange(first, first + len(wanted))

    @staticmethod
    def _ions(name: str, excluded: Excluded, rows: Index, where: str) -> Index:
        if len(rows) != excluded.count:
            raise BackmapError(f"{len(rows)} beads are {' or '.join(excluded.patterns)}, but the topology has "
                               f"{excluded.count} {name} to be placed on them", where=where,
                               hint=f"Say what they are called, as in 'exclude: {{{name}: NAME}}' (init: --solvent "
                                    f"{name}=NAME), or leave them out with 'place_ions: false'.")
        return rows

    def _fixed_source(self, beads: FrameSource) -> FrameSource:
        """Frames of the fixed atoms alone, checked."""
        source = handed.opened(self.fixed_frames)
        inside = np.repeat([name in self.fixed for name, *_ in self.blocks], self._sizes)
        system = replace(self.system, blocks=tuple(b for b in self.system.blocks if b[0].name in self.fixed))
        if source.n_points == len(inside) != inside.sum():
            source = Chosen(source, np.flatnonzero(inside))
        if source.n_points != inside.sum():
            raise BackmapError(f"holds {source.n_points} atoms, but the molecules to be fixed ({system.listed}) have "
                               f"{inside.sum()}", where=source.where,
                               hint=f"Give these alone, or all {len(inside)} atoms of the topology.")
        if source.n_frames not in (1, beads.n_frames):
            raise BackmapError(f"holds {source.n_frames} frames, but {beads.where} holds {beads.n_frames}",
                               where=source.where, hint="Give one frame for all, or one for each.")
        expect_atoms(source, system)
        self.log(f"{system.listed}: {system.n_atoms} atoms fixed as they are"
                 + (", the same in every frame" if source.n_frames < beads.n_frames else ""))
        if source.n_frames == 1 and beads.n_frames and differ(beads.frame(0), source.frame(0)):
            self.log(f"note: the box of {source.where} is not that of {beads.where}; its molecules are joined in the "
                     "former and fixed where they are")
        return WholeFrames(source, system)


def of_state(state: State) -> Contents | None:
    """What ``topology`` said about files, if it did; it gives ``contents``."""
    return state.given.get("contents")


def matching(patterns: Sequence[str], names: Sequence[str], residues: Sequence[str] | None) -> Mask:
    """Beads whose name or residue name fits a pattern (``*`` and ``?``), or both fit ``RESIDUE:BEAD``, (n,)."""
    residues = names if residues is None else residues
    known = {pair: is_called(*pair, patterns) for pair in set(zip(names, residues, strict=True))}
    return np.array([known[pair] for pair in zip(names, residues, strict=True)], dtype=bool)


class Chosen:
    """Some of the points of other frames, (n,)."""

    def __init__(self, source: FrameSource, rows: Index) -> None:
        self._source, self._rows = source, rows
        self.n_frames, self.n_points, self.where = source.n_frames, len(rows), source.where
        self.names, self.residue_names = (None if names is None else [names[row] for row in rows]
                                          for names in names_of(source))

    def frame(self, number: int) -> FrameInfo:
        info = self._source.frame(number)
        return info.at(self._rows)


class WholeFrames:
    """Frames of atoms whose molecules are joined in their own box."""

    def __init__(self, source: FrameSource, system: System) -> None:
        self._source, self._system = source, system
        self.n_frames, self.n_points, self.where = source.n_frames, source.n_points, source.where
        self.names = self.residue_names = None

    def frame(self, number: int) -> FrameInfo:
        info = self._source.frame(number)
        atoms = info.checked(f"{self.where}: frame {number}")
        box = info.box if info.box is not None and periodic.is_valid(info.box) else None
        return replace(info, positions=self._system.whole_atoms(atoms, box))


class Composed:
    """Frames of a system's beads, from a file of beads and one of atoms that are beads themselves.

    Args:
        source: Of beads.
        place: Row of each bead in it, -1 for fixed atoms, (B,).
        fixed: Frames of the fixed atoms, one for all frames or one for each; None if there are none.
        rows: Which beads they are.
    """

    def __init__(self, source: FrameSource, place: Index, fixed: FrameSource | None, rows: Index) -> None:
        self._source, self._place, self._fixed, self._rows = source, place, fixed, rows
        self.n_frames, self.n_points, self.where = source.n_frames, len(place), source.where
        self.names = self.residue_names = None

    def frame(self, number: int) -> FrameInfo:
        info = self._source.frame(number)
        positions = np.asarray(info.positions)[self._place]
        if self._fixed is not None:
            other = self._fixed.frame(number if self._fixed.n_frames > 1 else 0)
            if self._fixed.n_frames > 1 and differ(info, other):
                raise BackmapError(f"the box of frame {number} is not that in {self.where}", where=self._fixed.where,
                                   hint="Frame n of one must be frame n of the other.")
            positions[self._rows] = other.positions
        return replace(info, positions=positions, forces=None)


def differ(one: FrameInfo, other: FrameInfo) -> bool:
    """Whether both frames have a box, but not the same."""
    return one.box is not None and other.box is not None and np.abs(one.box - other.box).max() > SAME_BOX
