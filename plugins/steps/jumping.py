"""Jumps of symmetric rotors: a turn by a period is another order of the same atoms, for which energies say nothing."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray

from backmap.api import BackmapError
from backmap.engine.energy.bonded import dihedral, thirds
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.random import Stream
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SAME = 1e-6  #: share by which the energy of a frame may change when rotors are turned


def rotors(kind: MoleculeType) -> Iterator[tuple[str, list[int]]]:
    """Rotors of a molecule type that a turn by a period maps onto themselves: methyl, NH3, CF3, carboxylate.

    All neighbours of an atom but one are ends and alike, with the same weight in every bead.

    Yields:
        Atom types of a torsion about the bond that turns, joined as the assessor ``dynamics`` does; three atoms behind
        those that turn, of this torsion, and these, two or three in the order of a turn.
    """
    for axle, centre in (way for bond in sorted(nx.bridges(kind.graph)) for way in (bond, bond[::-1])):
        ends = sorted(set(kind.graph[centre]) - {axle})
        behind = min(set(kind.graph[axle]) - {centre}, key=lambda atom: (-kind.mass[atom], atom), default=None)
        if behind is not None and len(ends) in (2, 3) and len({_nature(kind, end) for end in ends}) == 1:
            types = tuple(kind.atom_types[atom] for atom in (behind, axle, centre, ends[0]))
            yield "-".join(min(types, types[::-1])), [behind, axle, centre, *ends]


def _nature(kind: MoleculeType, atom: int) -> tuple[object, ...]:
    """Equal for atoms that differ in nothing but their names; of atoms that are no ends, of each another."""
    beads = kind.mapping.beads_with([atom])
    (bond,) = rows if len(rows := np.flatnonzero((kind.bonds == atom).any(axis=1))) == 1 else (-1,)
    if bond < 0 or atom in kind.held.partners:
        return (atom,)
    return (kind.atom_types[atom], kind.mass[atom], kind.partial_charge[atom], f"{kind.bond_length[bond]:.6f}",
            int(kind.mapping.owner[atom]), *beads.tolist(), *kind.mapping.part(beads, [atom]).ravel().tolist())


@dataclass(frozen=True, eq=False)
class Jumps:
    """Rotors of a system that jump at random times, beyond the jumps that moves make.

    Attributes:
        share: Jumps that are added for each that moves make, of rotors of each name, (k,).
        name: Number of the name of each rotor, (n,).
        axle: Three atoms of the torsion of each, before the first of ``atoms``, (n, 3).
        atoms: Two or three atoms of each, in the order of a turn, the first one again where they are two, (n, 3).
    """

    share: Array
    name: Index
    axle: Index
    atoms: Index

    @classmethod
    def of(cls, system: System, shares: Mapping[str, float], where: str) -> Jumps:
        """Rotors of a system by the names of their torsions.

        Args:
            system: What there is.
            shares: Jumps that are added to rotors of a name, for each that moves make.
            where: Place in the recipe, for messages.
        """
        found = [(name, group.atom_offset[:, None] + np.array([*atoms, atoms[3]][:6])) for group in system.groups
                 if not (group.type.given or group.type.coarse) for name, atoms in rotors(group.type)]
        known = sorted({name for name, _ in found})
        for name in shares:
            if name not in known:
                listed = f"Those that there are: {', '.join(known)}." if known else "There are none."
                raise BackmapError(f"no rotor that a turn maps onto itself has the torsion '{name}'", where=where,
                                   hint=listed)
        names = list(shares)
        rows = [(np.full(len(atoms), names.index(name)), atoms) for name, atoms in found if name in names]
        which = np.concatenate([np.empty(0, dtype=np.int64), *(number for number, _ in rows)])
        atoms = np.concatenate([np.empty((0, 6), dtype=np.int64), *(atoms for _, atoms in rows)])
        return cls(np.array([*shares.values()], dtype=float), which, atoms[:, :3], atoms[:, 3:])

    def made(self, before: Array, atoms: Array) -> Index:
        """How many rotors of each name are in another third of the circle than before, (k,).

        It is what the assessor ``dynamics`` counts as jumps.

        Args:
            before: Positions of atoms, (A, 3), nm.
            atoms: The same later.
        """
        torsion = np.column_stack([self.axle, self.atoms[:, 0]])
        here, there = (thirds(dihedral(*torch.as_tensor(x[torsion]).unbind(1))).numpy() for x in (before, atoms))
        return np.bincount(self.name[here != there], minlength=len(self.share))

    def counted(self, known: Array | None, before: Array, atoms: Array, passed: float) -> Array:
        """Jumps that moves have made of all rotors of each name, and in which time, ps, (k + 1,).

        Args:
            known: The same up to the frame before; None if that was the first.
            before: Atoms of the frame before, (A, 3), nm.
            atoms: What moves have made of them.
            passed: The time between, ps.
        """
        now = np.append(self.made(before, atoms), passed)
        return now if known is None else known + now

    def rate(self, counted: Array) -> Array:
        """Jumps that are to be added to each rotor, either way, 1/ps, (n,), by what was counted so far, (k + 1,)."""
        *made, passed = counted
        rotors_of = np.bincount(self.name, minlength=len(self.share)).clip(1)
        return (self.share * made / (rotors_of * passed))[self.name] if passed > 0 else np.zeros(len(self.name))

    def expect_alike(self, energy: FrameEnergy, atoms: Array, box: Array | None, where: str) -> None:
        """Raise if the energy of atoms (A, 3), nm, changes when all rotors are turned."""
        turned = atoms.copy()
        for size, rows in ((2, self._two), (3, ~self._two)):
            turned[self.atoms[rows, :size]] = atoms[np.roll(self.atoms[rows, :size], 1, axis=1)]
        here, there = (float(energy.of(x, box).total) for x in (atoms, turned))
        if abs(there - here) > SAME * max(abs(here), 1.0):
            raise BackmapError("the force field has other terms for some atoms of a rotor than for others: energies "
                               f"change by {there - here:.3g} kJ/mol when all are turned", where=where,
                               hint="Leave that rotor out.")

    @property
    def _two(self) -> NDArray[np.bool_]:
        """Which have two atoms, (n,)."""
        return self.atoms[:, 0] == self.atoms[:, 2]

    def order(self, name: tuple[int | str, ...], rate: Array, passed: float, n_atoms: int) -> Index:
        """Whose place each of ``n_atoms`` atoms has after some time, ps, of jumps, (n_atoms,).

        Args:
            name: Of the random numbers: seed, step, number of the frame in the input.
            rate: Jumps of each rotor, either way, 1/ps, (n,).
        """
        order = np.arange(n_atoms)
        if not len(self.atoms):
            return order
        drawn = Stream.of(*name, "jumps", torch.as_tensor(self.atoms[:, 0])).uniform(1)[:, 0].numpy()
        two = self._two
        # Where a walk of jumps at random times, either way, has come to on a ring of two or three.
        moved = np.where(two, 1 - np.exp(-2 * rate * passed), (1 - np.exp(-1.5 * rate * passed)) * 4 / 3) / 2
        half = drawn < moved / 2
        for size, way, chosen in ((2, 1, two & (drawn < moved)), (3, 1, ~two & half),
                                  (3, -1, ~two & ~half & (drawn < moved))):
            rows = self.atoms[chosen, :size]
            order[rows] = np.roll(rows, way, axis=1)
        return order
