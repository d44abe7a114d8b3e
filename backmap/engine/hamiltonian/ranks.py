"""The rank of the present state of a block among states that an exact kernel leads to from it.

If a state is a draw of the distribution that a reversible kernel leaves as it is, then of the L + 1 states of a chain
that runs from it forwards and backwards, with its own place among them drawn at random, no one is distinguished: the
rank of any function of the state is uniform (Besag and Clifford, Biometrika 76, 633 (1989)). It does not matter how
slowly the chain forgets; that decides only how much a wrong state stands out.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..energy import bonded
from ..energy.frame import FrameEnergy
from ..random import numpy_generator
from .move import Frame
from .moves import HamiltonianMoves
from .outcomes import Tempering

Array = NDArray[np.float64]

ALL, PAIRS = "all terms", "pairs"  #: statistics beside those of bonded terms


class BlockRanks:
    """Ranks of energies of blocks among those of chains through their present states.

    Attributes:
        statistics: Names of the energies: all terms, each bonded one, and what pairs have.
    """

    def __init__(self, moves: HamiltonianMoves, energy: FrameEnergy, tempering: Tempering | None = None) -> None:
        """Prepare.

        Args:
            tempering: Of one more move between any two states, by which torsions jump; none without.
        """
        self.moves, self.energy, self.system, self.tempering = moves, energy, moves.system, tempering
        terms = [term for term in energy.layout.present if any(
            each.term == term for molecule in energy.layout.molecules for each in molecule.bonded)]
        self.bonded = terms
        self.statistics = [ALL, *terms, *[PAIRS] * (len(energy.layout.present) > len(terms))]
        owner = np.empty(len(moves.centre), dtype=np.int64)
        first = np.concatenate([group.atom_offset for group in self.system.groups])
        kind = np.repeat(np.arange(len(self.system.groups)), [len(group.atom_offset) for group in self.system.groups])
        order = np.argsort(first)
        owner[:] = order[np.searchsorted(first[order], moves.places.first_atom)]
        self._kind = kind[owner]  # of each block

    def of(self, frame: Frame, block: int, states: int, between: int, name: Sequence[int | str]) -> tuple[Array, Array]:
        """Ranks of the state of one block; the frame is left as it is.

        Args:
            states: Others in the chain, L.
            between: Moves from one to the next.
            name: Of the random numbers.

        Returns:
            The share of states below the present one, 0 to 1, ties broken at random, by statistic, (k,); the standard
            deviation of each over the chain, kJ/mol, (k,).
        """
        rng = numpy_generator(*name, "rank")
        after = int(rng.integers(states + 1))
        molecule, _ = self._places(block)
        positions, totals = [frame.atoms[molecule].copy()], [0.0]
        for way, count in (("on", after), ("back", states - after)):
            kept = self._keep(frame, block)
            for outcome in self.moves.repeat(frame, block, count, between, (*name, way), self.tempering):
                if len(totals) == 1:
                    totals[0] = outcome.energy[0] - outcome.change[0]
                totals.append(outcome.energy[-1])
                positions.append(frame.atoms[molecule].copy())
            self._restore(frame, block, kept)
        chain = self._energies(np.array(positions), block, np.array(totals)).round(7)  # not moved is the same
        below = (chain[1:] < chain[0]).sum(axis=0) + rng.uniform(size=chain.shape[1]) * (
            1 + (chain[1:] == chain[0]).sum(axis=0))
        return below / (states + 1), chain.std(axis=0)

    def _energies(self, positions: Array, block: int, totals: Array) -> Array:
        """Statistics of states (n, k).

        Args:
            positions: Of the molecule, (n, A, 3), nm.
            totals: Energies of all terms, (n,).
        """
        found = np.zeros((len(positions), len(self.statistics)))
        found[:, 0] = totals
        kind = self._kind[block]
        for each in self.energy.layout.molecules[kind].bonded:
            rows = self._rows(block, kind, each.atoms)
            values = bonded.energies(each.function, torch.as_tensor(positions[:, each.atoms[rows]]),
                                     torch.as_tensor(each.parameters[rows]), self.energy.maps)
            found[:, 1 + self.bonded.index(each.term)] += values.numpy().sum(axis=1)
        if PAIRS in self.statistics:
            found[:, -1] = totals - found[:, 1:1 + len(self.bonded)].sum(axis=1)
        return found

    def _rows(self, block: int, kind: int, atoms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Terms (n, k) with an atom of a block."""
        moving = np.zeros(self.system.groups[kind].type.n_atoms, dtype=bool)
        moving[self._atoms(block)] = True
        return np.flatnonzero(moving[atoms].any(axis=1))

    def _atoms(self, block: int) -> NDArray[np.int64]:
        """Atoms of a block, in its molecule."""
        copies, number = self.moves.tables.copies, self.moves.places.block[block]
        return copies.atom[copies.atom_start[number]:copies.atom_start[number + 1]]

    def _keep(self, frame: Frame, block: int) -> tuple[Array, Array, Array, float]:
        atoms, beads = self._places(block)
        return (frame.atoms[atoms].copy(), frame.residual[beads].copy(), frame.grid.reach[beads].copy(),
                float(frame.grid.largest[0]))

    def _restore(self, frame: Frame, block: int, kept: tuple[Array, Array, Array, float]) -> None:
        atoms, beads = self._places(block)
        frame.atoms[atoms], frame.residual[beads], frame.grid.reach[beads], frame.grid.largest[0] = kept

    def _places(self, block: int) -> tuple[slice, slice]:
        """Atoms and beads of the molecule of a block."""
        kind, places = self.system.groups[self._kind[block]].type, self.moves.places
        atom, bead = places.first_atom[block], places.first_bead[block]
        return slice(atom, atom + kind.n_atoms), slice(bead, bead + kind.n_beads)
