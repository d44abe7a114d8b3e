"""Time steps of blocks of which no move is accepted, found before the sweeps that count.

Where a molecule stands close to what its bonds can do, trajectories break off at time steps that suit all others. Moves
of what was mended are tried first at the time step of the recipe, then, where none was accepted, at ever shorter ones.
What comes out is a number for each bead that stays as it is while sweeps count: it depends on what came before them and
on nothing that they do, so that they sample what they sample with any other time step.
"""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves

#: Of the time step, in each sweep. Few beads are left after the first ones, so that the others cost next to nothing.
SHARES = (*[1.0] * 3, *[0.5] * 2, *[0.25] * 2, *[0.125] * 4)


def settled(moves: HamiltonianMoves, frame: Frame, mended: NDArray[np.bool_], name: tuple[int | str, ...],
            progress: Callable[[float], None] = lambda share: None) -> NDArray[np.float64]:
    """Move what was mended, in place, each bead until a move of it is accepted; ``moves`` keep the time steps.

    Args:
        mended: Beads, (B,).
        name: Of the random numbers, but for the number of the sweep.
        progress: Told the share of the sweeps that are done, 0 to 1.

    Returns:
        The time step of each bead as a share of that of ``moves``, (B,).
    """
    wanted, shares = mended.copy(), np.ones(len(mended))
    moves.slow_down(shares)
    for sweep, share in enumerate(SHARES):
        if not wanted.any():
            break
        shares[wanted] = share
        moves.slow_down(shares)
        outcome = moves.sweep(frame, (*name, sweep), wanted)
        moved = outcome.beads[outcome.accepted]
        wanted[moved[moved >= 0]] = False
        progress((sweep + 1) / len(SHARES))
    return shares
