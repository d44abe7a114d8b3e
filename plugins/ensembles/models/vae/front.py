"""The decoder of identical particles in a box in the plane: one after the other, from left to right.

P(x|z) = P(x0|z) prod_k P(r_k | x0, r_<k, z), x0 the coordinates that come before the particles. Right of the particle
that was placed last, the next one has the density exp(-U + c) on a grid, with the energy U that it feels of what is
there already, and what the network adds for what is still to come. The order of the particles is part of the
density: nothing is left of what came before, and no proposal is lost to labels.
"""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from backmap.api import Target

from ...numbers import normal, uniform
from ...particle_front import Front
from . import plane
from .decoder import Decoder
from .encoder import LOG_TWO_PI

#: Rounds of expectation maximisation, and how many configurations they look at.
ROUNDS, MOST = 60, 8000
#: Multiply matrices in short numbers while learning, where the processor is many times quicker with them.
SHORT = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


class FrontDecoder(Decoder):
    """Autoregressive density of configurations x (n, D) given latents z (n, L), for targets with a ``front``.

    Args:
        target: Its ``front`` says what particles feel, its ``obstacles`` where what came before them is.
        latents: Number L.
        hidden: Width of the network.
        blocks: Its residual blocks.
        components: Of the mixture for the coordinates before the particles.
    """

    def __init__(self, target: Target, latents: int, hidden: int, blocks: int, components: int) -> None:
        super().__init__()
        self.target, self.front = target, target.front
        self.first = NormalMixture(self.front.fixed, latents, components)
        self.network = FrontNetwork(self.front, latents + self.front.fixed, hidden, blocks)

    def adapt(self, x: Tensor) -> None:
        """Fit the mixture to configurations."""
        self.first.adapt(x[:, :self.front.fixed])

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        front, n = self.front, len(x)
        total = self.first.log_density(x[:, :front.fixed], z)
        if not front.particles:
            return total
        places = x[:, front.fixed:].reshape(n, front.particles, 2)
        last = torch.cat([places.new_full((n, 1), -front.edge), places[:, :-1, 0]], dim=1)
        room = torch.from_numpy(front.windows(self.target.obstacles(x), places.detach().numpy())).flatten(0, 1)
        known = self._known(x, z).repeat_interleave(front.particles, dim=0)
        column, begin = self._begin(last.reshape(-1))
        said = self.network(room, column, begin, torch.arange(front.particles).repeat(n), known)
        where = front.column(places.reshape(-1, 2)) - torch.stack([column, torch.zeros_like(column)], dim=1)
        density = plane.log_density(said, room, begin, where) - 2 * math.log(front.spacing)
        return total + density.reshape(n, -1).sum(1)

    @torch.no_grad()
    def draw(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        front, n = self.front, len(z)
        x = torch.zeros(n, front.fixed + 2 * front.particles, dtype=torch.float64)
        x[:, :front.fixed] = self.first.draw(z, rng)
        total = self.first.log_density(x[:, :front.fixed], z)
        known, field = self._known(x, z), front.begin(self.target.obstacles(x))
        last = torch.full((n,), -front.edge, dtype=torch.float64)
        for k in range(front.particles):
            room = torch.from_numpy(front.window(field, last.numpy()))
            column, begin = self._begin(last)
            said = self.network(room, column, begin, torch.full((n,), k), known)
            place = plane.draw(said, room, begin, rng)
            total += plane.log_density(said, room, begin, place) - 2 * math.log(front.spacing)
            place = torch.stack([place[:, 0] + column, place[:, 1]], dim=1) * front.spacing - front.edge
            x[:, front.fixed + 2 * k:front.fixed + 2 * k + 2], last = place, place[:, 0]
            front.add(field, place.numpy())
        return x, total

    def _known(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.cat([self.first.scaled(x[:, :self.front.fixed]), z], dim=1).float()

    def _begin(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """First columns of the windows right of ``last`` (m,), and where in their first cell these begin."""
        begin = self.front.column(last)
        return begin.floor(), begin - begin.floor()


class FrontNetwork(nn.Module):
    """What particles to come add to the logarithm of a particle's density, on the window's nodes.

    It sees how much room exp(-U) there is at places of the window, averaged over two by two nodes; where the window
    begins, how many particles are there, and what is ``known``. It speaks of every second node (``plane``).
    """

    def __init__(self, front: Front, known: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.shape = -(-front.columns // 2), -(-front.rows // 2)
        places = self.shape[0] * self.shape[1]
        self.first = nn.Linear(places + known + 1, hidden)
        self.number = nn.Parameter(0.1 * torch.randn(max(1, front.particles), hidden))
        self.column = nn.Parameter(0.1 * torch.randn(front.rows, hidden))
        self.blocks = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.last = nn.Linear(hidden, places)
        self.profile = nn.Parameter(torch.zeros(max(1, front.particles), self.shape[0]))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, room: Tensor, column: Tensor, begin: Tensor, number: Tensor, known: Tensor) -> Tensor:
        """What is added to the logarithms of densities, (m, wide, high), from room (m, W, G)."""
        m, (wide, high) = len(room), self.shape
        inputs = torch.cat([plane.pooled(room).flatten(1), begin[:, None].float(), known], dim=1)
        own = self.number[number] + self.column[column.long().clamp(0, len(self.column) - 1)]
        with torch.autocast("cpu", torch.bfloat16, enabled=SHORT and torch.is_grad_enabled()):
            hidden = functional.silu(self.first(inputs) + own)
            for block in self.blocks:
                hidden = hidden + functional.silu(block(hidden))
            said = self.last(hidden)
        return said.float().reshape(m, wide, high) + self.profile[number][:, :, None]


class NormalMixture(nn.Module):
    """A mixture of products of normal densities for a few coordinates; z has a say in its weights."""

    def __init__(self, size: int, latents: int, components: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(size, dtype=torch.float64))
        self.mean = nn.Parameter(0.5 * torch.randn(components, size, dtype=torch.float64))
        self.log_sd = nn.Parameter(torch.zeros(components, size, dtype=torch.float64))
        self.log_weight = nn.Parameter(torch.zeros(components, dtype=torch.float64))
        self.latent = nn.Parameter(torch.zeros(latents, components, dtype=torch.float64))

    def scaled(self, x: Tensor) -> Tensor:
        """Coordinates (n, size) of order 1."""
        return (x - self.centre) / self.scale

    def adapt(self, x: Tensor) -> None:
        """Maximum likelihood by expectation maximisation, for values x (n, size)."""
        if len(x) < 2:
            return
        self.centre.copy_(x.mean(0))
        self.scale.copy_(x.std(0).clamp_min(1e-6))
        values = self.scaled(x[::-(-len(x) // MOST)])
        order = values[:, 0].argsort()  # centres to begin with: even along the first coordinate
        chosen = order[((torch.arange(len(self.mean)) + 0.5) / len(self.mean) * len(order)).long()]
        with torch.no_grad():
            self.mean.copy_(values[chosen])
            for _ in range(ROUNDS):
                share = torch.softmax(self._components(values, self.log_weight), dim=1)
                total = share.sum(0).clamp_min(1e-6)
                self.mean.copy_(share.T @ values / total[:, None])
                spread = share.T @ values**2 / total[:, None] - self.mean**2
                self.log_sd.copy_(0.5 * spread.clamp_min(1e-4).log())
                self.log_weight.copy_((total / len(values)).log())

    def _components(self, scaled: Tensor, log_weight: Tensor) -> Tensor:
        off = (scaled[:, None] - self.mean) * (-self.log_sd).exp()
        return log_weight - (0.5 * off**2 + self.log_sd + 0.5 * LOG_TWO_PI).sum(2)

    def _weights(self, z: Tensor) -> Tensor:
        return torch.log_softmax(self.log_weight + torch.tanh(z) @ self.latent, dim=1)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        """ln of the density of x (n, size) given z (n, L), (n,)."""
        return torch.logsumexp(self._components(self.scaled(x), self._weights(z)), dim=1) - self.scale.log().sum()

    def draw(self, z: Tensor, rng: np.random.Generator) -> Tensor:
        """Values (n, size)."""
        share = self._weights(z).exp().cumsum(1)
        which = (share < uniform(rng, len(z), 1)).sum(1).clamp_max(len(self.mean) - 1)
        made = self.mean[which] + self.log_sd[which].exp() * normal(rng, len(z), len(self.centre))
        return self.centre + self.scale * made
