"""The network: the equivariant generator's encoder of surroundings and its heads, fed with latents and with guides.

*Guides* say where mass is still missing: for up to three beads the point g at which an atom would complete it. What
the network adds to the logarithm of a torsion's density is a Gaussian of the distance to g, at a distance and with a
width of its choice: beads are met to a thousandth of a nanometre, which a smooth function of positions would not do.
"""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..equivariant.density import Angles
from ..equivariant.features import SLOT_RESIDUALS
from ..equivariant.network import NODES, Network
from ..force_field.density import Lengths
from .latents import Encoder, Prior

UP = 8  #: torsion nodes between two at which pairs are evaluated: 1.25 degrees
MIXTURE = 3  #: Gaussians of a bond angle that look at no guide; there is one more for each guide
FARTHEST = 0.2  #: nm: largest distance to a guide that is aimed at
TIGHTEST, LOOSEST = math.log(5e-4), math.log(0.3)  #: of ln of the width of that distance, nm


class VaeNetwork(Network):
    """All learned parameters: prior and encoder of latents, and the decoder.

    Args:
        channels: Number of channels of the encoder of surroundings.
        width: Hidden size of the trunk.
        dropout: Share of hidden values that is left out in training, 0 to 1.
        latents: Number L of latent variables; one more condition says if they are known yet.
        bins: Bins of each spline of the prior.
        transforms: Number of spline transforms of the prior, one after the other.
    """

    def __init__(self, channels: int = 24, width: int = 128, dropout: float = 0.0, latents: int = 8, bins: int = 8,
                 transforms: int = 2) -> None:
        super().__init__(channels, 64, width, 96, 16, dropout, latents + 1)
        self.latents = latents
        self.prior = Prior(latents, width, bins, transforms)
        self.posterior = Encoder(latents, width, 48)
        self.angle = nn.Linear(width, 3 * (MIXTURE + SLOT_RESIDUALS))
        self.guide = nn.Linear(96, 2 * SLOT_RESIDUALS)
        fine = torch.arange(NODES * UP) * (2 * math.pi / (NODES * UP)) - math.pi
        orders = torch.arange(1, 17)[:, None] * fine
        self.register_buffer("fourier", torch.cat([orders.cos(), orders.sin()]), persistent=False)
        self.register_buffer("fine", fine, persistent=False)

    def distances(self, hidden: Tensor) -> Lengths:
        mean, log_sd = self.distance(hidden).double().unbind(1)
        return Lengths(0.02 + 0.3 * torch.sigmoid(mean - 0.3), (log_sd - 4.0).clamp(-8, -1).exp())

    def guided_angles(self, hidden: Tensor, guide: Tensor, there: Tensor) -> Angles:
        """Density of the bond angle.

        Args:
            hidden: What the head knows, (T, width).
            guide: Angle at which each guide is seen, radians, (T, 3).
            there: Which guides there are, (T, 3) bool.
        """
        mean, log_sd, weight = self.angle(hidden).double().unflatten(1, (3, -1)).unbind(1)
        free = 1.9 + 0.5 * mean[:, :MIXTURE] - torch.tensor([0.0, 0.6, 1.2], dtype=torch.float64, device=mean.device)
        means = torch.cat([free, guide + 0.2 * mean[:, MIXTURE:]], dim=1)
        weight = torch.cat([weight[:, :MIXTURE], torch.where(there, weight[:, MIXTURE:], -1e4)], dim=1)
        return Angles(means, (log_sd - 2.5).clamp(-6, 1), torch.log_softmax(weight, dim=1))

    def guided_torsions(self, hidden: Tensor, distance: Tensor, angle: Tensor, pair_energy: Tensor, guide: Tensor,
                        there: Tensor) -> Tensor:
        """Log-density of the torsion at its nodes, (T, NODES * UP), up to a constant.

        Args:
            hidden: What the head knows, (T, width).
            distance: From the first predecessor, nm, (T,).
            angle: At the first predecessor, radians, (T,).
            pair_energy: Sum of pair terms at the coarse nodes, (T, NODES).
            guide: Guides in the local frame, nm, (T, 3, 3).
            there: Which guides there are, (T, 3) bool.
        """
        a = angle.float()[:, None]
        h = functional.silu(self.torsion_in(torch.cat([hidden, a, a.cos(), a.sin(), (2 * a).cos()], dim=1)))
        h = h + functional.silu(self.torsion_hidden(self.dropout(h)))
        following = torch.roll(pair_energy, -1, dims=1)
        pairs = torch.stack([torch.lerp(pair_energy, following, k / UP) for k in range(UP)], dim=2).flatten(1)
        return (self.torsion_out(h) @ self.fourier + pairs - self._pull(h, distance, angle, guide, there)).double()

    def _pull(self, h: Tensor, distance: Tensor, angle: Tensor, guide: Tensor, there: Tensor) -> Tensor:
        """Half the squares of how far the distances to guides are off, in their widths, (T, NODES * UP)."""
        aim, width = self.guide(h).chunk(2, dim=1)
        aim = FARTHEST * torch.sigmoid(aim)
        width = (LOOSEST - functional.softplus(1.0 + width)).clamp_min(TIGHTEST).exp()
        guide, x, r = guide.float(), (distance * angle.cos()).float(), (distance * angle.sin()).float()
        fixed = (guide[:, :, 0] - x[:, None])**2 + guide[:, :, 1]**2 + guide[:, :, 2]**2 + (r**2)[:, None]
        along = guide[:, :, 1, None] * self.fine.cos() + guide[:, :, 2, None] * self.fine.sin()
        away = (fixed[:, :, None] - 2 * r[:, None, None] * along).clamp_min(1e-8).sqrt()
        off = torch.where(there[:, :, None], (away - aim[:, :, None]) / width[:, :, None], 0.0)
        return 0.5 * (off * off).clamp_max(500.0).sum(dim=1)
