"""Densities of single atoms given the latents: angles and torsions that know where mass is missing."""
from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from ..equivariant.density import Angles, Torsions
from ..equivariant.head import Head

AWAY = 0.6  #: nm: guides farther from the atom before are left out


class GuidedHead(Head):
    """The equivariant generator's head with guides."""

    @cached_property
    def _guides(self) -> tuple[Tensor, Tensor]:
        """Points in the local frame at which an atom would complete a bead, nm, (T, 3, 3), and if there are, (T, 3)."""
        slots, tables = self.sight.slots, self.sight.env.fragments
        scale = slots.residual_scale[self.fragment, self.atom].double()
        bead = slots.residual_bead[self.fragment, self.atom]
        weights = tables.weight_own[self.fragment]
        weight = weights.gather(1, bead.clamp_max(weights.shape[1] - 1)[:, :, None].expand(-1, -1, weights.shape[2]))
        weight = weight.gather(2, self.atom[:, None, None].expand(-1, bead.shape[1], 1))[:, :, 0].double()
        # Hydrogens count at their carriers: where they are all that is left, they make up for what is missing there.
        seated = tables.element[tables.atoms[self.fragment, self.atom]] == 1
        origin = self.frame.origin[:, None]
        missing = torch.where(seated[:, None, None], self.missing / weight.clamp_min(1e-3)[:, :, None] + origin,
                              self.missing * scale[:, :, None])
        local = (missing - origin) @ self.frame.axes.transpose(1, 2)
        there = (scale > 0) & (weight > 1e-3) & (local.norm(dim=2) < AWAY)
        return torch.where(there[:, :, None], local, 0.1), there

    def _angles(self, distance: Tensor) -> Angles:
        if not hasattr(self, "_angle_density"):
            guide, there = self._guides
            seen = torch.atan2(torch.hypot(guide[:, :, 1], guide[:, :, 2]), guide[:, :, 0])
            self._angle_density = self.network.guided_angles(self.hidden, seen, there)
        return self._angle_density

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        if not hasattr(self, "_torsion_density"):
            pair = self._pair_energy(distance.float(), angle.float())
            logits = self.network.guided_torsions(self.hidden, distance, angle, pair, *self._guides)
            self._torsion_density = Torsions(logits)
        return self._torsion_density
