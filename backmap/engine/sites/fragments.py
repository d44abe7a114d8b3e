"""Static tables of all fragments, independent of positions: one row per bead of each molecule type.

A generator reads these tables through ``LocalEnvironment.row``. Atoms are named by *atom rows*
(the atoms of all molecule types, one after the other); positions around a site are named by
*local indices* into the concatenation [fragment atoms F | context atoms C | beads Q].
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from ...model.molecule import MoleculeType
from ...model.pairs import FAR
from .contracts import Order, View
from .followers import Followers
from .records import MoleculePairs

#: Largest number of beads along the bead graph in an environment, the nearest ones, the anchor included.
MAX_BEADS = 9
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
        plans = []
        for molecule, order, base, first in zip(types, orders, bases, rows):
            planner = _Planner(molecule, view, order, sequential)
            plans.extend(planner.plan(bead).shifted(base, first) for bead in range(molecule.n_beads))
        tables = _stack(plans)
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


@dataclass(eq=False)
class _Plan:
    """One row of the tables, with indices local to the molecule type."""

    atoms: list[int]
    context: list[int]
    available: list[bool]
    beads: list[int]
    reference: list[tuple[str, int]]
    closure: list[tuple[str, int] | None]
    length: list[float]
    closure_length: list[float]
    bonded: list[bool]
    pinned: list[bool]
    dependent: list[bool]
    weight_own: np.ndarray
    weight_context: np.ndarray
    sign: int
    chiral: bool

    def shifted(self, atom_base: int, row_base: int) -> _Plan:
        """The plan with atom and fragment rows counted over all types."""
        self.atoms = [a + atom_base for a in self.atoms]
        self.context = [a + atom_base for a in self.context]
        self.beads = [b + row_base for b in self.beads]
        return self


class _Planner:
    """Makes the plans of one molecule type."""

    def __init__(self, molecule: MoleculeType, view: View, order: Order, sequential: bool) -> None:
        self.molecule, self.view, self.order, self.sequential = molecule, view, order, sequential
        self.mapping, self.fragments = molecule.mapping, molecule.mapping.fragments()
        entries = list(zip(*(part.tolist() for part in self.mapping.entries), strict=True))
        self.members, self.pins = {(bead, atom) for bead, atom, _ in entries}, dict[int, list[int]]()
        for bead, atom, weight in entries:
            if weight > 1 - 1e-9:
                self.pins.setdefault(bead, []).append(atom)
        self.heavy, chemistry = molecule.chemistry.heavy, molecule.chemistry
        self.sign = dict(zip(chemistry.centres[:, 0].tolist(), chemistry.sign.tolist(), strict=True))

    def plan(self, bead: int) -> _Plan:
        """Make the plan of the fragment of a bead."""
        if self.molecule.given:
            return _Plan([int(a) for a in self.fragments[bead]], [], [], [bead], [(("bead", 0),) * 3], [None], [np.nan],
                         [np.nan], [False], [True], [False], np.ones((1, 1)), np.zeros((1, 0)), 1, False)
        own = self._drawing_order(bead)
        context = self._context(bead, own)
        owner = self.molecule.mapping.owner
        rank = self.order.ranks
        available = [not self.sequential or bool(rank[owner[a]] < rank[bead]) for a in context]
        beads = self._near_beads(bead)
        free = self.molecule.free
        placed = {a: ("context", k) for k, a in enumerate(context) if available[k] and free[a]}
        plan = _Plan(own, context, available, beads, [], [], [], [], [], [], [not free[a] for a in own],
                     self.mapping.part(beads, own), self.mapping.part(beads, context),
                     *self._handedness(own, context))
        for k, atom in enumerate(own):
            self._predecessors(plan, atom, bead, placed)
            if free[atom]:
                placed[atom] = ("own", k)
        return plan

    def _drawing_order(self, bead: int) -> list[int]:
        """Heavy atoms breadth first from where the parent bead is bonded, then hydrogens, then dependent atoms."""
        every = [int(a) for a in self.fragments[bead]]
        own = [a for a in every if self.molecule.free[a]]
        graph = self.molecule.graph
        heavy = [a for a in own if self.heavy[a]] or own
        parent = self.order.parents[bead]
        owner = self.molecule.mapping.owner

        def entry(atom: int) -> tuple:
            pinned = self._pinned(atom, bead)
            to_parent = any(owner[n] == parent for n in graph[atom])
            outside = any(owner[n] != bead for n in graph[atom])
            elsewhere = (bead, atom) not in self.members  # a bead may own atoms that have no part in it
            return (not pinned, not to_parent, not outside, elsewhere, atom)

        order: list[int] = []
        inside = graph.subgraph(heavy)
        for seed in sorted(heavy, key=entry):
            if seed not in order:
                order.append(seed)
                order.extend(child for _, child in nx.bfs_edges(inside, seed, sort_neighbors=sorted)
                             if child not in order)
        order += sorted((a for a in own if a not in order),
                        key=lambda a: (min((order.index(n) for n in graph[a] if n in order), default=0), a))
        return order + [a for a in every if not self.molecule.free[a]]

    def _context(self, bead: int, own: list[int]) -> list[int]:
        """Atoms in view by bonds, and all atoms that share a bead with the fragment; nearest first."""
        bonds = self.molecule.near
        pairs = bonds.among(own)
        near: dict[int, int] = {}
        for atom, apart in zip(bonds.other[pairs].tolist(), bonds.value[pairs].tolist(), strict=True):
            near[atom] = min(apart, near.get(atom, FAR))
        chosen = {atom for atom, apart in near.items() if apart <= self.view.context}
        chosen |= set(self.mapping.atoms_in(self.mapping.beads_with(own)).tolist())
        return sorted(chosen - set(own), key=lambda a: (near.get(a, FAR), a))

    def _near_beads(self, bead: int) -> list[int]:
        """The nearest beads on the bead graph, those that share atoms with the fragment first."""
        hops = nx.single_source_shortest_path_length(self.molecule.bead_graph, bead, cutoff=MAX_BEADS)
        sharing = set(self.mapping.beads_with(self.fragments[bead]).tolist())
        ranked = sorted(hops, key=lambda b: (b != bead, b not in sharing, hops[b], b))
        return ranked[:MAX_BEADS]

    def _pinned(self, atom: int, bead: int) -> bool:
        """The bead is this atom and nothing else."""
        return atom in self.pins.get(bead, ())

    def _handedness(self, own: list[int], context: list[int]) -> tuple[int, bool]:
        for atom in [*own, *context]:
            if self.sign.get(atom):
                return self.sign[atom], True
        return 1, False

    def _predecessors(self, plan: _Plan, atom: int, bead: int, placed: dict[int, tuple[str, int]]) -> None:
        """Choose what the atom's internal coordinates refer to and append it to the plan."""
        graph = self.molecule.graph
        # Own atoms first: a fragment hangs together by itself, and meets its surroundings second.
        def usable(nodes) -> list[int]:
            return sorted((n for n in nodes if n in placed and n != atom),
                          key=lambda n: (not self.heavy[n], placed[n][0] != "own", placed[n][1]))

        def adrift(node: int) -> bool:
            """Without a placed heavy neighbour, so that only beads could give the axis of a local frame."""
            return not any(self.heavy[n] for n in usable(graph[node]))

        bonded = sorted(usable(graph[atom]) or usable(self._held(atom)), key=adrift)
        chain: list[tuple[str, int]] = []
        if self.molecule.coarse and not plan.reference:
            # Bonds of beads are soft, and what is hard is the bead that they make: the first is seen from there.
            around = [placed[n] for own in plan.atoms for n in graph[own] if n in placed]
            bonded, chain = [], [("bead", 0), *dict.fromkeys(around)][:3]
        siblings: list[int] = []
        closure = None
        if bonded:
            origin = bonded[0]
            closure = self._closure(atom, bonded, placed)
            siblings = usable(graph[origin])
            axis = closure if closure is not None else next((n for n in siblings if self.heavy[n]), None)
            chain = [placed[origin]]
            if axis is not None:
                chain.append(placed[axis])
                others = [n for n in siblings if n != axis] + [n for n in usable(graph[axis]) if n != origin]
                if others:
                    chain.append(placed[others[0]])
        spare = [("bead", k) for k, b in enumerate(plan.beads) if ("bead", k) not in chain
                 and not any(placed.get(a) in chain for a in self.pins.get(b, ()))]
        # Molecules of one bead run out of beads: then an atom on the same neighbour gives the plane.
        beside = [placed[n] for n in siblings if placed[n] not in chain]
        plan.reference.append(tuple((chain + spare + beside + [("bead", 0)] * 3)[:3]))
        plan.closure.append(placed[closure] if closure is not None else None)
        plan.length.append(self._length(atom, bonded[0]) if bonded else np.nan)
        plan.closure_length.append(self._length(atom, closure) if closure is not None else np.nan)
        plan.bonded.append(bool(bonded))
        plan.pinned.append(self._pinned(atom, bead))

    def _held(self, atom: int) -> list[int]:
        """Atoms at a fixed distance of it."""
        return self.molecule.rigid.partners.get(atom, [])

    def _closure(self, atom: int, bonded: list[int], placed: dict[int, tuple[str, int]]) -> int | None:
        """A second atom of the same fragment at a rigid distance, if the first is at one, too: a ring closes here."""
        held = sorted((n for n in self._held(atom) if n in placed), key=lambda n: (not self.heavy[n], placed[n][1]))
        rigid = [n for n in dict.fromkeys([*bonded, *held]) if n in held and placed[n][0] == "own"]
        return rigid[1] if len(rigid) > 1 and rigid[0] == bonded[0] else None

    def _length(self, a: int, b: int) -> float:
        return self.molecule.rigid.between.get((a, b), np.nan)


def _stereo_of_atoms(molecule: MoleculeType) -> np.ndarray:
    """Sign of the stereocentre at each atom, 0 elsewhere, (A,)."""
    stereo = np.zeros(molecule.n_atoms, dtype=np.int64)
    stereo[molecule.chemistry.centres[:, 0]] = molecule.chemistry.sign
    return stereo


def _atom_rows(types: Sequence[MoleculeType], of) -> Tensor:
    return torch.as_tensor(np.concatenate([np.asarray(of(t)) for t in types]))


def _stack(plans: list[_Plan]) -> dict[str, Tensor]:
    """Pad the plans to common sizes and stack them."""
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
        weight_own[r, :len(plan.beads), :len(plan.atoms)] = plan.weight_own
        weight_context[r, :len(plan.beads), :len(plan.context)] = plan.weight_context
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
