"""The ``vae`` generator: a block is drawn by way of latents, and accepted together with them."""
from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Proposer, WeightsPath
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, Loss, Objective

from ..equivariant.core import Core, Sight
from ..equivariant.density import LocalFrame
from ..trained import Trained
from .head import GuidedHead
from .latents import coordinates, log_normal
from .network import VaeNetwork

#: What the checkpoint keeps of the options: all that a network was built with.
SIZES = {"channels", "width", "dropout", "latents", "bins", "transforms"}


class VaeOptions(Options):
    """Options of the ``vae`` generator."""

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float = Field(0.8, gt=0.2, le=1.5, description="How far a new network sees, nm.")
    latents: int = Field(8, ge=1, le=64, description="Latent variables of a block.")
    channels: int = Field(24, ge=4, multiple_of=2, description="Channels of a new network's view of surroundings.")
    width: int = Field(128, ge=16, description="Hidden width of a new network's heads.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden values left out in training.")
    bins: int = Field(8, ge=2, le=64, description="Bins of the prior's splines.")
    transforms: int = Field(2, ge=1, le=8, description="Couplings of the prior, where there are several latents.")
    annealing: float = Field(0.3, ge=0, le=1, description="Share of the training steps, the first ones, over which "
                                                          "the weight of the divergence rises to 1.")


class Vae(Trained, Proposer):
    """Draws blocks through latent variables: z from a prior given the surroundings, then atoms one by one given both.

    A block is a fragment, or a whole molecule where one bead owns all of it (``topology: {whole: [OCT]}``). The
    density of a draw is not known, as it is an integral over z; draws are accepted together with their latent
    variables, which is exact (``docs/theory``).
    """

    Options = VaeOptions
    options: VaeOptions
    kind = "vae"
    equivariant = True

    def __init__(self, options: VaeOptions) -> None:
        super().__init__(options)
        self.sizes = self.checkpoint.sizes if self.checkpoint else options.model_dump(include=SIZES)
        with self.rebuilding():
            network = VaeNetwork(**self.sizes)
        self.fill(network)
        self.core = Core(network, self.view, GuidedHead)

    @property
    def network(self) -> VaeNetwork:
        return self.core.network

    def objectives(self, progress: float) -> list[Objective]:
        weight = min(1.0, progress / self.options.annealing) if self.options.annealing else 1.0

        def loss(env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
            divergence, decoded = self._bound(env, target, rng)
            count = env.block.sum()
            return Loss((weight * divergence - decoded).sum() / count, None,
                          {"divergence": divergence.detach().sum() / env.size})

        return [Objective("network", self.network, loss)]

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        divergence, decoded = self._bound(env, target, rng)
        return divergence - decoded

    @torch.no_grad()
    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        divergence, decoded = self._bound(env, target, rng)
        return {"loss": float((divergence - decoded).sum() / env.block.sum()),
                "divergence": float(divergence.mean())}

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        sight = self._look(env)
        summary = self._summary(sight).repeat_interleave(candidates, 0)
        normal = torch.special.ndtri(rng.child("latents").uniform(candidates, self.network.latents)).flatten(0, 1)
        z = self.network.prior.draw(normal, summary)
        local, weigh = self.core.unroll(self._told(sight, z), rng, candidates)
        value = weigh() + self.network.prior.log_density(z, summary)
        site = torch.arange(env.size, device=env.row.device).repeat_interleave(candidates)
        value = value - log_normal(z, *self._encode(sight, site, local, summary))
        own = local[:, :env.block.shape[1]] * env.sign[site][:, None, None]
        return Draw(own.reshape(env.size, candidates, -1, 3), value.reshape(env.size, candidates))

    @torch.no_grad()
    def log_proposal(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> Tensor:
        divergence, decoded = self._bound(env, positions, rng)
        return decoded - divergence

    def _bound(self, env: LocalEnvironment, positions: Tensor, rng: Stream) -> tuple[Tensor, Tensor]:
        """ln q(z|x) - ln P(z) and ln P(x|z), (S,) each, of z drawn from q(z|x) for positions x (S, F, 3)."""
        sight = self._look(env)
        local, summary = self.core.standing(sight, positions), self._summary(sight)
        mean, log_sd = self._encode(sight, torch.arange(env.size, device=env.row.device), local, summary)
        z = mean + log_sd.exp() * torch.special.ndtri(rng.child("latents").uniform(self.network.latents))
        divergence = log_normal(z, mean, log_sd) - self.network.prior.log_density(z, summary)
        return divergence, self.core.evaluate(self._told(sight, z), local)

    def _look(self, env: LocalEnvironment) -> Sight:
        """What sites see, before latents are known."""
        return self._told(self.core.look(env), None)

    def _told(self, sight: Sight, z: Tensor | None) -> Sight:
        """The same with latents (rows, L); one more condition says if they are known."""
        if z is None:
            none = sight.features.new_zeros(len(sight.env.row), self.network.latents + 1)
            return replace(sight, latents=none)
        return replace(sight, latents=torch.cat([z, torch.ones_like(z[:, :1])], dim=1).float())

    def _summary(self, sight: Sight) -> Tensor:
        """What is known of each site before anything is drawn: what the first atom would be drawn by, (S, width)."""
        env = sight.env
        drawn = env.block & ~env.fragments.pinned[env.row]
        site = torch.arange(env.size, device=env.row.device)
        local = self.core.standing(sight, torch.zeros_like(env.given))
        return self.core.head(self.network, sight, site, site, drawn.to(torch.uint8).argmax(dim=1), local).hidden

    def _encode(self, sight: Sight, site: Tensor, local: Tensor, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and ln of the standard deviation of q(z|x), (rows, L), of blocks as they stand in ``local``.

        Args:
            site: Site of each row, (rows,).
            local: Positions by local index, nm, (rows, F + C + Q, 3).
            summary: What is known of the site before anything is drawn, (rows, width).
        """
        env = sight.env
        drawn = (env.block & ~env.fragments.pinned[env.row])[site]
        row, atom = torch.nonzero(drawn, as_tuple=True)
        fragment = env.row[site[row]]
        points = local[row[:, None], env.fragments.reference[fragment, atom]]
        frame = LocalFrame.of(points[:, 0], points[:, 1], points[:, 2], sight.spare[site[row]])
        told = coordinates(*frame.coordinates(local[row, atom]), frame.no_axis, frame.no_plane)
        described = sight.embedded["target"][sight.slots.target[fragment, atom]]
        return self.network.posterior(torch.cat([described, told], dim=1), row, summary)
