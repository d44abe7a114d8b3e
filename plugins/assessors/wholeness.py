"""Faults that need no reference: stretched bonds, bent rings, atoms that overlap, amino acids of the wrong hand."""
from __future__ import annotations

import numpy as np
from rdkit import Chem

from backmap.engine.grafts import FLAT, aromatic, bent
from backmap.engine.sites.snapshot import Snapshot
from backmap.model import box as periodic
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Figure, VerdictRule
from backmap.model.isomers import handedness
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import COULOMB, ForceField, MoleculeParameters
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.amino_acids import left_handed
from ..chemistry.chirality import relative_sign
from .distributions import element_radii
from .packing import APART
from .part import Array, Flags, Measurement, beads_of, counts_of, rows_of

STRETCHED = 0.25  #: of its length, by which a bond may be longer or shorter
OVERLAP = 60.0  #: kJ/mol of one pair, attraction of its charges counted, which heat does not reach
NEAR = 0.35  #: nm; farther pairs do not overlap
CORE = 0.6  #: of the sum of van der Waals radii: nearer atoms overlap, where there is no force field
FEW, MANY = 0.0, 0.001  #: shares above which a fault must be known, and is too much
#: nm; how far rigid distances may be off, root mean square: files rounded to 0.001 nm show 0.0004, bonds of hydrogens
#: that are springs 0.003 at 300 K.
HELD = 0.0012
RULES = (VerdictRule("overlaps", care=f"pairs that repel each other by more than {OVERLAP:g} kJ/mol",
                     unusable=f"more than {1000 * MANY:g} per 1000 atoms"),
         VerdictRule("stretched bonds, bent rings, D-amino acids", care="any", unusable=f"{MANY:.1%}"),
         VerdictRule("rigid bonds", care=f"lengths {HELD:g} nm off what is held, root mean square, and 1.5 times as in "
                                         "the reference"))
_HYDROGEN, _POLAR = 1, (7, 8, 9)


class Wholeness(Measurement):
    """Counts faults by molecule type and says which there are."""

    def __init__(self, system: System, forcefield: ForceField | None) -> None:
        known = [None] * len(system.types) if forcefield is None else forcefield.of(system)
        self.parts = [(group, _Molecule(group.type, parameters)) for group, parameters in zip(system.groups, known)
                      if not group.type.coarse]
        self.overlaps = _Overlaps(system, forcefield)

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        flagged = {name: np.zeros(frame.system.n_beads, dtype=bool) for name in ("long_bond", "bent_ring", "chirality")}
        for group, molecule in self.parts:
            box = frame.box if group.type.standing else None  # bonds across it are none that are torn
            for fault, wrong, atoms in molecule.faults(frame.atoms[group.atoms], box):
                tally.count(f"{fault} {group.type.name}", frame.index, np.array([wrong.sum(), wrong.size]))
                rows = group.atom_offset[:, None, None] + atoms
                flagged[_FLAG[fault]] |= beads_of(frame, rows[wrong].ravel())
            if len(group.type.rigid) and not group.type.given:
                tally.row(f"rigid {group.type.name}", frame.index, [_off(frame.atoms[group.atoms], group.type)])
        tally.count("overlaps", frame.index, np.array([*self.overlaps.count(frame), frame.system.n_atoms]))
        return {name: beads for name, beads in flagged.items() if beads.any() or name == "long_bond"}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures, findings = [], []
        for group, molecule in self.parts:
            for fault in molecule.looked_for:
                key = f"{fault} {group.type.name}"
                part, whole = counts_of(tally, key, 2).tolist()
                own, of = counts_of(reference, key, 2).tolist()
                if not whole:
                    continue
                figures.append(Figure(_SECTION[fault],
                                      f"{fault}s of {group.type.name}", "share", part / whole, ideal=0.0))
                if part / whole > max(FEW, 1.5 * own / max(of, 1)):
                    findings.append(Aspect(UNUSABLE if part / whole >= MANY else CARE, _TOPIC[fault],
                                           f"{part} of {whole} {_WHAT[fault]} of {group.type.name} {_IS[fault]}."))
            findings += _held(group.type, tally, reference)
        overlapping = self._overlapping(tally, reference)
        return Assessment(figures + overlapping.figures, findings=findings + overlapping.findings)

    def _overlapping(self, tally: Tally, reference: Tally | None) -> Assessment:
        """What is said of pairs that overlap, those of atoms that stand as they were read apart."""
        part, standing, whole = counts_of(tally, "overlaps", 3).tolist()
        own, own_standing, of = counts_of(reference, "overlaps", 3).tolist()
        if not whole:
            return Assessment([])
        as_before = 1.5 * whole / max(of, 1)
        if part > own * as_before:
            findings = [Aspect(UNUSABLE if part / whole > MANY else CARE, "overlaps",
                               f"{1000 * part / whole:.3g} pairs per 1000 atoms {self.overlaps.said}.")]
        else:
            findings = [Aspect(GOOD, "overlaps", "No atoms overlap." if not part else
                               "Atoms overlap no more often than in the reference.")]
        if standing > own_standing * as_before:
            findings.append(Aspect(
                CARE, "overlaps", f"{1000 * standing / whole:.3g} pairs per 1000 atoms, of what stands as it was read, "
                                  f"{self.overlaps.said}: by design, as in slabs without forces of their own, or their "
                                  "file is at fault."))
        return Assessment([Figure("packing", "overlaps", "per 1000 atoms", 1000 * part / whole, ideal=0.0)],
                          findings=findings)


def _off(atoms: Array, kind: MoleculeType) -> float:
    """How far rigid distances of molecules (m, A, 3) are off, root mean square, nm."""
    i, j = kind.rigid.pairs.T
    length = np.linalg.norm(atoms[:, i] - atoms[:, j], axis=2)
    return float(np.sqrt(np.mean((length - kind.rigid.lengths) ** 2)))


def _held(kind: MoleculeType, tally: Tally, reference: Tally | None) -> list[Aspect]:
    """What is said of rigid distances that are none: the atoms are of another ensemble than the recipe's."""
    off, own = (rows_of(which, f"rigid {kind.name}", 1) for which in (tally, reference))
    if not len(off) or not off.mean() > max(HELD, 1.5 * own.mean() if len(own) else 0.0):
        return []
    return [Aspect(CARE, "rigid bonds", f"Bonds of {kind.name} that are rigid in the recipe are {off.mean():.2g} nm "
                                        "off their lengths (root mean square): atoms of other constraints?")]


_FLAG = {"stretched bond": "long_bond", "bent ring": "bent_ring", "D-amino acid": "chirality"}
_SECTION = {"stretched bond": "bonds", "bent ring": "impropers", "D-amino acid": "stereochemistry"}
_TOPIC = {"stretched bond": "stretched bonds", "bent ring": "bent rings", "D-amino acid": "amino acids"}
_WHAT = {"stretched bond": "bonds", "bent ring": "aromatic rings", "D-amino acid": "amino acids"}
_IS = {"stretched bond": f"are longer or shorter by more than {STRETCHED:.0%} than they should be",
       "bent ring": f"are bent, by more than {FLAT:g} nm from their plane and more than heat bends others, or folded",
       "D-amino acid": "are D, though their names are of L"}


class _Molecule:
    """What is looked at in a molecule type."""

    def __init__(self, kind: MoleculeType, known: MoleculeParameters | None) -> None:
        self.bonds, self.length = kind.bonds, _lengths(kind, known)
        rings = aromatic(kind)
        self.rings = {size: np.array([ring for ring in rings if len(ring) == size]) for size in map(len, rings)}
        hands = left_handed(kind)
        sign = {row[0]: sign * relative_sign(row[1:], hand[1:]) for sign, row, hand in (
            (sign, row, hand) for sign, row in zip(kind.chemistry.sign.tolist(), kind.chemistry.centres.tolist())
            for hand in hands.tolist() if hand[0] == row[0])}
        self.hands = hands[[sign.get(hand[0], 0) >= 0 for hand in hands.tolist()]]  # others are said to be D
        self.looked_for = [fault for fault, there in (("stretched bond", len(self.bonds)), ("bent ring", len(rings)),
                                                      ("D-amino acid", len(self.hands))) if there]

    def faults(self, atoms: Array, box: Array | None = None) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Fault, where it is (m, n) bool, and the atoms of each place (n, k), of molecules (m, A, 3).

        With a box, (3, 3), nm, bonds and rings may lie across it.
        """
        found = []
        if len(self.bonds):
            ends = periodic.nearest(atoms[:, self.bonds], box)
            length = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2)
            wrong = np.abs(length - self.length) > STRETCHED * self.length  # NaN is not
            found.append(("stretched bond", wrong, self.bonds))
        for ring in self.rings.values():
            corners = periodic.nearest(atoms[:, ring], box)
            found.append(("bent ring", bent(corners), ring))
        if len(self.hands):
            found.append(("D-amino acid", handedness(atoms, self.hands) < 0, self.hands))
        return found


def _lengths(kind: MoleculeType, known: MoleculeParameters | None) -> Array:
    """Length that each bond should have, nm, (n_bonds,): rigid, of the force field, or of covalent radii."""
    element, length = kind.chemistry.element, kind.bond_length.copy()
    told = {} if known is None else {tuple(sorted(pair)): r0 for bonded in known.bonded if bonded.term == "bond"
                                     for pair, (r0, *_) in zip(bonded.atoms.tolist(), bonded.parameters.tolist())}
    radii = element_radii(element)
    for row, (i, j) in enumerate(kind.bonds.tolist()):
        if not np.isfinite(length[row]):
            both = element[i] > 0 and element[j] > 0
            length[row] = told.get((min(i, j), max(i, j)), radii[i] + radii[j] if both else np.nan)
    return length


class _Overlaps:
    """Pairs of atoms that are too near: by their energy, or by their radii without a force field."""

    def __init__(self, system: System, forcefield: ForceField | None) -> None:
        self.field = forcefield
        counted = [count for _, count in system.blocks]
        element = np.concatenate([np.tile(kind.chemistry.element, count) for kind, count in system.blocks])
        self.element = element
        self.solid = (element > 0) & np.concatenate([np.tile(kind.mass > 0, count) for kind, count in system.blocks])
        table = Chem.GetPeriodicTable()
        radii = {z: table.GetRvdw(z) * 0.1 if z else 0.0 for z in np.unique(element).tolist()}
        self.radius = np.array([radii[z] for z in element.tolist()])
        #: Of atoms that stand as they were read, the number of their molecule type; -1 of others.
        self.standing = np.concatenate([np.full(count * kind.n_atoms, system.types.index(kind) if kind.standing else -1)
                                        for kind, count in system.blocks])
        self.said = ("are nearer than heat brings them" if forcefield is None else
                     f"repel each other by more than {OVERLAP:g} kJ/mol")
        if forcefield is not None:
            known = dict(zip(system.types, forcefield.of(system), strict=True))
            self.kind = np.concatenate([np.tile(known[kind].kind, n) for (kind, _), n in zip(system.blocks, counted)])
            self.charge = np.concatenate([np.tile(known[kind].charge, n)
                                          for (kind, _), n in zip(system.blocks, counted)])

    def count(self, frame: Snapshot) -> tuple[int, int]:
        """How many there are, and how many more of atoms of one molecule type that stand as they were read."""
        i, j = self._pairs(frame)
        standing = int(((self.standing[i] >= 0) & (self.standing[i] == self.standing[j])).sum())
        return len(i) - standing, standing

    def _pairs(self, frame: Snapshot) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the atoms of each, both (n,)."""
        pairs = frame.pairs(NEAR)
        rows = np.flatnonzero((pairs.distance < NEAR) & (pairs.bonds >= APART))
        i, j, r = pairs.i[rows], pairs.j[rows], np.maximum(pairs.distance[rows], 1e-3)
        there = self.solid[i] & self.solid[j]
        i, j, r = i[there], j[there], r[there]
        if self.field is None:
            bridge = ((self.element[i] == _HYDROGEN) & np.isin(self.element[j], _POLAR)
                      | (self.element[j] == _HYDROGEN) & np.isin(self.element[i], _POLAR))
            near = (r < CORE * (self.radius[i] + self.radius[j])) & ~bridge
            return i[near], j[near]
        a, b, six = self.kind[i], self.kind[j], r**-6
        energy = (self.field.c12[a, b] * six - self.field.c6[a, b]) * six
        energy += np.minimum(COULOMB * self.charge[i] * self.charge[j] / r, 0.0)
        return i[energy > OVERLAP], j[energy > OVERLAP]
