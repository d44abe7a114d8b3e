"""The ``stay_or_renew`` generator: the density of a frame given the one before, learned from pairs of frames."""
from __future__ import annotations

from pydantic import Field

from backmap.api import Options, WeightsPath

from ..equivariant.core import Core
from ..equivariant.one_by_one import OneByOne
from .head import StayingHead, StayingNetwork

#: What the checkpoint keeps of the options: all that a network was built with.
SIZES = {"channels", "width", "dropout"}


class StayOrRenewOptions(Options):
    """Options of the ``stay_or_renew`` generator."""

    checkpoint: WeightsPath | None = Field(None, description="Weights made by the train step (.safetensors); "
                                                           "needed to draw, left out to train anew.")
    cutoff: float = Field(0.8, gt=0.2, le=1.5, description="How far a new network sees, nm.")
    channels: int = Field(24, ge=4, multiple_of=2, description="Channels of a new network's view of surroundings.")
    width: int = Field(128, ge=16, description="Hidden width of a new network's heads.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of hidden values left out in training.")


class StayOrRenew(OneByOne):
    """Places atoms one by one; every torsion stays where it was in the frame before, or is drawn anew.

    Shares and widths of what stays come from a network, which learns from frames in the order of time by maximum
    likelihood. Without a frame before, all is drawn anew. Draws can be accepted or rejected: at given beads, with the
    frame before as one more condition of draws both ways.
    """

    Options = StayOrRenewOptions
    options: StayOrRenewOptions
    kind = "stay_or_renew"
    equivariant = True
    follows = True

    def __init__(self, options: StayOrRenewOptions) -> None:
        super().__init__(options)
        self.sizes = self.checkpoint.sizes if self.checkpoint else options.model_dump(include=SIZES)
        with self.rebuilding():
            network = StayingNetwork(**self.sizes)
        self.fill(network)
        self.core = Core(network, self.view, StayingHead)
