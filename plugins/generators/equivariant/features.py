"""What the network is told about atoms, beads and their relations, beyond positions.

Everything here is static: made once from the fragment tables, without a vocabulary of the system.
Chemistry enters as elements, rings, charges and bonds; beads enter by their composition. Equal
descriptions are merged into *classes*, which the network embeds once a step instead of once an atom.
"""
from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from backmap.engine.fragments import FragmentTable

ELEMENTS = (1, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53)
SLOT_ATOMS, SLOT_RESIDUALS = 24, 3
FAR = 5  #: bonds from which on an atom counts as far

ATOM_FEATURES = len(ELEMENTS) + 1 + 7
RELATION_FEATURES = 3 + (FAR + 1) + 4 + 4 + 4
SLOT_FEATURES = 2 * ATOM_FEATURES + RELATION_FEATURES + 4


def atom_features(tables: FragmentTable) -> Tensor:
    """Chemistry of every atom row, (n, ATOM_FEATURES)."""
    element = torch.stack([tables.element == z for z in ELEMENTS], dim=1)
    other = ~element.any(dim=1, keepdim=True)
    hydrogens = torch.cat([torch.as_tensor([sum(t.chemistry.element[j] == 1 for j in t.graph[a])
                                            for a in range(t.n_atoms)]) for t in tables.types]).to(element.device)
    plain = torch.stack([tables.aromatic, tables.ring > 0, tables.ring / 6, tables.charge, tables.degree / 4,
                         hydrogens / 3, (tables.degree - hydrogens) / 4], dim=1)
    return torch.cat([element, other, plain], dim=1).float()


def bead_features(tables: FragmentTable, atoms: Tensor) -> Tensor:
    """Composition of every fragment row: the sum of its atoms' chemistry, (R, ATOM_FEATURES)."""
    present = (tables.atoms >= 0).float()
    return (atoms[tables.atoms.clamp_min(0)] * present[:, :, None]).sum(dim=1) / 8


@dataclass(frozen=True, eq=False)
class Slots:
    """What each fragment atom looks at when it is drawn: J slots of atoms, beads and residual points.

    Attributes:
        index: Local index of the atom or bead in each slot, -1 for none, (R, F, J). The last
            SLOT_RESIDUALS slots are residuals and index the residual points.
        of: Class of each slot, (R, F, J); features: description of each class, (U, SLOT_FEATURES).
        target: Class of each fragment atom, (R, F); target_features (V, ATOM_FEATURES + 4).
        residual: Weights of placed positions in the residual of the first beads, (R, F, 3, F + C).
        residual_scale: Multiplies R - sum w r to give the residual point, (R, F, 3).
        surrounding: Class of each atom row at each bond distance from the fragment (0: another
            molecule or far), (n, FAR); surrounding_features (X, ATOM_FEATURES + FAR).
        bead: Class of each fragment row as a neighbour, other molecule and own, (R, 2);
            bead_features (Y, ATOM_FEATURES + 1).
    """

    index: Tensor
    of: Tensor
    features: Tensor
    target: Tensor
    target_features: Tensor
    residual: Tensor
    residual_scale: Tensor
    surrounding: Tensor
    surrounding_features: Tensor
    bead: Tensor
    bead_features: Tensor

    def to(self, device: str) -> Slots:
        """The same tables on another device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @classmethod
    def of_tables(cls, tables: FragmentTable) -> Slots:
        """Describe every fragment atom of the tables."""
        atoms = atom_features(tables)
        beads = bead_features(tables, atoms)
        builder = _SlotBuilder(tables, atoms, beads)
        index, described, target, residual, scale = builder.build()
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
                   residual, scale, surrounding_of.reshape(-1, FAR), surrounding_features,
                   bead_of.reshape(-1, 2), bead_unique)


class _SlotBuilder:
    """Fills the slot tables row by row; runs once a system on the CPU."""

    def __init__(self, tables: FragmentTable, atoms: Tensor, beads: Tensor) -> None:
        self.tables, self.atoms, self.beads = tables, atoms, beads
        self.n_own, self.n_context = tables.atoms.shape[1], tables.context.shape[1]
        self.n_beads = tables.beads.shape[1]

    def build(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        rows, slots = len(self.tables.atoms), SLOT_ATOMS + self.n_beads + SLOT_RESIDUALS
        shape = (rows, self.n_own)
        index = torch.full((*shape, slots), -1)
        described = torch.zeros(*shape, slots, SLOT_FEATURES)
        target = torch.zeros(*shape, ATOM_FEATURES + 4)
        residual = torch.zeros(*shape, SLOT_RESIDUALS, self.n_own + self.n_context)
        scale = torch.zeros(*shape, SLOT_RESIDUALS)
        for row in range(rows):
            for f in range(int((self.tables.atoms[row] >= 0).sum())):
                target[row, f] = self._target(row, f)
                self._atom_slots(row, f, index[row, f], described[row, f])
                self._bead_slots(row, f, index[row, f], described[row, f])
                self._residuals(row, f, residual[row, f], scale[row, f], index[row, f], described[row, f])
        described[..., -ATOM_FEATURES - 4:] = target[:, :, None]
        described[index < 0] = 0
        return index, described, target, residual, scale

    def _target(self, row: int, f: int) -> Tensor:
        tables = self.tables
        later = int((tables.atoms[row, f + 1:] >= 0).sum())
        length = tables.length[row, f].nan_to_num(0.0)
        extra = torch.tensor([float(tables.closure[row, f] >= 0), later / 8, float(length) * 5,
                              float(tables.bonded[row, f])])
        return torch.cat([self.atoms[tables.atoms[row, f]], extra])

    def _relation(self, row: int, f: int, local: int, kind: int, bonds: int, weight: float, extra: float) -> Tensor:
        """Kind of slot, bonds to the target, role in its local frame, weight and handedness."""
        tables = self.tables
        kinds = torch.eye(3)[kind]
        near = torch.eye(FAR + 1)[min(bonds, FAR)]
        roles = torch.tensor([float(tables.reference[row, f, k] == local) for k in range(3)]
                             + [float(tables.closure[row, f] == local)])
        return torch.cat([kinds, near, roles, self._bonds_to_origin(row, f, local),
                          torch.tensor([weight * 4, extra, float(local < self.n_own), 0.0])])

    def _bonds_to_origin(self, row: int, f: int, local: int) -> Tensor:
        """Bonds between a slot atom and the origin of the local frame: 1, 2, 3 or more (one-hot)."""
        here = torch.zeros(4)
        origin = self._atom_at(row, int(self.tables.reference[row, f, 0]))
        atom = self._atom_at(row, local)
        if origin is not None and atom is not None:
            here[min(int(self._bonds(row, atom, origin)), 3)] = 1
        return here

    def _atom_at(self, row: int, local: int) -> int | None:
        if local < self.n_own:
            return int(self.tables.atoms[row, local])
        if local < self.n_own + self.n_context:
            return int(self.tables.context[row, local - self.n_own])
        return None

    def _bonds(self, row: int, a: int, b: int) -> int:
        kind = self.tables.type[row]
        return int(self.tables.bonds_between(kind, torch.tensor(a), torch.tensor(b)))

    def _atom_slots(self, row: int, f: int, index: Tensor, described: Tensor) -> None:
        """The placed atoms nearest by bonds: earlier ones of the fragment, then the context."""
        tables, atom = self.tables, int(self.tables.atoms[row, f])
        available = [k for k in range(f)]
        available += [self.n_own + k for k in range(self.n_context)
                      if tables.context[row, k] >= 0 and tables.available[row, k]]
        ranked = sorted(available, key=lambda k: (self._bonds(row, atom, self._atom_at(row, k)), k))
        for slot, local in enumerate(ranked[:SLOT_ATOMS]):
            other = self._atom_at(row, local)
            hand = float(tables.stereo[other] * tables.sign[row])
            index[slot] = local
            relation = self._relation(row, f, local, 0, self._bonds(row, atom, other), 0.0, hand)
            described[slot, :-ATOM_FEATURES - 4] = torch.cat([self.atoms[other], relation])

    def _bead_slots(self, row: int, f: int, index: Tensor, described: Tensor) -> None:
        tables, atom = self.tables, int(self.tables.atoms[row, f])
        for q in range(self.n_beads):
            bead = int(tables.beads[row, q])
            if bead < 0:
                continue
            local = self.n_own + self.n_context + q
            members = tables.atoms[bead][tables.atoms[bead] >= 0]
            bonds = min((self._bonds(row, atom, int(a)) for a in members), default=FAR)
            weight = float(tables.weight_own[row, q, f])
            index[SLOT_ATOMS + q] = local
            relation = self._relation(row, f, local, 1, bonds, weight, float(q == 0))
            described[SLOT_ATOMS + q, :-ATOM_FEATURES - 4] = torch.cat([self.beads[bead], relation])

    def _residuals(self, row: int, f: int, residual: Tensor, scale: Tensor, index: Tensor,
                   described: Tensor) -> None:
        """Where the mass of a bead that is not placed yet must lie.

        A hydrogen that is not placed yet counts at its carrier if that one is, so that the residual
        says where heavy atoms must go. Where nothing is left to place, the scale is that of a vector.
        """
        tables = self.tables
        own, context = tables.atoms[row], tables.context[row]
        placed = torch.cat([torch.arange(self.n_own) < f, tables.available[row] & (context >= 0)])
        rows = torch.cat([own, context])
        seat = self._seats(row, rows, placed)
        for q in range(min(SLOT_RESIDUALS, self.n_beads)):
            weights = torch.cat([tables.weight_own[row, q], tables.weight_context[row, q]])
            if tables.beads[row, q] < 0 or not tables.weight_own[row, q].any():
                continue
            seated = seat >= 0
            residual[q].index_add_(0, seat[seated], weights[seated])
            left = float(weights[~seated].sum())
            scale[q] = 1 / left if left > 1e-6 else 10.0
            slot = SLOT_ATOMS + self.n_beads + q
            index[slot] = q
            relation = self._relation(row, f, self.n_own + self.n_context + q, 2, FAR,
                                      float(tables.weight_own[row, q, f]), left)
            described[slot, :-ATOM_FEATURES - 4] = torch.cat([self.beads[tables.beads[row, q]], relation])

    def _seats(self, row: int, rows: Tensor, placed: Tensor) -> Tensor:
        """Position at which each fragment or context atom counts: its own, its carrier's, or none (-1)."""
        seat = torch.where(placed, torch.arange(len(rows)), -1)
        molecule = self.tables.types[int(self.tables.type[row])]
        base = int(self.tables.atom_base[self.tables.type[row]])
        where = {int(r) - base: k for k, r in enumerate(rows) if r >= 0}
        for k, r in enumerate(rows.tolist()):
            if r >= 0 and not placed[k] and molecule.chemistry.element[r - base] == 1:
                carrier = next((where[n] for n in molecule.graph[r - base] if n in where), None)
                if carrier is not None and placed[carrier]:
                    seat[k] = carrier
        return seat
