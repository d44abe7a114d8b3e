"""What the network is told about atoms, beads and their relations, beyond positions.

Everything here is static: made once from the fragment tables, without a vocabulary of the system.
Chemistry enters as elements, rings, charges and bonds; beads enter by their composition. Equal
descriptions are merged into *classes*, which the network embeds once a step instead of once an atom.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from backmap.engine.sites.fragments import FragmentTable
from backmap.model import pairs
from backmap.model.molecule import MoleculeType

ELEMENTS = (1, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53)
SLOT_ATOMS, SLOT_RESIDUALS = 24, 3
FAR = 5  #: bonds from which on an atom counts as far

ATOM_FEATURES = len(ELEMENTS) + 1 + 7  #: of any atom
BOND_FEATURES = 2  #: of an atom whose bonds have orders
RELATION_FEATURES = 3 + (FAR + 1) + 4 + 4 + 4
LONE_PAIRS = (7, 8, 15, 16)  #: elements that share a pair of electrons with what is unsaturated beside them


@dataclass(frozen=True)
class Description:
    """What networks are told of atoms beyond what all of them are.

    Attributes:
        bead_types: Types of beads that stand in place of atoms.
        bond_orders: Whether orders of bonds are told, and which atoms are unsaturated or conjugated. In a molecule that
            was met all that follows from the rest.
    """

    bead_types: tuple[str, ...] = ()
    bond_orders: bool = False

    @property
    def atom(self) -> int:
        """Number of features of an atom."""
        return ATOM_FEATURES + len(self.bead_types) + BOND_FEATURES * self.bond_orders

    @property
    def widths(self) -> dict[str, int]:
        """Number of features of each of the descriptions of ``Slots``; a slot's are of its content and its target."""
        return {"features": 2 * self.atom + RELATION_FEATURES + 4, "target_features": self.atom + 4,
                "surrounding_features": self.atom + FAR, "bead_features": self.atom + 1}


PLAIN = Description()


def atom_features(tables: FragmentTable, description: Description = PLAIN) -> Tensor:
    """Chemistry of every atom row, which of the bead types it has, and its bonds, (n, ``description.atom``)."""
    element = torch.stack([tables.element == z for z in ELEMENTS], dim=1)
    other = ~element.any(dim=1, keepdim=True)
    hydrogens = torch.cat([torch.as_tensor([sum(t.chemistry.element[j] == 1 for j in t.graph[a])
                                            for a in range(t.n_atoms)]) for t in tables.types]).to(element.device)
    plain = torch.stack([tables.aromatic, tables.ring > 0, tables.ring / 6, tables.charge, tables.degree / 4,
                         hydrogens / 3, (tables.degree - hydrogens) / 4], dim=1)
    names = [name if t.coarse else None for t in tables.types for name in t.atom_types]
    types = torch.tensor([[name == known for known in description.bead_types] for name in names])
    types = types.reshape(len(names), -1).to(element.device)
    bonds = bond_features(tables.types) if description.bond_orders else torch.empty(len(names), 0)
    return torch.cat([element, other, plain, types, bonds.to(element.device)], dim=1).float()


def bond_features(types: Sequence[MoleculeType]) -> Tensor:
    """How unsaturated every atom row is, and whether it is saturated, but conjugated, (n, BOND_FEATURES)."""
    found = []
    for kind in types:
        excess = np.zeros(kind.n_atoms)
        np.add.at(excess, kind.bonds, (kind.chemistry.bond_order - 1)[:, None])
        beside = np.array([any(excess[j] > 0 for j in kind.graph[a]) for a in range(kind.n_atoms)])
        conjugated = beside & (excess == 0) & np.isin(kind.chemistry.element, LONE_PAIRS)
        found.append(np.stack([excess / 2, conjugated], axis=1))
    return torch.as_tensor(np.concatenate(found))


def bead_features(tables: FragmentTable, atoms: Tensor) -> Tensor:
    """Composition of every fragment row: the sum of the features of its atoms, (R, features)."""
    present = (tables.atoms >= 0).float()
    return (atoms[tables.atoms.clamp_min(0)] * present[:, :, None]).sum(dim=1) / 8


Ranges = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Slots:
    """What each fragment atom looks at when it is drawn: J slots of atoms, beads and residual points.

    Attributes:
        index: Local index of the atom or bead in each slot, -1 for none, (R, F, J). The last
            SLOT_RESIDUALS slots are residuals and index the residual points.
        of: Class of each slot, (R, F, J).
        features: Description of each class of slots, (U, n), n as in ``Description.widths``.
        target: Class of each fragment atom, (R, F).
        target_features: Description of each class of fragment atoms, (V, n).
        residual: Weights of placed positions in the residual of three beads, (R, F, 3, F + C).
        residual_bead: Which beads these are, by place in ``FragmentTable.beads``, (R, F, 3).
        residual_scale: Multiplies R - sum w r to give the residual point, (R, F, 3).
        surrounding: Class of each atom row at each bond distance from the fragment (0: another
            molecule or far), (n, FAR).
        surrounding_features: Description of each class of surrounding atoms, (X, n).
        bead: Class of each fragment row as a neighbour, other molecule and own, (R, 2).
        bead_features: Description of each class of beads, (Y, n).
    """

    index: Tensor
    of: Tensor
    features: Tensor
    target: Tensor
    target_features: Tensor
    residual: Tensor
    residual_bead: Tensor
    residual_scale: Tensor
    surrounding: Tensor
    surrounding_features: Tensor
    bead: Tensor
    bead_features: Tensor

    def to(self, device: str) -> Slots:
        """The same tables on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def ranges(self) -> Ranges:
        """The smallest and the largest of every number of the descriptions, by their names."""
        return {name: torch.stack(torch.aminmax(getattr(self, name), dim=0)) for name in PLAIN.widths}

    def within(self, ranges: Ranges) -> Slots:
        """The same tables with every number of a description in a range.

        Of what never varied where a network was trained it learned nothing: handedness, say, where nothing was chiral.
        """
        return replace(self, **{name: getattr(self, name).clamp(*ranges[name]) for name in PLAIN.widths})

    @classmethod
    def of_tables(cls, tables: FragmentTable, description: Description = PLAIN) -> Slots:
        """Describe every fragment atom of the tables."""
        atoms = atom_features(tables, description)
        beads = bead_features(tables, atoms)
        builder = _SlotBuilder(tables, atoms, beads, description)
        index, described, target, residual, chosen, scale = builder.build()
        features, of = torch.unique(described.reshape(-1, described.shape[-1]), dim=0, return_inverse=True)
        target_features, target_of = torch.unique(target.reshape(-1, target.shape[-1]), dim=0, return_inverse=True)
        near = torch.eye(FAR)
        surrounding = torch.cat([atoms[:, None].expand(-1, FAR, -1), near.expand(len(atoms), -1, -1)], dim=2)
        surrounding_features, surrounding_of = torch.unique(
            surrounding.reshape(-1, surrounding.shape[-1]), dim=0, return_inverse=True)
        own = torch.tensor([[0.0], [1.0]])
        bead = torch.cat([beads[:, None].expand(-1, 2, -1), own.expand(len(beads), -1, -1)], dim=2)
        bead_unique, bead_of = torch.unique(bead.reshape(-1, bead.shape[-1]), dim=0, return_inverse=True)
        return cls(index, of.reshape(index.shape), features, target_of.reshape(target.shape[:2]), target_features,
                   residual, chosen, scale, surrounding_of.reshape(-1, FAR), surrounding_features,
                   bead_of.reshape(-1, 2), bead_unique)


class _SlotBuilder:
    """Fills the slot tables row by row; runs once a system on the CPU, in numpy."""

    def __init__(self, tables: FragmentTable, atoms: Tensor, beads: Tensor, description: Description) -> None:
        self.description = description
        self.tables, self.atom_features, self.bead_features = tables, atoms.numpy(), beads.numpy()
        for name in ("atoms", "context", "available", "beads", "reference", "closure", "length", "bonded", "sign",
                     "stereo", "type", "atom_base", "weight_own", "weight_context"):
            setattr(self, name, getattr(tables, name).numpy())
        self.n_own, self.n_context = self.atoms.shape[1], self.context.shape[1]
        self.n_beads, self.n_features = self.beads.shape[1], atoms.shape[1]

    def build(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Index, description, target, residual, residual_bead and residual_scale of ``Slots``.

        Descriptions (R, F, J, n) and targets (R, F, n) are not sorted into classes yet.
        """
        rows, slots = len(self.atoms), SLOT_ATOMS + self.n_beads + SLOT_RESIDUALS
        shape = (rows, self.n_own)
        index = np.full((*shape, slots), -1)
        described = np.zeros((*shape, slots, self.description.widths["features"]), dtype=np.float32)
        target = np.zeros((*shape, self.n_features + 4), dtype=np.float32)
        residual = np.zeros((*shape, SLOT_RESIDUALS, self.n_own + self.n_context), dtype=np.float32)
        chosen = np.tile(np.arange(SLOT_RESIDUALS), (*shape, 1))
        scale = np.zeros((*shape, SLOT_RESIDUALS), dtype=np.float32)
        for row in range(rows):
            for f in range(int((self.atoms[row] >= 0).sum())):
                target[row, f] = self._target(row, f)
                self._atom_slots(row, f, index[row, f], described[row, f])
                self._bead_slots(row, f, index[row, f], described[row, f])
                chosen[row, f] = self._beads_of_residuals(row, f)
                self._residuals(row, f, chosen[row, f], residual[row, f], scale[row, f], index[row, f],
                                described[row, f])
        described[..., -self.n_features - 4:] = target[:, :, None]
        described[index < 0] = 0
        return tuple(map(torch.as_tensor, (index, described, target, residual, chosen, scale)))

    def _target(self, row: int, f: int) -> np.ndarray:
        later = (self.atoms[row, f + 1:] >= 0).sum()
        extra = [self.closure[row, f] >= 0, later / 8, np.nan_to_num(self.length[row, f]) * 5, self.bonded[row, f]]
        return np.concatenate([self.atom_features[self.atoms[row, f]], extra])

    def _relation(self, row: int, f: int, local: int, kind: int, bonds: int, weight: float,
                  extra: float) -> np.ndarray:
        """Kind of slot, bonds to the target, role in its local frame, weight and handedness, order of a bond."""
        relation = np.zeros(RELATION_FEATURES)
        relation[kind] = 1
        relation[3 + min(bonds, FAR)] = 1
        roles = relation[3 + FAR + 1:]
        roles[:3] = self.reference[row, f] == local
        roles[3] = self.closure[row, f] == local
        origin, atom = self._atom_at(row, self.reference[row, f, 0]), self._atom_at(row, local)
        if origin is not None and atom is not None:
            roles[4 + min(self._bonds(row, atom, origin), 3)] = 1
        roles[8:11] = weight * 4, extra, local < self.n_own
        if self.description.bond_orders and atom is not None:
            roles[11] = (self._order(row, atom, self.atoms[row, f]) or self._order(row, atom, origin)) / 3
        return relation

    def _order(self, row: int, a: int, b: int | None) -> float:
        """Order of the bond between two atom rows, 0 where there is none."""
        base, kind = self.atom_base[self.type[row]], self.tables.types[self.type[row]]
        if b is None or not kind.graph.has_edge(a - base, b - base):
            return 0.0
        return float(kind.chemistry.bond_order[kind.graph[a - base][b - base]["bond"]])

    def _atom_at(self, row: int, local: int) -> int | None:
        if local < self.n_own:
            return self.atoms[row, local]
        if local < self.n_own + self.n_context:
            return self.context[row, local - self.n_own]
        return None

    def _bonds(self, row: int, a: int, b: int | np.ndarray) -> int | np.ndarray:
        """Bonds between an atom row and another, or others."""
        base, near = self.atom_base[self.type[row]], self.tables.types[self.type[row]].near
        found = near.look_up(a - base, b - base, pairs.FAR)
        return found if found.ndim else int(found)

    def _atom_slots(self, row: int, f: int, index: np.ndarray, described: np.ndarray) -> None:
        """The placed atoms nearest by bonds: earlier ones of the fragment, then the context."""
        there = (self.context[row] >= 0) & self.available[row]
        local = np.concatenate([np.arange(f), self.n_own + np.flatnonzero(there)])
        others = np.concatenate([self.atoms[row, :f], self.context[row, there]])
        bonds = self._bonds(row, self.atoms[row, f], others)
        for slot, k in enumerate(np.argsort(bonds, kind="stable")[:SLOT_ATOMS]):
            hand = self.stereo[others[k]] * self.sign[row]
            index[slot] = local[k]
            relation = self._relation(row, f, local[k], 0, bonds[k], 0.0, hand)
            described[slot, :-self.n_features - 4] = np.concatenate([self.atom_features[others[k]], relation])

    def _bead_slots(self, row: int, f: int, index: np.ndarray, described: np.ndarray) -> None:
        for q in np.flatnonzero(self.beads[row] >= 0):
            bead = self.beads[row, q]
            members = self.atoms[bead][self.atoms[bead] >= 0]
            bonds = self._bonds(row, self.atoms[row, f], members).min() if len(members) else FAR
            local = self.n_own + self.n_context + q
            index[SLOT_ATOMS + q] = local
            relation = self._relation(row, f, local, 1, bonds, self.weight_own[row, q, f], q == 0)
            described[SLOT_ATOMS + q, :-self.n_features - 4] = np.concatenate([self.bead_features[bead], relation])

    def _beads_of_residuals(self, row: int, f: int) -> np.ndarray:
        """The first beads; of a fragment with weight in more of them, those in which the atom has weight first."""
        places, heavy = np.arange(max(self.n_beads, SLOT_RESIDUALS)), self.weight_own[row].any(axis=1)
        if heavy.sum() > SLOT_RESIDUALS:
            weight = self.weight_own[row, :, f]
            places = np.argsort(~heavy * 2.0 - (weight > 0), kind="stable")
        return places[:SLOT_RESIDUALS]

    def _residuals(self, row: int, f: int, chosen: np.ndarray, residual: np.ndarray, scale: np.ndarray,
                   index: np.ndarray, described: np.ndarray) -> None:
        """Where the mass of a bead that is not placed yet must lie.

        A hydrogen that is not placed yet counts at its carrier if that one is, so that the residual
        says where heavy atoms must go. Where nothing is left to place, the scale is that of a vector.
        """
        seat = self._seats(row, f)
        seated = seat >= 0
        for k, q in enumerate(chosen.tolist()):
            if q >= self.n_beads or self.beads[row, q] < 0 or not self.weight_own[row, q].any():
                continue
            weights = np.concatenate([self.weight_own[row, q], self.weight_context[row, q]])
            np.add.at(residual[k], seat[seated], weights[seated])
            left = weights[~seated].sum()
            scale[k] = 1 / left if left > 1e-6 else 10.0
            slot = SLOT_ATOMS + self.n_beads + k
            index[slot] = k
            relation = self._relation(row, f, self.n_own + self.n_context + q, 2, FAR, self.weight_own[row, q, f], left)
            described[slot, :-self.n_features - 4] = np.concatenate([self.bead_features[self.beads[row, q]], relation])

    def _seats(self, row: int, f: int) -> np.ndarray:
        """Position at which each fragment or context atom counts: its own, its carrier's, or none (-1)."""
        rows = np.concatenate([self.atoms[row], self.context[row]])
        placed = np.concatenate([np.arange(self.n_own) < f, self.available[row] & (self.context[row] >= 0)])
        seat = np.where(placed, np.arange(len(rows)), -1)
        molecule, base = self.tables.types[self.type[row]], self.atom_base[self.type[row]]
        where = {r - base: k for k, r in enumerate(rows.tolist()) if r >= 0}
        for atom, k in where.items():
            if not placed[k] and molecule.chemistry.element[atom] == 1:
                carrier = next((where[n] for n in molecule.graph[atom] if n in where), None)
                if carrier is not None and placed[carrier]:
                    seat[k] = carrier
        return seat
