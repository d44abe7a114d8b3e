"""What a force field says about every fragment atom: terms, bond lengths and guides; made once a system.

Atoms are named as in ``FragmentTable``: local indices into [fragment F | context C | beads Q].
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.energy.tables import RowTables
from backmap.engine.sites.fragments import FragmentTable
from backmap.errors import BackmapError
from backmap.model.isomers import CENTRE
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR
from backmap.model.parameters import COULOMB, ForceField, MoleculeParameters

from . import kernels

Array = NDArray[np.float64]
Index = NDArray[np.int64]

CODES = {"harmonic_angle": kernels.ANGLE, "cosine_angle": kernels.COSINE_ANGLE, "urey_bradley": kernels.UREY_BRADLEY,
         "periodic_proper": kernels.PERIODIC, "periodic_improper": kernels.PERIODIC,
         "ryckaert_bellemans": kernels.RYCKAERT_BELLEMANS, "harmonic_improper": kernels.IMPROPER}
#: Widths of guides, nm: a bond that closes on a placed atom, two bonds, and towards the rest of a bead. A width
#: much below the distance between two nodes of the torsion would be missed by them.
CLOSING, ANGLED, TOWARDS = 0.01, 0.02, 0.04
#: Typical distances of atoms by the bonds between them, nm; each further bond adds the last step.
DISTANCES = np.array([0.0, 0.15, 0.25, 0.35, 0.45])
STEP = 0.08
#: Width of the distance from a bead, nm, of an atom that hangs on nothing.
LOOSE = 0.03


@dataclass(frozen=True, eq=False)
class FragmentTables:
    """Static tables of R fragments of up to F atoms.

    Attributes:
        terms: Terms that an atom takes part in.
        guides: Vector sums with the new atom that have a length about which they are distributed.
        bond: Minimum (nm) and force constant (kJ/mol/nm^2) of the bond to the first predecessor, (R, F, 2). A
            force constant 0 means a bead instead, at about this distance.
        pairs: Lennard-Jones of all atom rows.
    """

    terms: kernels.AtomTerms
    guides: kernels.Guides
    bond: Array
    pairs: RowTables

    @classmethod
    def of(cls, fragments: FragmentTable, field: ForceField, bead_width: float | None, pairs: bool) -> FragmentTables:
        """Lay a force field over fragments.

        Args:
            fragments: On the processor.
            field: Has all molecule types of ``fragments``.
            bead_width: How near the atoms shall come to their beads, nm; None leaves beads out.
            pairs: Whether explicit pairs (1-4) count.

        Raises:
            BackmapError: If a bond has neither a length nor a term, or a term other than a pair reaches beyond the
                context.
        """
        molecules = [field.molecules[kind.name] for kind in fragments.types]
        touching = [_by_atom(kind, each, pairs) for kind, each in zip(fragments.types, molecules)]
        springs, angles = [_springs(each) for each in molecules], [_angles(each) for each in molecules]
        rows, size = fragments.atoms.shape
        starts, guide_starts, terms, guides = [0], [0], [], []
        bond = np.zeros((rows, size, 2))
        for row in range(rows):
            type_ = int(fragments.type[row])
            if fragments.types[type_].given:  # never drawn
                starts += [len(terms)] * size
                guide_starts += [len(guides)] * size
                continue
            fragment = _Fragment(fragments, row, springs[type_], angles[type_], bead_width, field.where)
            for f in range(size):
                if f < fragment.n_atoms and not fragments.dependent[row, f]:
                    terms += fragment.terms(f, touching[type_])
                    guides += fragment.guides(f)
                    bond[row, f] = fragment.bond(f)
                starts.append(len(terms))
                guide_starts.append(len(guides))
        width = size + fragments.context.shape[1] + fragments.beads.shape[1]
        return cls(
            kernels.AtomTerms(np.array(starts), np.array([t[0] for t in terms], dtype=np.int64),
                              np.array([t[1] for t in terms], dtype=np.int64).reshape(-1, 4),
                              np.array([t[2] for t in terms], dtype=np.float64).reshape(-1, 6),
                              np.array([t[3] for t in terms], dtype=bool)),
            kernels.Guides(np.array(guide_starts), np.array([g[0] for g in guides]).reshape(-1, width),
                           np.array([g[1:] for g in guides], dtype=np.float64).reshape(-1, 3)),
            bond, RowTables.of(molecules, field))


Term = tuple[int, list[int], list[float], bool]


def _by_atom(kind: MoleculeType, molecule: MoleculeParameters, pairs: bool) -> list[list[tuple[int, list, list]]]:
    """Terms of each atom: code, atoms and parameters; bonds are left out, what tells isomers apart is among them."""
    found: list[list[tuple[int, list, list]]] = [[] for _ in range(kind.n_atoms)]

    def add(code: int, atoms: Index, values: list[float]) -> None:
        term = code, atoms.tolist(), values  # one for all of its atoms
        for atom in term[1]:
            found[atom].append(term)

    for bonded in molecule.bonded:
        if bonded.function in CODES:
            for atoms, values in zip(bonded.atoms, bonded.parameters):
                add(CODES[bonded.function], atoms, values.tolist())
    for atoms, (c6, c12, charges) in zip(molecule.pairs, molecule.pair_parameters):
        if pairs:
            add(kernels.PAIR, atoms, [c6, c12, COULOMB * charges])
    signed = kind.isomer_terms
    for code, atoms, sign in zip(signed.code, signed.atoms, signed.sign, strict=True):
        add(kernels.HAND if code == CENTRE else kernels.SIDE, atoms, [float(sign)])
    return found


def _springs(molecule: MoleculeParameters) -> dict[tuple[int, int], tuple[float, float]]:
    """Minimum and force constant of each bond, by its atoms in both directions."""
    found = {}
    for bonded in molecule.bonded:
        if bonded.term == "bond":
            for (i, j), (length, k) in zip(bonded.atoms.tolist(), bonded.parameters):
                stiffness = 2 * k * length**2 if bonded.function == "quartic_bond" else k
                found[i, j] = found[j, i] = length, stiffness
    return found


def _angles(molecule: MoleculeParameters) -> dict[tuple[int, int, int], float]:
    """Minimum of each angle, by its atoms in both directions."""
    found = {}
    for bonded in molecule.bonded:
        if bonded.term == "angle":
            for (i, j, k), values in zip(bonded.atoms.tolist(), bonded.parameters):
                found[i, j, k] = found[k, j, i] = float(values[0])
    return found


class _Fragment:
    """Makes the lists of one fragment row; atoms are numbered within the molecule type, local indices apart."""

    def __init__(self, fragments: FragmentTable, row: int, springs: dict[tuple[int, int], tuple[float, float]],
                 angles: dict[tuple[int, int, int], float], bead_width: float | None, where: str) -> None:
        self.type = fragments.types[int(fragments.type[row])]
        base = int(fragments.atom_base[int(fragments.type[row])])
        own, context = (getattr(fragments, name)[row].numpy() for name in ("atoms", "context"))
        self.size, self.reach = len(own), len(own) + len(context)
        self.width = self.reach + fragments.beads.shape[1]
        self.own = [int(a) - base for a in own if a >= 0]
        self.available = {int(a) - base: self.size + k for k, a in enumerate(context)
                          if a >= 0 and fragments.available[row, k]}
        later = {int(a) - base: self.size + k for k, a in enumerate(context) if a >= 0}
        self.local = {**later, **{a: f for f, a in enumerate(self.own)}}
        self.reference, self.closure = fragments.reference[row].tolist(), fragments.closure[row].tolist()
        self.bonded = fragments.bonded[row].tolist()
        self.beads = [b for b in range(fragments.beads.shape[1]) if fragments.beads[row, b] >= 0]
        numbers = [int(fragments.bead[int(fragments.beads[row, b])]) for b in self.beads]
        self.weights = [self._in_bead(number) for number in numbers]
        heavy = self.type.chemistry.heavy
        self.heavy = [a for a in self.own if heavy[a]] or self.own
        self.springs, self.angles, self.bead_width, self.where = springs, angles, bead_width, where

    def _in_bead(self, bead: int) -> dict[int, float]:
        """Weights of the atoms of a bead, by atom, ascending."""
        atoms = self.type.mapping.atoms_in([bead])
        return dict(zip(atoms.tolist(), self.type.mapping.part([bead], atoms)[0].tolist(), strict=True))

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the fragment."""
        return len(self.own)

    def length(self, a: int, b: int) -> tuple[float, float]:
        """Length, nm, and force constant, kJ/mol/nm^2, of a bond; infinite where it is rigid.

        Raises:
            BackmapError: If the bond is not rigid, and the force field has no term for it.
        """
        if (a, b) in self.type.rigid.between:
            return self.type.rigid.between[a, b], np.inf
        if (a, b) not in self.springs:
            names = self.type.atom_names
            raise BackmapError(f"has no term for the bond {names[a]}-{names[b]} of '{self.type.name}', and its length "
                               "is not rigid", where=self.where, hint="Write 'constraints: all-bonds' in topology.")
        return self.springs[a, b]

    def bond(self, f: int) -> tuple[float, float]:
        """Minimum and force constant of the distance to the first predecessor."""
        if not self.bonded[f]:
            return max(_spread(self.type, self.own[f], self.weights[0]), 0.02), 0.0
        return self.length(self.own[f], self._atom_at(self.reference[f][0]))

    def _atom_at(self, local: int) -> int | None:
        return next((a for a, place in self.local.items() if place == local), None)

    def terms(self, f: int, touching: list[list[tuple[int, list, list]]]) -> list[Term]:
        """Terms of atom ``f`` whose atoms are all in view.

        Explicit pairs may be of any two atoms of a molecule: draws do not know of those that are far along the bonds.

        Raises:
            BackmapError: If another term has an atom beyond the context of the fragment.
        """
        origin, axis = self.reference[f][:2]
        found = []
        for code, atoms, values in touching[self.own[f]]:
            missing = [a for a in atoms if a not in self.local]
            if missing and code == kernels.PAIR:
                continue
            if missing:
                raise BackmapError(f"has a term in '{self.type.name}' that reaches beyond the context of a fragment: "
                                   f"{', '.join(self.type.atom_names[a] for a in atoms)}", where=self.where)
            corners = [self.local[a] for a in atoms]
            primary = (code <= kernels.UREY_BRADLEY and corners[1] == origin and self.bonded[f]
                       and axis < self.reach and sorted([corners[0], corners[2]]) == sorted([f, axis]))
            found.append((code, [*corners, -1, -1][:4], [*values, *[0.0] * 6][:6], primary))
        return found

    def guides(self, f: int) -> list[tuple[Array, float, float, float]]:
        """Guides of atom ``f``: weights, scale, length and width."""
        return [*self._bonds_to_come(f), *(self._beads(f) if self.bead_width and self.own[f] in self.heavy else [])]

    def _bonds_to_come(self, f: int) -> Iterator[tuple[Array, float, float, float]]:
        """Bonds to atoms that stand and are no predecessors, and pairs of bonds over an atom still to be drawn."""
        atom, graph = self.own[f], self.type.graph
        spoken_for = {self.reference[f][0] if self.bonded[f] else -1, self.closure[f]}
        for near in graph[atom]:
            if (near in self.own or near in self.available) and self.local[near] not in spoken_for:
                yield self._towards({near: -1.0}), 1.0, self.length(atom, near)[0], CLOSING
            if near in self.own and self.local[near] > f:
                for far in graph[near]:
                    if far != atom and (far in self.available or (far in self.own and self.local[far] < f)):
                        yield self._towards({far: -1.0}), 1.0, self._across(atom, near, far), ANGLED

    def _across(self, a: int, b: int, c: int) -> float:
        """Distance of two atoms bonded to a third one."""
        angle = self.angles.get((a, b, c), math.radians(112))
        first, second = self.length(a, b)[0], self.length(b, c)[0]
        return float(np.sqrt(first**2 + second**2 - 2 * first * second * np.cos(angle)))

    def _beads(self, f: int) -> Iterator[tuple[Array, float, float, float]]:
        """Beads that the atom completes, and the way to what is still missing from them.

        Atoms yet to come count where the atom they hang on stands, if it does: hydrogens at their carbon. A bead that
        may be off by its width asks little of where atoms must be that weigh little in it.
        """
        atom = self.own[f]
        standing = {*self.available, *self.own[:f + 1]}
        for bead, weights in zip(self.beads, self.weights):
            if weights.keys().isdisjoint(self.own):
                continue
            placed, missing = dict.fromkeys(standing, 0.0), {}
            for other, weight in weights.items():
                at = other
                if other not in standing and not self.type.chemistry.heavy[other]:
                    at = next((a for a in self.type.graph[other] if a in standing), other)
                holder = placed if at in standing else missing
                holder[at] = holder.get(at, 0.0) + weight
            total, mine = sum(missing.values()), placed.pop(atom)
            stood = {a: w for a, w in placed.items() if w}
            if not missing and mine:
                yield self._towards(stood, bead), mine, 0.0, self.bead_width
            elif total > 0.05 and any(a in self.own for a in missing):
                rest = {a: missing[a] / total for a in sorted(missing)}
                yield (self._towards(stood, bead) / total, 1.0 + mine / total,
                       _spread(self.type, atom, rest), max(TOWARDS, self.bead_width / total))

    def _towards(self, weights: dict[int, float], bead: int | None = None) -> Array:
        """A row of weights of atoms, and -1 at a bead."""
        row = np.zeros(self.width)
        for atom, weight in weights.items():
            row[self.local[atom]] = weight
        if bead is not None:
            row[self.reach + bead] = -1.0
        return row


def _spread(kind: MoleculeType, atom: int, weights: dict[int, float]) -> float:
    """Typical distance of an atom from the centre of weighted atoms, nm.

    |x - c|^2 = sum_j w_j |x - x_j|^2 - 1/2 sum_ij w_i w_j |x_i - x_j|^2, with distances judged by bonds.
    """
    others, w = np.array(list(weights), dtype=np.int64), np.array(list(weights.values()))
    square = _typical(kind.near.look_up(atom, others, FAR))**2 @ w
    square -= 0.5 * w @ _typical(kind.near.look_up(others[:, None], others, FAR))**2 @ w
    return float(np.sqrt(max(square, 0.0)))


def _typical(bonds: NDArray[np.int16]) -> Array:
    """Typical distances by bonds, nm; atoms of different pieces count as near."""
    few = np.minimum(np.where(bonds > 8, 4, bonds), 8)
    return DISTANCES[np.minimum(few, 4)] + STEP * np.maximum(few - 4, 0)
