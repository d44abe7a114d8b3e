"""A table of one or two torsions: tents on an even grid, whose weights are set rather than learned."""
from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ...numbers import uniform
from .shapes import TURN

FLATTER = 0.5  #: power of the weights by which learning draws: what is rare is looked at more often than it is found
EVEN = 0.1  #: share of the draws in learning that are even
MOST = 3.0  #: nats below what was known where it is that a draw is taken to be, and above what is known from then on
NEAR = 0.25  #: height of its tent at which a draw tells of a node
DEEPEST = 40.0  #: nats below the best tenth of a batch that anything is taken to be
ROUNDS = 30  #: of expectation maximisation


class TorsionTable(nn.Module):
    """Density of T torsions (n, T), radians: bilinear between ``nodes`` of each.

    It is a mixture of products of tents, one over each node. Given everything else of a model, the weights of least
    divergence are known from the draws: ``notice`` leads them there, ``settle`` sets them.

    Args:
        torsions: T, one or two.
        nodes: On each circle.
    """

    def __init__(self, torsions: int, nodes: int) -> None:
        super().__init__()
        self.torsions, self.nodes = torsions, nodes
        for name in ("logit", "height", "visits"):
            self.register_buffer(name, torch.zeros(nodes**torsions, dtype=torch.float64))

    def log_density(self, x: Tensor) -> Tensor:
        """ln of the density of torsions (n, T), (n,)."""
        return self._log_density(x, self.logit.softmax(0))

    def draw(self, n: int, rng: np.random.Generator, flatter: bool = False) -> Tensor:
        """Torsions (n, T) between -pi and pi: one in each n-th of the weights, from flatter ones in learning."""
        edges = (self.flatter() if flatter else self.logit.softmax(0)).cumsum(0)
        places = (torch.arange(n) + uniform(rng, n)) / n
        which = torch.searchsorted(edges, places).clamp_max(len(edges) - 1)
        node = torch.stack([which // self.nodes**(self.torsions - 1 - k) % self.nodes
                            for k in range(self.torsions)], 1)
        off = uniform(rng, n, self.torsions) + uniform(rng, n, self.torsions) - 1
        return torch.remainder((node + off) / self.nodes * TURN + math.pi, TURN) - math.pi

    def flatter(self) -> Tensor:
        """Weights by which learning draws, (G^T,)."""
        return (1 - EVEN) * (FLATTER * self.logit).softmax(0) + EVEN / len(self.logit)

    def log_flatter(self, x: Tensor) -> Tensor:
        """ln of the density from which learning draws, (n,)."""
        return self._log_density(x, self.flatter())

    def notice(self, x: Tensor, off: Tensor, rate: float) -> None:
        """Move weights towards those of least divergence: of a node, exp <ln p - ln q(all else)> about it.

        Args:
            x: Torsions of draws of ``draw(flatter=True)``, (n, T).
            off: ln q/p of each, up to a constant, (n,).
            rate: Share of what a node is known by that one draw takes the place of.
        """
        value = self.log_density(x) - off
        at, share = self._corners(x)
        value = value[:, None].clamp_min(float(value.quantile(0.9)) - DEEPEST)
        seen, known = self.visits > 0, self.height[at]
        value = torch.where(seen[at], torch.maximum(value, known - MOST), value)
        total, count = (torch.zeros_like(self.height).index_add(0, at.flatten(), part.flatten())
                        for part in (share * value, share))
        mean = total / count.clamp_min(1e-12)
        taken = torch.where(seen, 1 - (1 - rate)**count, 1.0) * (count > 0)
        highest = torch.full_like(self.height, -torch.inf).scatter_reduce(
            0, at[share > NEAR], value[share > NEAR], "amax")
        # Far too low is what was looked at before the rest was learned; nothing is ever far too high.
        self.height.copy_(torch.maximum(self.height + taken * (mean - self.height), highest - MOST))
        self.visits += count
        seen = self.visits > 0
        self.logit.copy_(torch.where(seen, self.height, self.height[seen].mean()).log_softmax(0))

    def settle(self, x: Tensor, log_weight: Tensor) -> None:
        """Set weights by maximum likelihood of weighted torsions (n, T)."""
        share, weight = log_weight.softmax(0), self.logit.softmax(0)
        for _ in range(ROUNDS):
            at, each = self._responsible(x, weight)
            weight = torch.zeros_like(weight).index_add(0, at.flatten(), (each * share[:, None]).flatten())
        self.logit.copy_(weight.clamp_min(1e-30).log())

    def _log_density(self, x: Tensor, weight: Tensor) -> Tensor:
        at, share = self._corners(x)
        return (weight[at] * share).sum(1).log() + self.torsions * math.log(self.nodes / TURN)

    def _responsible(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes around torsions, and how much of each draw is due to each of them, (n, 2^T)."""
        at, share = self._corners(x)
        each = weight[at] * share
        return at, each / each.sum(1, keepdim=True).clamp_min(1e-300)

    def _corners(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes around torsions (n, T), and the height of the tent of each, (n, 2^T)."""
        place = torch.remainder(x / TURN, 1.0) * self.nodes
        left = place.floor().long().clamp_max(self.nodes - 1)
        part = place - left
        at, share = torch.zeros(len(x), 1, dtype=torch.long), torch.ones(len(x), 1, dtype=torch.float64)
        for k in range(self.torsions):
            sides = torch.stack([left[:, k], (left[:, k] + 1) % self.nodes], 1)
            heights = torch.stack([1 - part[:, k], part[:, k]], 1)
            at = (at[:, :, None] * self.nodes + sides[:, None]).flatten(1)
            share = (share[:, :, None] * heights[:, None]).flatten(1)
        return at, share
