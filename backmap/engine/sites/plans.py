"""How each fragment is drawn: its atoms in order, what they are placed about, and what of the molecule is near.

One plan for each bead of a molecule type; ``fragments`` stacks them.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.molecule import MoleculeType
from ...model.pairs import FAR, Sets
from .contracts import Order, View

#: Largest number of beads along the bead graph in an environment, the nearest ones, the anchor included.
MAX_BEADS = 9


@dataclass(eq=False)
class FragmentPlan:
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
    sign: int
    chiral: bool

    def shifted(self, atom_base: int, row_base: int) -> FragmentPlan:
        """The plan with atom and fragment rows counted over all types."""
        self.atoms = [a + atom_base for a in self.atoms]
        self.context = [a + atom_base for a in self.context]
        self.beads = [b + row_base for b in self.beads]
        return self


class FragmentPlanner:
    """Makes the plans of one molecule type."""

    def __init__(self, molecule: MoleculeType, view: View, order: Order, sequential: bool) -> None:
        self.molecule, self.view, self.order, self.sequential = molecule, view, order, sequential
        self.mapping, self.fragments = molecule.mapping, molecule.mapping.fragments()
        self.contexts = None if molecule.given else self._contexts()
        self.sharing = Sets.of(self.fragments).touching(self.mapping.by_atom[0])
        entries = list(zip(*(part.tolist() for part in self.mapping.entries), strict=True))
        self.members, self.pins = {(bead, atom) for bead, atom, _ in entries}, dict[int, list[int]]()
        for bead, atom, weight in entries:
            if weight > 1 - 1e-9:
                self.pins.setdefault(bead, []).append(atom)
        self.heavy, chemistry = molecule.chemistry.heavy.tolist(), molecule.chemistry
        self.owner, self.free = self.mapping.owner.tolist(), molecule.free.tolist()
        self.rank = order.ranks.tolist()
        self.near = {bead: list(others) for bead, others in molecule.bead_graph.adjacency()}
        self.around = {atom: list(others) for atom, others in molecule.graph.adjacency()}
        self.sign = dict(zip(chemistry.centres[:, 0].tolist(), chemistry.sign.tolist(), strict=True))

    def plan(self, bead: int) -> FragmentPlan:
        """Make the plan of the fragment of a bead."""
        if self.molecule.given:
            return FragmentPlan([int(a) for a in self.fragments[bead]], [], [], [bead], [(("bead", 0),) * 3], [None],
                                [np.nan], [np.nan], [False], [True], [False], 1, False)
        own = self._drawing_order(bead)
        context = self.contexts[bead].tolist()
        available = [not self.sequential or self.rank[self.owner[a]] < self.rank[bead] for a in context]
        beads, free = self._near_beads(bead), self.free
        placed = {a: ("context", k) for k, a in enumerate(context) if available[k] and free[a]}
        plan = FragmentPlan(own, context, available, beads, [], [], [], [], [], [], [not free[a] for a in own],
                            *self._handedness(own, context))
        for k, atom in enumerate(own):
            self._predecessors(plan, atom, bead, placed)
            if free[atom]:
                placed[atom] = ("own", k)
        return plan

    def _drawing_order(self, bead: int) -> list[int]:
        """Heavy atoms breadth first from where the parent bead is bonded, then hydrogens, then dependent atoms."""
        every = [int(a) for a in self.fragments[bead]]
        own = [a for a in every if self.free[a]]
        graph = self.around
        heavy = [a for a in own if self.heavy[a]] or own
        parent = self.order.parents[bead]
        owner = self.owner

        def entry(atom: int) -> tuple:
            pinned = self._pinned(atom, bead)
            to_parent = any(owner[n] == parent for n in graph[atom])
            outside = any(owner[n] != bead for n in graph[atom])
            elsewhere = (bead, atom) not in self.members  # a bead may own atoms that have no part in it
            return (not pinned, not to_parent, not outside, elsewhere, atom)

        order: list[int] = []
        inside = set(heavy)
        for seed in sorted(heavy, key=entry):
            if seed not in order:
                order.append(seed)
                for atom in _reached(graph, seed, inside):
                    if atom not in order:
                        order.append(atom)
        order += sorted((a for a in own if a not in order),
                        key=lambda a: (min((order.index(n) for n in graph[a] if n in order), default=0), a))
        return order + [a for a in every if not self.free[a]]

    def _contexts(self) -> Sets:
        """Of each fragment atoms in view by bonds, and all that share a bead with it; nearest first."""
        bonds, own = self.molecule.near, Sets.of(self.fragments)
        shared = self.mapping.sharing(own)
        member, pair = own.along(bonds.start)
        owner, atom, apart = own.owner[member], bonds.other[pair], bonds.value[pair].astype(np.int64)
        seen = (apart <= self.view.context) | (shared.places(owner, atom) >= 0)
        owner, atom, apart = (np.concatenate(both) for both in (
            (owner[seen], shared.owner), (atom[seen], shared.item), (apart[seen], np.full(len(shared.item), FAR))))
        order = np.lexsort((apart, atom, owner))
        owner, atom, apart = owner[order], atom[order], apart[order]
        chosen = np.ones(len(owner), dtype=bool)
        chosen[1:] = (owner[1:] != owner[:-1]) | (atom[1:] != atom[:-1])
        chosen &= own.places(owner, atom) < 0
        owner, atom, apart = owner[chosen], atom[chosen], apart[chosen]
        return Sets(np.searchsorted(owner, np.arange(len(own) + 1)), atom[np.lexsort((atom, apart, owner))])

    def _near_beads(self, bead: int) -> list[int]:
        """The nearest beads on the bead graph, those that share atoms with the fragment first."""
        hops, last = {bead: 0}, [bead]
        sharing = set(self.sharing[bead].tolist())
        for away in range(1, MAX_BEADS + 1):
            if len(hops) >= MAX_BEADS and sharing.issubset(hops):
                break  # those that are farther come after these
            last = list(dict.fromkeys(other for one in last for other in self.near[one] if other not in hops))
            hops |= dict.fromkeys(last, away)
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

    def _predecessors(self, plan: FragmentPlan, atom: int, bead: int, placed: dict[int, tuple[str, int]]) -> None:
        """Choose what the atom's internal coordinates refer to and append it to the plan."""
        graph = self.around
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


def _reached(around: dict[int, list[int]], seed: int, inside: set[int]) -> list[int]:
    """Atoms ``inside`` that are tied to ``seed``, breadth first, neighbours in ascending order."""
    found, known = [seed], {seed}
    for atom in found:
        new = sorted(n for n in around[atom] if n in inside and n not in known)
        known.update(new)
        found += new
    return found
