"""Generalised equipartition: kT <div v> = <v . grad U> by classes of terms (docs/theory.md)."""
from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.parameters import ForceField
from ...model.system import System
from ..sites.snapshot import Snapshot
from .fields import MoveFields
from .pieces import Piece, pieces_of
from .slopes import CLASSES, EnergySlopes, Slopes

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Atoms of each molecule type that are looked at in a frame.
LOOKED_AT = 20_000


class ClassSums(NamedTuple):
    """Of one class of terms in one molecule; the field is v = B g, with g the gradient of the class.

    Attributes:
        work: v . grad U, kJ^2/mol^2 /(u nm^2).
        divergence: div v, in the measure of the target, kJ/mol /(u nm^2).
        size: v . g.
        free: What v . g were if nothing held.
    """

    work: Array
    divergence: Array
    size: Array
    free: Array


class Balance:
    """Both sides of the identity for molecules of a system.

    Attributes:
        system: What is there.
    """

    def __init__(self, system: System, field: ForceField, rigid_measure: bool) -> None:
        """See the class.

        Args:
            system: What is there.
            field: Its force field, without PME.
            rigid_measure: Whether the target has the factor sqrt(det G) of rigid bonds, as that of constrained
                dynamics; with a Fixman potential it has not.
        """
        self.system, self.slopes, self.measured = system, EnergySlopes(system, field), rigid_measure

    @cached_property
    def pieces(self) -> list[list[Piece]]:
        """By molecule type, along beads that stay where they are; made when the first frame is there."""
        return [[] if unfit(kind) else pieces_of(kind, on_beads=True) for kind in self.system.types]

    @cached_property
    def skipped(self) -> dict[str, str]:
        """Molecule types that are not looked at, and why."""
        return {kind.name: unfit(kind) or "rigid bonds and beads leave it nothing that could move"
                for kind, pieces in zip(self.system.types, self.pieces) if not pieces}

    def molecules(self, number: int) -> Index:
        """Molecules of a type that are looked at: all, or so many that lie evenly among them."""
        group = self.system.groups[number]
        count, most = len(group.atom_offset), max(1, LOOKED_AT // group.type.n_atoms)
        return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))

    def of(self, frame: Snapshot) -> dict[int, Array]:
        """``ClassSums`` of every molecule that is looked at, by number of its type, (n, classes, 4) each.

        All are NaN if some position is not finite.
        """
        if not np.isfinite(frame.atoms).all():
            return {number: np.full((len(self.molecules(number)), len(CLASSES), 4), np.nan)
                    for number, pieces in enumerate(self.pieces) if pieces}
        return frame.once(("balance", self.measured), self.slopes.field, lambda: {
            number: self._of_type(frame, number) for number, pieces in enumerate(self.pieces) if pieces})

    def _of_type(self, frame: Snapshot, number: int) -> Array:
        contacts, chosen = self.slopes.contacts(frame), self.molecules(number)
        found = np.zeros((len(chosen), len(CLASSES), 4))
        for part, slopes in self.slopes.of(frame, contacts, number, chosen):
            for piece in self.pieces[number]:
                with np.errstate(all="ignore"):  # what is not finite is found later
                    fields = MoveFields(piece, slopes.positions, slopes.holding, self.measured)
                    found[part] += sums_by_class(fields, slopes)
        return found


def sums_by_class(fields: MoveFields, slopes: Slopes) -> Array:
    """``ClassSums`` of every class, (n, classes, 4)."""
    atoms, n = fields.piece.atoms, len(slopes.positions)
    pull = fields.moved(slopes.gradient[:, atoms].reshape(n, -1))
    found = np.zeros((n, len(CLASSES), 4))
    for number, name in enumerate(CLASSES):
        if name == "contacts":
            gradient = slopes.contact_gradient[:, atoms].reshape(n, -1)
            own = 3 * np.arange(len(atoms))[:, None] + np.arange(3)
            blocks = fields.mobility[:, own[:, :, None], own[:, None, :]]
            traces = np.einsum("nfij,nfij->n", blocks, slopes.contact_hessian[:, atoms])
        else:
            terms = [each.take(fields.piece.touched(each.atoms)) for each in slopes.terms.get(name, ())]
            gradient = fields.gradient(*terms)
            traces = sum((fields.traces(each).sum(axis=1) for each in terms), np.zeros(n))
        found[:, number] = np.stack(ClassSums(
            (gradient * pull).sum(axis=1), traces - (gradient * fields.shift).sum(axis=1),
            (gradient * fields.moved(gradient)).sum(axis=1), (gradient * (gradient @ fields.free)).sum(axis=1)), axis=1)
    return found


def unfit(kind: MoleculeType) -> str:
    """Why a molecule type cannot be looked at; empty if it can."""
    if kind.given:
        return "its atoms are read, not made"
    if len(kind.dependents) and not kind.dependents.linear.all():
        return "some of its atoms follow others in ways that are not linear"
    return ""
