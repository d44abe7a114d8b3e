"""What comes of sweeps of Hamiltonian moves, and how tempered ones are."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """The outcome of a sweep of n Hamiltonian moves.

    Attributes:
        centre: Central bead of each move, (n,).
        beads: All beads whose fragments it moves, -1 padding, (n, K).
        accepted: Whether it was accepted, (n,) bool.
        change: Change of the potential energy, kJ/mol, (n,).
        error: dH / kT of its trajectory, inf where that broke off, (n,).
        energy: Potential energy of the block in its surroundings after it, kJ/mol, NaN where there is none, (n,).
    """

    centre: Index
    beads: Index
    accepted: Mask
    change: Array
    error: Array
    energy: Array


@dataclass(frozen=True)
class Tempering:
    """How trajectories heat up and cool down again, to end in another well than they began in (``temper``).

    Attributes:
        peak: Half-way, energies are about so many times as large.
        time: Mean length of a trajectory, fs.
    """

    peak: float = 4.0
    time: float = 300.0


def never_accepted(outcomes: Iterable[SweepOutcome], n_beads: int) -> Mask:
    """Beads that moves were tried of, and of which none was accepted, (B,) bool."""
    tried, moved = np.zeros((2, n_beads), dtype=bool)
    for outcome in outcomes:
        tried[outcome.beads[outcome.beads >= 0]] = True
        some = outcome.beads[outcome.accepted]
        moved[some[some >= 0]] = True
    return tried & ~moved
