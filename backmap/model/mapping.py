"""The mapping: which atoms, with which weights, make a bead; and which bead places an atom."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError
from . import box as periodic
from .pairs import AtomRows, Sets, distinct, ranges

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mapping:
    """The linear map M from atoms to beads of one molecule type, ``R_b = sum_a w_ba r_a`` with rows that sum to one.

    Attributes:
        n_atoms: Number of atoms.
        n_beads: Number of beads.
        bead: Index of the bead of every weight, (n,), ascending.
        atom: Index of the atom of every weight, (n,); within a bead in the order of the file, as the first atom
            defines the periodic image (VOTCA).
        weight: Normalised weights, (n,).
        owner: The bead that places each atom, (n_atoms,).
        force_weight: Normalised weights d of forces, one for every weight, (n,): an atom adds ``d / weight`` times its
            force to that of the bead. None where the file gives none.
        share: How much of the atom the bead has, one for every weight, (n,): as its weights were before they were
            normalised. None where these are not known.
    """

    n_atoms: int
    n_beads: int
    bead: Index
    atom: Index
    weight: Array
    owner: Index
    force_weight: Array | None = None
    share: Array | None = None

    @classmethod
    def from_rows(cls, rows: list[tuple[list[int], list[float]]], graph: nx.Graph,
                  heavy: NDArray[np.bool_], owner: Index | None = None, where: str = "",
                  force_rows: list[list[float]] | None = None) -> Mapping:
        """Build from one (atoms, weights) pair per bead.

        Args:
            rows: Atom indices and weights of each bead; weights need not be normalised.
            graph: Atom graph of the molecule type.
            heavy: True for atoms that are not hydrogen, (n_atoms,).
            owner: Owners given by a file; None applies the rule (``owners``).
            where: The file, for messages.
            force_rows: Weights of forces, as many as there are weights in each row; they need not be normalised.

        Raises:
            BackmapError: If a bead has no atoms, weights do not sum to a positive number, or an atom has no owner.
        """
        bead = np.concatenate([np.full(len(atoms), b) for b, (atoms, _) in enumerate(rows)]).astype(np.int64)
        atom = np.concatenate([atoms for atoms, _ in rows]).astype(np.int64)
        weight = np.concatenate([_normalised(w, b, where) for b, (_, w) in enumerate(rows)])
        if owner is None:
            owner = owners(bead, atom, weight, len(rows), graph, heavy, where)
        share = np.concatenate([np.asarray(w, dtype=np.float64) for _, w in rows])
        forces = None if force_rows is None else np.concatenate(
            [_normalised(d, b, where, "force weights") for b, d in enumerate(force_rows)])
        return cls(len(graph), len(rows), bead, atom, weight, np.asarray(owner, dtype=np.int64), forces, share)

    @classmethod
    def identity(cls, n: int) -> Mapping:
        """Build the mapping of ``n`` atoms in which every atom is a bead of its own."""
        each = np.arange(n, dtype=np.int64)
        return cls(n, n, each, each, np.ones(n), each)

    @property
    def is_identity(self) -> bool:
        """Whether every atom is a bead of its own, in any order."""
        n = self.n_atoms
        return (n == self.n_beads == len(self.atom) == len(np.unique(self.atom))
                and np.array_equal(self.owner[self.atom], self.bead))

    @cached_property
    def matrix(self) -> Array:
        """M as a dense matrix, (n_beads, n_atoms): for molecules that are small."""
        dense = np.zeros((self.n_beads, self.n_atoms))
        np.add.at(dense, (self.bead, self.atom), self.weight)
        return dense

    @cached_property
    def entries(self) -> tuple[Index, Index, Array]:
        """Bead, atom and weight wherever M is not 0, sorted by both, (m,) each."""
        key, place = np.unique(self.bead * self.n_atoms + self.atom, return_inverse=True)
        weight = np.zeros(len(key))
        np.add.at(weight, place, self.weight)
        key, weight = key[weight != 0], weight[weight != 0]
        return (*np.divmod(key, max(self.n_atoms, 1)), weight)

    @cached_property
    def _rows(self) -> Index:
        """Where the entries of each bead begin, (n_beads + 1,)."""
        return np.searchsorted(self.entries[0], np.arange(self.n_beads + 1))

    @cached_property
    def by_atom(self) -> tuple[AtomRows, Array]:
        """Beads in which each atom has weight, ascending, and these weights, (m,)."""
        bead, atom, weight = self.entries
        order = np.argsort(atom, kind="stable")
        return AtomRows(np.searchsorted(atom[order], np.arange(self.n_atoms + 1)), bead[order]), weight[order]

    def atoms_in(self, beads: Index | list[int]) -> Index:
        """Atoms that have weight in some of ``beads``, ascending."""
        return distinct(self.entries[1][ranges(self._rows, np.asarray(beads, dtype=np.int64))])

    def beads_with(self, atoms: Index | list[int]) -> Index:
        """Beads in which some of ``atoms`` have weight, ascending."""
        return self.by_atom[0].touching(atoms)

    def sharing(self, atoms: Sets) -> Sets:
        """Of each set of atoms all that have weight in a bead in which some of it have weight, ascending."""
        return atoms.touching(self.by_atom[0]).touching(AtomRows(self._rows, self.entries[1]))

    def near(self, other: Mapping, tolerance: float) -> bool:
        """Whether no weight of another mapping of as many atoms and beads differs by more than ``tolerance``."""
        (bead, atom, weight), (*others, other_weight) = self.entries, other.entries
        key = np.concatenate([bead * self.n_atoms + atom, others[0] * self.n_atoms + others[1]])
        _, place = np.unique(key, return_inverse=True)
        return bool((np.abs(np.bincount(place, np.concatenate([weight, -other_weight]))) <= tolerance).all())

    def part(self, beads: Index | list[int], atoms: Index | list[int]) -> Array:
        """Weights of ``atoms`` in ``beads``, no atom twice, (beads, atoms): a part of M."""
        beads, atoms = np.asarray(beads, dtype=np.int64), np.asarray(atoms, dtype=np.int64)
        dense, order = np.zeros((len(beads), len(atoms))), np.argsort(atoms)
        chosen = ranges(self._rows, beads)
        row = np.repeat(np.arange(len(beads)), np.diff(self._rows)[beads])
        at = np.searchsorted(atoms[order], self.entries[1][chosen])
        there = at < len(atoms)
        there[there] = atoms[order[at[there]]] == self.entries[1][chosen[there]]
        dense[row[there], order[at[there]]] = self.entries[2][chosen[there]]
        return dense

    @cached_property
    def first(self) -> Index:
        """Position in ``atom`` of the first atom of each bead, (n_beads,)."""
        return np.searchsorted(self.bead, np.arange(self.n_beads))

    def apply(self, positions: Array, box: Array | None = None) -> Array:
        """Compute the beads of whole or broken molecules.

        Args:
            positions: (..., n_atoms, 3), nm.
            box: (3, 3), nm; None where molecules are whole already.

        Returns:
            (..., n_beads, 3), nm, not wrapped: R = r0 + sum w_i minimum_image(r_i - r0), with r0 the first atom of
            the bead (as in VOTCA).
        """
        origin = positions[..., self.atom[self.first], :]
        offset = positions[..., self.atom, :] - origin[..., self.bead, :]
        weighted = periodic.minimum_image(offset, box) * self.weight[:, None]
        return origin + np.add.reduceat(weighted, self.first, axis=-2)

    def sums(self, values: Array) -> Array:
        """Add up what atoms have, such as masses (n_atoms,), by beads, (n_beads,); the total stays.

        An atom of several beads is shared out as it weighs in them, and one that weighs nothing counts for its owner.
        """
        share = self.weight if self.share is None else self.share
        whole = np.bincount(self.atom, share, minlength=self.n_atoms)
        weighs = whole > 0
        part = np.divide(share, whole[self.atom], out=np.zeros(len(share)), where=weighs[self.atom])
        return (np.bincount(self.bead, part * values[self.atom], minlength=self.n_beads)
                + np.bincount(self.owner, np.where(weighs, 0.0, values), minlength=self.n_beads))

    @cached_property
    def alone(self) -> NDArray[np.bool_]:
        """Atoms of which a bead is made alone, so that they are where it is, whatever else it places, (n_atoms,)."""
        found = np.zeros(self.n_atoms, dtype=bool)
        found[self.atom[np.bincount(self.bead, minlength=self.n_beads)[self.bead] == 1]] = True
        return found

    @cached_property
    def pinned(self) -> Index:
        """The atom that each bead is, where it is one and no more, else -1, (n_beads,)."""
        single = (np.bincount(self.bead, minlength=self.n_beads) == 1) & (
            np.bincount(self.owner, minlength=self.n_beads) == 1)
        atom = self.atom[self.first]
        return np.where(single & (self.owner[atom] == np.arange(self.n_beads)), atom, -1)

    def fragments(self) -> list[Index]:
        """List the atoms that each bead owns, in topology order, (n_beads,) arrays."""
        order = np.argsort(self.owner, kind="stable")
        return np.split(order, np.searchsorted(self.owner[order], np.arange(1, self.n_beads)))


def _normalised(weights: list[float], bead: int, where: str, what: str = "weights") -> Array:
    values = np.asarray(weights, dtype=np.float64)
    if not values.size:
        raise BackmapError(f"bead {bead + 1} has no atoms", where=where, hint="Give it atoms or remove it.")
    if not np.all(np.isfinite(values)) or values.sum() <= 0:
        raise BackmapError(f"the {what} of bead {bead + 1} do not sum to a positive number", where=where,
                           hint="Use masses, or any positive weights.")
    return values / values.sum()


def owners(bead: Index, atom: Index, weight: Array, n_beads: int, graph: nx.Graph,
           heavy: NDArray[np.bool_], where: str = "") -> Index:
    """Return the owner of each atom, (n_atoms,): its bead of largest weight, ties to the first bead.

    An atom in no bead follows the nearest owned atom on the graph, heavy ones first. Weights are compared after
    normalisation.

    Raises:
        BackmapError: If an atom is in no bead and no path of bonds leads to one that is.
    """
    owner = _heaviest(Mapping(len(graph), n_beads, bead, atom, weight, np.empty(0, dtype=np.int64)))
    mapped = owner >= 0
    for a in np.flatnonzero(~mapped).tolist():
        nearest = next((level for level in nx.bfs_layers(graph, a) if mapped[level].any()), None)
        if nearest is None:
            raise BackmapError(f"atom {a + 1} is in no bead and bonded to none that is", where=where,
                               hint="Add it to a bead of the mapping.")
        owner[a] = owner[min((b for b in nearest if mapped[b]), key=lambda b: (not heavy[b], b))]
    return owner


def _heaviest(mapping: Mapping) -> Index:
    """The bead in which each atom weighs most, ties to the first; -1 for atoms that are in none, (n_atoms,)."""
    bead, atom, weight = mapping.entries
    order = np.lexsort((bead, -weight.round(12), atom))
    at, first = np.unique(atom[order], return_index=True)
    owner = np.full(mapping.n_atoms, -1, dtype=np.int64)
    owner[at] = np.where(weight[order[first]] > 0, bead[order[first]], -1)
    return owner
