"""Energy of a fragment in its surroundings: what accepting or rejecting a block depends on.

Beads do not move in a sweep, so all that a fragment's atoms meet are the atoms of the beads around it. The
difference of two configurations is exact as long as no atom is farther from its bead than ``SiteEnergy.limit``.
"""
from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import BackmapError
from ...model import box as periodic
from ...model.parameters import ForceField
from ...model.system import System
from ..sites.contracts import View
from ..sites.environment import Scene
from ..sites.fragments import FragmentTable
from . import bonded, kernel
from .layout import FieldLayout
from .pair import pair_energies
from .terms import FragmentTerms

Array = NDArray[np.float64]


class SiteEnergy:
    """Energies of blocks: every term that the atoms of a fragment take part in.

    Bonded terms and explicit pairs with at least one atom of the fragment, and Lennard-Jones and Coulomb pairs
    of its atoms with each other and with all others within the cut-off. Atoms that are not placed do not
    count. Constants (the self term of the reaction field) are left out.

    Attributes:
        limit: How far an atom may be from its bead, nm: half of what the view reaches beyond the force
            field's cut-off. A candidate that goes farther has energy +inf, which acceptance takes for the
            edge of the world; ``check`` refuses frames that are beyond it already.
    """

    def __init__(self, system: System, field: ForceField, fragments: FragmentTable, view: View) -> None:
        """See the class; ``fragments`` are those of the scenes, on their device.

        Raises:
            BackmapError: If the view does not reach beyond the cut-off, a bonded term reaches beyond the
                view's context, a molecule type has no parameters, or the force field asks for PME.
        """
        self.layout, self.field, self.view = FieldLayout(system, field), field, view
        self.device = fragments.atoms.device
        self.limit = (view.cutoff - field.cutoff) / 2
        if self.limit <= 0:
            raise BackmapError(f"interacts up to {field.cutoff} nm, but sites see only {view.cutoff} nm",
                               where=field.where, hint="Let the view reach farther, by twice the size of fragments.")
        self.terms = FragmentTerms(self.layout.molecules, fragments, field.where)
        # A pair's parameters are looked up in flat tables; c6, c12 by kind, exclusions by type and place.
        self.c6, self.c12, self.charge = (self._tensor(x) for x in (field.c6, field.c12, self.layout.charge))
        self.kind, self.maps = self._tensor(self.layout.kind), self._tensor(self.layout.maps)

    def check(self, scene: Scene, boxes: Array) -> None:
        """Make sure that the frames of a scene can be treated exactly.

        Args:
            scene: With all its placed atoms.
            boxes: (W, 3, 3), nm; zero without periodicity.

        Raises:
            BackmapError: If atoms lie beyond ``limit`` from their beads, or a box is so small that a fragment
                meets its own image.
        """
        owned = scene.layout.owned
        away = (scene.atoms[:, owned.clamp_min(0)] - scene.beads[:, :, None]).norm(dim=-1)
        there = (owned >= 0) & scene.placed[:, owned.clamp_min(0)]
        reach = float(torch.where(there, away, 0.0).max())
        if reach > self.limit:
            raise BackmapError(f"sites see {self.view.cutoff} nm, but an atom lies {reach:.3f} nm from its bead and "
                               f"interacts up to {self.field.cutoff} nm", where=self.field.where,
                               hint=f"Let the view reach {self.field.cutoff + 2 * reach:.2f} nm.")
        for box in boxes:
            if periodic.is_valid(box):
                narrow = float(np.linalg.norm(periodic.reduced(box), axis=1).min())
                if narrow < self.view.cutoff:
                    raise BackmapError(f"sites see {self.view.cutoff} nm, but the box is only {narrow:.3f} nm wide",
                                       where=self.field.where, hint="Use a larger box or a shorter cut-off.")

    def present(self, scene: Scene, frame: Tensor, bead: Tensor) -> Tensor:
        """Energy of the fragments as they are in the scene, kJ/mol, (S,)."""
        return self.of(scene, frame, bead, self._own(scene, frame, bead)[:, None])[:, 0]

    def of(self, scene: Scene, frame: Tensor, bead: Tensor, positions: Tensor, block: Tensor | None = None) -> Tensor:
        """Energy of candidates, in double precision and differentiable.

        Args:
            scene: Positions of everything else.
            frame: Frame of each site in the window, (S,).
            bead: System index of each site's bead, (S,).
            positions: Candidates, (S, K, F, 3), nm from the anchor.
            block: Fragment atoms that are drawn, (S, F) bool; the others stay where they are in the scene.
                None means all.

        Returns:
            kJ/mol, (S, K); +inf for candidates beyond ``limit``.
        """
        owned = scene.layout.owned[bead]
        drawn, there = positions.double(), owned >= 0
        if block is not None:
            drawn = torch.where(block[:, None, :, None], drawn, self._own(scene, frame, bead)[:, None])
            there = there & (block | scene.placed[frame[:, None], owned.clamp_min(0)])
        energy = self._bonded(scene, frame, bead, drawn, there)
        energy = energy + self._nonbonded(scene, frame, bead, drawn, torch.where(there, owned, -1))
        reach = torch.where(there[:, None], (drawn.detach()**2).sum(-1), 0.0).amax(dim=2)
        return torch.where(reach <= self.limit**2, energy, torch.inf)

    def _own(self, scene: Scene, frame: Tensor, bead: Tensor) -> Tensor:
        """Present positions of the fragments relative to their anchors, (S, F, 3)."""
        owned = scene.layout.owned[bead].clamp_min(0)
        return scene.atoms[frame[:, None], owned] - scene.beads[frame, bead][:, None]

    def _bonded(self, scene: Scene, frame: Tensor, bead: Tensor, drawn: Tensor, there: Tensor) -> Tensor:
        """All bonded terms and explicit pairs of each candidate, (S, K)."""
        row = scene.layout.row[bead]
        partner = self.terms.partners[row]
        index = (partner + scene.layout.atom_shift[bead][:, None]).clamp_min(0)
        others = scene.atoms[frame[:, None], index] - scene.beads[frame, bead][:, None]
        atoms = torch.cat([drawn, others[:, None].expand(-1, drawn.shape[1], -1, -1)], dim=2)
        known = torch.cat([there, (partner >= 0) & scene.placed[frame[:, None], index]], dim=1)
        energy = torch.zeros(drawn.shape[:2], dtype=torch.float64, device=drawn.device)
        for terms in self.terms.functions:
            site, corners, parameters = terms.of(row)
            whole = known[site[:, None], corners].all(dim=1)
            site, corners, parameters = site[whole], corners[whole], parameters[whole]
            # (n, k, K, 3): advanced indices on both sides of a slice come first.
            placed = atoms[site[:, None], :, corners].transpose(1, 2)
            if terms.function == "pair":
                values = self._explicit(placed, parameters)
            else:
                values = bonded.energies(terms.function, placed, parameters[:, None], self.maps)
            energy = energy.index_add(0, site, values)
        return energy

    def _explicit(self, atoms: Tensor, parameters: Tensor) -> Tensor:
        """Energies (n, K) of explicit pairs at (n, K, 2, 3)."""
        squared = ((atoms[:, :, 1] - atoms[:, :, 0])**2).sum(-1)
        none = torch.zeros_like(squared, dtype=torch.bool)
        c6, c12, charges = (parameters[:, k, None] for k in range(3))
        return sum(pair_energies(squared, c6, c12, charges, none, self.layout.explicit))

    def _nonbonded(self, scene: Scene, frame: Tensor, bead: Tensor, drawn: Tensor, owned: Tensor) -> Tensor:
        """Pairs of each candidate's atoms with each other and with the neighbours, (S, K)."""
        index, positions, own_image = self._neighbours(scene, frame, bead)
        if drawn.device.type == "cpu" and not (torch.is_grad_enabled() and drawn.requires_grad):
            energy = np.zeros(tuple(drawn.shape[:2]))
            around = kernel.AtomsAround(positions.numpy(), index.numpy(), own_image.numpy())
            kernel.sites(drawn.numpy(), owned.numpy(), around, self.layout.tables, energy)
            return torch.as_tensor(energy)
        s, k, f, _ = drawn.shape
        between = torch.cdist(drawn.flatten(1, 2), positions, compute_mode="donot_use_mm_for_euclid_dist")
        energy = self._sum(between.reshape(s, k, f, -1), owned, index, own_image)
        inside = torch.cdist(drawn, drawn, compute_mode="donot_use_mm_for_euclid_dist")
        upper = torch.ones(f, f, dtype=torch.bool, device=drawn.device).triu(1)
        inside = torch.where(upper, inside, torch.inf)
        return energy + self._sum(inside, owned, owned, owned >= 0)

    def _neighbours(self, scene: Scene, frame: Tensor, bead: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """System index, -1 for none, (S, N), position from the anchor (S, N, 3), and whether it is an atom of the
        own molecule as it stands there, no image of it, (S, N)."""
        around, anchor = scene.surroundings, scene.beads[frame, bead][:, None]
        other = around.beads[frame, bead].clamp_min(0)
        shift = around.vectors[frame, bead] - (scene.beads[frame[:, None], other] - anchor)
        same = (scene.layout.molecule[other] == scene.layout.molecule[bead][:, None]) & (shift.abs().sum(-1) < 1e-6)
        slot, atom = around.slot[frame, bead].long(), around.atoms[frame, bead].long()
        there = (atom >= 0) & scene.placed[frame[:, None], atom.clamp_min(0)]
        image = shift.gather(1, slot[:, :, None].expand(-1, -1, 3))
        positions = scene.atoms[frame[:, None], atom.clamp_min(0)] - anchor + image
        return torch.where(there, atom, -1), positions, same.gather(1, slot)

    def _sum(self, distance: Tensor, own: Tensor, other: Tensor, same: Tensor) -> Tensor:
        """Energy (S, K) of pairs at ``distance`` (S, K, F, N) of atoms ``own`` (S, F) and ``other`` (S, N)."""
        pair = (own >= 0)[:, :, None] & (other >= 0)[:, None]
        a, b = own.clamp_min(0)[:, :, None].expand_as(pair), other.clamp_min(0)[:, None].expand_as(pair)
        excluded = (pair & same[:, None]).cpu().numpy()
        excluded[excluded] = self.layout.is_excluded(a.cpu().numpy()[excluded], b.cpu().numpy()[excluded])
        near = (distance < self.field.cutoff) & pair[:, None]
        c6, c12 = self.c6[self.kind[a], self.kind[b]], self.c12[self.kind[a], self.kind[b]]
        lj, coulomb = pair_energies(torch.where(near, distance, 1.0)**2, c6[:, None], c12[:, None],
                                    (self.charge[a] * self.charge[b])[:, None], self._tensor(excluded)[:, None],
                                    self.layout.electrostatics, self.layout.tail)
        return torch.where(near, lj + coulomb, 0.0).sum(dim=(2, 3))

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.as_tensor(values, device=self.device)
