"""Which beads of a frame are flagged as its worst, by a limit or as a share of all; and which are named."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap.api import Options
from backmap.model.system import System
from backmap.model.tally import Tally

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Beads that are remembered of every frame, and named of all.
NAMED = 5


class WorstOptions(Options):
    """Options of assessors that flag single beads."""

    flag_worst: float | None = Field(None, gt=0, le=1, description="This share of the beads of every frame is flagged, "
                                                                   "those with the largest values and one at least; an "
                                                                   "index file can hold their atoms.")


def flagged(size: Array, above: float | None, share: float | None) -> Mask | None:
    """Beads to flag, (B,); None if no option asks for any.

    Args:
        size: Of each bead, NaN for those that take no part, (B,).
        above: Flag what is larger.
        share: Flag this share of those that take part, the largest ones and one at least.
    """
    if above is None and share is None:
        return None
    found = np.zeros(len(size), dtype=bool)
    if above is not None:
        found |= size > above  # NaN is not
    if share is not None:
        found[largest(size, math.ceil(share * np.count_nonzero(~np.isnan(size)) - 1e-9))] = True
    return found


def largest(size: Array, count: int) -> NDArray[np.int64]:
    """The ``count`` beads with the largest sizes (B,), the largest first; those without one (NaN) never."""
    there = np.flatnonzero(~np.isnan(size))
    return there[np.argsort(-size[there], kind="stable")[:count]]


def remember(tally: Tally, name: str, index: int, number: int, size: Array) -> None:
    """Keep the frame's number, bead and size of the largest ones of a frame as a row."""
    beads = largest(size, NAMED)
    tally.row(name, index, np.stack([np.full(len(beads), number), beads, size[beads]], axis=1))


def named(tally: Tally, name: str, system: System, label: str) -> list[str]:
    """A note that names the largest ones of all frames; none where no frame has any."""
    if name not in tally:
        return []
    rows = tally.rows(name).reshape(-1, 3)
    said = [f"frame {number:.0f}: {system.bead_label(int(bead))} ({size:,.0f})"
            for number, bead, size in rows[np.argsort(-rows[:, 2], kind="stable")[:NAMED]]]
    return [f"{label}: {', '.join(said)}"] if said else []
