"""Rounds of sweeps in which small molecules turn about their beads, from warm to the temperature."""
from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.rotating import Rotating
from backmap.model.parameters import BOLTZMANN

from .move_options import WARMER

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROUNDS = 10  #: into which the sweeps are divided; a run that is stopped goes on after the last one
AT_REST = 2  #: of these, the last, at the temperature itself, and among all neighbours that the force field has


class Turning:
    """Turns the molecules of frames about their beads while they cool.

    Args:
        moves: Those that count.
        sweeps: How many there are.
        temperature: K.
    """

    def __init__(self, moves: HamiltonianMoves, sweeps: int, temperature: float) -> None:
        self.moves, self.sweeps, self.heat = moves, sweeps, BOLTZMANN * temperature

    @cached_property
    def rotating(self) -> Rotating:
        """What turns them; made when a frame needs it."""
        return Rotating(self.moves.layout)

    def turn(self, frame: Frame, box: Array | None, words: tuple, only: Mask | None = None, slower: int = 1) -> None:
        """Go one round, in place.

        Args:
            words: Of the random numbers; the last one is the number of the round.
            only: Beads of the molecules that may turn, (B,); None for all.
            slower: Times as many sweeps.
        """
        number, cooling = words[-1], ROUNDS - AT_REST
        count = -(-slower * self.sweeps // ROUNDS)
        passed = np.minimum((number + np.arange(count) / count) / cooling, 1.0)
        atoms = self.rotating.turn(frame.atoms, box, (self.heat * WARMER ** (1.0 - passed)).tolist(), words, only,
                                   near=number < cooling)
        self.moves.put(frame, atoms, box)
