"""Bonds through rings: what no force field mends by itself, as it holds both together for ever."""
from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from vesin import NeighborList

from ..model.cycles import in_short_cycles, sheets, shortest
from ..model.molecule import MoleculeType
from ..model.system import System
from .compiling.compiled import compiled, part

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Rings of molecule types that are in use, by the size of the largest; searches look at every bond.
_RINGS: WeakKeyDictionary[MoleculeType, dict[int, list[list[int]]]] = WeakKeyDictionary()
LARGEST = 8  #: atoms of a ring that nothing fits through
#: Farthest a bond's middle is looked for from a ring's centre, nm. A longer bond is torn, which is seen anyway, or of
#: what stands still and is bonded across the box.
REACH = 0.6


@dataclass(frozen=True, eq=False)
class Threads:
    """Bonds through rings of one frame.

    Attributes:
        ring: Rows of ``SmallRings.rings``, (n,).
        bond: Rows of ``SmallRings.bonds``, (n,).
        vector: From the ring's centre to the bond's middle, that image of it that goes through, nm, (n, 3).
    """

    ring: Index
    bond: Index
    vector: Array

    def __len__(self) -> int:
        return len(self.ring)


class SmallRings:
    """The small rings of a system, and bonds that go through them.

    Attributes:
        rings: Atoms of each, in order, -1 padding, (R, LARGEST).
        sizes: Number of atoms of each, (R,).
        bonds: Pairs of bonded atoms, (K, 2).
    """

    def __init__(self, system: System) -> None:
        found = [np.empty((0, LARGEST), dtype=np.int64)]
        for group in system.groups:
            for ring in small_rings(group.type, LARGEST):
                rows = np.full((len(group.atom_offset), LARGEST), -1)
                rows[:, :len(ring)] = group.atom_offset[:, None] + np.array(ring)
                found.append(rows)
        self.rings = np.concatenate(found)
        self.sizes = (self.rings >= 0).sum(axis=1)
        bonds = [(group.atom_offset[:, None, None] + group.type.bonds).reshape(-1, 2) for group in system.groups]
        self.bonds = np.concatenate(bonds).astype(np.int64)

    def threads(self, atoms: Array, box: Array | None) -> Threads:
        """Bonds through rings of other atoms, any periodic image of them, of whole molecules (A, 3), nm."""
        nothing = Threads(*np.empty((2, 0), dtype=np.int64), np.empty((0, 3)))
        if not len(self.rings):
            return nothing
        x = np.ascontiguousarray(atoms)
        inside = self.rings >= 0
        centres = self.centres(x)
        radius = np.linalg.norm((x[self.rings] - centres[:, None]) * inside[..., None], axis=2).max(axis=1)
        ends = x[self.bonds]
        middles = ends.mean(axis=1)
        half = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / 2
        # What is longer is torn, or bonded across the box.
        rings, bonds = np.flatnonzero(radius < REACH), np.flatnonzero(half < REACH)
        if not len(rings) or not len(bonds):
            return nothing
        reach = min(radius[rings].max() + half[bonds].max(), REACH)
        ring, bond, vector = _near(centres[rings], middles[bonds], reach, box)
        ring, bond = rings[ring], bonds[bond]
        through = pierced(x, ring, bond, vector, self.rings, self.sizes, centres, self.bonds, middles)
        return Threads(ring[through], bond[through], vector[through])

    def centres(self, atoms: Array) -> Array:
        """Mean position of each ring, nm, (R, 3)."""
        inside = self.rings >= 0
        return (atoms[self.rings] * inside[..., None]).sum(axis=1) / self.sizes[:, None]

    def atoms_of(self, threads: Threads) -> Index:
        """The atoms of rings and bonds that are threaded."""
        atoms = np.concatenate([self.bonds[threads.bond].ravel(), self.rings[threads.ring].ravel()])
        return atoms[atoms >= 0]


def _near(centres: Array, middles: Array, reach: float, box: Array | None) -> tuple[Index, Index, Array]:
    """Pairs of a centre and a middle that are near: their indices, (n,), and the vector between, (n, 3)."""
    lattice = np.zeros((3, 3)) if box is None else box
    i, j, vector = NeighborList(cutoff=reach, full_list=True).compute(
        points=np.concatenate([centres, middles]), box=lattice, periodic=box is not None, quantities="ijD")
    keep = (i < len(centres)) & (j >= len(centres))
    i, j = i[keep].astype(np.int64), j[keep].astype(np.int64) - len(centres)
    return i, j, np.ascontiguousarray(vector[keep])


def small_rings(kind: MoleculeType, largest: int = 8) -> list[list[int]]:
    """The smallest rings that make up the molecule's cycles, atoms in order, up to ``largest`` of them.

    Whoever asks again gets the same.
    """
    known = _RINGS.setdefault(kind, {})
    if largest not in known:
        known[largest] = _small_rings(kind, largest)
    return known[largest]


def folding(kind: MoleculeType) -> bool:
    """Whether a small ring of a molecule type has folds that it hardly leaves, as cyclohexane has chairs and boats.

    It has where two atoms of four neighbours each are next to each other in it. Rings of five turn through their folds.
    """
    if kind.given or kind.coarse:
        return False
    saturated = {atom for atom, neighbours in kind.graph.degree() if neighbours == 4}
    return any(len(ring) > 5 and any({one, other} <= saturated for one, other in zip(ring, ring[1:] + ring[:1]))
               for ring in small_rings(kind))


def _small_rings(kind: MoleculeType, largest: int) -> list[list[int]]:
    """See ``small_rings``."""
    short = in_short_cycles(kind.graph, largest)  # without the meshes of a network
    graph = nx.Graph([(i, j) for i, j in kind.graph.edges if (min(i, j), max(i, j)) in short])
    fused = sheets(graph)
    rings = shortest(nx.Graph(sorted(fused)))
    others = nx.Graph([(i, j) for i, j in graph.edges if (min(i, j), max(i, j)) not in fused])
    for joined in nx.biconnected_components(others):
        if len(joined) > 2:
            rings += nx.minimum_cycle_basis(others.subgraph(joined))
    rings = [ring for ring in rings if len(ring) <= largest]
    return sorted((_in_order(graph, ring) for ring in rings), key=min)


def _in_order(graph: nx.Graph, ring: list[int]) -> list[int]:
    """The atoms of a ring along its bonds, from the first one on."""
    start = min(ring)
    cycle = graph.subgraph(ring)
    order, last = [start, min(cycle[start])], start
    while len(order) < len(ring):
        step = [a for a in sorted(cycle[order[-1]]) if a != last and a not in order]
        last = order[-1]
        order.append(step[0])
    return order


@part(nogil=True)
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@part(nogil=True)
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@part(nogil=True)
def _triple(d, u, v):
    return _dot(d, _cross(u, v))


@part(nogil=True)
def crosses(start: np.ndarray, end: np.ndarray, ring: np.ndarray) -> bool:
    """True if the segment goes through the surface that a ring spans, cut into triangles from its first corner.

    Each triangle owns one side of its edges alone, so that a segment through an edge counts once. One that goes
    in and comes out again is not through.

    Args:
        start: One end of the segment, nm, (3,).
        end: The other end, nm, (3,).
        ring: Corners in order, nm, (n, 3).
    """
    d = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
    n, through = len(ring), False
    for k in range(1, n - 1):
        a = (ring[0, 0] - start[0], ring[0, 1] - start[1], ring[0, 2] - start[2])
        b = (ring[k, 0] - start[0], ring[k, 1] - start[1], ring[k, 2] - start[2])
        c = (ring[k + 1, 0] - start[0], ring[k + 1, 1] - start[1], ring[k + 1, 2] - start[2])
        left = _triple(d, a, b) >= 0
        if (_triple(d, b, c) >= 0) != left or (_triple(d, a, c) < 0) != left:
            continue
        normal = _cross((b[0] - a[0], b[1] - a[1], b[2] - a[2]), (c[0] - a[0], c[1] - a[1], c[2] - a[2]))
        height = _dot(normal, a)  # of the plane over the start, and the rise of the segment
        if (height > 0) != (height - _dot(normal, d) > 0):
            through = not through
    return through


@compiled(nogil=True)
def pierced(x: np.ndarray, ring: np.ndarray, bond: np.ndarray, vector: np.ndarray, rings: np.ndarray,
            sizes: np.ndarray, centres: np.ndarray, bonds: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Which of n candidates are a bond through a ring that it is no part of, (n,) bool.

    Args:
        x: Positions of whole molecules, nm, (A, 3).
        ring: Ring of each candidate, a row of ``rings``, (n,).
        bond: Bond of each candidate, a row of ``bonds``, (n,).
        vector: From the ring's centre to the bond's middle, nearest image, nm, (n, 3).
        rings: Atoms of each ring, padded, (R, M).
        sizes: Number of atoms of each ring, (R,).
        centres: Mean position of each ring, nm, (R, 3).
        bonds: Atom pairs, (K, 2).
        middles: Midpoint of each bond, nm, (K, 3).
    """
    found = np.zeros(len(ring), dtype=np.bool_)
    corners = np.empty((rings.shape[1], 3))
    start, end = np.empty(3), np.empty(3)
    for k in range(len(ring)):
        r, b, n = ring[k], bond[k], sizes[ring[k]]
        own = False
        for m in range(n):
            own = own or rings[r, m] == bonds[b, 0] or rings[r, m] == bonds[b, 1]
        if own:
            continue
        for axis in range(3):
            for m in range(n):
                corners[m, axis] = x[rings[r, m], axis] - centres[r, axis]
            start[axis] = x[bonds[b, 0], axis] - middles[b, axis] + vector[k, axis]
            end[axis] = x[bonds[b, 1], axis] - middles[b, axis] + vector[k, axis]
        found[k] = crosses(start, end, corners[:n])
    return found
