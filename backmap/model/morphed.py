"""What a morpher makes of one frame."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Morphed:
    """Beads of one frame as a morpher has made them, and what it has counted on the way.

    Attributes:
        beads: Positions, molecules whole, (B, 3), nm.
        moves: How many moves each sweep has tried and how many it has accepted, (sweeps, 2) integers, by kind of move
            and type of what is moved; as many sweeps in every frame. Empty where nothing is accepted or rejected.
        drift: How far each of what is kept (``Morpher.kept``) is from where it was, (n,), nm; None where nothing is.
    """

    beads: NDArray[np.float64]
    moves: Mapping[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    drift: NDArray[np.float64] | None = None
