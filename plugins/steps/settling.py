"""Time steps of blocks of which no move is accepted, found before the sweeps that count.

Where a molecule stands close to what its bonds can do, trajectories break off at time steps that suit all others. Moves
of what was mended are tried first at the time step of the recipe, then, where none was accepted, at ever shorter ones.
What comes out is a number for each bead that stays as it is while sweeps count: it depends on what came before them and
on nothing that they do, so that they sample what they sample with any other time step.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import SweepOutcome

#: Of the time step, in each sweep. Few beads are left after the first ones, so that the others cost next to nothing.
SHARES = (*[1.0] * 3, *[0.5] * 2, *[0.25] * 2, *[0.125] * 4)


@dataclass(eq=False)
class Settling:
    """What was mended, what of it has moved since, and at which time step.

    Attributes:
        mended: Beads whose atoms were led about, (B,) bool.
        wanted: Those of which a move is still to be accepted, (B,) bool.
        share: Of the time step that each bead's moves take, (B,).
    """

    mended: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, n_beads: int) -> Settling:
        """Of a frame that nothing was done to."""
        return cls(*np.zeros((2, n_beads), dtype=bool), np.ones(n_beads))

    def before(self, sweep: int) -> None:
        """What has not moved takes the time step of this sweep."""
        if sweep == 0:
            self.wanted[:] = self.mended
        self.share[self.wanted] = SHARES[sweep]

    def after(self, outcome: SweepOutcome) -> None:
        """What was accepted has moved."""
        beads = outcome.beads[outcome.accepted]
        self.wanted[beads[beads >= 0]] = False
