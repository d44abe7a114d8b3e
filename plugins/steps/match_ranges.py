"""Where the splines of ``match_forces`` begin and end: as some frames show, if the recipe does not say."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backmap.api import FrameSource, State
from backmap.engine.tabulated.basis import SplineBasis
from backmap.engine.tabulated.geometry import BeadGeometry
from backmap.engine.tabulated.matching import Splines
from backmap.errors import BackmapError
from backmap.model.system import System
from backmap.model.tabulated import Interaction
from backmap.model.windows import window_of

from ..molecules.mapped import MappedFrames

Array = NDArray[np.float64]
Ranges = dict[str, tuple[float, float]]

#: Frames that are looked at, evenly chosen.
FRAMES = 20
#: Ranges are wider than what was met by this share, on each side.
MARGIN = 0.1


class RangeOptions(Protocol):
    """What the recipe says of the basis."""

    splines: int
    ranges: Ranges
    cutoff: float
    excluded: int


def seen(state: State, reference: FrameSource | None, interactions: Sequence[Interaction], cutoff: float,
         excluded: int) -> tuple[Array | None, Ranges]:
    """The box of the first frame, and the smallest and the largest value of every interaction that is met.

    Args:
        state: With the frames of beads.
        reference: Frames of other atoms, or None.
        interactions: Those that are looked at.
        cutoff: Of pairs, nm.
        excluded: Bonds within which pairs do not interact.
    """
    system = state.system
    if state.level != state.read_level:
        raise BackmapError("the frames that are read are not of these beads: an earlier step changes what there is",
                           hint="Write the beads, and match forces in a recipe that reads them.")
    geometry = BeadGeometry(system, interactions, {one.name: cutoff for one in interactions}, excluded)
    sources = [(state.source, list(state.chosen))]
    if reference is not None:
        sources.append((MappedFrames(reference, system), list(range(reference.n_frames))))
    first, found = None, {}
    for source, numbers in sources:
        for number in [numbers[k] for k in np.unique(np.linspace(0, len(numbers) - 1, FRAMES).astype(int)) if numbers]:
            window = window_of([number], 0, system, source, None)
            first = window if first is None else first
            for name, met in geometry.of(window.beads[0], window.box(0)):
                if len(met.values):
                    low, high = found.get(name, (np.inf, -np.inf))
                    found[name] = (min(low, float(met.values.min())), max(high, float(met.values.max())))
    return (None if first is None else first.box(0)), found


def splines_of(system: System, interactions: Mapping[str, Interaction], met: Ranges, options: RangeOptions) -> Splines:
    """The bases of all interactions that are met."""
    bases = {name: basis_of(one, met[name], options) for name, one in interactions.items() if name in met}
    cutoffs = {name: basis.high for name, basis in bases.items()}
    return Splines(BeadGeometry(system, [interactions[name] for name in bases], cutoffs, options.excluded), bases)


def basis_of(interaction: Interaction, met: tuple[float, float], options: RangeOptions) -> SplineBasis:
    """The basis of one interaction that met values from the first to the second of ``met``."""
    low, high = met
    margin = MARGIN * max(high - low, 1e-3)
    if interaction.kind == "dihedral":
        return SplineBasis("dihedral", -np.pi, np.pi, options.splines)
    if interaction.name in options.ranges:
        low, high = options.ranges[interaction.name]
    elif interaction.kind == "pair":
        low, high = max(0.0, low - MARGIN * low), options.cutoff
    else:
        low, high = max(0.0, low - margin), high + margin
    high = min(high, np.pi) if interaction.kind == "angle" else high
    return SplineBasis(interaction.kind, low, high, options.splines)
