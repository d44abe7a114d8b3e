"""The decoder that fits a target."""
from __future__ import annotations

from backmap.api import Target

from .angular import AngularDecoder
from .decoder import Decoder
from .front import FrontDecoder
from .independent import Independent
from .lattice import CoarseToFine


def build(kind: str, target: Target, latents: int, hidden: int, blocks: int, components: int, window: int) -> Decoder:
    """The decoder of a kind for a target."""
    if kind == "independent":
        return Independent(target, latents, hidden, blocks, components)
    if target.grid:
        return CoarseToFine(target.grid, latents, hidden, blocks, window)
    if target.front is not None:
        return FrontDecoder(target, latents, hidden, blocks, components)
    return AngularDecoder(target, latents, components, hidden, 1 + blocks)
