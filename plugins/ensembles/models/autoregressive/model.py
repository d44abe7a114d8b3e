"""The model ``autoregressive``: of a molecule, a table of torsions and everything else one after the other."""
from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import Options, Target, WeightsPath
from backmap.errors import BackmapError

from ..network import NetworkModel, halved
from .density import AutoregressiveDensity


class AutoregressiveOptions(Options):
    """Options of ``autoregressive``."""

    weights: WeightsPath | None = Field(None, description="Weights of an earlier training; they bring their own "
                                                          "options.")
    table: list[str] = Field([], description="One or two torsions that the target measures, by name, which a table "
                                             "describes whatever they do; by default those that it measures.")
    nodes: int = Field(36, ge=4, description="Of the table on each circle.")
    hidden: int = Field(128, ge=1, description="Width of the networks.")
    depth: int = Field(2, ge=1, description="Number of their hidden layers.")
    precision: Literal["single", "half"] = Field(
        "single", description="Of the networks' weights in their file; half of it makes the file half as large.")
    turns: int = Field(12, ge=4, description="Nodes in the third of a turn of a methyl group.")


class Autoregressive(NetworkModel[AutoregressiveDensity]):
    """Density of a molecule without rings that is known exactly: one or two torsions by a table, then the rest.

    Everything else follows one after the other, given what comes before, with one maximum each: so the handedness of
    stereocentres, and double bonds, stay as they are in the target's file. Latent variables are the table's torsions.
    """

    Options, kind = AutoregressiveOptions, "ensemble autoregressive"

    def expect(self, target: Target) -> None:
        if not hasattr(target, "stiffness"):
            raise BackmapError("autoregressive is for molecules in internal coordinates, and the target is "
                               f"'{target.name or type(target).__name__}'", hint="Take the target molecule, or the "
                                                                                 "model vae or mixture.")

    def built(self, options: AutoregressiveOptions) -> AutoregressiveDensity:
        target = self.target
        names = options.table or list(target.options.torsions)
        if not 1 <= len(names) <= 2:
            raise BackmapError(f"the table of autoregressive is of one or two torsions, and there are {len(names)}",
                               hint="Give the target torsions: {name: [four atoms]}, and name them in table.")
        middle, width = target.stiffness()
        circular = torch.tensor([kind == "angle" for kind in target.variables])
        return AutoregressiveDensity(circular, [target.turning(name) for name in names], target.methyls(), middle,
                                     width, options.nodes, options.hidden, options.depth, options.turns)

    @torch.no_grad()
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = x[:, self.network.columns].double()
        return z, torch.zeros(len(x), dtype=torch.float64)

    @torch.no_grad()
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        return _where_same(x[:, self.network.columns], z, torch.zeros(len(x), dtype=torch.float64))

    @torch.no_grad()
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = self.network.table.draw(n, rng)
        z = z[torch.from_numpy(rng.permutation(n))]
        return z, self.network.table.log_density(z)

    @torch.no_grad()
    def log_prior(self, z: Tensor) -> Tensor:
        return self.network.table.log_density(z)

    @torch.no_grad()
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.network.extend(z, rng)

    @torch.no_grad()
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return _where_same(x[:, self.network.columns], z, self.network.log_rest(x))

    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        return -self.network.log_density(x)

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return halved(self.network.network.kept(tensors), self.sizes.precision)

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return self.network.network.taken(tensors)


def _where_same(torsions: Tensor, z: Tensor, value: Tensor) -> Tensor:
    """``value`` (n,) where torsions (n, T) are those that z says, else minus infinity."""
    return torch.where((torch.cos(torsions - z) > 1 - 1e-9).all(1), value, -torch.inf)
