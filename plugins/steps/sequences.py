"""What is known of hands along chains: odds of every centre and every dyad, from the works of flips."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.api import Tally
from backmap.engine.hamiltonian.flips import Centres, log_odds

Array = NDArray[np.float64]


def prior_odds(meso: float) -> float:
    """Logarithm of the odds of a share."""
    return float(np.log(meso / (1.0 - meso)))


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the centres of F frames.

    Attributes:
        centre: ln p(+) / p(-), (F, N).
        dyad: ln p(meso) / p(racemo) of each centre and the one before it, NaN where there is none, (F, N).
        flips: Flips tried, accepted, and that did not turn over, by sweep, (S, 3).
    """

    centre: Array
    dyad: Array
    flips: NDArray[np.int64]

    @classmethod
    def of(cls, tally: Tally, centres: Centres, gain: float) -> Posterior:
        """From what the frames left behind."""
        shape = (tally.rows("hand").shape[0], -1, len(centres.first))
        hand, change, work = (tally.rows(name).reshape(shape) for name in ("hand", "change", "work"))
        total = work - gain * change
        centre, dyad = np.zeros((2, shape[0], shape[2]))
        for f in range(shape[0]):
            for n in range(shape[2]):
                centre[f, n] = log_odds(hand[f, :, n], total[f, :, n])
                dyad[f, n] = np.nan
                if centres.follows[n]:  # turning either centre over makes another dyad: the less certain of two answers
                    pair = hand[f, :, n] * hand[f, :, n - 1]
                    dyad[f, n] = min((log_odds(pair, total[f, :, end]) for end in (n - 1, n)), key=abs)
        return cls(centre, dyad, tally.counts("flips"))

    def lines(self) -> Iterator[str]:
        """A short table for the log."""
        yield "tacticity: flips tried, accepted, and without effect, by sweep"
        for number, (tried, accepted, without) in enumerate(self.flips.tolist(), 1):
            yield f"  {number:5d}{tried:8d}{accepted:8d}{without:8d}"
        known = self.dyad[np.isfinite(self.dyad)]
        if len(known):
            share = 1.0 / (1.0 + np.exp(-known))
            yield (f"tacticity: {share.mean():.3f} of the dyads are meso; of {len(known)}, "
                   f"{(np.abs(known) > np.log(19)).sum()} are known to 95 %")

    def table(self, centres: Centres) -> str:
        """What is known, as a .csv: a line for each centre of each frame."""
        rows = ["frame,molecule,centre,hand,log_odds_plus,log_odds_meso"]
        number = np.zeros(len(centres.first), dtype=int)
        for n in range(1, len(number)):
            number[n] = number[n - 1] + 1 if centres.molecule[n] == centres.molecule[n - 1] else 0
        for f in range(len(self.centre)):
            for n, (own, dyad) in enumerate(zip(self.centre[f].tolist(), self.dyad[f].tolist(), strict=True)):
                meso = f"{dyad:.3f}" if np.isfinite(dyad) else ""
                rows.append(f"{f},{centres.molecule[n] + 1},{number[n] + 1},{'+' if own > 0 else '-'},{own:.3f},{meso}")
        return "\n".join([*rows, ""])
