"""What ties the atoms of a block: the rigid bonds that must hold and the beads that it has a part in.

A *block* is the part of a fragment that is drawn at once. A block can be accepted or rejected only if a draw meets
each of its rigid bonds by construction: every rigid bond of an atom that is drawn leads to the predecessor at whose
distance it is placed, or to the atom on which a ring closes. ``docs/theory``, "Metropolis sweeps".
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BackmapError
from ...model.isomers import CENTRE
from ...model.molecule import MoleculeType
from ...model.pairs import AtomRows, Sets
from ..sites.environment import Scene
from ..sites.fragments import FragmentTable

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Rigid bonds are met to this, nm; those of an infeasible closure are not.
TOLERANCE = 1e-5
#: The kinds of blocks by name: which atoms of a fragment they take.
KINDS = ("fragment", "hydrogens")


@dataclass(frozen=True, eq=False)
class BlockTable:
    """Rigid bonds and beads of every fragment: R rows as in ``FragmentTable``, F atoms, P partners.

    Other fixed distances count as rigid bonds.

    Local indices point into [fragment atoms F | partners P].

    Attributes:
        fragments: The tables whose rows these are.
        partners: Atom rows of the atoms outside the fragment that share a rigid bond or a bead with it, -1 padding,
            (R, P).
        bonds: Local indices of the atoms of the rigid bonds of the fragment's atoms, (R, N, 2).
        lengths: Lengths of these bonds, nm, NaN padding, (R, N).
        beads: Fragment rows of the beads in which its atoms have weight, -1 padding, (R, Q).
        weights: Of all local atoms in these beads, float64, (R, Q, F + P).
        isomers: Local indices of what must have a sign (``model.isomers.IsomerTerms``) and has an atom of the fragment,
            (R, M, 4).
        codes: What each of them is, (R, M).
        signs: Its sign, 0 padding, (R, M).
    """

    fragments: FragmentTable
    partners: Tensor
    bonds: Tensor
    lengths: Tensor
    beads: Tensor
    weights: Tensor
    isomers: Tensor
    codes: Tensor
    signs: Tensor

    @classmethod
    def of(cls, fragments: FragmentTable) -> BlockTable:
        """Look up what ties the fragments of ``fragments``.

        Raises:
            BackmapError: If a dependent atom has a parent in another fragment, so that two draws would move it.
        """
        for kind, whole in zip(fragments.types, fragments.followers.whole, strict=True):
            if not whole:
                raise BackmapError(f"a virtual site of '{kind.name}' has parents that belong to several beads, so that "
                                   "no draw of one bead has it", hint="Give the parents to one bead with 'owners' of "
                                                                      "topology, or take the step hamiltonian.")
        atoms, ties = fragments.atoms.cpu().numpy(), []
        ends = np.append(fragments.row_base.cpu().numpy()[1:], len(atoms))
        for kind, base, first, end in zip(fragments.types, fragments.atom_base.tolist(), fragments.row_base.tolist(),
                                          ends.tolist(), strict=True):
            there = atoms[first:end] >= 0
            own = Sets(np.concatenate([[0], there.sum(axis=1).cumsum()]), atoms[first:end][there] - base)
            ties.append((kind, base, first, own, *_ties(kind, own)))
        n, f = atoms.shape
        width = [max(1, *(int(np.diff(tie[k].start).max(initial=0)) for tie in ties)) for k in (4, 5, 6, 7)]
        isomers = np.zeros((n, width[3], 4), dtype=np.int64)
        codes, signs = (np.zeros((n, width[3]), dtype=np.int64) for _ in range(2))
        partners, beads = np.full((n, width[0]), -1), np.full((n, width[2]), -1)
        bonds, lengths = np.zeros((n, width[1], 2), dtype=np.int64), np.full((n, width[1]), np.nan)
        weights = np.zeros((n, width[2], f + width[0]))
        for kind, base, first, own, outside, rigid, of, signed in ties:
            local, here = own.then(outside), np.diff(own.start)
            partners[first + outside.owner, outside.rank] = outside.item + base
            beads[first + of.owner, of.rank] = of.item + first
            place = local.places(rigid.owner[:, None], kind.rigid.pairs[rigid.item])
            own_atoms = here[rigid.owner][:, None]
            bonds[first + rigid.owner, rigid.rank] = np.where(place < own_atoms, place, place - own_atoms + f)
            lengths[first + rigid.owner, rigid.rank] = kind.rigid.lengths[rigid.item]
            place, own_atoms = local.places(signed.owner[:, None], kind.isomer_terms.atoms[signed.item]), here[
                signed.owner][:, None]
            isomers[first + signed.owner, signed.rank] = np.where(place < own_atoms, place, place - own_atoms + f)
            codes[first + signed.owner, signed.rank] = kind.isomer_terms.code[signed.item]
            signs[first + signed.owner, signed.rank] = kind.isomer_terms.sign[signed.item]
            in_beads, weight = kind.mapping.by_atom
            member, entry = local.along(in_beads.start)
            owner, place = local.owner[member], local.rank[member]
            slot, bead = np.where(place < here[owner], place, place - here[owner] + f), of.places(
                owner, in_beads.row[entry])
            weights[first + owner[bead >= 0], bead[bead >= 0], slot[bead >= 0]] = weight[entry[bead >= 0]]
        device = fragments.atoms.device
        return cls(fragments, *(torch.as_tensor(x, device=device) for x in (
            partners, bonds, lengths, beads, weights, isomers, codes, signs)))

    def blocks(self, kinds: Sequence[str]) -> dict[str, Tensor]:
        """Which atoms of each fragment the blocks of each kind take, (R, F) bool; a row of False takes no part.

        Pinned and dependent atoms are never drawn. Fragments that are all hydrogens count under ``hydrogens`` if that
        is asked for.
        """
        own, tables = self.fragments.atoms, self.fragments
        whole = (own >= 0) & ~tables.pinned & ~tables.dependent
        hydrogens = whole & (tables.element[own.clamp_min(0)] == 1)
        wanted = {"fragment": whole, "hydrogens": hydrogens}
        if "hydrogens" in kinds:
            wanted["fragment"] = whole & (whole != hydrogens).any(dim=1, keepdim=True)
        return {kind: wanted[kind] & self.met(wanted[kind])[:, None] for kind in kinds}

    def met(self, block: Tensor) -> Tensor:
        """Whether a draw of the block (R, F) meets all its rigid bonds by construction, (R,) bool."""
        tables = self.fragments
        near = torch.cat([tables.atoms, tables.context], dim=1)
        local = torch.cat([tables.atoms, self.partners], dim=1)
        beads = torch.full((len(near), int(tables.reference.max()) + 1), -1, device=near.device)
        named = torch.cat([near, beads], dim=1)  # beads are no atoms: -1
        first = torch.where(tables.bonded, named.gather(1, tables.reference[:, :, 0]), -1)
        second = torch.where(tables.closure >= 0, named.gather(1, tables.closure.clamp_min(0)), -1)
        ends = local.gather(1, self.bonds.flatten(1)).reshape(self.bonds.shape)
        rigid, touched = torch.isfinite(self.lengths), self._touching(block)
        served = torch.zeros_like(rigid)
        for a, b in ((0, 1), (1, 0)):
            for other in (first, second):
                here = (tables.atoms[:, None] == ends[:, :, a, None]) & (other[:, None] == ends[:, :, b, None])
                served |= (here & block[:, None]).any(dim=2)
        return (served | ~(rigid & touched)).all(dim=1)

    def _touching(self, block: Tensor) -> Tensor:
        """Rigid bonds with an end in the block, (R, N)."""
        drawn = torch.cat([block, torch.zeros_like(self.partners, dtype=torch.bool)], dim=1)
        return drawn.gather(1, self.bonds.flatten(1)).reshape(self.bonds.shape).any(dim=2)

    def local(self, scene: Scene, frame: Tensor, bead: Tensor, own: Tensor) -> Tensor:
        """Positions by local index of candidates ``own`` (S, K, F, 3), nm from the anchor, (S, K, F + P, 3)."""
        rows = self.partners[scene.layout.row[bead]]
        index = (rows + scene.layout.atom_shift[bead][:, None]).clamp_min(0)
        others = scene.atoms[frame[:, None], index] - scene.beads[frame, bead][:, None]
        return torch.cat([own, others[:, None].expand(-1, own.shape[1], -1, -1)], dim=2)

    def bonds_hold(self, row: Tensor, block: Tensor, local: Tensor) -> Tensor:
        """Whether all rigid bonds of the atoms drawn have their lengths, (S, K), at local positions (S, K, L, 3)."""
        ends = self.bonds[row]
        site = torch.arange(len(row), device=row.device)[:, None]
        a, b = (local[site, :, ends[:, :, k]] for k in (0, 1))  # (S, N, K, 3)
        drawn = torch.cat([block, torch.zeros_like(self.partners[row], dtype=torch.bool)], dim=1)
        counted = drawn.gather(1, ends.flatten(1)).reshape(ends.shape).any(dim=2) & torch.isfinite(self.lengths[row])
        off = ((a - b).norm(dim=-1) - self.lengths[row][:, :, None]).abs()
        return (torch.where(counted[:, :, None], off, 0.0) < TOLERANCE).all(dim=1)

    def right(self, row: Tensor, local: Tensor) -> Tensor:
        """Whether fragments are the right isomers, (S, K), at local positions (S, K, L, 3)."""
        site = torch.arange(len(row), device=row.device)[:, None]
        a, b, c, d = (local[site, :, self.isomers[row][:, :, k]] for k in range(4))  # (S, M, K, 3)
        hand = torch.linalg.cross(c - a, d - a).mul(b - a).sum(-1)
        side = -torch.linalg.cross(b - a, c - b).mul(torch.linalg.cross(c - b, d - c)).sum(-1)
        value = torch.where((self.codes[row] == CENTRE)[:, :, None], hand, side)
        sign = self.signs[row][:, :, None]
        return ((value * sign > 0) | (sign == 0)).all(dim=1)

    def log_beads(self, scene: Scene, frame: Tensor, bead: Tensor, block: Tensor, local: Tensor, shown: Tensor,
                  widths: Tensor) -> Tensor:
        """log N(M x; R', s^2) of the beads in which an atom drawn has weight, (S, K); densities per nm^3 a bead.

        Args:
            scene: The scene of the sites.
            frame: Frame of each site in the window, (S,).
            bead: System index of each site's bead, (S,).
            block: Fragment atoms that are drawn, (S, F) bool.
            local: Positions by local index, nm, (S, K, F + P, 3).
            shown: Displacement R' - R of the beads that are shown, nm, (W, B, 3).
            widths: Standard deviation s of each bead, nm, (B,).
        """
        row = scene.layout.row[bead]
        weights = self.weights[row]
        part = ((weights[:, :, :block.shape[1]] != 0) & block[:, None]).any(dim=2)
        index = (self.beads[row] + scene.layout.bead_shift[bead][:, None]).clamp_min(0)
        wanted = scene.beads[frame[:, None], index] + shown[frame[:, None], index]
        wanted = wanted - scene.beads[frame, bead][:, None]
        off = torch.einsum("sql,sklx->skqx", weights, local) - wanted[:, None]
        width = widths[index][:, None]
        each = -0.5 * off.square().sum(-1) / width**2 - 3 * torch.log(width * np.sqrt(2 * np.pi))
        return torch.where(part[:, None], each, 0.0).sum(dim=2)


def _ties(kind: MoleculeType, own: Sets) -> tuple[Sets, Sets, Sets, Sets]:
    """Atoms outside that are tied to each fragment, rows of its rigid bonds, beads in which it has weight, and rows of
    what tells isomers apart."""
    if kind.given:
        nothing = Sets(np.zeros_like(own.start), own.item[:0])
        return nothing, nothing, own, nothing
    touching, beads = own.touching(kind.rigid_rows), own.touching(kind.mapping.by_atom[0])
    terms = kind.isomer_terms
    signed = own.touching(AtomRows.of(kind.n_atoms, terms.atoms))
    sharing = kind.mapping.sharing(own)
    owner = np.concatenate([np.repeat(touching.owner, 2), sharing.owner, np.repeat(signed.owner, 4)])
    tied = Sets.sorted(len(own), owner, np.concatenate([kind.rigid.pairs[touching.item].ravel(), sharing.item,
                                                        terms.atoms[signed.item].ravel()]))
    return tied.where(own.places(tied.owner, tied.item) < 0), touching, beads, signed
