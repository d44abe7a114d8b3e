"""Slopes of the energy of a frame, by classes of its terms: what fields are made of, and what acts along them."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...model.parameters import ForceField, MoleculeParameters
from ...model.system import Group, System
from ..energy.frame import FrameEnergy
from ..energy.layout import FieldLayout
from ..energy.pair import pair_energies
from ..sites.snapshot import Snapshot
from .contacts import Contacts, contacts_of
from .coordinates import Derivatives, cosines, dihedrals, lengths
from .derivatives import of_terms
from .fields import Holding

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Classes of terms of a force field; the last is that of pairs of different molecules.
CLASSES = ("bonds", "angles", "torsions", "impropers", "contacts")
_CLASS = {"bond": "bonds", "angle": "angles", "proper": "torsions", "cmap": "torsions", "improper": "impropers"}
#: Force constants with which stiff coordinates resist fields: of lengths, kJ/mol/nm^2, of cosines of angles and of
#: impropers, kJ/mol. Those of the force field are near; with others the fields are a little less telling.
STIFF = {"bond": 2e5, "angle": 400.0, "improper": 200.0}
#: Atoms of the molecules that are worked on together.
TOGETHER = 2000


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of the energy of some molecules of one type.

    Attributes:
        positions: Of whole molecules, (n, A, 3), nm.
        gradient: Of the whole energy, (n, A, 3), kJ/mol/nm.
        terms: Terms by class, but for ``contacts``.
        contact_gradient: Of the class ``contacts``, (n, A, 3).
        contact_hessian: By one atom, (n, A, 3, 3).
        holding: What holds the molecules.
    """

    positions: Array
    gradient: Array
    terms: dict[str, list[Derivatives]]
    contact_gradient: Array
    contact_hessian: Array
    holding: Holding


class EnergySlopes:
    """Slopes of the energy in one force field."""

    def __init__(self, system: System, field: ForceField) -> None:
        """Raises BackmapError for a type without parameters, PME, or an implicit solvent."""
        FieldLayout(system, field)
        self.system, self.field, self.energy = system, field, FrameEnergy(system, field)
        self.parameters = field.of(system)

    def contacts(self, frame: Snapshot) -> Contacts:
        """Non-bonded pairs of a frame."""
        return frame.once("contacts", self.field, lambda: self._contacts(frame))

    def _contacts(self, frame: Snapshot) -> Contacts:
        return contacts_of(frame.atoms, frame.pairs(self.field.cutoff), self.energy.layout.tables)

    def of(self, frame: Snapshot, contacts: Contacts, number: int, molecules: Index) -> Iterator[tuple[slice, Slopes]]:
        """Slopes of some molecules of the type of this number, part by part, with the place of each part."""
        group, parameters = self.system.groups[number], self.parameters[number]
        step = max(1, TOGETHER // group.type.n_atoms)
        for begin in range(0, len(molecules), step):
            part = slice(begin, min(begin + step, len(molecules)))
            yield part, self._part(frame, contacts, group, parameters, group.atoms[molecules[part]])

    def _part(self, frame: Snapshot, contacts: Contacts, group: Group, parameters: MoleculeParameters,
              atoms: Index) -> Slopes:
        positions = np.ascontiguousarray(frame.atoms[atoms])
        terms: dict[str, list[Derivatives]] = {}
        gradient = -contacts.forces[atoms]
        for each in parameters.bonded:
            found = of_terms(each, positions, self.energy.maps)
            terms.setdefault(_CLASS[each.term], []).append(found)
            for k, column in enumerate(each.atoms.T):
                np.add.at(gradient, (slice(None), column), found.gradient[..., 3 * k:3 * k + 3])
        if len(parameters.pairs):
            gradient += self._explicit(positions, parameters)
        holding = Holding(lengths(positions, group.type.rigid.pairs), list(_stiff(group, parameters, positions)))
        return Slopes(positions, gradient, terms, contacts.gradient[atoms], contacts.hessian[atoms], holding)

    def _explicit(self, positions: Array, parameters: MoleculeParameters) -> Array:
        """Gradient of the energy of explicit pairs, (n, A, 3)."""
        leaf = torch.as_tensor(positions).clone().requires_grad_()
        a, b = leaf[:, parameters.pairs[:, 0]], leaf[:, parameters.pairs[:, 1]]
        none = torch.zeros(len(parameters.pairs), dtype=torch.bool)
        lj, coulomb = pair_energies(((b - a)**2).sum(-1), *torch.as_tensor(parameters.pair_parameters).unbind(1), none,
                                    self.energy.layout.explicit)
        found, = torch.autograd.grad((lj + coulomb).sum(), leaf)
        return found.numpy()


def _stiff(group: Group, parameters: MoleculeParameters, positions: Array) -> Iterator[tuple[Derivatives, float]]:
    """Coordinates that resist: angles and impropers that have a term, and bonds that are springs."""
    of_term = {term: [each.atoms for each in parameters.bonded if each.term == term] for term in STIFF}
    loose = group.type.bonds[~np.isfinite(group.type.bond_length)]
    for term, function, atoms in (("bond", lengths, [loose]), ("angle", cosines, of_term["angle"]),
                                  ("improper", dihedrals, of_term["improper"])):
        if atoms and len(rows := np.unique(np.concatenate(atoms), axis=0)):
            yield function(positions, rows), STIFF[term]
