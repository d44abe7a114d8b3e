"""What each split of each fragment looks at: static tables, made once from the fragment tables.

Points around a site are named by local indices into [nodes N | context atoms C | beads Q | expected particles G].
Equal descriptions of points are merged into classes, which the network embeds once a step.
"""
from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError

from .expected import expected
from .tree import Tree

NEAR = 8  #: context atoms that a split looks at, the nearest ones by bonds
AHEAD = 4  #: particles still to be drawn whose expected positions a split looks at, the nearest ones by bonds
CLOSE = 5  #: points of which a cosine knows what torsions they leave
REFERENCES = 6  #: points among which the axes of a local frame are chosen
FAR = 5  #: bonds from which on a point counts as far
MOST_TYPES = 16  #: particle types that can be told apart

#: Kind of point (node, particle, bead, expected particle), bonds to either half, composition.
POINT_KINDS = 4
POINT_FEATURES = POINT_KINDS + 2 * FAR + MOST_TYPES
#: Sizes and compositions of both halves.
SPLIT_FEATURES = 2 + 2 * MOST_TYPES
#: Type, own molecule.
SEEN_FEATURES = MOST_TYPES + 2


@dataclass(frozen=True, eq=False)
class Splits:
    """The splits of R fragment rows: at most K each, with N = 2 K + 1 nodes.

    Attributes:
        weight: What each particle counts in the centre of each node, (R, N, F), double.
        node: The node that each split divides, -1 for none, (R, K).
        share: Share of its mass that is in the second half, (R, K), double; 1 where that is the bead, which stays.
        slot: Points that the split looks at, -1 for none, (R, K, J).
        axis: Which of these may give the axis of the local frame, the best first, -1 for none, (R, K, REFERENCES).
        plane: The same of its plane.
        close: Those nearest to either half by bonds, (R, K, CLOSE).
        slot_class: Class of each, (R, K, J).
        slot_features: (U, POINT_FEATURES).
        expected: What each of the other points counts in the expected positions of particles that are still to be drawn
            (R, K, AHEAD, N + C + Q), double.
        target: Class of each split, (R, K).
        target_features: (V, SPLIT_FEATURES).
        seen: Class of each atom row as a neighbour in another and in the own molecule, (n, 2).
        bead: The same of each fragment row, (R, 2).
        seen_features: Of both, (X, SEEN_FEATURES).
    """

    weight: Tensor
    node: Tensor
    share: Tensor
    slot: Tensor
    axis: Tensor
    plane: Tensor
    close: Tensor
    slot_class: Tensor
    slot_features: Tensor
    expected: Tensor
    target: Tensor
    target_features: Tensor
    seen: Tensor
    bead: Tensor
    seen_features: Tensor

    @property
    def n_splits(self) -> int:
        """Most splits of a fragment, K."""
        return self.node.shape[1]

    def to(self, device: torch.device | str) -> Splits:
        """The same tables on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @classmethod
    def of_tables(cls, tables: FragmentTable, types: list[str], soft: bool = False) -> Splits:
        """Describe every split.

        Args:
            tables: Of the fragments.
            types: Particle types that the network knows.
            soft: Whether the centres of fragments may be off their beads.

        Raises:
            BackmapError: If particles have weight in beads of other fragments, or are of an unknown type.
        """
        return _Builder(tables, types, soft).build()


class _Builder:
    """Fills the tables row by row; runs once a system on the processor, in numpy."""

    def __init__(self, tables: FragmentTable, types: list[str], soft: bool) -> None:
        self.tables, self.soft = tables, soft
        for name in ("atoms", "context", "beads", "type", "bead", "atom_base", "weight_own"):
            setattr(self, name, getattr(tables, name).numpy())
        self.context = np.where(tables.available.numpy(), self.context, -1)  # those that may be there
        self.composition = _composition(tables, types)
        self.n_own, self.n_context, self.n_beads = (x.shape[1] for x in (self.atoms, self.context, self.beads))
        self.size = (self.atoms >= 0).sum(axis=1)
        self.n_splits = max(1, int(self.size.max()) - (not soft))
        self.n_nodes = 2 * self.n_splits + 1

    def build(self) -> Splits:
        """See ``Splits.of_tables``."""
        rows, k, slots = len(self.atoms), self.n_splits, self.n_splits + NEAR + self.n_beads + AHEAD
        weight = np.zeros((rows, self.n_nodes, self.n_own))
        node, share = np.full((rows, k), -1), np.zeros((rows, k))
        axis, plane = (np.full((rows, k, REFERENCES), -1) for _ in range(2))
        close = np.full((rows, k, CLOSE), -1)
        slot = np.full((rows, k, slots), -1)
        described = np.zeros((rows, k, slots, POINT_FEATURES), dtype=np.float32)
        target = np.zeros((rows, k, SPLIT_FEATURES), dtype=np.float32)
        ahead = np.zeros((rows, k, AHEAD, self.n_nodes + self.n_context + self.n_beads))
        for row in range(rows):
            if not self._drawn(row):
                continue
            mass = self._mass(row)
            tree = Tree.of(len(mass), self.soft)
            weight[row, :len(tree.nodes), :len(mass)] = tree.weights(mass)
            for number, (parent, first, second) in enumerate(tree.splits):
                node[row, number] = parent
                halves = [range(*tree.nodes[half]) for half in (first, second)]
                sums = [mass[half].sum() for half in halves]
                share[row, number] = 1 if second in tree.beads else sums[1] / sum(sums)
                target[row, number] = self._target(row, halves, sums)
                later, ahead[row, number] = self._ahead(row, tree, number)
                points = [*self._points(row, tree, number), *later]
                bonds = np.array([[self._bonds(row, members, half) for half in halves] for _, _, members in points])
                for place, (index, kind, members) in enumerate(points):
                    slot[row, number, place] = index
                    described[row, number, place] = self._describe(kind, bonds[place], members)
                best = sorted(range(len(points)), key=lambda p: (bonds[p].min(), bonds[p].sum(), points[p][1], p))
                close[row, number, :min(len(best), CLOSE)] = best[:CLOSE]
                for side, table in ((0, axis), (1, plane)):
                    best = sorted(range(len(points)), key=lambda p: (bonds[p, side], points[p][1], bonds[p].sum(), p))
                    table[row, number, :min(len(best), REFERENCES)] = best[:REFERENCES]
        return self._tables(weight, node, share, slot, (axis, plane, close), described, ahead, target)

    def _tables(self, weight, node, share, slot, places, described, ahead, target) -> Splits:
        features, of = np.unique(described.reshape(-1, POINT_FEATURES), axis=0, return_inverse=True)
        target_features, target_of = np.unique(target.reshape(-1, SPLIT_FEATURES), axis=0, return_inverse=True)
        owned = np.where(self.atoms >= 0, self.atoms, 0)
        inside = (self.composition[owned] * (self.atoms >= 0)[:, :, None]).sum(axis=1)
        seen = np.concatenate([self.composition, inside])
        is_bead = np.repeat([0.0, 1.0], [len(self.composition), len(inside)])[:, None]
        both = np.stack([np.concatenate([seen, is_bead, np.full_like(is_bead, own)], axis=1) for own in (0, 1)], axis=1)
        unique, seen_of = np.unique(both.reshape(-1, SEEN_FEATURES), axis=0, return_inverse=True)
        seen_of = seen_of.reshape(-1, 2)
        n = len(self.composition)
        arrays = (weight, node, share, slot, *places, of.reshape(slot.shape), features.astype(np.float32), ahead,
                  target_of.reshape(node.shape), target_features.astype(np.float32), seen_of[:n], seen_of[n:],
                  unique.astype(np.float32))
        return Splits(*map(torch.as_tensor, arrays))

    def _drawn(self, row: int) -> bool:
        return not self.tables.types[self.type[row]].given and self.size[row] > 0

    def _mass(self, row: int) -> np.ndarray:
        """Weights of the fragment's particles in its bead, (n,)."""
        own = self.weight_own[row, :, :self.size[row]].astype(np.float64)
        elsewhere = own[1:].any(axis=0) | (own[0] <= 0)
        if elsewhere.any():
            kind = self.tables.types[self.type[row]]
            atom = int(self.atoms[row, elsewhere.argmax()] - self.atom_base[self.type[row]])
            raise BackmapError(f"particle {kind.atom_names[atom]} ({atom + 1}) of '{kind.name}' has weight in a bead "
                               "other than its own, or none", where="splitting",
                               hint="Splitting needs a mapping in which every particle is in one bead; use the "
                                    "equivariant generator for others.")
        return own[0] / own[0].sum()

    def _points(self, row: int, tree: Tree, number: int) -> list[tuple[int, int, np.ndarray]]:
        """Local index, kind and atoms of everything that a split looks at."""
        own = self.atoms[row]
        nodes = [(node, 0, own[slice(*tree.nodes[node])]) for node in tree.frontier(number)]
        context = [(self.n_nodes + c, 1, self.context[row, c:c + 1])
                   for c in self._near_context(row)]
        beads = [(self.n_nodes + self.n_context + q, 2, self.atoms[bead][self.atoms[bead] >= 0])
                 for q, bead in enumerate(self.beads[row]) if q and bead >= 0]
        # The centre of particles that are all looked at tells nothing more.
        known = set(self.context[row, self._near_context(row)].tolist())
        return [*nodes, *context, *(one for one in beads if not known.issuperset(one[2].tolist()))]

    def _near_context(self, row: int) -> np.ndarray:
        return np.flatnonzero(self.context[row] >= 0)[:NEAR]

    def _ahead(self, row: int, tree: Tree, number: int) -> tuple[list[tuple[int, int, np.ndarray]], np.ndarray]:
        """Points where particles still to be drawn are expected, and what each local index counts there."""
        index, centres, atoms = self._centres(row, tree, number)
        local, apart = atoms - self.atom_base[self.type[row]], self.tables.types[self.type[row]].near
        bonds = np.argwhere(np.triu(apart.look_up(local[:, None], local, FAR) == 1))
        halves = [range(*tree.nodes[half]) for half in tree.splits[number][1:]]
        unknown = np.flatnonzero((centres[1:] < 1 - 1e-9).all(axis=0) & (centres[0] == 0))
        far = {k: [self._bonds(row, atoms[k:k + 1], half) for half in halves] for k in unknown.tolist()}
        near = sorted(far, key=lambda k: (min(far[k]), sum(far[k]), k))[:AHEAD]
        weights = np.zeros((AHEAD, self.n_nodes + self.n_context + self.n_beads))
        weights[:len(near), index] = expected(centres, bonds)[near]
        first = weights.shape[1]
        return [(first + place, 3, atoms[k:k + 1]) for place, k in enumerate(near)], weights

    def _centres(self, row: int, tree: Tree, number: int) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Local indices of what is known before a split, what particles count in it, and the particles.

        The first is the node that is divided; then come other nodes, context atoms, and beads without these.
        """
        own, mass = self.atoms[row, :self.size[row]], self._mass(row)
        parts = [(node, own[slice(*tree.nodes[node])], mass[slice(*tree.nodes[node])])
                 for node in (tree.splits[number][0], *tree.frontier(number))]
        placed = np.flatnonzero(self.context[row] >= 0)
        parts += [(self.n_nodes + c, self.context[row, c:c + 1], np.ones(1)) for c in placed]
        seen = {int(atom) for _, members, _ in parts for atom in members}
        for q, bead in enumerate(self.beads[row]):
            members = self.atoms[bead][self.atoms[bead] >= 0] if bead >= 0 and q else np.empty(0, dtype=int)
            if len(members) and not seen.intersection(members.tolist()):
                parts.append((self.n_nodes + self.n_context + q, members, self.weight_own[bead, 0, :len(members)]))
        owner = np.repeat(np.arange(len(parts)), [len(members) for _, members, _ in parts])
        count = np.concatenate([weights / weights.sum() for _, _, weights in parts])
        centres = np.where(owner == np.arange(len(parts))[:, None], count, 0.0)
        return [index for index, _, _ in parts], centres, np.concatenate([members for _, members, _ in parts])

    def _bonds(self, row: int, members: np.ndarray, half: range) -> int:
        """Bonds between a point's atoms and a half, 1 .. FAR."""
        base = self.atom_base[self.type[row]]
        inside = self.atoms[row, list(half)] - base
        near = self.tables.types[self.type[row]].near
        return min(FAR, int(near.look_up((members - base)[:, None], inside, FAR).min()))

    def _describe(self, kind: int, bonds: np.ndarray, members: np.ndarray) -> np.ndarray:
        described = np.zeros(POINT_FEATURES, dtype=np.float32)
        described[kind] = 1
        described[POINT_KINDS + bonds[0] - 1] = described[POINT_KINDS + FAR + bonds[1] - 1] = 1
        described[POINT_KINDS + 2 * FAR:] = self.composition[members].sum(axis=0) / 4
        return described

    def _target(self, row: int, halves: list[range], sums: list[float]) -> np.ndarray:
        inside = [self.composition[self.atoms[row, list(half)]].sum(axis=0) / 4 for half in halves]
        return np.concatenate([[sums[0] / sum(sums), sum(map(len, halves)) / 8], *inside])


def _composition(tables: FragmentTable, types: list[str]) -> np.ndarray:
    """Type of every atom row, one-hot, (n, MOST_TYPES)."""
    names = [name for kind in tables.types for name in kind.atom_types]
    drawn = {name for kind in tables.types if not kind.given for name in kind.atom_types}
    unknown = sorted(drawn - set(types))
    if unknown:
        raise BackmapError(f"the weights know no particles of type '{unknown[0]}'", where="splitting",
                           hint=f"They know: {', '.join(types)}.")
    table = np.zeros((len(names), MOST_TYPES))
    for row, name in enumerate(names):
        if name in types:
            table[row, types.index(name)] = 1
    return table
