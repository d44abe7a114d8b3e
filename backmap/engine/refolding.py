"""Stretches of chains that stand in a wrong fold, off their beads or entangled, are folded anew.

Downhill from a wrong fold there is none that is right, and neighbours stand where the way out would lead. So the atoms
of the stretch are let go of by their beads and by each other: hot, without charges and with next to no repulsion, they
follow their bonds alone, and beads take hold of them again little by little. What is known of isomers stays as it is.
Where nothing says which hand a centre has, beads do: side groups that lie across from their bead are mirrored onto it.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..model.isomers import CENTRE
from ..model.molecule import MoleculeType
from .flags import with_neighbours
from .hamiltonian.move import Frame
from .hamiltonian.moves import HamiltonianMoves
from .hamiltonian.steering import Hold, Steering

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: How a stretch is held at first: nm, times the temperature, kJ/mol.
FREELY = Hold(sigma=1.0, warmth=6.0, cap=1.0)
REACH = 5  #: bonds along the bead graph, from what is wrong, that are folded anew with it
SWEEPS, TIMESTEP = 200, 1.0  #: of folding; fs, as springs are soft
#: By how much mirroring is to bring beads nearer, in the sum of the squares of what they are missed by, in sigma.
NEARER = 9.0


class Refolding:
    """Folds stretches of chains anew, on soft beads.

    Args:
        moves: Those that count.
        temperature: K.
        size: Beads in a block.
    """

    def __init__(self, moves: HamiltonianMoves, temperature: float, size: int) -> None:
        self.moves, self.system, self.temperature, self.size = moves, moves.system, temperature, size

    @cached_property
    def swaps(self) -> list[list[tuple[Index, Index]]]:
        """Of each molecule type, what ``swap_of`` has for its centres of unknown hand."""
        found = []
        for kind in self.system.types:
            unknown = () if kind.given else kind.chemistry.centres[kind.chemistry.sign == 0, 0].tolist()
            found.append([swap for centre in unknown if (swap := swap_of(kind, centre)) is not None])
        return found

    def refold(self, frame: Frame, box: Array | None, name: Sequence[int | str], wrong: Mask) -> Mask:
        """Fold what is ``wrong`` (B,) anew, in place; it overlaps with others then, and is to be mended.

        Args:
            frame: On soft beads.
            box: (3, 3), nm, or None.
            name: Of the random numbers.
            wrong: Beads about which something is wrong, (B,).

        Returns:
            Beads that were moved, (B,).
        """
        self.moves.put(frame, self.mirrored(frame, wrong), box)
        around = wrong
        for _ in range(REACH):
            around = with_neighbours(around[None], self.system)[0]
        around = around & ~self.moves.untied
        steering = Steering(self.system, self.moves.layout.field.for_starts(), self.temperature, self.size,
                            self.moves.sigma)
        steering.moves.pace(TIMESTEP, steering.moves.rules.steps)
        steering.loosen(frame, name, around, SWEEPS, FREELY)
        return around

    def mirrored(self, frame: Frame, wrong: Mask) -> Array:
        """Atoms (A, 3) whose side groups about ``wrong`` beads are mirrored where this brings beads nearer."""
        atoms, wanted = frame.atoms.copy(), self.system.map(frame.atoms) - frame.residual
        owner = self.moves.layout.where.owner
        for group, swaps in zip(self.system.groups, self.swaps, strict=True):
            for first in group.atom_offset if swaps else ():
                for corners, side in swaps:
                    if not wrong[owner[first + np.append(corners, side)]].any():
                        continue
                    other = atoms.copy()
                    other[first + side] = reflected(atoms[first + side], atoms[first + corners])
                    if self._missed(other, wanted) < self._missed(atoms, wanted) - NEARER:
                        atoms = other
        return atoms

    def _missed(self, atoms: Array, wanted: Array) -> float:
        """Sum of the squares of what beads are missed by, in sigma."""
        return float((((self.system.map(atoms) - wanted) / self.moves.sigma[:, None])**2)[~self.moves.untied].sum())


def swap_of(kind: MoleculeType, centre: int) -> tuple[Index, Index] | None:
    """How a centre is turned over by a mirror: through it and the two largest of what hangs on it, for all the rest.

    Args:
        kind: The molecule type.
        centre: An atom.

    Returns:
        The centre and the first atoms of both, (3,), and the atoms of the rest, (n,); None where these are in one ring
        with others, or a mirror would turn over what has a known hand.
    """
    rest = kind.graph.copy()
    rest.remove_node(centre)
    branches = {arm: nx.node_connected_component(rest, arm) for arm in kind.graph[centre]}
    arms = sorted(branches, key=lambda arm: (-len(branches[arm]), arm))
    side = [atom for arm in arms[2:] for atom in branches[arm]]
    terms = kind.isomer_terms
    known = set(terms.atoms[terms.code == CENTRE, 0].tolist())
    ringed = any(arm in branches[other] for arm in arms for other in arms if arm != other)
    if len(arms) < 3 or ringed or known & {*side}:
        return None
    return np.array([centre, *arms[:2]], dtype=np.int64), np.array(sorted(side), dtype=np.int64)


def reflected(points: Array, corners: Array) -> Array:
    """Points (n, 3) on the other side of the plane through three corners (3, 3)."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    length = np.linalg.norm(normal)
    if length < 1e-9:
        return points
    normal /= length
    return points - 2 * ((points - corners[0]) @ normal)[:, None] * normal
