"""What a verdict says of beads: whether they are as those of the reference, and whether chains kept their size."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backmap.model.assessment import CARE, GOOD, Aspect, Figure, VerdictRule

from .part import Distances

#: A distance is above the noise if it is this many times its floor.
ABOVE_NOISE = 3.0
#: Without a floor, distances above it are worth a look.
SEEN = 0.02
#: Sizes of chains are kept if they change by no more.
KEPT = 0.01
RULES = (VerdictRule("bonds, angles, torsions, packing of beads", "reference", f"a distance of {ABOVE_NOISE:g} floors"),
         VerdictRule("chain sizes", care=f"Re or Rg changed by {KEPT:.0%} a frame, where a step has moved beads"))
#: What is compared: topic, quantity, and what it is called.
_COMPARED = (("bead geometry", "JSD", "Bonds, angles and torsions of beads", "divergence"),
             ("bead packing", "integral of |g - g_ref|", "Distances between beads", "integrated difference"))


def compared(distances: Distances, floors: Distances) -> Iterator[Aspect]:
    """Aspects of how far beads are from the reference; the farthest above its noise floor is named."""
    for topic, quantity, what, word in _COMPARED:
        found = {name: value for (name, kind), value in distances.items() if kind == quantity and np.isfinite(value)}
        if not found:
            continue
        allowed = {name: ABOVE_NOISE * floors.get((name, quantity), SEEN / ABOVE_NOISE) for name in found}
        worst = max(found, key=lambda name: found[name] / max(allowed[name], 1e-12))
        off = sum(found[name] > allowed[name] for name in found)
        floor = f", noise floor {floors[worst, quantity]:.2g}" if (worst, quantity) in floors else ""
        said = f"{worst} ({word} {found[worst]:.2g}{floor})"
        if off:
            yield Aspect(CARE, topic, f"{what} are not as in the reference: {off} of {len(found)}, most of all {said}.",
                         "reference")
        else:
            yield Aspect(GOOD, topic, f"{what} are as in the reference; farthest off is {said}.", "reference")


def kept(figures: Sequence[Figure]) -> Iterator[Aspect]:
    """Whether a step that moved beads has kept what it should: figures of change that should be 0."""
    changes = {figure.name: figure.value for figure in figures
               if figure.ideal == 0.0 and "root mean square over frames" in figure.quantity}
    if changes:
        worst = max(changes, key=changes.get)
        said = f"most of all the {worst}, by {changes[worst]:.2%} a frame"
        if changes[worst] <= KEPT:
            yield Aspect(GOOD, "chain sizes", f"Moving the beads has changed sizes of chains by less than {KEPT:.0%}: "
                                              f"{said}.")
        else:
            yield Aspect(CARE, "chain sizes", f"Moving the beads has changed sizes of chains: {said}.")
