"""The ``voxel_vae`` generator: all atoms of a block at once, from its beads, the frame before and latent variables."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from backmap.api import Options, View, WeightsPath
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, Loss, Objective
from backmap.engine.sites.fragments import FragmentTable, resting_order
from backmap.model.system import System

from ...learning.optimisation import resting
from ..trained import Trained
from ..voxel_gan.grid import Grid
from .losses import Reconstruction, divergence
from .network import VoxelVaeNetwork
from .seeing import Fragments, VoxelSight

#: What the checkpoint keeps of the options: all that a network was built with.
SIZES = ("grid", "edge", "sigma", "frame", "latents", "width", "blocks", "components")
HEAVIEST = 30.0  #: times the weight of the divergence that training begins with
ENCODED = 4096  #: sites by which the law of latent variables is fitted


class VoxelVaeOptions(Options):
    """Options of the ``voxel_vae`` generator."""

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); needed "
                                                           "to draw. Training begins with them, if they are given.")
    grid: int = Field(12, ge=4, le=32, multiple_of=4, description="Voxels along an edge of the grid.")
    edge: float = Field(1.8, gt=0.3, le=6, description="Edge of the grid, nm.")
    sigma: float = Field(0.0707, gt=0.01, le=0.3, description="Standard deviation of an atom's Gaussian, nm.")
    frame: Literal["full", "random"] = Field(
        "full", description="full: beads fix the orientation. random: it is drawn, as was published.")
    latents: int = Field(32, ge=8, le=256, multiple_of=8, description="Latent variables of a block.")
    width: int = Field(24, ge=4, le=256, multiple_of=2, description="Channels of the networks.")
    blocks: int = Field(2, ge=1, le=8, description="Residual blocks of each part.")
    components: int = Field(10, ge=1, le=100, description="Gaussians of the law of latent variables, which is fitted "
                                                          "to the encoded training set.")
    divergence: float = Field(1e-5, ge=0, description="Weight of the divergence of the encoder from a standard normal "
                                                      "law, beside squared errors in nm^2.")
    annealing: float = Field(0.5, ge=0, le=1, description="Share of the training steps, the first ones, over which it "
                                                          "falls from 30 times as much, so that what the frame before "
                                                          "tells is learned from there, not from latents.")
    blur: float = Field(0.0, ge=0, le=0.1, description="In training: standard deviation of noise on the atoms of the "
                                                       "frame before, nm, as its own draws have it.")


class VoxelVae(Trained):
    """Draws all atoms of a block at once on a grid, given its beads and its atoms in the frame before.

    A conditional variational autoencoder, for molecules that are drawn whole (``topology: {whole: [ADP]}``), from
    frames in the order of time. Its first frame follows conformers whose beads are alike. It has no density: what it
    draws is a start, which accepted moves lead to the law of the frame.

    Stieffenhofer, PhD thesis (Mainz, 2022), chapter 8; Shmilovich et al., arXiv 2205.05213 (2022).
    """

    Options = VoxelVaeOptions
    options: VoxelVaeOptions
    kind = "voxel_vae"
    equivariant = True
    follows = True

    def __init__(self, options: VoxelVaeOptions) -> None:
        super().__init__(options)
        self.sizes, self._network = options.model_dump(include=set(SIZES)), None
        self._tables: dict[FragmentTable, tuple[Tensor, Tensor]] = {}
        if self.checkpoint:
            self.sizes = self.checkpoint.sizes
            with self.rebuilding():
                self._build(Fragments(**self.sizes["fragments"]))
            self.fill(self._network)

    def _build(self, fragments: Fragments) -> None:
        self.sizes = sizes = self.sizes | {"fragments": asdict(fragments)}
        self.fragments = fragments
        self.grid = Grid(sizes["grid"], sizes["edge"], sizes["sigma"])
        self._network = VoxelVaeNetwork(self.grid, fragments.beads, fragments.atoms, len(fragments.names),
                                        sizes["latents"], sizes["width"], sizes["blocks"], sizes["components"])

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else View()

    @property
    def network(self) -> nn.Module | None:
        return self._network

    def study(self, system: System) -> None:
        if self.checkpoint:  # training goes on from there
            return
        tables = FragmentTable.build(system.types, self.view, [resting_order(kind) for kind in system.types])
        self._build(Fragments.of(system.types, tables))

    def objectives(self, progress: float) -> list[Objective]:
        options = self.options
        left = max(0.0, 1 - progress / options.annealing) if options.annealing else 0.0
        lesson = partial(self._lesson, options.divergence * HEAVIEST**left)
        return [Objective("network", self._network, lesson, weight_decay=0.0)]

    def _lesson(self, weight: float, env: LocalEnvironment, target: Tensor, rng: Stream) -> Loss:
        """The loss of sites, with this weight of the divergence."""
        sight, told, true, mean, log_sd = self._encoded(env, target, rng)
        z = _sample(mean, log_sd, rng)
        density = self._network.decoded(self._network.seen(told, sight.kind), z)
        placed = self._network.placed(density)
        apart = divergence(mean, log_sd).mean()
        each = Reconstruction.of(sight, density, placed, true).values()
        drawn = sight.world(sight.by_atom(placed))
        return Loss(sum(each.values()) + weight * apart, drawn,
                    {name: value.detach() for name, value in each.items()} | {"divergence": apart.detach()})

    def _encoded(self, env: LocalEnvironment, target: Tensor,
                 rng: Stream) -> tuple[VoxelSight, Tensor, Tensor, Tensor, Tensor]:
        """Sites, densities of their condition, true atoms by channel, and moments of their latent variables."""
        sight = self._look(env, rng)
        true = sight.by_channel(sight.local(target * env.sign[:, None, None]), self.fragments.atoms)
        told = self._condition(sight, rng, self.options.blur if self._network.training else 0.0)
        every = torch.cat([told, self._cube(sight.densities(true))], dim=1)
        return sight, told, true, *self._network.encoded(every, sight.kind)

    @torch.no_grad()
    def conclude(self, sites: Callable[[int], tuple[LocalEnvironment, Tensor, Stream]]) -> None:
        env, target, rng = sites(ENCODED)
        found = []
        for some in torch.arange(env.size, device=env.row.device).split(256):
            *_, mean, log_sd = self._encoded(env.at(some), target[some], rng.at(some))
            found.append(_sample(mean, log_sd, rng.at(some)))
        self._network.law.fit(torch.cat(found), rng.child("order").uniform())

    @torch.no_grad()
    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        loss = self._lesson(self.options.divergence, env, target, rng)
        off = (loss.drawn - target)[env.block].square().sum(dim=1).mean().sqrt()
        return {"loss": float(loss.value), "distance": float(off)}

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        with resting(self._network):  # convolutions in full precision
            sight = self._look(env, rng)
            seen = self._network.seen(self._condition(sight, rng), sight.kind)
            return Draw(torch.stack([self._one(sight, seen, rng.child("candidate", k)) for k in range(candidates)],
                                    dim=1))

    def _one(self, sight: VoxelSight, seen: Tensor, stream: Stream) -> Tensor:
        """One candidate of every site, (S, F, 3)."""
        z = self._network.law.draw(stream.uniform(), stream.normal(self._network.latents))
        placed = self._network.placed(self._network.decoded(seen, z))
        return sight.world(sight.by_atom(placed)).double()

    def _look(self, env: LocalEnvironment, rng: Stream) -> VoxelSight:
        if env.fragments not in self._tables:
            where = self.checkpoint.path if self.checkpoint else self.kind
            self._tables[env.fragments] = self.fragments.tables(env.fragments, where)
        turn = rng.child("turn").rotation() if self.sizes["frame"] == "random" else None
        return VoxelSight.of(env, self.grid, *self._tables[env.fragments], turn)

    def _condition(self, sight: VoxelSight, rng: Stream, blur: float = 0.0) -> Tensor:
        """Channels of beads and of the frame before, (S, B + A, n, n, n)."""
        env = sight.env
        before = self._seed(env, rng) if env.before is None else env.before[:, :env.block.shape[1]]
        if blur:
            before = before + blur * rng.child("blur").normal(*before.shape[1:]).to(before)
        atoms = sight.by_channel(sight.local(before), self.fragments.atoms)
        return self._cube(torch.cat([self._beads(sight), sight.densities(atoms)], dim=1))

    def _beads(self, sight: VoxelSight) -> Tensor:
        """Channels of beads, as many as the network knows, (S, B, G)."""
        found = sight.beads()[:, :self.fragments.beads]
        return nn.functional.pad(found, (0, 0, 0, self.fragments.beads - found.shape[1]))

    def _seed(self, env: LocalEnvironment, rng: Stream) -> Tensor:
        """Where there is no frame before: conformers of the training set whose beads are alike, (S, F, 3)."""
        if self.checkpoint is None:  # nothing is known of the molecule
            return torch.zeros_like(env.given)
        return self.checkpoint.library.place(env, rng.child("seed")).to(env.given)

    def _cube(self, channels: Tensor) -> Tensor:
        n = self.grid.n
        return channels.reshape(*channels.shape[:2], n, n, n)


def _sample(mean: Tensor, log_sd: Tensor, rng: Stream) -> Tensor:
    """Latent variables drawn from q(z | r), (S, d)."""
    return mean + log_sd.exp() * rng.child("latents").normal(mean.shape[1]).to(mean)
