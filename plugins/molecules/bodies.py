"""Rigid bodies: atoms whose distances hold each other more than once, or hold them in a plane or on a line.

Gradients of such distances depend on each other, and det G is zero. So a body keeps two, three or four atoms, those
that span it, with the distances between them; its other atoms depend on these (docs/decisions/0023).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.rigid import Dependence, Dependents, FixedDistances

Array = NDArray[np.float64]

FLAT = 0.005  #: nm; an atom nearer than this to the line or plane of others lies in it: lengths are rounded
CONTRADICTION = 1e-3  #: nm; by how much distances that say the same may differ


def with_bodies(kind: MoleculeType, where: str) -> MoleculeType:
    """The same molecule type, in which the atoms of rigid bodies that are not needed to span them are dependent.

    Raises:
        BackmapError: If distances contradict each other, or a body is held to others at more atoms than span it.
    """
    found = _bodies(kind, where)
    if not found:
        return kind
    depends, extra = [], {}
    known = kind.rigid.between
    for body in found:
        base = body.spanning(kind, where)
        corner = np.column_stack([[body.places[a] for a in base], np.ones(len(base))])
        for atom in body.places.keys() - set(base):
            weights = np.linalg.lstsq(corner.T, np.append(body.places[atom], 1.0), rcond=None)[0]
            depends.append(Dependence.average(atom, base, weights))
        extra |= {(i, j): float(np.linalg.norm(body.places[i] - body.places[j])) for i in base for j in base
                  if i < j and (i, j) not in known}
    held = FixedDistances(np.concatenate([kind.held.pairs, np.array([*extra], dtype=np.int64).reshape(-1, 2)]),
                          np.concatenate([kind.held.lengths, np.array([*extra.values()])]))
    return replace(kind, held=held, dependents=_joined(kind.dependents, Dependents.of(depends)))


@dataclass
class _Body:
    """Atoms that are rigid together.

    Attributes:
        places: Positions of each, nm, (3,), in the order in which they were found.
        rank: Dimensions that they span.
    """

    places: dict[int, Array] = field(default_factory=dict)
    rank: int = 0

    def add(self, atom: int, distances: dict[int, float], kind: MoleculeType, where: str) -> bool:
        """Put an atom where ``distances`` to members have it; False if they leave it free.

        Raises:
            BackmapError: If they contradict each other.
        """
        at = np.array([self.places[a] for a in distances])
        lengths = np.array([*distances.values()])
        if np.linalg.matrix_rank(at[1:] - at[0], tol=FLAT) < self.rank:
            return False
        right = (at**2).sum(axis=1) - lengths**2
        place = np.zeros(3)
        if len(at) > 1:
            solved = np.linalg.lstsq(2 * (at[1:] - at[0])[:, :self.rank], right[1:] - right[0], rcond=None)[0]
            place[:self.rank] = solved
        height = lengths[0]**2 - ((place - at[0])**2).sum()
        if self.rank < 3 and height > FLAT**2:
            place[self.rank] = np.sqrt(height)
            self.rank += 1
        if np.abs(np.linalg.norm(at - place, axis=1) - lengths).max() > max(CONTRADICTION, self._rounding(lengths)):
            raise BackmapError(f"the fixed distances of {kind.atom_names[atom]} of '{kind.name}' contradict each other",
                               where=where, hint="No place has all of them.")
        self.places[atom] = place
        return True

    @staticmethod
    def _rounding(lengths: Array) -> float:
        """What an atom within ``FLAT`` of a line or plane is off along its distances."""
        return FLAT**2 / 2 / float(lengths.min())

    def spanning(self, kind: MoleculeType, where: str) -> list[int]:
        """Atoms that span it, those first that are held to others.

        Raises:
            BackmapError: If there are more of these.
        """
        outward = [a for a in self.places if any(b not in self.places for b in kind.rigid.partners.get(a, []))]
        base: list[int] = []
        for atom in sorted(self.places, key=lambda a: a not in outward):
            at = np.array([self.places[a] for a in [*base, atom]])
            if np.linalg.matrix_rank(at[1:] - at[0], tol=FLAT) == len(base) <= self.rank:
                base.append(atom)
        if set(outward) - set(base):
            names = ", ".join(kind.atom_names[a] for a in outward)
            raise BackmapError(f"a rigid part of '{kind.name}' is held to others at more atoms than it can be: {names}",
                               where=where, hint="Leave out some of their constraints.")
        return base


def _bodies(kind: MoleculeType, where: str) -> list[_Body]:
    """Bodies with atoms that need not be there to span them."""
    partners = {a: set(others) for a, others in kind.rigid.partners.items()}
    found: list[_Body] = []
    taken: set[frozenset[int]] = set()
    for i, j in kind.rigid.pairs.tolist():
        for k in sorted(partners[i] & partners[j]):
            if frozenset((i, j, k)) in taken:
                continue
            body = _grown((i, j, k), partners, kind, where)
            members = sorted(body.places)
            taken |= {frozenset((a, b, c)) for n, a in enumerate(members) for b in partners[a] & set(members[n + 1:])
                      for c in partners[a] & partners[b] & set(members)}
            if len(members) > body.rank + 1:
                found.append(body)
    return found


def _grown(seed: Sequence[int], partners: dict[int, set[int]], kind: MoleculeType, where: str) -> _Body:
    """The body that a triangle belongs to."""
    body, length = _Body({seed[0]: np.zeros(3)}), kind.rigid.between
    waiting = list(seed[1:])
    while waiting:
        atom = waiting.pop(0)
        if atom in body.places:
            continue
        near = {a: length[atom, a] for a in body.places if (atom, a) in length}
        if len(near) > min(body.rank, len(body.places) - 1) and body.add(atom, near, kind, where):
            waiting += sorted(b for a in body.places for b in partners[a] - body.places.keys())
    return body


def _joined(sites: Dependents, members: Dependents) -> Dependents:
    """Virtual sites and members of bodies; sites that are made of members are made of what these depend on."""
    rows = [Dependence(int(atom), tuple(members.parent[own].tolist()), tuple(map(tuple, members.weight[own].tolist())))
            for atom, own in zip(members.atoms, members.ranges, strict=True)]
    spanned = {row.atom: row for row in rows}
    for number, own in enumerate(sites.ranges):
        weights: dict[int, Array] = {}
        for parent, weight in zip(sites.parent[own].tolist(), sites.weight[own], strict=True):
            row = spanned.get(parent, Dependence.average(parent, [parent], [1.0]))
            for other, (share, _, _) in zip(row.parents, row.weights, strict=True):
                weights[other] = weights.get(other, np.zeros(3)) + share * weight
        rows.append(Dependence(int(sites.atoms[number]), tuple(weights), tuple(map(tuple, weights.values())),
                               tuple(sites.factor[number].tolist())))
    return Dependents.of(rows)
