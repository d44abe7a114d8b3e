"""Idealised conformers from RDKit, for molecules of which there is no trajectory.

Every fragment is embedded together with the beads next to it, cut out of its molecule and capped with
hydrogens, so that the cost does not grow with the size of the molecule; like surroundings are embedded once.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem

from backmap.engine.checkpoints.library import Conformers, Library
from backmap.engine.sites.contracts import View
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.errors import BackmapError
from backmap.model.isomers import EITHER, TRANS, PlanarSides, handedness, sides
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import FAR, AtomRows
from backmap.model.system import System

from ...chemistry.chirality import relative_sign
from ...chemistry.networks import LONGEST

_TAGS = {1: Chem.ChiralType.CHI_TETRAHEDRAL_CCW, -1: Chem.ChiralType.CHI_TETRAHEDRAL_CW}
HOPS = 2  #: bonds along the bead graph that the surroundings of a fragment reach


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
    known: dict[tuple, np.ndarray] = {}
    centres = AtomRows.of(molecule.n_atoms, molecule.chemistry.centres[:, :1])
    rows = [_Cut.of(molecule, tables, bead, centres) for bead in range(molecule.n_beads)]
    for cut in rows:
        if cut.key not in known:
            known[cut.key] = cut.embed(count, seed)
    size = tables.atoms.shape[1]
    shapes = [cut.conformers(known[cut.key], size) for cut in rows]
    return Conformers(molecule.atom_names, torch.as_tensor(np.stack([own for own, _ in shapes])).float(),
                      torch.as_tensor(np.stack([beads for _, beads in shapes])).float())


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
    def of(cls, molecule: MoleculeType, tables: FragmentTable, bead: int, rows: AtomRows) -> _Cut:
        """Cut the fragment of a bead out of its molecule type, whose stereocentres stand in these ``rows``."""
        fragment = np.sort(tables.atoms[bead][tables.atoms[bead] >= 0].numpy())
        near = [int(b) for b in tables.beads[bead] if b >= 0]
        kept, opened = _surroundings(molecule, fragment, near)
        atoms = np.array(sorted(kept), dtype=np.int64)
        weights = np.full((tables.beads.shape[1], len(atoms)), np.nan)
        for q, b in enumerate(near):
            if kept.issuperset(molecule.mapping.atoms_in([b]).tolist()):
                weights[q] = molecule.mapping.part([b], atoms)
        chemistry = molecule.chemistry
        centres = rows.touching(atoms)
        inside = centres[np.isin(chemistry.centres[centres], atoms).all(axis=1) & (chemistry.sign[centres] != 0)]
        away = molecule.near.look_up(fragment[:, None], chemistry.centres[inside, 0], FAR).min(axis=0)
        inside = inside[np.argsort(away, kind="stable")]
        sign = chemistry.sign[inside]
        return cls(molecule, atoms, np.isin(atoms, list(opened)), np.searchsorted(atoms, fragment), weights,
                   np.searchsorted(atoms, chemistry.centres[inside]), sign * sign[0] if len(sign) else sign,
                   _sides(molecule.planar, atoms))

    @property
    def key(self) -> tuple:
        """Equal for cuts that embed alike, whichever of their atoms are the fragment: so are those of one residue."""
        bonds, order = self._bonds()
        chemistry = self.molecule.chemistry
        return (tuple(chemistry.element[self.atoms]), tuple(chemistry.charge[self.atoms]), tuple(map(tuple, bonds)),
                tuple(order), tuple(self.open), tuple(self.planar.atoms.ravel()), tuple(self.planar.side),
                tuple(map(tuple, self._hands)))

    @property
    def _hands(self) -> list[list[int]]:
        """Centres, three neighbours of each and their sign, in the order of atoms; the first centre is +1."""
        rows = np.column_stack([self.centres.reshape(-1, 4), self.relative])[np.argsort(self.centres[:, 0])]
        return [[*atoms, sign * rows[0, 4]] for *atoms, sign in rows.tolist()]

    def _bonds(self) -> tuple[np.ndarray, np.ndarray]:
        touching = self.molecule.bond_rows.touching(self.atoms)
        inside = touching[np.isin(self.molecule.bonds[touching], self.atoms).all(axis=1)]
        return np.searchsorted(self.atoms, self.molecule.bonds[inside]), self.molecule.chemistry.bond_order[inside]

    def embed(self, conformers: int, seed: int) -> np.ndarray:
        """Positions of the kept atoms, (conformers, n, 3), nm (ETKDGv3, Wang et al., JCIM 60, 2044 (2020))."""
        RDLogger.DisableLog("rdApp.*")
        try:
            molecule = self._rdkit()
            settings = AllChem.ETKDGv3()
            settings.randomSeed = seed
            found = list(AllChem.EmbedMultipleConfs(molecule, conformers, settings))
            if not found:
                settings.useRandomCoords = True
                found = list(AllChem.EmbedMultipleConfs(molecule, conformers, settings))
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
            fresh = Chem.Atom(int(chemistry.element[atom]))
            fresh.SetFormalCharge(round(float(chemistry.charge[atom])))
            fresh.SetNoImplicit(not opened)
            fresh.SetIsAromatic(bool(chemistry.aromatic[atom]))
            built.AddAtom(fresh)
        for (i, j), order in zip(*self._bonds(), strict=True):
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


def _sides(planar: PlanarSides, atoms: np.ndarray) -> PlanarSides:
    """Planar bonds of known side among some atoms, ascending, as indices into these."""
    inside = np.isin(planar.atoms, atoms).all(axis=1) & (planar.side != EITHER)
    return PlanarSides(np.searchsorted(atoms, planar.atoms[inside]), planar.side[inside])


def _surroundings(molecule: MoleculeType, fragment: np.ndarray, near: list[int]) -> tuple[set[int], set[int]]:
    """Atoms kept around a fragment, and those of them that lose a neighbour."""
    graph, heavy = molecule.graph, molecule.chemistry.heavy
    kept = _closed(molecule, {*fragment.tolist(), *molecule.mapping.atoms_in(near[:1 + 2 * HOPS]).tolist()})
    kept = _closed(molecule, kept | {n for a in kept for n in graph[a]})
    return kept, {a for a in kept if heavy[a] and any(n not in kept for n in graph[a])}


def _closed(molecule: MoleculeType, kept: set[int]) -> set[int]:
    """The atoms with their hydrogens and with the rest of every ring, not mesh, or multiple bond they are in."""
    kept, graph = set(kept), molecule.graph
    heavy, ring = molecule.chemistry.heavy, molecule.chemistry.ring
    stack = list(kept)
    while stack:
        atom = stack.pop()
        for other in graph[atom]:
            double = molecule.chemistry.bond_order[graph.edges[atom, other]["bond"]] > 1
            same_ring = 0 < ring[atom] <= LONGEST and 0 < ring[other] <= LONGEST
            if other not in kept and (not heavy[other] or double or same_ring):
                kept.add(other)
                stack.append(other)
    return kept
