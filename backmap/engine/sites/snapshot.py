"""One frame of one trajectory, as assessors see it: whole molecules, and neighbours found once for all."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from ...model.pairs import FAR
from ...model.system import System, Window

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Found = TypeVar("Found")


class Pairs(NamedTuple):
    """Pairs of atoms closer than a cut-off, each once, every periodic image counted.

    Attributes:
        i: System indices of the first atoms, (n,).
        j: System indices of the second atoms, (n,).
        vector: From i to that image of j, nm, (n, 3).
        distance: Length of the vector, nm, (n,).
        same_molecule: Whether both are in one molecule, or images of it, (n,) bool.
        bonds: Number of bonds between them, 99 for more than 8, other molecules and, but of what stands still, other
            images, (n,).
    """

    i: Index
    j: Index
    vector: Array
    distance: Array
    same_molecule: NDArray[np.bool_]
    bonds: NDArray[np.int16]

    def within(self, cutoff: float) -> Pairs:
        """Return the pairs closer than ``cutoff``, nm."""
        return self.take(self.distance < cutoff)

    def take(self, keep: NDArray) -> Pairs:
        """Return some of the pairs, by mask or index."""
        return Pairs(self.i[keep], self.j[keep], self.vector[keep], self.distance[keep], self.same_molecule[keep],
                     self.bonds[keep])


class AtomIndex:
    """Molecule, owner and bonds of every atom of a system, shared by all of its frames.

    Attributes:
        n_molecules: Number of molecules.
        molecule: Number of each atom's molecule, in the order of the topology, (A,).
        type: Index of each atom's molecule type in ``system.types``, (A,).
        local: Index of each atom in its molecule, (A,).
        owner: System index of the bead that places each atom, (A,).
        standing: Whether each atom is of a molecule that stands still and may be bonded across the box, (A,).
        row: Atom row of each atom: what it is in its molecule type, all types counted one after the other, (A,).
    """

    def __init__(self, system: System) -> None:
        n = system.n_atoms
        self.type, self.local, self.owner = (np.empty(n, dtype=np.int64) for _ in range(3))
        starts = np.concatenate([group.atom_offset for group in system.groups])
        rank = np.empty(len(starts), dtype=np.int64)
        rank[np.argsort(starts, kind="stable")] = np.arange(len(starts))
        self.molecule, first = np.empty(n, dtype=np.int64), 0
        for number, group in enumerate(system.groups):
            self.type[group.atoms], self.local[group.atoms] = number, np.arange(group.type.n_atoms)
            self.owner[group.atoms] = group.bead_offset[:, None] + group.type.mapping.owner
            self.molecule[group.atoms] = rank[first:first + len(group.atoms)][:, None]
            first += len(group.atoms)
        self.n_molecules = first
        self.standing = np.array([kind.standing for kind in system.types], dtype=bool)[self.type]
        self.row = np.cumsum([0, *(kind.n_atoms for kind in system.types)])[self.type] + self.local
        self._types = system.types

    def bonds(self, i: Index, j: Index) -> NDArray[np.int16]:
        """Numbers of bonds between atoms (n,) of one molecule, ``FAR`` for more than 8, (n,)."""
        found = np.full(len(i), FAR, dtype=np.int16)
        for number, kind in enumerate(self._types):
            own = np.flatnonzero(self.type[i] == number)
            found[own] = kind.near.look_up(self.local[i[own]], self.local[j[own]], FAR)
        return found


@dataclass(eq=False)
class Snapshot:
    """One frame of one trajectory.

    Attributes:
        system: The molecules.
        where: Molecule, owner and bonds of their atoms.
        number: Number of the frame in the input, from 0.
        index: Place of the frame in the run, from 0.
        replica: Number of the draw of its atoms, from 0.
        box: Box vectors as rows, (3, 3), nm; None without periodicity.
        atoms: Positions of atoms, molecules whole, (A, 3) float64, nm; None if only the true atoms are known.
        beads: Given beads, (B, 3), nm.
        reference: The true atoms of this frame, or None.
        residual: M(r) - R after the last projection, (B, 3), nm, or None.
        forces: Forces on the atoms that are known without a force field, (A, 3), kJ/mol/nm, or None.
        before: Beads before a step moved them, (B, 3), nm, or None.
        time: ps.
    """

    system: System
    where: AtomIndex
    number: int
    index: int
    box: Array | None
    atoms: Array | None
    beads: Array
    reference: Snapshot | None = None
    residual: Array | None = None
    forces: Array | None = None
    replica: int = 0
    before: Array | None = None
    time: float = 0.0
    _found: dict[float, Pairs] = field(default_factory=dict, repr=False)
    _once: dict[tuple[Hashable, int], tuple[Any, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def all_of(cls, window: Window, system: System, where: AtomIndex, index: Index) -> Iterator[Snapshot]:
        """Iterate over the frames of a window; ``index`` is the place of each in the run, (W,)."""
        for w in range(window.size):
            common = (system, where, int(window.frames[w]), int(index[w]), window.box(w))
            reference = None
            if window.reference is not None:  # it belongs to the beads that were read
                read = window.beads if window.before is None else window.before
                reference = cls(*common, window.reference[w], read[w],
                                forces=_of_frame(window.reference_forces, w), replica=int(window.replica[w]),
                                time=float(window.time[w]))
            yield cls(*common, _of_frame(window.atoms, w), window.beads[w], reference, _of_frame(window.residual, w),
                      _of_frame(window.forces, w), int(window.replica[w]), _of_frame(window.before, w),
                      float(window.time[w]))

    def pairs(self, cutoff: float) -> Pairs:
        """Find the pairs of atoms closer than ``cutoff``, nm; results are cached, also for shorter cut-offs."""
        longer = [known for known in self._found if known >= cutoff]
        if not longer:
            self._found[cutoff] = self._search(cutoff)
        elif cutoff not in self._found:
            self._found[cutoff] = self._found[min(longer)].within(cutoff)
        return self._found[cutoff]

    def once(self, name: Hashable, of: object, find: Callable[[], Found]) -> Found:
        """What ``find`` finds of the frame, found once for all that ask for it by this name and of the same object."""
        key = (name, id(of))
        if key not in self._once:
            self._once[key] = (of, find())  # kept with the object, whose number would be another's after it
        return self._once[key][1]

    def _search(self, cutoff: float) -> Pairs:
        lattice = np.zeros((3, 3)) if self.box is None else self.box
        i, j, vector, distance, shift = NeighborList(cutoff=cutoff, full_list=False).compute(
            points=np.ascontiguousarray(self.atoms), box=lattice, periodic=self.box is not None, quantities="ijDdS")
        i, j = i.astype(np.int64), j.astype(np.int64)
        where = self.where
        same = where.molecule[i] == where.molecule[j]
        bonds = np.full(len(i), FAR, dtype=np.int16)
        own = np.flatnonzero(same & (where.standing[i] | ~shift.any(axis=1)))
        bonds[own] = where.bonds(i[own], j[own])
        return Pairs(i, j, vector, distance, same, bonds)


def _of_frame(values: Array | None, frame: int) -> Array | None:
    return None if values is None else values[frame]
