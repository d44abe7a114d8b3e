"""The autoregressive decoder of a lattice: a masked convolution for each stage from coarse to fine."""
from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from .decoder import Decoder
from .heads import bernoulli_density, bernoulli_draw
from .networks import Residual
from .order import stages


class CoarseToFine(Decoder):
    """Sites one rank after the other, each given z and what is decoded around it (``order.stages``).

    Within a stage all sites share a network, which sees signs of the sites around (0 where they are not decoded
    yet), the mean of all that is decoded, z, and a vector of its own for each rank: a convolution with a mask.
    Sites of one rank are independent given those before, which is an approximation of the model, never of what a
    sampler makes of it: the density is that of the draw.
    """

    def __init__(self, grid: tuple[int, ...], latents: int, hidden: int, blocks: int, window: int) -> None:
        super().__init__()
        self.stages, self.size = stages(grid, window), int(np.prod(grid))
        networks, ranks = [], []
        for number, stage in enumerate(self.stages):
            self.register_buffer(f"seen{number}", torch.from_numpy(stage.seen), persistent=False)
            self.register_buffer(f"known{number}", torch.from_numpy(stage.known), persistent=False)
            width = hidden if stage.ranks > 1 else max(8, hidden // 3)
            networks.append(Residual(stage.seen.shape[1] + 1 + 2 * latents, width, 1, blocks))
            ranks.append(nn.Parameter(0.01 * torch.randn(stage.ranks, width)))
        self.networks, self.ranks = nn.ModuleList(networks), nn.ParameterList(ranks)

    def log_density(self, x: Tensor, z: Tensor) -> Tensor:
        signs = 2 * x.float() - 1
        total = torch.zeros(len(x), dtype=torch.float64)
        known = torch.zeros(len(x), 1)
        for number, stage in enumerate(self.stages):
            sites = torch.from_numpy(stage.sites)
            ends = torch.from_numpy(np.searchsorted(stage.rank, stage.rank))
            own = torch.cat([torch.zeros(len(x), 1), signs[:, sites].cumsum(1)], dim=1)
            mean = (known + own[:, ends]) / torch.from_numpy(stage.before).clamp_min(1)
            logit = self._logit(number, slice(None), signs, mean.float(), z)
            total = total + bernoulli_density(x[:, sites], logit).double().sum(1)
            known = known + own[:, -1:]
        return total

    def draw(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        signs, density = torch.zeros(len(z), self.size), torch.zeros(len(z), dtype=torch.float64)
        known = torch.zeros(len(z), 1)
        for number, stage in enumerate(self.stages):
            edges = np.searchsorted(stage.rank, np.arange(stage.ranks + 1))
            for begin, end in pairwise(edges):
                mean = (known / max(1, stage.before[begin])).expand(-1, end - begin)
                logit = self._logit(number, slice(begin, end), signs, mean, z)
                values = bernoulli_draw(logit, rng)
                density += bernoulli_density(values, logit).double().sum(1)
                signs[:, torch.from_numpy(stage.sites[begin:end])] = 2 * values.float() - 1
                known = known + (2 * values.float() - 1).sum(1, keepdim=True)
        return (signs.double() + 1) / 2, density

    def _logit(self, number: int, rows: slice, signs: Tensor, mean: Tensor, z: Tensor) -> Tensor:
        """Logit of each site of a stage's ``rows``, (n, rows)."""
        seen, known = getattr(self, f"seen{number}")[rows], getattr(self, f"known{number}")[rows]
        around = signs[:, seen] * known
        latent = z.float()[:, None].expand(-1, len(seen), -1)
        inputs = torch.cat([around, mean[..., None], latent / 3, torch.tanh(latent)], dim=-1)
        rank = self.ranks[number][torch.from_numpy(self.stages[number].rank[rows])]
        return self.networks[number](inputs, rank)[..., 0]
