"""Densities of single atoms that know where they were: per torsion a mixture of staying and of being drawn anew."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..equivariant.density import LocalFrame, Torsions
from ..equivariant.head import Head
from ..equivariant.network import Network

#: Concentration of what stays, at least and at most: widths of 57 and 4 degrees, which nodes 3.3 degrees apart show.
WIDEST, NARROWEST = 1.0, 200.0


class StayingNetwork(Network):
    """The network of the equivariant generator, with how much of each torsion stays and how well."""

    def __init__(self, channels: int = 24, width: int = 128, dropout: float = 0.0) -> None:
        super().__init__(channels, 64, width, 96, 16, dropout)
        self.stay = nn.Linear(width, 2)

    def staying(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ln of the shares that stay and that are drawn anew, and the concentration about what was, (T,) each."""
        share, width = self.stay(hidden).double().unbind(1)
        return (functional.logsigmoid(share), functional.logsigmoid(-share),
                WIDEST + (NARROWEST - WIDEST) * torch.sigmoid(width))


class StayingHead(Head):
    """The equivariant generator's head, whose torsions know where they were."""

    network: StayingNetwork

    def _torsions(self, distance: Tensor, angle: Tensor) -> Torsions:
        anew = super()._torsions(distance, angle)
        if self.sight.env.before is None or hasattr(self, "_mixed"):
            return getattr(self, "_mixed", anew)
        stay, renew, concentration = self.network.staying(self.hidden)
        nodes = torch.arange(anew.n, device=stay.device, dtype=torch.float64) * (2 * torch.pi / anew.n) - torch.pi
        old = Torsions(concentration[:, None] * torch.cos(nodes - self._before()[:, None]))
        both = (_normal(old) + stay[:, None], _normal(anew) + renew[:, None])
        self._mixed = Torsions(torch.logaddexp(*both))
        return self._mixed

    def _before(self) -> Tensor:
        """Torsions in the frame before, (T,), about the predecessors where they were then."""
        env, tables = self.sight.env, self.sight.env.fragments
        was = torch.cat([env.before, env.beads], dim=1).double()
        points = was[self.site[:, None], tables.reference[self.fragment, self.atom]]
        frame = LocalFrame.of(points[:, 0], points[:, 1], points[:, 2], self.sight.spare[self.site])
        return frame.coordinates(was[self.site, self.atom])[2]


def _normal(torsions: Torsions) -> Tensor:
    """Log-densities at the nodes, per radian, (T, K)."""
    return torsions.logits - torch.logsumexp(torsions.log_mass, dim=1, keepdim=True)
