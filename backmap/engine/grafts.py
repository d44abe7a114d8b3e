"""Fragments that are folded up get the shape of a sound one of their kind.

A ring that has folded onto itself has a minimum of the energy of its own: nothing leads downhill out of it, and no move
climbs so high. But the same fragment stands elsewhere in the frame, sound. It is put here by the atoms that both hang
on, and bonds and beads are restored.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..model import box as periodic
from ..model.isomers import BOND, IsomerTerms, flatness, handedness
from ..model.molecule import MoleculeType
from ..model.pairs import AtomRows
from ..model.system import System
from .flags import FLATTEST
from .geometry.constraint import SystemProjector
from .rings import small_rings

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

FLAT = 0.02  #: nm; distance of the atoms of an aromatic ring from their plane, root mean square, where it is bent
#: Some force fields hold rings in their plane so weakly that heat bends them as far: from so many rings on, so many
#: times the median of all of them is the limit, if that is larger, but no more than this, nm.
ENOUGH, OF_MEDIAN, FARTHEST = 20, 3.0, 0.04
SHORT = 0.7  #: of the distance that two atoms of a regular ring with one between them have, from which on it is folded
DONORS = 24  #: sound fragments that are tried, those which fit best
CLOSE = 0.4  #: nm; atoms farther away are not in the way


def bent(corners: Array) -> Mask:
    """Whether aromatic rings are bent, as heat does not bend them, or folded flat onto themselves, (...).

    Args:
        corners: Atoms in order, of rings of one kind, (..., n, 3), nm.
    """
    n = corners.shape[-2]
    middle = corners - corners.mean(axis=-2, keepdims=True)
    off = np.linalg.svd(middle, compute_uv=False)[..., 2] / np.sqrt(n)
    side = np.linalg.norm(corners - np.roll(corners, 1, axis=-2), axis=-1).mean(axis=-1)
    across = np.linalg.norm(corners - np.roll(corners, 2, axis=-2), axis=-1).min(axis=-1)
    usual = np.clip(OF_MEDIAN * np.median(off), FLAT, FARTHEST) if off.size >= ENOUGH else FLAT
    return (off > usual) | (across < SHORT * 2 * side * np.sin(np.pi * (n - 2) / (2 * n)))


class AromaticRings:
    """The aromatic rings of a system of up to six atoms, by size.

    Attributes:
        rings: Atoms of each, in order, (R, n), for every size n.
    """

    def __init__(self, system: System) -> None:
        found: dict[int, list[Index]] = defaultdict(list)
        for group in system.groups:
            for ring in () if group.type.given else aromatic(group.type):
                found[len(ring)].append(group.atom_offset[:, None] + np.array(ring))
        self.rings = [np.concatenate(rows) for _, rows in sorted(found.items())]

    def folded(self, atoms: Array) -> Index:
        """Atoms of rings that are bent or folded, of whole molecules (A, 3), nm."""
        return np.concatenate([np.empty(0, dtype=np.int64),
                               *(rings[bent(atoms[rings])].ravel() for rings in self.rings)])


def aromatic(kind: MoleculeType) -> list[list[int]]:
    """The aromatic rings of a molecule type of up to six atoms, atoms in order."""
    if not kind.chemistry.aromatic.any():
        return []
    return [ring for ring in small_rings(kind, 6) if kind.chemistry.aromatic[ring].all()]


@dataclass(frozen=True, eq=False)
class FragmentKind:
    """Fragments that are the same: of the same atoms and bonds, hung on the same atoms.

    Attributes:
        beads: System indices, (n,).
        own: Atoms of each, (n, F).
        held: Atoms outside that they hang on, by one bond or two, (n, H).
    """

    beads: Index
    own: Index
    held: Index


class Grafts:
    """Sound fragments in place of folded ones."""

    def __init__(self, system: System) -> None:
        self.system, self.projector = system, SystemProjector(system)
        rows: dict[Hashable, list[tuple[Index, Index, Index]]] = defaultdict(list)
        for group in system.groups:
            for bead in () if group.type.given else range(group.type.n_beads):
                own, held, key = _described(group.type, bead)
                rows[key].append((group.beads[:, bead], group.atom_offset[:, None] + own,
                                  group.atom_offset[:, None] + held))
        self.kinds = [FragmentKind(*(np.concatenate(parts) for parts in zip(*each))) for each in rows.values()]
        self.isomers = _isomers(system)
        self.near = AtomRows.of(system.n_atoms, self.isomers.atoms)

    def graft(self, atoms: Array, beads: Array, box: Array | None, folded: Mask, sound: Mask) -> Array:
        """Atoms with the fragments of beads ``folded`` (B,) in the shape of those of beads that are ``sound``.

        Args:
            atoms: Whole molecules, (A, 3), nm.
            beads: Where the atoms' beads are to be, (B, 3), nm.
            box: (3, 3), nm, or None.
            folded: (B,).
            sound: (B,).

        Returns:
            The atoms on their bonds and beads, as nearly as bonds let them, (A, 3), nm.
        """
        made = atoms.copy()
        for kind in self.kinds:
            donors = np.flatnonzero(sound[kind.beads])
            for row in np.flatnonzero(folded[kind.beads]) if len(donors) else ():
                shape = self._shaped(made, beads, box, kind, row, donors)
                if shape is not None:
                    made[kind.own[row]] = shape
        (made,), _ = self.projector.project(made[None], beads[None])
        return made

    def _shaped(self, atoms: Array, beads: Array, box: Array | None, kind: FragmentKind, row: int,
                donors: Index) -> Array | None:
        """Positions of the fragment in ``row``: of the donors that fit best and bring the fewest wrong isomers to the
        bonds that join it to others, of the one that has most room; None where all bring more than there are."""
        own = kind.own[row]
        fixed = np.concatenate([atoms[kind.held[row]], beads[kind.beads[row], None]])
        theirs = np.concatenate([atoms[kind.held[donors]], self.system.map(atoms)[kind.beads[donors], None]], axis=1)
        shapes, off = superposed(theirs, fixed, atoms[kind.own[donors]])
        shapes = shapes[np.argsort(off, kind="stable")[:DONORS]]
        wrong = self._wrong(atoms, own, np.concatenate([atoms[own][None], shapes]))
        shapes, least = shapes[wrong[1:] == wrong[1:].min()], wrong[1:].min()
        if least > wrong[0]:
            return None
        others = np.setdiff1d(np.arange(len(atoms)), np.concatenate([own, kind.held[row]]))
        away = periodic.minimum_image(atoms[others] - fixed[-1], box)
        away = away[np.linalg.norm(away, axis=1) < CLOSE + 0.5]
        room = [np.linalg.norm(shape[:, None] - fixed[-1] - away, axis=2).min(initial=CLOSE) for shape in shapes]
        return shapes[int(np.argmax(room))]

    def _wrong(self, atoms: Array, own: Index, shapes: Array) -> Index:
        """How wrong isomers about a fragment are with its atoms ``own`` (F,) in each of ``shapes`` (n, F, 3), (n,).

        A wrong hand or side counts twice, a planar bond that stands between its sides once.
        """
        rows = self.near.touching(own)
        corners, places = np.unique(self.isomers.atoms[rows], return_inverse=True)
        here = np.repeat(atoms[corners][None], len(shapes), axis=0)
        inside = np.flatnonzero(np.isin(corners, own))
        here[:, inside] = shapes[:, [own.tolist().index(atom) for atom in corners[inside]]]
        places, sign, bond = places.reshape(-1, 4), self.isomers.sign[rows], self.isomers.code[rows] == BOND
        flat = flatness(here, places[bond], sign[bond])
        hands = handedness(here, places[~bond]) != sign[~bond]
        return 2 * hands.sum(axis=1) + (flat < 0).sum(axis=1) + (flat < FLATTEST).sum(axis=1)


def superposed(theirs: Array, here: Array, more: Array) -> tuple[Array, Array]:
    """Points turned and moved onto others (Kabsch, Acta Cryst. A 32, 922 (1976)).

    Args:
        theirs: (n, Q, 3).
        here: Onto which, (Q, 3).
        more: What is moved with them, (n, F, 3).

    Returns:
        ``more`` where it comes to lie, (n, F, 3), and the root mean square of what is left between, (n,).
    """
    centre, middle = theirs.mean(axis=1, keepdims=True), here.mean(axis=0)
    a, b = theirs - centre, here - middle
    u, _, v = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ v))[:, None]
    turn = u @ v
    return (more - centre) @ turn + middle, np.sqrt(((a @ turn - b)**2).sum(-1).mean(-1))


def _isomers(system: System) -> IsomerTerms:
    """What tells isomers of all molecules, atoms numbered as in the system."""
    parts = [(group.atom_offset, group.type.isomer_terms) for group in system.groups if not group.type.given]
    return IsomerTerms(*(np.concatenate([np.empty((0, *shape), dtype=np.int64), *each]) for shape, each in (
        ((), [np.tile(terms.code, len(at)) for at, terms in parts]),
        ((4,), [(at[:, None, None] + terms.atoms).reshape(-1, 4) for at, terms in parts]),
        ((), [np.tile(terms.sign, len(at)) for at, terms in parts]))))


def _described(kind: MoleculeType, bead: int) -> tuple[Index, Index, Hashable]:
    """Atoms of a fragment, those that it hangs on by one bond or two, and what is the same of fragments of one kind."""
    graph, types = kind.graph, kind.atom_types
    own = np.flatnonzero(kind.mapping.owner == bead)
    place = {atom: k for k, atom in enumerate(own.tolist())}
    held: list[int] = []
    for _ in range(2):
        ring = sorted((place[atom], types[other], other) for atom in place for other in graph[atom]
                      if other not in place)
        for _, _, other in ring:
            if other not in place:
                place[other] = len(place)
                held.append(other)
    inside = sorted((place[i], place[j]) for i, j in graph.edges if i in place and j in place)
    isomers = kind.isomer_terms
    signs = sorted((code, sign, *(place[atom] for atom in row)) for code, row, sign in
                   zip(isomers.code.tolist(), isomers.atoms.tolist(), isomers.sign.tolist())
                   if all(atom in place for atom in row))
    key = (kind.bead_types[bead], tuple(types[atom] for atom in place),
           tuple(tuple(sorted(pair)) for pair in inside), tuple(signs))
    return own, np.array(held, dtype=np.int64), key
