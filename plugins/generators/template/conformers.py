"""Idealised conformers from RDKit, for molecules of which there is no trajectory.

Every fragment is embedded together with the beads next to it, cut out of its molecule and capped with
hydrogens, so that the cost does not grow with the size of the molecule; like surroundings are embedded once.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import rdkit
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem

from backmap.engine.checkpoints.library import Conformers, Library
from backmap.engine.compiling.arrays import kept_or_made
from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.isomers import EITHER, TRANS, PlanarSides, handedness, sides
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR, AtomRows
from backmap.model.system import System

from ...chemistry.chirality import relative_sign
from ...chemistry.networks import LONGEST

_CARBON = 6
_TAGS = {1: Chem.ChiralType.CHI_TETRAHEDRAL_CCW, -1: Chem.ChiralType.CHI_TETRAHEDRAL_CW}
ATTEMPTS = 50  #: at each conformer, in each way to make it
HOPS = 2  #: bonds along the bead graph that the surroundings of a fragment reach
KEPT = "conformers-"  #: what the names of folders of embedded conformers begin with, where compiled functions are kept


def ideal_library(system: System, conformers: int, seed: int = 1) -> Library:
    """Conformers of every fragment of every molecule type.

    Args:
        system: What is there.
        conformers: How many of each fragment.
        seed: Of the embedding.

    Raises:
        BackmapError: If RDKit cannot embed a fragment.
    """
    library = Library()
    for molecule in system.types:
        if molecule.given or molecule.name in library.types:
            continue
        library.types[molecule.name] = _conformers(molecule, conformers, seed)
    return library


@lru_cache(maxsize=8)  # a run may begin from templates in several steps
def _conformers(molecule: MoleculeType, count: int, seed: int) -> Conformers:
    """Conformers of every fragment of a molecule type."""
    tables = FragmentTable.build([molecule], View(), [resting_order(molecule)])
    positions: dict[tuple, np.ndarray] = {}
    made: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}
    whole, shapes = _Whole(molecule), []
    for own, near in zip(tables.atoms.numpy(), tables.beads.numpy(), strict=True):
        cut = _Cut.of(whole, np.sort(own[own >= 0]), near)
        if cut.key not in positions:
            positions[cut.key] = _embedded(cut, count, seed)
        if cut.place not in made:
            made[cut.place] = cut.conformers(positions[cut.key], len(own))
        shapes.append(made[cut.place])
    return Conformers(molecule.atom_names, torch.as_tensor(np.stack([own for own, _ in shapes])).float(),
                      torch.as_tensor(np.stack([beads for _, beads in shapes])).float())


def _embedded(cut: _Cut, count: int, seed: int) -> np.ndarray:
    """Positions of a cut, as ``_Cut.embed``, once on a machine for cuts that embed alike."""
    key = hashlib.sha256(repr((rdkit.__version__, count, seed, *cut.key)).encode()).hexdigest()
    return kept_or_made(KEPT, Path(__file__), key, lambda found: found.shape == (count, len(cut.atoms), 3),
                        lambda: cut.embed(count, seed))


class _Whole:
    """A molecule type as its cuts ask for it.

    Attributes:
        next: Neighbours of each atom.
        along: Of them, those that are never cut off it: hydrogens, and what a double bond or a ring, not a mesh, joins.
        heavy: Which atoms are.
        weights: Atoms with weight in each bead, ascending, and their weights.
        known: Stereocentres of known sign.
        centres, planar: These and planar bonds, by their first atom.
    """

    def __init__(self, molecule: MoleculeType) -> None:
        self.molecule, chemistry, mapping = molecule, molecule.chemistry, molecule.mapping
        self.heavy = chemistry.heavy.tolist()
        small = (chemistry.ring > 0) & (chemistry.ring <= LONGEST)
        self.next: list[list[int]] = [[] for _ in range(molecule.n_atoms)]
        self.along: list[list[int]] = [[] for _ in range(molecule.n_atoms)]
        joined = (chemistry.bond_order > 1) | small[molecule.bonds].all(axis=1)
        for (i, j), together in zip(molecule.bonds.tolist(), joined.tolist(), strict=True):
            for one, other in ((i, j), (j, i)):
                self.next[one].append(other)
                if together or not self.heavy[other]:
                    self.along[one].append(other)
        start = np.searchsorted(mapping.entries[0], np.arange(1, molecule.n_beads))
        self.weights = list(zip(*(np.split(values, start) for values in mapping.entries[1:]), strict=True))
        self.known = np.flatnonzero(chemistry.sign)
        self.centres = AtomRows.of(molecule.n_atoms, chemistry.centres[self.known, :1])
        self.planar = AtomRows.of(molecule.n_atoms, molecule.planar.atoms[:, :1])

    def around(self, fragment: np.ndarray, near: list[int]) -> tuple[set[int], list[int]]:
        """Atoms kept around a fragment, and those of them that lose a neighbour."""
        kept = set(fragment.tolist()).union(*(self.weights[b][0].tolist() for b in near[:1 + 2 * HOPS]))
        kept = self._closed(kept)
        kept = self._closed(kept.union(*(self.next[a] for a in kept)))
        return kept, [a for a in kept if self.heavy[a] and not kept.issuperset(self.next[a])]

    def _closed(self, kept: set[int]) -> set[int]:
        """The atoms with all that is never cut off them."""
        stack = list(kept)
        while stack:
            for other in self.along[stack.pop()]:
                if other not in kept:
                    kept.add(other)
                    stack.append(other)
        return kept


@dataclass(frozen=True, eq=False)
class _Cut:
    """A fragment and what is next to it, cut out of its molecule.

    Attributes:
        atoms: Atoms of the molecule type that are kept, ascending.
        open: Kept atoms that lost a neighbour; hydrogens will cap them, (n,) bool.
        own: The fragment's atoms as indices into ``atoms``.
        weights: Mapping weights of the beads in view, (Q, n); NaN rows for beads that are cut.
        centres: Stereocentres that are kept, with three neighbours each, as indices into ``atoms``, (C, 4).
        relative: Sign of each of them times the sign of the first, (C,); 0 where unknown.
        planar: Planar bonds whose side is known, as indices into ``atoms``, (P, 4), and their sides, (P,).
    """

    molecule: MoleculeType
    atoms: np.ndarray
    open: np.ndarray
    own: np.ndarray
    weights: np.ndarray
    centres: np.ndarray
    relative: np.ndarray
    planar: PlanarSides

    @classmethod
    def of(cls, whole: _Whole, fragment: np.ndarray, beads: np.ndarray) -> _Cut:
        """Cut a fragment out of its molecule type: its atoms, ascending, and the beads in view, -1 padding."""
        molecule, near = whole.molecule, beads[beads >= 0].tolist()
        kept, opened = whole.around(fragment, near)
        atoms = np.array(sorted(kept), dtype=np.int64)
        weights = np.full((len(beads), len(atoms)), np.nan)
        for q, b in enumerate(near):
            own, weight = whole.weights[b]
            if kept.issuperset(own.tolist()):
                weights[q] = 0.0
                weights[q, np.searchsorted(atoms, own)] = weight
        chemistry = molecule.chemistry
        centres = whole.known[whole.centres.touching(atoms)] if len(whole.known) else whole.known
        inside = centres[_among(atoms, chemistry.centres[centres])]
        if len(inside):
            away = molecule.near.look_up(fragment[:, None], chemistry.centres[inside, 0], FAR).min(axis=0)
            inside = inside[np.argsort(away, kind="stable")]
        sign = chemistry.sign[inside]
        is_open = np.zeros(len(atoms), dtype=bool)
        is_open[np.searchsorted(atoms, opened)] = True
        return cls(molecule, atoms, is_open, np.searchsorted(atoms, fragment), weights,
                   np.searchsorted(atoms, chemistry.centres[inside]), sign * sign[0] if len(sign) else sign,
                   _sides(whole, atoms))

    @cached_property
    def key(self) -> tuple[bytes, ...]:
        """Equal for cuts that embed alike, whichever of their atoms are the fragment: so are those of one residue."""
        bonds, order = self._bonds
        chemistry = self.molecule.chemistry
        return tuple(values.tobytes() for values in (
            chemistry.element[self.atoms], chemistry.charge[self.atoms], chemistry.aromatic[self.atoms], bonds, order,
            self.open, self.planar.atoms,
            self.planar.side, np.array(self._hands, dtype=np.int64)))

    @cached_property
    def place(self) -> tuple:
        """Equal for cuts whose fragments and beads are alike, too: their conformers are."""
        return (self.key, *(values.tobytes() for values in (self.own, self.weights, self.centres, self.relative)))

    @property
    def _hands(self) -> list[list[int]]:
        """Centres, three neighbours of each and their sign, in the order of atoms; the first centre is +1."""
        rows = np.column_stack([self.centres.reshape(-1, 4), self.relative])[np.argsort(self.centres[:, 0])]
        return [[*atoms, sign * rows[0, 4]] for *atoms, sign in rows.tolist()]

    @cached_property
    def _bonds(self) -> tuple[np.ndarray, np.ndarray]:
        touching = self.molecule.bond_rows.touching(self.atoms)
        inside = touching[_among(self.atoms, self.molecule.bonds[touching])]
        return np.searchsorted(self.atoms, self.molecule.bonds[inside]), self.molecule.chemistry.bond_order[inside]

    def embed(self, conformers: int, seed: int) -> np.ndarray:
        """Positions of the kept atoms, (conformers, n, 3), nm (ETKDGv3, Wang et al., JCIM 60, 2044 (2020))."""
        RDLogger.DisableLog("rdApp.*")
        try:
            molecule = self._rdkit()
            found: list[int] = []
            for kind, at_random in ((AllChem.ETKDGv3, False), (AllChem.ETKDGv3, True), (AllChem.ETDG, True)):
                settings = kind()  # the last one knows no planar rings: those of a cage are not
                settings.randomSeed, settings.useRandomCoords, settings.maxIterations = seed, at_random, ATTEMPTS
                found = found or list(AllChem.EmbedMultipleConfs(molecule, conformers, settings))
        except (ValueError, RuntimeError, Chem.MolSanitizeException) as error:
            raise self._failed(str(error)) from None
        finally:
            RDLogger.EnableLog("rdApp.*")
        if not found:
            raise self._failed("no conformer was found")
        positions = np.stack([molecule.GetConformer(c).GetPositions()[:len(self.atoms)] / 10 for c in found])
        return positions[np.arange(conformers) % len(positions)]

    def _failed(self, reason: str) -> BackmapError:
        names = ", ".join(self.molecule.atom_names[self.atoms[a]] for a in self.own[:6])
        return BackmapError(f"RDKit cannot build the fragment of {self.molecule.name} with the atoms {names}: {reason}",
                            where="template", hint="Give a checkpoint with conformers, made by training.")

    def _rdkit(self) -> Chem.Mol:
        kinds = {1.0: Chem.BondType.SINGLE, 1.5: Chem.BondType.AROMATIC, 2.0: Chem.BondType.DOUBLE,
                 3.0: Chem.BondType.TRIPLE}
        chemistry, built = self.molecule.chemistry, Chem.RWMol()
        for atom, opened in zip(self.atoms, self.open, strict=True):
            # RDKit embeds no bonded atoms without elements, as the mass centres that carry CO2; lengths come later.
            fresh = Chem.Atom(int(chemistry.element[atom]) or (_CARBON if self.molecule.graph[atom] else 0))
            fresh.SetFormalCharge(round(float(chemistry.charge[atom])))
            fresh.SetNoImplicit(not opened)
            fresh.SetIsAromatic(bool(chemistry.aromatic[atom]))
            built.AddAtom(fresh)
        for (i, j), order in zip(*self._bonds, strict=True):
            built.AddBond(int(i), int(j), kinds[float(order)])
        Chem.SanitizeMol(built)
        for (a, b, c, d), side in zip(self.planar.atoms.tolist(), self.planar.side.tolist(), strict=True):
            bond = built.GetBondBetweenAtoms(b, c)
            if bond.GetBondType() == Chem.BondType.DOUBLE:
                bond.SetStereoAtoms(a, d)
                bond.SetStereo(Chem.BondStereo.STEREOTRANS if side == TRANS else Chem.BondStereo.STEREOCIS)
        for centre, *arms, sign in self._hands:
            around = [bond.GetOtherAtomIdx(centre) for bond in built.GetAtomWithIdx(centre).GetBonds()]
            hand = sign * relative_sign(arms, around[:3])
            if hand and len(around) == 4:  # seen from the first neighbour the others go round against the clock
                built.GetAtomWithIdx(centre).SetChiralTag(_TAGS[hand])
        return Chem.AddHs(built)

    def conformers(self, positions: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Fragment atoms (n, F, 3) and beads (n, Q, 3) relative to the anchor, in the mirrored world."""
        if len(self.centres):
            signs = handedness(positions, self.centres)
            right = (signs * signs[:, :1] == self.relative) | (self.relative == 0)
            if right.all(axis=1).any():  # other relative configurations are other molecules
                chosen = np.flatnonzero(right.all(axis=1))
                chosen = chosen[np.arange(len(positions)) % len(chosen)]
                positions, signs = positions[chosen], signs[chosen]
            positions = positions * signs[:, :1, None]
        right = (sides(positions, self.planar.atoms) == self.planar.side).all(axis=1)
        if right.any():
            positions = positions[np.flatnonzero(right)[np.arange(len(positions)) % right.sum()]]
        beads = np.einsum("qa,nax->nqx", self.weights, positions)
        anchor = beads[:, :1]
        own = np.zeros((len(positions), size, 3))
        own[:, :len(self.own)] = positions[:, self.own] - anchor
        return own, beads - anchor


def _sides(whole: _Whole, atoms: np.ndarray) -> PlanarSides:
    """Planar bonds of known side among some atoms, ascending, as indices into these."""
    planar = whole.molecule.planar
    if not len(planar.atoms):
        return planar
    rows = whole.planar.touching(atoms)
    inside = rows[_among(atoms, planar.atoms[rows]) & (planar.side[rows] != EITHER)]
    return PlanarSides(np.searchsorted(atoms, planar.atoms[inside]), planar.side[inside])


def _among(atoms: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which rows (m, k) are of ``atoms`` alone, ascending, (m,) bool."""
    return (atoms[np.minimum(np.searchsorted(atoms, rows), len(atoms) - 1)] == rows).all(axis=1)
