"""The ``splitting`` generator."""
from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from backmap.api import DensityGenerator, Options, WeightsPath
from backmap.engine.random import Stream
from backmap.engine.sites.contracts import Draw, LocalEnvironment, View
from backmap.errors import BackmapError
from backmap.model.molecule import TOUCHING
from backmap.model.system import System

from ...learning.optimisation import resting
from ..trained import Trained
from ..units import unit_of
from .core import Splitter
from .network import SplitNetwork
from .tables import MOST_TYPES

CUTOFF = 1.8  #: bonds; how far a network sees that draws pairs
PAIRS = 2.4  #: bonds; how far pair terms of pairs reach: to the far end of the next pair but one of a straight chain
GROWTH = 0.6  #: power of its size with which a bead reaches farther, as a chain does


class SplittingOptions(Options):
    """Options of the ``splitting`` generator."""

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float | None = Field(None, gt=0, le=10, description="How far a new network sees from a bead, in mean "
                                                                "lengths of bonds; by default 1.8 for pairs, and more "
                                                                "for larger beads.")
    width: int = Field(96, ge=8, multiple_of=2, description="Hidden width of a new network.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of hidden values left out in training.")
    softness: float = Field(0.0, ge=0, le=1, description="For a new network: how far, nm and coordinate, as a standard "
                                                         "deviation, beads may be off the mass centres that it draws. "
                                                         "It learns from beads with such noise. 0 meets beads exactly.")


class Splitting(Trained, DensityGenerator):
    """Splits each bead into its particles, in halves down to single ones, with an exact density.

    Every split draws the way between the centres of two halves, whose common centre is known: a length, an angle and
    a torsion, each from a density that a network conditions on what is there already. Beads are met exactly, and no
    element, force field or rigid bond is needed, so that particles may themselves be beads.
    """

    Options = SplittingOptions
    options: SplittingOptions
    kind = "splitting"
    equivariant = True
    meets_beads = True

    def __init__(self, options: SplittingOptions) -> None:
        super().__init__(options)
        self.core: Splitter | None = None
        self.reach = CUTOFF * TOUCHING  # nm; that of its beads, once they are known
        if self.checkpoint:
            self.sizes = self.checkpoint.sizes
            with self.rebuilding():
                self.core = Splitter(SplitNetwork(**self.sizes))
            self.fill(self.network)

    @property
    def view(self) -> View:
        return self.checkpoint.view if self.checkpoint else View(self.reach)

    @property
    def network(self) -> SplitNetwork | None:
        return self.core.network if self.core else None

    def study(self, system: System) -> None:
        options = self.options
        types = sorted({name for kind in system.types if not kind.given for name in kind.atom_types})
        if len(types) > MOST_TYPES:
            raise BackmapError(f"there are {len(types)} particle types; at most {MOST_TYPES} can be told apart",
                               where=self.kind, hint="Give types that differ in name only the same name.")
        unit = unit_of(system.types) * TOUCHING
        size = _mean_size(system) / 2
        self.reach = unit * (options.cutoff or CUTOFF * size ** GROWTH)
        self.sizes = {"types": types, "unit": unit, "cutoff": self.view.cutoff, "width": options.width,
                      "dropout": options.dropout, "pairs": PAIRS * max(1.0, size), "softness": options.softness}
        self.core = Splitter(SplitNetwork(**self.sizes))

    @property
    def softness(self) -> float:
        return self.network.softness if self.network else self.options.softness

    def prepare(self, system: System, device: str) -> System:
        self.expect_weights()
        self.network.to(device).eval()
        return system  # what it knows of molecules are types of particles and bonds: names may differ

    @torch.no_grad()
    def draw(self, env: LocalEnvironment, rng: Stream, candidates: int = 1) -> Draw:
        with resting(self.network):
            return self.core.draw(env, rng, candidates)

    @torch.no_grad()
    def log_density(self, env: LocalEnvironment, positions: Tensor) -> Tensor:
        with resting(self.network):
            return self.core.log_density(env, positions)

    def loss(self, env: LocalEnvironment, target: Tensor, rng: Stream) -> Tensor:
        return -self.core.log_density(env, target)


def _mean_size(system: System) -> float:
    """Particles of a fragment that is drawn and has several, on average; 2 if there are none."""
    sizes = [np.bincount(kind.mapping.owner, minlength=kind.n_beads) for kind in system.types if not kind.given]
    several = [size for one in sizes for size in one if size > 1]
    return float(np.mean(several)) if several else 2.0
