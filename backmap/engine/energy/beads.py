"""What single beads of a frame have of each term of the energy, and in which wells their torsions lie."""
from __future__ import annotations

from collections import Counter
from functools import cached_property

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.system import System
from . import bonded
from .frame import FrameEnergy
from .layout import FieldLayout

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Terms that are counted as one.
ONE = {"lj_14": "lj", "coulomb_14": "coulomb"}
PAIRS = ("lj", "coulomb", "solvent")
WELLS = ("gauche+", "trans", "gauche-")  #: of torsions from 0 to 120, to 240 and to 360 degrees
ALIKE = 6  #: bonds as far as which two atoms have the same neighbours to be alike
TYPES = 6  #: kinds of torsions that are told apart, the most frequent ones


class BeadEnergies:
    """Energies of frames, term by term and bead by bead, and the wells of torsions.

    A bonded term belongs to the owner of its second atom, half of a pair to that of each of its atoms.

    Attributes:
        terms: Names of the terms: bond, angle, proper, improper, cmap, and behind them lj and coulomb, each with 1-4
            pairs, and solvent; those there are.
        torsions: Names of the kinds of torsions about bonds that turn, by their atom types.
        torsion_bead: Bead of each of the n torsions of these kinds, (n,).
        telling: Whether its well is another after a turn that swaps no atoms that are alike, (n,) bool.
    """

    def __init__(self, energy: FrameEnergy) -> None:
        self.energy, layout = energy, energy.layout
        self.terms = list(dict.fromkeys(ONE.get(term, term) for term in layout.present))
        self._owners = [_second(layout, number, each.atoms) for number, molecule in enumerate(layout.molecules)
                        for each in molecule.bonded]
        self._find_torsions(energy.system)

    def _find_torsions(self, system: System) -> None:
        """Those of the most frequent kinds: their atoms (n, 4), beads, kinds and whether they are ``telling``, (n,)."""
        of_type = [turning(kind) for kind in system.types]
        names = Counter()
        for group, named in zip(system.groups, of_type):
            for name in named.values():
                names[name] += len(group.atom_offset)
        self.torsions = sorted(name for name, _ in names.most_common(TYPES))
        place, atoms, kinds, telling = {name: k for k, name in enumerate(self.torsions)}, [], [], []
        for group, named in zip(system.groups, of_type):
            own = {quad: place[name] for quad, name in named.items() if name in place}
            if own:
                atoms.append((group.atom_offset[:, None, None] + np.array(list(own))).reshape(-1, 4))
                kinds.append(np.tile(list(own.values()), len(group.atom_offset)))
                telling.append(np.tile(_told_apart(group.type, list(own)), len(group.atom_offset)))
        self._torsion = np.concatenate([np.empty((0, 4), dtype=np.int64), *atoms])
        self._kind = np.concatenate([np.empty(0, dtype=np.int64), *kinds])
        self.torsion_bead = self.energy.layout.where.owner[self._torsion[:, 1]]
        self.telling = np.concatenate([np.empty(0, dtype=bool), *telling])

    @cached_property
    def n_torsions(self) -> Array:
        """Torsions of each kind that each bead has, (kinds, B)."""
        return self._counted(np.ones(len(self._kind)))

    def _counted(self, weights: Array) -> Array:
        n_beads = self.energy.system.n_beads
        where = self._kind * n_beads + self.torsion_bead
        return np.bincount(where, weights, minlength=len(self.torsions) * n_beads).reshape(-1, n_beads)

    def bonded(self, atoms: Array) -> Array:
        """Energies of bonded terms of whole molecules (A, 3), nm, by term and bead, kJ/mol, (bonded, B)."""
        n_beads = self.energy.system.n_beads
        rows = {term: np.zeros(n_beads) for term in self.terms if term not in PAIRS}
        for (term, values), beads in zip(self.energy.bonded(atoms), self._owners, strict=True):
            rows[term] += np.bincount(beads.ravel(), values.ravel(), minlength=n_beads)
        return np.array(list(rows.values())).reshape(-1, n_beads)

    def pairs(self, atoms: Array, box: Array | None) -> tuple[Array, float]:
        """Energies of pairs of whole molecules (A, 3), nm, by term and bead, kJ/mol, (pairs, B); and that of all terms.

        It takes many times as long as bonded ones.
        """
        found, owner = self.energy.of(atoms, box), self.energy.layout.where.owner
        values = {"lj": found.lj_of_atom, "coulomb": found.coulomb_of_atom,
                  "solvent": found.solvent_of_atom}
        rows = [np.bincount(owner, values[term], minlength=self.energy.system.n_beads)
                for term in self.terms if term in PAIRS]
        return np.array(rows).reshape(-1, self.energy.system.n_beads), found.total

    def well(self, atoms: Array) -> Index:
        """The number of the well in which each torsion of whole molecules (A, 3), nm, lies, (n,)."""
        with torch.no_grad():
            return bonded.thirds(bonded.dihedral(*torch.as_tensor(atoms[self._torsion]).unbind(1))).numpy()

    def wells(self, atoms: Array) -> Array:
        """Torsions of each kind in each well by bead, of whole molecules (A, 3), nm, (kinds, 3, B)."""
        well = self.well(atoms)
        return np.stack([self._counted((well == k).astype(float)) for k in range(3)], axis=1)

    def freedom(self, exact: bool) -> dict[str, int]:
        """Degrees of freedom that can take up the energy of each term.

        Flexible bonds; of n angles about an atom no more than 2 arms - 3; a torsion about each bond; and for energies
        of pairs all coordinates that bonds, and beads if they are met exactly, leave.
        """
        found = Counter()
        for group, molecule in zip(self.energy.system.groups, self.energy.layout.molecules):
            kind, count = group.type, len(group.atom_offset)
            if kind.given:
                continue
            rigid = {tuple(sorted(pair)) for pair in kind.rigid.pairs.tolist()}
            atoms = {term: {tuple(row) for each in molecule.bonded if each.term == term for row in each.atoms.tolist()}
                     for term in self.terms}
            found["bond"] += count * len({tuple(sorted(row)) for row in atoms.get("bond", ())} - rigid)
            found["angle"] += count * _bending(atoms.get("angle", ()))
            found["proper"] += count * len({tuple(sorted(row[1:3])) for row in atoms.get("proper", ())})
            for term in ("improper", "cmap"):
                found[term] += count * len(atoms.get(term, ()))
            left = 3 * int(kind.free.sum()) - len(rigid) - 3 * kind.n_beads * (exact and not kind.untied)
            for term in (*PAIRS, "total"):
                found[term] += count * max(left, 1)
        return {term: found[term] for term in (*self.terms, "total")}


def turning(kind: MoleculeType) -> dict[tuple[int, ...], str]:
    """A torsion for each bond of a molecule type that can turn, atoms and name.

    Of the neighbours of each end the heaviest, the first of them; none where they are two or three hydrogens that
    cannot be told apart.
    """
    found: dict[tuple[int, ...], str] = {}
    if kind.given or kind.coarse:
        return found
    graph = kind.graph

    def arm(end: int, other: int) -> int | None:
        arms = sorted(set(graph[end]) - {other}, key=lambda atom: (-kind.mass[atom], atom))
        return arms[0] if len(arms) == 1 or (arms and kind.chemistry.heavy[arms[0]]) else None

    for b, c in nx.bridges(nx.Graph(graph.edges)):
        a, d = arm(b, c), arm(c, b)
        if a is not None and d is not None:
            types = tuple(kind.atom_types[atom] for atom in (a, b, c, d))
            found[a, b, c, d] = "-".join(min(types, types[::-1]))
    return found


def _told_apart(kind: MoleculeType, torsions: list[tuple[int, ...]]) -> list[bool]:
    """Whether no other neighbour of the second and third atom of a torsion is like its first and last."""
    graph = nx.Graph(kind.graph.edges)
    for atom in graph:
        graph.nodes[atom]["type"] = f"{kind.atom_types[atom]} {kind.mass[atom]:.2f}"
    seen = nx.weisfeiler_lehman_subgraph_hashes(graph, node_attr="type", iterations=ALIKE)

    def own(atom: int, end: int, other: int) -> bool:
        return all(seen[atom] != seen[one] for one in set(graph[end]) - {other, atom})

    return [own(a, b, c) and own(d, c, b) for a, b, c, d in torsions]


def _second(layout: FieldLayout, number: int, atoms: Index) -> Index:
    """Owner of the second atom of terms (n, k) in every molecule of a type, (m, n)."""
    group = layout.system.groups[number]
    return layout.where.owner[group.atom_offset[:, None] + atoms[:, 1]]


def _bending(angles: set[tuple[int, ...]]) -> int:
    """Freedoms of the angles of a molecule."""
    centres = Counter(row[1] for row in angles)
    arms: dict[int, set[int]] = {}
    for a, b, c in angles:
        arms.setdefault(b, set()).update((a, c))
    return sum(min(number, 2 * len(arms[centre]) - 3) for centre, number in centres.items())
