"""Jumps of symmetric rotors: a turn by a period is another order of the same atoms, for which energies say nothing."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray

from backmap.api import BackmapError
from backmap.engine.energy.frame import FrameEnergy
from backmap.engine.random import Stream
from backmap.model.molecule import MoleculeType
from backmap.model.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SAME = 1e-6  #: share by which the energy of a frame may change when rotors are turned
PER_NS = 1e-3  #: 1/ns in 1/ps


def rotors(kind: MoleculeType) -> Iterator[tuple[str, list[int]]]:
    """Rotors of a molecule type that a turn by a period maps onto themselves: methyl, NH3, CF3, carboxylate.

    All neighbours of an atom but one are ends and alike, with the same weight in every bead.

    Yields:
        Atom types of a torsion about the bond that turns, joined as the assessor ``dynamics`` does; two or three atoms
        in the order of a turn.
    """
    for axle, centre in (way for bond in sorted(nx.bridges(kind.graph)) for way in (bond, bond[::-1])):
        ends = sorted(set(kind.graph[centre]) - {axle})
        behind = min(set(kind.graph[axle]) - {centre}, key=lambda atom: (-kind.mass[atom], atom), default=None)
        if behind is not None and len(ends) in (2, 3) and len({_nature(kind, end) for end in ends}) == 1:
            types = tuple(kind.atom_types[atom] for atom in (behind, axle, centre, ends[0]))
            yield "-".join(min(types, types[::-1])), ends


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
    """Rotors of a system that jump at random times.

    Attributes:
        atoms: Two or three atoms of each, in the order of a turn, the first one again where they are two, (n, 3).
        rate: Jumps of each, either way, 1/ps, (n,).
    """

    atoms: Index
    rate: Array

    @classmethod
    def of(cls, system: System, rates: Mapping[str, float], where: str) -> Jumps:
        """Rotors of a system by the names of their torsions.

        Args:
            system: What there is.
            rates: Jumps per ns of each rotor of a name.
            where: Place in the recipe, for messages.
        """
        found = [(name, group.atom_offset[:, None] + np.array([*ends, ends[0]][:3])) for group in system.groups
                 if not (group.type.given or group.type.coarse) for name, ends in rotors(group.type)]
        known = sorted({name for name, _ in found})
        for name in rates:
            if name not in known:
                listed = f"Those that there are: {', '.join(known)}." if known else "There are none."
                raise BackmapError(f"no rotor that a turn maps onto itself has the torsion '{name}'", where=where,
                                   hint=listed)
        rows = [(atoms, np.full(len(atoms), PER_NS * rates[name])) for name, atoms in found if name in rates]
        return cls(np.concatenate([np.empty((0, 3), dtype=np.int64), *(atoms for atoms, _ in rows)]),
                   np.concatenate([np.empty(0), *(rate for _, rate in rows)]))

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

    def order(self, name: tuple[int | str, ...], passed: float, n_atoms: int) -> Index:
        """Whose place each of ``n_atoms`` atoms has after some time, ps, of jumps, (n_atoms,).

        Args:
            name: Of the random numbers: seed, step, number of the frame in the input.
        """
        order = np.arange(n_atoms)
        if not len(self.atoms):
            return order
        drawn = Stream.of(*name, "jumps", torch.as_tensor(self.atoms[:, 0])).uniform(1)[:, 0].numpy()
        two = self._two
        # Where a walk of jumps at random times, either way, has come to on a ring of two or three.
        moved = np.where(two, 1 - np.exp(-2 * self.rate * passed), (1 - np.exp(-1.5 * self.rate * passed)) * 4 / 3) / 2
        half = drawn < moved / 2
        for size, way, chosen in ((2, 1, two & (drawn < moved)), (3, 1, ~two & half),
                                  (3, -1, ~two & ~half & (drawn < moved))):
            rows = self.atoms[chosen, :size]
            order[rows] = np.roll(rows, way, axis=1)
        return order
