"""How far fragments reach, and everything within a force field's cut-off of it: what an exact sweep looks at.

The blocks of one colour are drawn and accepted at once. That equals some serial order only if no two of them can
interact, wherever candidates put their atoms: beads i and j conflict below cut-off + reach(i) + reach(j).
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from ...model.molecule import MoleculeType
from ...model.pairs import FAR
from ...model.system import System, Window
from ..compiling.compiled import compiled
from ..sites.conflict import bead_pairs, conflict_graph
from ..sites.environment import Scene

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Blocks of one molecule this many bonds apart, or fewer, are never drawn at once: det G couples along bonds.
APART = 4
#: Length of a chain of bonds, stretched, over the sum of its bonds: sin(125 degrees / 2) and more.
STRETCHED = 0.92
#: Lengths of flexible bonds to stretch, nm: with a hydrogen, between atoms of the second period, and others.
BOND_LENGTHS = 0.12, 0.165, 0.24
#: Chains of bonds are followed so far, nm.
FARTHEST = 2.0
#: Fragments may reach this much farther than their stretched bonds.
MARGIN = 1.05


def reach(molecule: MoleculeType, sigma: float) -> Array:
    """How far the atoms of each fragment can be from their bead, nm, (B,).

    A bound from the lengths of stretched chains of bonds to all atoms of the bead, and six ``sigma`` (nm), by
    which the bead itself may be missed. It does not depend on any frame, so neither do colours.
    """
    if molecule.given:
        return np.full(molecule.n_beads, 6 * sigma)
    element, length = molecule.chemistry.element, np.array(molecule.bond_length)
    kinds = np.where((element[molecule.bonds] == 1).any(axis=1), 0,
                     np.where((element[molecule.bonds] <= 10).all(axis=1), 1, 2))
    length = np.where(np.isfinite(length), length, np.take(BOND_LENGTHS, kinds))
    edges = {(min(bond), max(bond)): d for bond, d in zip(molecule.bonds.tolist(), length.tolist(), strict=True)}
    edges |= {(min(pair), max(pair)): d for pair, d in molecule.held.between.items()}
    dependents = molecule.dependents
    for site, parent in zip(dependents.atoms.tolist(), dependents.first.tolist(), strict=True):
        if molecule.virtual[site]:
            edges[min(site, parent), max(site, parent)] = BOND_LENGTHS[1]  # they are within a bond of an atom
    around: list[list[tuple[int, float]]] = [[] for _ in range(molecule.n_atoms)]
    for (i, j), d in edges.items():
        around[i].append((j, float(d)))
        around[j].append((i, float(d)))
    found = np.zeros(molecule.n_beads)
    for bead, own in enumerate(molecule.mapping.fragments()):
        inside = molecule.mapping.atoms_in([bead])
        weights = molecule.mapping.part([bead], inside)[0]
        for atom, hops in zip(own.tolist(), molecule.near.look_up(own[:, None], inside, FAR).tolist(), strict=True):
            paths = _paths(around, atom, set(inside.tolist()))
            far = max(paths.values())
            away = sum(weight * (paths.get(a, far) * (STRETCHED if apart > 1 else 1.0))
                       for a, weight, apart in zip(inside.tolist(), weights.tolist(), hops, strict=True))
            found[bead] = max(found[bead], away)
    return MARGIN * found + 6 * sigma + 0.005


def _paths(around: list[list[tuple[int, float]]], start: int, wanted: set[int]) -> dict[int, float]:
    """Lengths of the shortest chains of bonds from an atom, nm, to all that are ``wanted``, or as far as ``FARTHEST``.

    Others on the way are among them.
    """
    found: dict[int, float] = {}
    left, fringe = set(wanted), [(0.0, start)]
    while fringe and left:
        length, atom = heappop(fringe)
        if atom in found:
            continue
        found[atom] = length
        left.discard(atom)
        for other, edge in around[atom]:
            farther = length + edge
            if other not in found and farther <= FARTHEST:
                heappush(fringe, (farther, other))
    return found


@dataclass(eq=False)
class Shells:
    """Who is within the force field's reach of whom: W frames, B beads, P neighbour beads at most.

    It stands in for ``Surroundings`` in the scene that ``SiteEnergy`` looks at; neighbour atoms, some thousand a
    site, are found batch by batch.

    Attributes:
        conflicts: One conflict graph per frame: beads that are never drawn at once.
        beads: Neighbour beads of each bead, -1 padding, (W, B, P).
        vectors: From the bead to that image of each neighbour bead, nm, (W, B, P, 3).
    """

    conflicts: list[csr_array]
    beads: Tensor
    vectors: Tensor
    _atoms: Tensor = field(repr=False)
    _anchors: Tensor = field(repr=False)
    _owned: Index = field(repr=False)
    _radius: Array = field(repr=False)
    _last: list = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, window: Window, scene: Scene, system: System, reaches: Array, cutoff: float, view: float) -> Shells:
        """Search the neighbours of every bead.

        Args:
            window: Its beads and boxes.
            scene: Of the window; its atoms are the ones looked at.
            system: What is there.
            reaches: How far each bead's atoms can be from it, nm, (B,).
            cutoff: Of the force field, nm.
            view: Of the generator, nm.
        """
        widest = max(view, cutoff + 2 * float(reaches.max()))
        related = _related(system)
        both = tuple(np.concatenate([a, b]) for a, b in zip(related, scene.layout.related, strict=True))
        found, conflicts = [], []
        for w in range(window.size):
            i, j, vector = bead_pairs(window.beads[w], window.box(w), widest)
            distance = np.linalg.norm(vector, axis=1)
            meets = distance < cutoff + reaches[i] + reaches[j]
            close = meets | (distance < view)
            conflicts.append(conflict_graph(system.n_beads, i[close], j[close], both))
            found.append((i[meets], j[meets], vector[meets]))
        width = max(1, *(int(np.bincount(i, minlength=1).max(initial=0)) for i, _, _ in found))
        beads = np.full((window.size, system.n_beads, width), -1, dtype=np.int64)
        vectors = np.zeros((window.size, system.n_beads, width, 3))
        for w, (i, j, vector) in enumerate(found):
            slot = np.arange(len(i)) - np.searchsorted(i, i)
            beads[w, i, slot], vectors[w, i, slot] = j, vector
        device = scene.beads.device
        return cls(conflicts, *(torch.as_tensor(x, device=device) for x in (beads, vectors)), scene.atoms, scene.beads,
                   scene.layout.owned.cpu().numpy(), cutoff + reaches)

    @property
    def n_frames(self) -> int:
        """Number of frames W."""
        return self.beads.shape[0]

    def seen(self, scene: Scene) -> Scene:
        """The scene as ``SiteEnergy`` is to see it; both share their atoms."""
        return replace(scene, surroundings=self)

    @property
    def atoms(self) -> _Found:
        """``atoms[frame, bead]``: system indices of the atoms within reach of the sites, -1 padding, (S, N)."""
        return _Found(self, 0)

    @property
    def slot(self) -> _Found:
        """``slot[frame, bead]``: which neighbour bead each of these atoms belongs to, (S, N)."""
        return _Found(self, 1)

    def find(self, frame: Tensor, bead: Tensor) -> tuple[Tensor, Tensor]:
        """Atoms within reach of each site as they are now, and their neighbour beads, (S, N) each."""
        arrays = [x.cpu().numpy() for x in (self.beads[frame, bead], self.vectors[frame, bead], frame, bead)]
        atoms, anchors = self._atoms.cpu().numpy(), self._anchors.cpu().numpy()
        n = _within(*arrays, atoms, anchors, self._owned, self._radius, np.empty((len(frame), 0), dtype=np.int64),
                    np.empty((len(frame), 0), dtype=np.int64))
        index, slot = np.full((len(frame), n), -1), np.zeros((len(frame), n), dtype=np.int64)
        _within(*arrays, atoms, anchors, self._owned, self._radius, index, slot)
        return tuple(torch.as_tensor(x, device=self.beads.device) for x in (index, slot))


@dataclass(frozen=True, eq=False)
class _Found:
    """A table (W, B, N) that is never made: rows are found when they are asked for."""

    shells: Shells
    part: int

    def __getitem__(self, sites: tuple[Tensor, Tensor]) -> Tensor:
        # Both parts of a batch are asked for one after the other: each search answers once for either of them.
        last = self.shells._last
        fresh = last and last[0] is sites[0] and last[1] is sites[1] and last[2][self.part] is not None
        if not fresh:
            last[:] = [*sites, list(self.shells.find(*sites))]
        found, last[2][self.part] = last[2][self.part], None
        return found


@compiled(nogil=True)
def _within(beads: Index, vectors: Array, frame: Index, bead: Index, atoms: Array, anchors: Array, owned: Index,
            radius: Array, index: Index, slot: Index) -> int:
    """Fill ``index`` and ``slot`` (S, N) with atoms near each anchor; returns the N that is needed."""
    most = 1
    fills = index.shape[1] > 0
    for s in range(len(bead)):
        here, w, count = bead[s], frame[s], 0
        limit = radius[here]**2
        for p in range(beads.shape[1]):
            other = beads[s, p]
            if other < 0:
                break
            # The image of a neighbour bead is the image of its atoms.
            x = vectors[s, p, 0] - anchors[w, other, 0]
            y = vectors[s, p, 1] - anchors[w, other, 1]
            z = vectors[s, p, 2] - anchors[w, other, 2]
            for k in range(owned.shape[1]):
                atom = owned[other, k]
                if atom < 0:
                    break
                dx, dy, dz = atoms[w, atom, 0] + x, atoms[w, atom, 1] + y, atoms[w, atom, 2] + z
                if dx * dx + dy * dy + dz * dz < limit:
                    if fills:
                        index[s, count], slot[s, count] = atom, p
                    count += 1
        most = max(most, count)
    return most


def _related(system: System) -> tuple[Index, Index]:
    """Pairs of beads of one molecule whose fragments are at most ``APART`` bonds apart or share a bead."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for group in system.groups:
        if group.type.given:  # never drawn
            continue
        mapping, bonds, n = group.type.mapping, group.type.near, group.type.n_beads
        close = bonds.value <= APART
        i, j = mapping.owner[bonds.first[close]], mapping.owner[bonds.other[close]]
        bead, atom, _ = mapping.entries
        part = csr_array((np.ones(len(atom)), (mapping.owner[atom], bead)), shape=(n, n))  # owner has a part in bead
        near = (csr_array((np.ones(len(i)), (i, j)), shape=(n, n)) + part @ part.T).tocoo()
        apart = near.row != near.col
        local = np.unique(np.column_stack([near.row[apart], near.col[apart]]).astype(np.int64), axis=0)
        pairs.append((group.bead_offset[:, None, None] + local).reshape(-1, 2))
    both = np.concatenate(pairs)
    return both[:, 0], both[:, 1]
