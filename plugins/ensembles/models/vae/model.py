"""The model ``vae``: Gaussian encoder, spline flow, and a decoder that is independent or autoregressive."""
from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from backmap.api import Options, Target, WeightsPath
from backmap.errors import BackmapError

from ....learning.optimisation import under
from ...numbers import normal
from ..network import NetworkModel, halved
from .decoders import build
from .encoder import Encoder, Filling
from .prior import Prior

DECODER = "decoder."  #: what the names of its weights begin with


class VaeOptions(Options):
    """Options of ``vae``."""

    weights: WeightsPath | None = Field(None, description="Weights of an earlier training; they bring their own "
                                                          "options, which count before those given here.")
    latents: int = Field(1, ge=1, description="Latent variables.")
    encoder: Literal["gaussian", "filling"] = Field(
        "gaussian", description="A network, or a mapping that learns nothing: how many of all binary variables are 1.")
    decoder: Literal["autoregressive", "independent"] = Field(
        "autoregressive", description="Whether variables follow one another, or are independent given the latent ones.")
    hidden: int = Field(64, ge=1, description="Width of the decoder's networks.")
    blocks: int = Field(1, ge=0, description="Residual blocks of the networks.")
    components: int = Field(4, ge=1, description="Components of a mixture for an angle or a real.")
    window: int = Field(64, ge=1, description="Sites around a site that its network sees, on a lattice.")
    encoder_hidden: int = Field(64, ge=1, description="Width of the encoder's network.")
    bins: int = Field(32, ge=2, description="Bins of the prior's splines.")
    bound: float = Field(10.0, gt=0, description="The splines reach from minus to plus this.")
    precision: Literal["single", "half"] = Field(
        "single", description="Of the decoder's weights in their file; half of it makes the file about half as large.")
    transforms: int = Field(4, ge=1, description="Couplings of the prior, where there are several latent variables.")


class Vae(NetworkModel[nn.ModuleDict]):
    """Variational autoencoder with tractable densities: Gaussian q(z|x), a flow as P(z), and P(x|z) by its decoder.

    D. P. Kingma and M. Welling, ICLR 2014; as a proposal: J. I. Monroe and V. K. Shen, J. Chem. Theory Comput. 18,
    3622 (2022).
    """

    Options, kind = VaeOptions, "ensemble model"

    def adapt(self, x: Tensor) -> None:
        self.network["encoder"].adapt(x)
        self.network["decoder"].adapt(x)

    def built(self, options: VaeOptions) -> nn.ModuleDict:
        return nn.ModuleDict({
            "encoder": self._encoder(options),
            "prior": Prior(options.latents, options.bins, options.bound, options.transforms, options.encoder_hidden),
            "decoder": build(options.decoder, self.target, options.latents, options.hidden, options.blocks,
                             options.components, options.window)})

    def _encoder(self, options: VaeOptions) -> nn.Module:
        if options.encoder == "gaussian":
            return Encoder(self.target, options.latents, options.encoder_hidden, options.blocks)
        if set(self.target.variables) != {"binary"} or options.latents != 1:
            raise BackmapError("encoder: filling is for binary variables and one latent variable",
                               hint="Write encoder: gaussian.")
        return Filling(self.target)

    @torch.no_grad()
    def encode(self, x: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.network["encoder"].draw(x, rng)

    @torch.no_grad()
    def log_encoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self.network["encoder"].log_density(x, z)

    @torch.no_grad()
    def prior(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        z = self.network["prior"].draw(normal(rng, n, self.sizes.latents))
        return z, self.network["prior"].log_density(z)

    @torch.no_grad()
    def log_prior(self, z: Tensor) -> Tensor:
        return self.network["prior"].log_density(z)

    @torch.no_grad()
    def decode(self, z: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        return self.network["decoder"].draw(z, rng)

    @torch.no_grad()
    def log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return self.network["decoder"].log_density(x, z)

    def loss(self, x: Tensor, annealing: float, rng: np.random.Generator) -> Tensor:
        z, encoded = self.network["encoder"].draw(x, rng)
        divergence = encoded - self.network["prior"].log_density(z)
        return annealing * divergence - self.network["decoder"].log_density(x, z)

    def kept(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        decoder = self.network["decoder"].kept(under(tensors, DECODER))
        return tensors | _named(halved(decoder, self.sizes.precision))

    def taken(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors | _named(self.network["decoder"].taken(under(tensors, DECODER)))

    def shape_of(self, target: Target) -> dict[str, Any]:
        return {"variables": "".join(kind[0] for kind in target.variables), "grid": list(target.grid)}

    def described(self, shape: dict[str, Any]) -> str:
        variables, grid = shape["variables"], shape["grid"]
        parts = [f"{variables.count(letter)} {word}" for letter, word in
                 (("b", "binary variables"), ("a", "angles"), ("r", "reals")) if letter in variables]
        return " and ".join(parts) + (f" on a lattice of {' x '.join(map(str, grid))}" if grid else "")


def _named(decoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the decoder, by their names in the whole network."""
    return {DECODER + name: value for name, value in decoder.items()}
