"""Network and head for beads that stand in place of atoms: their bonds are flexible, their own bead coarser still.

Every coordinate is drawn given those before it: a distance, an angle given the distance, a torsion given both. All
three know the *guide*, the point at which a bead would complete the mass of the coarser one that it belongs to: the
last one of a fragment lies there. The torsion's log-density has a Gaussian of the distance to it.

Lengths are in the network's unit, in which bonded beads are about ``TOUCHING`` apart.
"""
from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from backmap.model.molecule import TOUCHING

from .circles import NODES
from .density import Angles, Distances, Torsions
from .head import Head
from .network import MIXTURE, UP, Network

FARTHEST = 0.6  #: largest distance to the guide that is aimed at
TIGHTEST, LOOSEST = math.log(3e-3), math.log(0.5)  #: of ln of the width of that distance


class BeadNetwork(Network):
    """The network of atoms, with what beads need beside.

    Args:
        sizes: Of the network of atoms.
    """

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        width, torsion_width = self.angle.in_features, self.torsion_in.out_features
        self.angle = nn.Linear(width, 3 * (MIXTURE + 1))
        self.distance = nn.Linear(width, 3 * (MIXTURE + 1))
        self.told = nn.Sequential(nn.Linear(3, 48), nn.SiLU(), nn.Linear(48, width))
        self.torsion_in = nn.Linear(width + 4, torsion_width)
        self.guide = nn.Linear(torsion_width, 2)
        nodes = torch.arange(NODES * UP) * (2 * math.pi / (NODES * UP)) - math.pi
        self.register_buffer("circle", torch.stack([nodes.cos(), nodes.sin()]), persistent=False)

    def given(self, hidden: Tensor, distance: Tensor) -> Tensor:
        """What the head knows once the distance (T,) is drawn, (T, width)."""
        off = (distance.float()[:, None] - TOUCHING) * 10
        return functional.silu(hidden + self.told(torch.cat([off, off**2, off.abs().sqrt()], dim=1)))

    def guided_distances(self, hidden: Tensor, guide: Tensor) -> Distances:
        """Density of the distance from the predecessor; the guide is at ``guide`` (T,) from it."""
        mean, log_sd, weight = self.distance(hidden).double().chunk(3, dim=1)
        free = TOUCHING + 0.1 * (mean[:, :-1] + torch.tensor([-0.5, 0.0, 0.5], device=mean.device))
        means = torch.cat([free, guide[:, None] + 0.1 * mean[:, -1:]], dim=1)
        return Distances(means, (log_sd - 2.5).clamp(-8, 0), torch.log_softmax(weight, dim=1))

    def guided_angles(self, hidden: Tensor, guide: Tensor) -> Angles:
        """Density of the angle; the guide is seen at the angle ``guide`` (T,)."""
        mean, log_sd, weight = self.angle(hidden).double().chunk(3, dim=1)
        means = torch.cat([1.9 + 0.5 * mean[:, :-1], guide[:, None] + 0.2 * mean[:, -1:]], dim=1)
        return Angles(means, (log_sd - 2.0).clamp(-6, 1), torch.log_softmax(weight, dim=1))

    def guided_torsions(self, hidden: Tensor, distance: Tensor, angle: Tensor, pair_energy: Tensor,
                        guide: Tensor) -> Tensor:
        """Log-density of the torsion at its nodes, (T, NODES * UP), up to a constant.

        Args:
            hidden: What the head knows, the distance included, (T, width).
            distance: From the predecessor, (T,).
            angle: Between predecessors and bead, radians, (T,).
            pair_energy: Sum of pair terms at the coarse nodes, (T, NODES).
            guide: The guide in the local frame, (T, 3).
        """
        smooth = self.torsion_logits(hidden, angle, pair_energy)
        a = angle.float()[:, None]
        h = functional.silu(self.torsion_in(torch.cat([hidden, a, a.cos(), a.sin(), (2 * a).cos()], dim=1)))
        aim, width = self.guide(h).double().unbind(1)
        aim, width = FARTHEST * torch.sigmoid(aim), (LOOSEST - functional.softplus(width)).clamp_min(TIGHTEST).exp()
        x, r = distance * angle.cos(), distance * angle.sin()
        fixed = (guide**2).sum(1) + distance**2 - 2 * guide[:, 0] * x
        away = (fixed[:, None] - 2 * r[:, None] * (guide[:, 1:] @ self.circle.double())).clamp_min(1e-8).sqrt()
        return smooth - 0.5 * (((away - aim[:, None]) / width[:, None])**2).clamp_max(500.0)


class BeadHead(Head):
    """Densities of beads: what is drawn first is known to what comes after, and all know the guide."""

    network: BeadNetwork

    @cached_property
    def _guide(self) -> Tensor:
        """Where the bead would complete the coarser one, in the local frame, (T, 3)."""
        weight = self.sight.env.fragments.weight_own[self.fragment, 0].gather(1, self.atom[:, None]).double()
        scale = self.sight.slots.residual_scale[self.fragment, self.atom, :1].double()
        left = torch.where(weight > 1e-6, self.missing[:, 0] * scale, 0.0)
        return ((left - self.frame.origin)[:, None] @ self.frame.axes.transpose(1, 2))[:, 0]

    @cached_property
    def _free_distances(self) -> Distances:
        return self.network.guided_distances(self.hidden, self._guide.norm(dim=1))

    def _distances(self) -> Distances:
        return self._free_distances

    def _angles(self, distance: Tensor) -> Angles:
        if not hasattr(self, "_angle_density"):
            guide = self._guide
            seen = torch.atan2(torch.hypot(guide[:, 1], guide[:, 2]), guide[:, 0])
            self._known = self.network.given(self.hidden, distance)
            self._angle_density = self.network.guided_angles(self._known, seen)
        return self._angle_density

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        if not hasattr(self, "_torsion_density"):
            self._angles(distance)
            pair = self._pair_energy(distance.float(), angle.float())
            self._torsion_density = Torsions(self.network.guided_torsions(self._known, distance, angle, pair,
                                                                          self._guide))
        return self._torsion_density
