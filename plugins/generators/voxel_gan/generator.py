"""The ``voxel_gan`` generator: atoms as densities on a grid, taught by a critic."""
from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from backmap.api import Options, View, WeightsPath
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, Objective
from backmap.model.system import System

from ...learning.optimisation import resting
from ..trained import Trained
from ..units import Lengthscale, bead_types_of, expect_within, unit_of, view_of
from .adversary import Game
from .channels import Vocabulary
from .grid import Grid
from .network import Critic, Placer
from .painter import Painter

#: Adam as Gulrajani et al. use it: no momentum between adversaries.
BETAS = (0.0, 0.9)
WATCHED = 64  #: sites that are drawn for figures of held-out frames
PLAY = 0.1  #: learning rate of the adversaries, times that of the warm-up
#: What the checkpoint keeps of the options: all that a network was built with.
SIZES = ("grid", "edge", "sigma", "frame", "hide_hydrogens", "noise", "width", "blocks")


class VoxelGanOptions(Options):
    """Options of the ``voxel_gan`` generator."""

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float | None = Field(None, gt=0, description="How far a new network sees, nm; by default 0.8, and of beads "
                                                         "in place of atoms 2.7 lengths of their bonds.")
    grid: int = Field(8, ge=4, le=32, multiple_of=2, description="Voxels along an edge of the grid.")
    edge: float = Field(1.2, gt=0.3, le=4, description="Edge of the grid, nm; of beads in place of "
                                                              "atoms, in units of which their bonds are 0.3 long.")
    sigma: float = Field(0.08, gt=0.01, le=0.3, description="Standard deviation of an atom's Gaussian, nm, "
                                                                  "or in the same units.")
    frame: Literal["full", "axis"] = Field(
        "full", description="full: two neighbouring beads fix the local frame. axis: one does, and the angle about it "
                            "is drawn at random, as was published.")
    atoms: Literal["chemistry", "elements"] = Field(
        "chemistry", description="Channels of atoms: elements told apart by aromaticity, or elements alone.")
    beads: Literal["composition", "any", "none"] = Field(
        "composition", description="Channels of beads: by the heavy atoms they own; one for all beads, which other "
                                   "molecules can share; or none.")
    channels: dict[str, list[str]] = Field(
        {}, description="Kinds of atoms that share a channel, e.g. {carbon: [C, C_AR]}; others have their own.")
    hide_hydrogens: bool = Field(True, description="Heavy atoms do not see the hydrogens of their own and of adjacent "
                                                   "beads.")
    noise: int = Field(16, ge=1, le=256, description="Random numbers per atom.")
    width: int = Field(32, ge=4, le=512, multiple_of=2, description="Channels of the networks.")
    blocks: int = Field(2, ge=1, le=16, description="Residual blocks of each network.")
    gradient_penalty: float = Field(10.0, gt=0, description="Weight of the gradient penalty.")
    critic_steps: int = Field(5, ge=1, description="Updates of the critic for one of the generator.")
    judged: int = Field(2, ge=1, description="Atoms of each sequence that the critic judges in one of its updates.")
    warmup: float = Field(0.8, ge=0, lt=1, description="Share of the steps, the first ones, in which the network "
                                                       "learns by a proper score; the critic comes after.")


class VoxelGan(Trained):
    """Places atoms one by one by a convolutional network on a grid about the bead, trained against a critic.

    It has no density: what it draws can be chosen among and refined, but not accepted or rejected exactly.

    Stieffenhofer, Wand and Bereau, Mach. Learn.: Sci. Technol. 1, 045014 (2020).
    """

    Options = VoxelGanOptions
    options: VoxelGanOptions
    kind = "voxel_gan"
    equivariant = True

    def __init__(self, options: VoxelGanOptions) -> None:
        super().__init__(options)
        self.sizes, self.painter, self.critic = options.model_dump(include=set(SIZES)), None, None
        if self.checkpoint:
            self.sizes = self.checkpoint.sizes
            with self.rebuilding():
                self._build(Vocabulary(**self.sizes["vocabulary"]))
            self.fill(self.painter.network)

    def _build(self, vocabulary: Vocabulary) -> None:
        self.sizes = sizes = self.sizes | {"vocabulary": asdict(vocabulary)}
        grid = Grid(sizes["grid"], sizes["edge"], sizes["sigma"])
        network = Placer(grid, vocabulary.size, vocabulary.description, sizes["noise"], sizes["width"], sizes["blocks"])
        self.painter = Painter(network, vocabulary, grid, sizes["hide_hydrogens"],
                               Lengthscale(sizes.get("unit", 1.0)))

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else view_of(self.options.cutoff, self.sizes.get("unit", 1.0))

    @property
    def network(self) -> nn.Module | None:
        return self.painter.network if self.painter else None

    def study(self, system: System) -> None:
        options = self.options
        if bead_types_of(system.types):
            self.sizes = self.sizes | {"unit": unit_of(system.types)}
        vocabulary = Vocabulary.of(system.types, options.atoms, options.beads, options.channels)
        self._build(vocabulary)
        expect_within(self.view, self.painter.scale.unit, self.kind)
        self.critic = Critic(self.painter.grid, vocabulary.size, vocabulary.description, options.width, options.blocks)
        self.game = Game(self.painter, self.critic, options.gradient_penalty, options.judged,
                         self.sizes["frame"] == "axis")

    def objectives(self, progress: float) -> list[Objective]:
        game, network, warmup = self.game, self.network, self.options.warmup
        if progress < warmup:
            return [Objective("warmup", network, game.score, phase=(0.0, warmup))]
        updates = self.options.critic_steps
        return [Objective("critic", self.critic, game.criticise, updates, BETAS, 0.0, PLAY, (warmup, 1)),
                Objective("generator", network, game.persuade, 1, BETAS, 0.0, PLAY, (warmup, 1))]

    def watch(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> dict[str, float]:
        some = torch.arange(min(env.size, WATCHED), device=env.row.device)
        return self.game.watch(env.at(some), target[some], rng.at(some))

    def prepare(self, system: System, device: str) -> System:
        checkpoint = self.expect_weights()
        self.painter.vocabulary.check(system.types, checkpoint.path)
        self.network.to(device).eval()
        self.remarks = checkpoint.remarks(system)
        return checkpoint.enrich(system, allow_unseen=True)

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        with resting(self.network):  # convolutions in full precision
            return Draw(torch.stack([self._one(env, rng.child("candidate", k)) for k in range(candidates)], dim=1))

    def _one(self, env: LocalEnvironment, stream: Stream) -> Tensor:
        """One candidate of every site, (S, F, 3)."""
        turn = stream.uniform() * (2 * torch.pi) if self.sizes["frame"] == "axis" else None
        sight = self.painter.look(env, turn)
        return sight.world(self.painter.unroll(sight, stream)).double()
