"""Atoms carried over from one frame of beads to the next, so that what the beads do not fix goes on where it was."""
from __future__ import annotations

from functools import lru_cache

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..model.molecule import MoleculeType
from ..model.system import System, self_image
from .geometry.constraint import SystemProjector
from .relieving import relief, relieve

Array = NDArray[np.float64]

#: Bonds to the beads that turn a bead, of which the further ones weigh a quarter.
AROUND = 2
#: Weight of "nothing turns" beside what turns a molecule as a whole, and then each of its beads, for directions that
#: these leave open.
STILL_WHOLE, STILL = 1e-3, 0.05
#: nm; where no bead of a type moves farther within its molecule, atoms go with the molecule and projection does the
#: rest: what beads turn by then is less than what heat does.
CLOSE = 0.01


class Carrying:
    """Moves the atoms of a frame along with its beads.

    Molecules are superposed as a whole from one frame to the next (Kabsch 1976), and then the surroundings of every
    bead, itself and those one and two bonds away; atoms move with their bead. Distances of atoms one and two bonds
    apart, which that changes where beads meet, are led back to what they were with beads in place (as in position-based
    dynamics, Mueller 2007), and rigid bonds are met again by projection, which is all that is done where beads hardly
    move within their molecules. Beads keep the offset from their atoms that they had.

    Args:
        system: What there is.
    """

    def __init__(self, system: System) -> None:
        self.system, self._projector = system, SystemProjector(system)

    def carried(self, atoms: Array, beads: Array, onto: Array) -> Array:
        """Atoms of one frame for the beads of the next.

        Args:
            atoms: Whole molecules next to their beads, (A, 3), nm.
            beads: Their beads, (B, 3), nm.
            onto: The beads of the next frame, (B, 3), nm.

        Returns:
            (A, 3), nm.
        """
        moved = atoms.copy()
        for group in self.system.groups:
            if not group.type.given:
                moved[group.atoms] = _along(group.type, atoms[group.atoms], beads[group.beads], onto[group.beads])
        offset = self.system.map(atoms) - beads
        return self._projector.project(moved[None], (onto + offset)[None])[0][0]

    def turned(self, velocities: Array, beads: Array, onto: Array) -> Array:
        """Velocities (A, 3) of the atoms of one frame, turned as ``carried`` turns what is around their beads."""
        found = velocities.copy()
        for group in self.system.groups:
            was, will, owner = beads[group.beads], onto[group.beads], group.type.mapping.owner
            turn = _turns(group.type, _superposed(was, was, will), will)[:, owner] @ _whole(was, will)[:, None]
            found[group.atoms] = np.einsum("maij,maj->mai", turn, velocities[group.atoms])
        return found


def beside(system: System, beads: Array, atoms: Array, onto: Array, box: Array | None) -> tuple[Array, Array]:
    """The images of the molecules of one frame, beads (B, 3) and atoms (A, 3), nm, that are next to those of the next.

    Args:
        system: What there is.
        beads, atoms: Of the one frame, whole molecules.
        onto: Beads of the next, (B, 3), nm.
        box: Of the next, (3, 3), nm, or None.
    """
    beads, atoms = beads.copy(), atoms.copy()
    for group in system.groups:
        first = group.beads[:, 0]
        shift = self_image(onto[first] - beads[first], box)[:, None]
        beads[group.beads] += shift
        atoms[group.atoms] += shift
    return beads, atoms


def superposed(system: System, atoms: Array, beads: Array, onto: Array) -> Array:
    """The atoms (A, 3) of one frame, molecules moved as whole ones so that beads (B, 3) are nearest to others, nm."""
    moved = atoms.copy()
    for group in system.groups:
        moved[group.atoms] = _superposed(atoms[group.atoms], beads[group.beads], onto[group.beads])
    return moved


def between(system: System, beads: Array, onto: Array, share: float) -> Array:
    """Beads on the way from one frame to the next, (B, 3) each, nm, of which a share is gone.

    Molecules move, turn and change their shape evenly: on straight ways those that turn far would shrink.
    """
    found = onto.copy()
    for group in system.groups:
        was, will = beads[group.beads], onto[group.beads]
        here, there = was.mean(axis=1, keepdims=True), will.mean(axis=1, keepdims=True)
        turn = _whole(was, will)
        part = Rotation.from_rotvec(share * Rotation.from_matrix(turn).as_rotvec()).as_matrix()
        change = np.einsum("mji,mbj->mbi", turn, will - there) - (was - here)
        found[group.beads] = here + share * (there - here) + np.einsum("mij,mbj->mbi", part,
                                                                       was - here + share * change)
    return found


def alike(system: System, beads: Array, onto: Array) -> float:
    """How much the beads of the next frame, (B, 3), nm, are those of a frame, (B, 3), nm, a little later.

    Returns:
        Mean cosine between bonds of beads in the one and in the other, molecules superposed; 1 where there are none.
    """
    cosines = [np.ones(0)]
    for group in system.groups:
        first, second = group.type.bead_bonds[:, 0], group.type.bead_bonds[:, 1]
        was, will = beads[group.beads], onto[group.beads]
        before, after = (x[:, second] - x[:, first] for x in (_superposed(was, was, will), will))
        norm = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
        cosines.append(((before * after).sum(axis=-1) / np.maximum(norm, 1e-9)).ravel())
    found = np.concatenate(cosines)
    return float(found.mean()) if len(found) else 1.0


def _along(kind: MoleculeType, atoms: Array, beads: Array, onto: Array) -> Array:
    """Atoms (m, A, 3) of the molecules of a type, moved with their beads (m, B, 3), before any projection."""
    atoms, beads = _superposed(atoms, beads, onto), _superposed(beads, beads, onto)
    if np.linalg.norm(onto - beads, axis=-1).max(initial=0.0) < CLOSE:
        return atoms
    owner = kind.mapping.owner
    moved = onto[:, owner] + np.einsum("maij,maj->mai", _turns(kind, beads, onto)[:, owner], atoms - beads[:, owner])
    moved = np.ascontiguousarray(moved)
    relieve(relief(kind), moved, np.ascontiguousarray(atoms))
    return moved


def _superposed(points: Array, beads: Array, onto: Array) -> Array:
    """Points (m, N, 3) of molecules, moved as whole ones so that their beads (m, B, 3) are nearest to others."""
    here, there = beads.mean(axis=1, keepdims=True), onto.mean(axis=1, keepdims=True)
    return there + np.einsum("mij,mnj->mni", _whole(beads, onto), points - here)


def _whole(beads: Array, onto: Array) -> Array:
    """Rotations (m, 3, 3) of whole molecules that take their beads (m, B, 3) nearest to others."""
    here, there = beads.mean(axis=1, keepdims=True), onto.mean(axis=1, keepdims=True)
    return _rotation(np.einsum("mbi,mbj->mij", onto - there, beads - here), STILL_WHOLE)


def _turns(kind: MoleculeType, beads: Array, onto: Array) -> Array:
    """Rotation about each bead that takes those around it to where they are in the next frame, (m, B, 3, 3)."""
    product = np.zeros((*beads.shape[:2], 3, 3))
    for i, j, weight in _around(kind):
        before, after = beads[:, j] - beads[:, i], onto[:, j] - onto[:, i]
        product[:, i] += weight * after[:, :, None] * before[:, None, :]
    return _rotation(product, STILL)


def _rotation(product: Array, still: float) -> Array:
    """Rotations (..., 3, 3) that take vectors b to vectors a as well as can be, of the sums of a b^T, (..., 3, 3)."""
    size = np.linalg.norm(product, axis=(-2, -1), keepdims=True)
    left, _, right = np.linalg.svd(product + still * np.maximum(size, 1e-6) * np.eye(3))
    left[..., 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[..., None]
    return left @ right


@lru_cache(maxsize=64)
def _around(kind: MoleculeType) -> list[tuple[int, int, float]]:
    """Every bead, one that is at most ``AROUND`` bonds away, and its weight."""
    return [(bead, other, 4.0**(1 - distance)) for bead in kind.bead_graph
            for other, distance in nx.single_source_shortest_path_length(kind.bead_graph, bead, cutoff=AROUND).items()
            if distance]
