"""Static tables of all fragments, independent of positions: one row per bead of each molecule type.

A generator reads these tables through ``LocalEnvironment.row``. Atoms are named by *atom rows*
(the atoms of all molecule types, one after the other); positions around a site are named by
*local indices* into the concatenation [fragment atoms F | context atoms C | beads Q].
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...model.molecule import MoleculeType
from ...model.pairs import FAR, Sets
from .contracts import Order, View
from .followers import Followers
from .plans import FragmentPlan, FragmentPlanner
from .records import MoleculePairs

#: Tables that are remembered, in case that another step asks for the same.
LATEST = 8


@dataclass(frozen=True, eq=False)
class FragmentTable:
    """Static tables of R fragments, one for each bead of T molecule types.

    Attributes:
        types: The molecule types.
        type: Index of each row's molecule type, (R,).
        bead: Index of each row's bead in its molecule type, (R,).
        atom_base: First atom row of each type, (T,).
        row_base: First fragment row of each type, (T,).
        atoms: Atom rows of the fragment in drawing order, -1 padding, (R, F).
        context: Atom rows of same-molecule atoms in view, nearest first, -1 padding, (R, C).
        available: Context atoms that are placed before this bead is drawn, (R, C) bool.
        beads: Fragment rows of beads near on the bead graph, itself first, -1 padding, (R, Q).
        reference: Local indices of the three predecessors of each atom, (R, F, 3), which define the origin, the
            axis and the plane of its local frame.
        closure: Local index of a second placed atom at a rigid distance, -1 if none, (R, F).
            The closure atom is then also the second predecessor.
        length: Rigid distance to the first predecessor, nm, NaN where the distance is drawn, (R, F).
        closure_length: Rigid distance to the closure atom, nm, (R, F).
        bonded: Whether the first predecessor is a bonded atom (not a bead), (R, F) bool.
        pinned: Whether the atom is all of its bead, so that its position is given, (R, F) bool.
        dependent: Whether the atom's position follows from others, so that it is not drawn, (R, F) bool.
        weight_own: Mapping weights of the fragment's atoms in each of ``beads``, (R, Q, F).
        weight_context: Mapping weights of the context atoms in each of ``beads``, (R, Q, C).
        sign: Handedness of the fragment: of its own stereocentre, else of the nearest one in
            view; +1 where there is none, (R,).
        chiral: Whether ``sign`` stems from a stereocentre, (R,) bool.
        element: Atomic number of each atom row, (n,).
        aromatic: Whether it is aromatic, (n,) bool.
        ring: Size of its smallest ring, 0 outside rings, (n,).
        charge: Its formal charge, e, (n,).
        degree: Its number of bonds, (n,).
        stereo: Sign of the stereocentre at it, 0 without one, (n,).
        mass: u, (n,).
        bonds: Numbers of bonds between atom rows that are at most 8 apart; see ``bonds_between``.
    """

    types: Sequence[MoleculeType]
    type: Tensor
    bead: Tensor
    atom_base: Tensor
    row_base: Tensor
    atoms: Tensor
    context: Tensor
    available: Tensor
    beads: Tensor
    reference: Tensor
    closure: Tensor
    length: Tensor
    closure_length: Tensor
    bonded: Tensor
    pinned: Tensor
    dependent: Tensor
    weight_own: Tensor
    weight_context: Tensor
    sign: Tensor
    chiral: Tensor
    element: Tensor
    aromatic: Tensor
    ring: Tensor
    charge: Tensor
    degree: Tensor
    stereo: Tensor
    mass: Tensor
    bonds: MoleculePairs

    @classmethod
    def build(cls, types: Sequence[MoleculeType], view: View, orders: Sequence[Order],
              sequential: bool = False) -> FragmentTable:
        """Build the tables; steps that ask for the same get the same.

        Args:
            types: Molecule types of the system.
            view: Range of the environments; its ``context`` is used.
            orders: One per type; parents decide with which atom the drawing order of a fragment begins.
            sequential: Whether only beads of lower rank are placed (forward sampling), or all others.
        """
        asked = (tuple(types), view, sequential, b" ".join(part.tobytes() for order in orders
                                                           for part in (order.ranks, order.parents)))
        if asked not in _BUILT:
            _BUILT[asked] = cls._built(types, view, orders, sequential)
            while len(_BUILT) > LATEST:
                del _BUILT[next(iter(_BUILT))]
        return _BUILT[asked]

    @classmethod
    def _built(cls, types: Sequence[MoleculeType], view: View, orders: Sequence[Order],
               sequential: bool) -> FragmentTable:
        bases = np.cumsum([0] + [t.n_atoms for t in types])
        rows = np.cumsum([0] + [t.n_beads for t in types])
        plans, weights = [], []
        for molecule, order, base, first in zip(types, orders, bases, rows):
            planner = FragmentPlanner(molecule, view, order, sequential)
            own = [planner.plan(bead) for bead in range(molecule.n_beads)]
            weights.append([_weights(molecule, own, name, first) for name in ("atoms", "context")])
            plans.extend(plan.shifted(base, first) for plan in own)
        tables = _stack(plans, weights)
        return cls(
            types=list(types),
            type=torch.as_tensor(np.repeat(np.arange(len(types)), [t.n_beads for t in types])),
            bead=torch.as_tensor(np.concatenate([np.arange(t.n_beads) for t in types])),
            atom_base=torch.as_tensor(bases[:-1]), row_base=torch.as_tensor(rows[:-1]),
            element=_atom_rows(types, lambda t: t.chemistry.element),
            aromatic=_atom_rows(types, lambda t: t.chemistry.aromatic),
            ring=_atom_rows(types, lambda t: t.chemistry.ring),
            charge=_atom_rows(types, lambda t: t.chemistry.charge).float(),
            degree=_atom_rows(types, lambda t: np.array([d for _, d in t.graph.degree()])),
            stereo=_atom_rows(types, _stereo_of_atoms),
            mass=_atom_rows(types, lambda t: t.mass).float(),
            bonds=MoleculePairs(*map(torch.as_tensor, MoleculePairs.of([kind.near for kind in types]))),
            **tables)

    def to(self, device: str) -> FragmentTable:
        """Return the same tables on another torch device."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name not in ("types", "bonds")}
        return replace(self, **moved, bonds=MoleculePairs(*(part.to(device) for part in self.bonds)))

    @cached_property
    def followers(self) -> Followers:
        """Dependent atoms inside the fragments."""
        return Followers.of(self.types, self.atoms.cpu().numpy(), self.type.tolist(), self.atom_base.tolist())

    def bonds_between(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the number of bonds between atom rows of one molecule (broadcast); ``FAR`` if more than 8."""
        return self.bonds.look_up(a, b, FAR).long()


_BUILT: dict[tuple, FragmentTable] = {}


def resting_order(molecule: MoleculeType) -> Order:
    """Return the order from which fragment tables are built for Gibbs sweeps, where all other fragments are placed.

    Parents are those of the spanning forest of the bead graph; ranks are not used.
    """
    parents = np.full(molecule.n_beads, -1)
    parents[molecule.bead_edges[:, 1]] = molecule.bead_edges[:, 0]
    return Order(np.arange(molecule.n_beads), parents)


def _weights(molecule: MoleculeType, plans: list[FragmentPlan], name: str, first: int) -> tuple[np.ndarray, ...]:
    """Row, bead, atom and weight wherever the atoms that plans have under ``name`` weigh in their beads.

    Rows are counted from ``first``.
    """
    beads, atoms = (Sets.of([np.array(getattr(plan, each), dtype=np.int64) for plan in plans])
                    for each in ("beads", name))
    in_beads, weight = molecule.mapping.by_atom
    member, entry = atoms.along(in_beads.start)
    row = atoms.owner[member]
    bead = beads.places(row, in_beads.row[entry])
    there = bead >= 0
    return first + row[there], bead[there], atoms.rank[member[there]], weight[entry[there]]


def _stereo_of_atoms(molecule: MoleculeType) -> np.ndarray:
    """Sign of the stereocentre at each atom, 0 elsewhere, (A,)."""
    stereo = np.zeros(molecule.n_atoms, dtype=np.int64)
    stereo[molecule.chemistry.centres[:, 0]] = molecule.chemistry.sign
    return stereo


def _atom_rows(types: Sequence[MoleculeType], of) -> Tensor:
    return torch.as_tensor(np.concatenate([np.asarray(of(t)) for t in types]))


def _stack(plans: list[FragmentPlan], weights: list[list[tuple[np.ndarray, ...]]]) -> dict[str, Tensor]:
    """Pad the plans to common sizes and stack them; ``weights`` are those of each molecule type (``_weights``)."""
    n = len(plans)
    size_f = max(1, *(len(p.atoms) for p in plans))
    size_c = max(1, *(len(p.context) for p in plans))
    size_q = max(len(p.beads) for p in plans)
    start = {"own": 0, "context": size_f, "bead": size_f + size_c}

    def padded(name: str, width: int, fill, dtype) -> np.ndarray:
        table = np.full((n, width), fill, dtype=dtype)
        for r, plan in enumerate(plans):
            table[r, :len(getattr(plan, name))] = getattr(plan, name)
        return table

    reference = np.zeros((n, size_f, 3), dtype=np.int64)
    closure = np.full((n, size_f), -1, dtype=np.int64)
    weight_own, weight_context = np.zeros((n, size_q, size_f)), np.zeros((n, size_q, size_c))
    for r, plan in enumerate(plans):
        for f, chain in enumerate(plan.reference):
            reference[r, f] = [start[kind] + k for kind, k in chain]
            if plan.closure[f] is not None:
                kind, k = plan.closure[f]
                closure[r, f] = start[kind] + k
    for table, parts in zip((weight_own, weight_context), zip(*weights, strict=True), strict=True):
        for row, bead, atom, weight in parts:
            table[row, bead, atom] = weight
    tables = {
        "atoms": padded("atoms", size_f, -1, np.int64), "context": padded("context", size_c, -1, np.int64),
        "available": padded("available", size_c, False, bool), "beads": padded("beads", size_q, -1, np.int64),
        "reference": reference, "closure": closure, "length": padded("length", size_f, np.nan, np.float32),
        "closure_length": padded("closure_length", size_f, np.nan, np.float32),
        "bonded": padded("bonded", size_f, False, bool), "pinned": padded("pinned", size_f, False, bool),
        "dependent": padded("dependent", size_f, False, bool),
        "weight_own": weight_own.astype(np.float32), "weight_context": weight_context.astype(np.float32),
        "sign": np.array([p.sign for p in plans], dtype=np.float32), "chiral": np.array([p.chiral for p in plans]),
    }
    return {name: torch.as_tensor(table) for name, table in tables.items()}
