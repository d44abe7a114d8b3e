"""The same identity along moves of beads: it holds if beads are distributed as atoms of the force field make them.

Fields keep rigid bonds, not beads (docs/theory.md). Those of a distance or angle q of beads follow its gradient: they
tell whether q is as large as the force field has it. Times q, they tell whether it varies as much.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.parameters import ForceField
from ...model.system import System
from ..sites.snapshot import Snapshot
from .balance import Balance, sums_by_class, unfit
from .coordinates import Derivatives, cosines, lengths
from .fields import MoveFields
from .pieces import Piece, pieces_of
from .slopes import CLASSES, Slopes

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BeadCoordinates:
    """Bonds or angles of the beads of a molecule type that are of one name.

    Attributes:
        name: By bead types: ``A-B``.
        beads: (m, 2) or (m, 3).
    """

    name: str
    beads: Index

    def derivatives(self, positions: Array) -> tuple[Array, Derivatives]:
        """Values, nm or cosines, (n, m), and their derivatives by beads (n, B, 3)."""
        corners = positions[:, self.beads]
        if self.beads.shape[1] == 2:
            return np.linalg.norm(corners[:, :, 0] - corners[:, :, 1], axis=2), lengths(positions, self.beads)
        u, v = corners[:, :, 0] - corners[:, :, 1], corners[:, :, 2] - corners[:, :, 1]
        lengths_of = np.linalg.norm(u, axis=2) * np.linalg.norm(v, axis=2)
        return (u * v).sum(axis=2) / lengths_of, cosines(positions, self.beads)


class BeadSums(NamedTuple):
    """Of the coordinates q of one name in one molecule, with v = B grad q.

    Attributes:
        count: How many there are.
        value: Sum of q, each weighed by v . grad q.
        square: Sum of q^2, in the same way.
        work: Of v . grad U.
        divergence: Of div v.
        value_work: Of q v . grad U.
        value_divergence: Of div(q v).
        size: Of v . grad q.
    """

    count: Array
    value: Array
    square: Array
    work: Array
    divergence: Array
    value_work: Array
    value_divergence: Array
    size: Array


class BeadBalance(Balance):
    """Both sides of the identity along moves of beads.

    Attributes:
        coordinates: Bonds and angles of beads, by molecule type.
    """

    def __init__(self, system: System, field: ForceField, rigid_measure: bool) -> None:
        super().__init__(system, field, rigid_measure)
        self.coordinates = [bead_coordinates(kind) for kind in system.types]

    @cached_property
    def loose(self) -> list[list[Piece]]:
        """Pieces that rigid bonds alone hold, by molecule type."""
        return [[] if unfit(kind) else pieces_of(kind, on_beads=False) for kind in self.system.types]

    @cached_property
    def skipped(self) -> dict[str, str]:
        return {kind.name: why for kind in self.system.types if (why := unfit(kind))}

    def along(self, frame: Snapshot) -> dict[int, tuple[Array, Array]]:
        """By number of the molecule type, for every molecule that is looked at: ``BeadSums`` of every name of
        ``coordinates``, (n, names, 8), and ``balance.ClassSums`` of every class by what moves beads, (n, classes, 4):
        fields that rigid bonds hold, less those that beads hold, too; ``free`` is that of the first. Nothing if some
        position is not finite.
        """
        if not np.isfinite(frame.atoms).all():
            return {}
        held = self.of(frame)
        return {number: self._along(frame, number, held.get(number))
                for number, pieces in enumerate(self.loose) if pieces}

    def _along(self, frame: Snapshot, number: int, held: Array | None) -> tuple[Array, Array]:
        kind, chosen, contacts = self.system.types[number], self.molecules(number), self.slopes.contacts(frame)
        by_name = np.zeros((len(chosen), len(self.coordinates[number]), len(BeadSums._fields)))
        by_class = np.zeros((len(chosen), len(CLASSES), 4))
        for part, slopes in self.slopes.of(frame, contacts, number, chosen):
            known = [each.derivatives(kind.mapping.apply(slopes.positions)) for each in self.coordinates[number]]
            with np.errstate(all="ignore"):  # what is not finite is found later
                for piece in self.loose[number]:
                    fields = MoveFields(piece, slopes.positions, slopes.holding, self.measured)
                    by_name[part] += _sums_of_beads(fields, slopes, known)
                    by_class[part] += sums_by_class(fields, slopes)
        for row, each in enumerate(self.coordinates[number]):
            by_name[:, row, 0] = len(each.beads)
        if held is not None:
            by_class[..., :-1] -= held[..., :-1]  # ``free`` stays: the measure
        return by_name, by_class


def bead_coordinates(kind: MoleculeType) -> list[BeadCoordinates]:
    """Bonds and angles of the beads of a molecule type, by name."""
    graph = kind.bead_graph
    bonds = [tuple(sorted(edge)) for edge in graph.edges]
    angles = [(a, centre, b) for centre in graph for a in graph[centre] for b in graph[centre] if a < b]
    found: dict[tuple[int, str], list[tuple[int, ...]]] = {}
    for beads in [*bonds, *angles]:
        types = [kind.bead_types[bead] for bead in beads]
        found.setdefault((len(beads), "-".join(min(types, types[::-1]))), []).append(beads)
    return [BeadCoordinates(name, np.array(beads, dtype=np.int64)) for (_, name), beads in sorted(found.items())]


def _sums_of_beads(fields: MoveFields, slopes: Slopes, known: list[tuple[Array, Derivatives]]) -> Array:
    """``BeadSums`` of every name but for their counts, (n, names, 8)."""
    piece, n = fields.piece, len(slopes.positions)
    mapping = piece.kind.mapping
    beads = mapping.beads_with(piece.atoms)
    weights = np.kron(mapping.part(beads, piece.atoms), np.eye(3))
    padded = np.zeros((n, 3 * len(beads) + 3, 3 * len(beads) + 3))
    padded[:, :-3, :-3] = weights @ fields.mobility[:, :-3, :-3] @ weights.T
    pull, shift = np.zeros(padded.shape[:2]), np.zeros(padded.shape[:2])
    pull[:, :-3] = fields.moved(slopes.gradient[:, piece.atoms].reshape(n, -1)) @ weights.T
    shift[:, :-3] = fields.shift @ weights.T
    place = np.full(piece.kind.n_beads, len(beads))
    place[beads] = np.arange(len(beads))
    found = np.zeros((n, len(known), len(BeadSums._fields)))
    for row, (values, each) in enumerate(known):
        column = (3 * place[each.atoms][..., None] + np.arange(3)).reshape(len(each.atoms), -1)
        mobility = padded[:, column[:, :, None], column[:, None, :]]
        size = np.einsum("nmi,nmij,nmj->nm", each.gradient, mobility, each.gradient)
        work = (each.gradient * pull[:, column]).sum(axis=2)
        divergence = (mobility * each.hessian).sum(axis=(2, 3)) - (each.gradient * shift[:, column]).sum(axis=2)
        found[:, row] = np.stack(BeadSums(
            np.zeros(n), (size * values).sum(axis=1), (size * values**2).sum(axis=1), work.sum(axis=1),
            divergence.sum(axis=1), (values * work).sum(axis=1), (values * divergence + size).sum(axis=1),
            size.sum(axis=1)), axis=1)
    return found
