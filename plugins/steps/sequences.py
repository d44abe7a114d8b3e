"""What is known of hands along chains: odds of every centre and every dyad, from the works of flips."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import Tally
from backmap.engine.hamiltonian.flips import ChainCentres, log_odds
from backmap.model.assessment import CARE, Aspect, VerdictRule

Array = NDArray[np.float64]

TOPIC = "tacticity"
#: Share of the dyads that may be told by flips from one hand alone.
ALONE = 0.1
RULES = (VerdictRule(TOPIC, "force field",
                     f"more than {ALONE:.0%} of the dyads told by flips from one hand alone, whose odds are too sure"),)
#: Edges between which dyads are counted, by the probability of the likelier one.
SURE = (0.5, 0.8, 0.95, 0.99, 0.999, 1.0)


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
        turned: Centres that had both hands in the sweeps that count, (F, N) bool.
    """

    centre: Array
    dyad: Array
    flips: NDArray[np.int64]
    turned: NDArray[np.bool_]

    @classmethod
    def of(cls, tally: Tally, centres: ChainCentres, gain: float) -> Posterior:
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
        return cls(centre, dyad, tally.counts("flips"), hand.min(axis=1) != hand.max(axis=1))

    def summary(self) -> str:
        """All of it in a sentence."""
        tried, accepted, without = self.flips.sum(axis=0).tolist()
        known = self.dyad[np.isfinite(self.dyad)]
        said = (f"{accepted / max(tried, 1):.3f} of {tried} flips of stereocentres accepted; {without} did not turn a "
                "centre over")
        if not len(known):
            return said
        return (f"{said}. Of {len(known)} dyads {(1.0 / (1.0 + np.exp(-known))).mean():.3f} are meso; "
                f"{(np.abs(known) > np.log(19)).sum()} come out with more than 95 %, which is too sure where "
                "hands no longer change: odds from one hand alone lack what flips dissipate")

    def findings(self) -> Iterator[Aspect]:
        """For the verdict."""
        told = np.isfinite(self.dyad)
        alone = told & ~self.turned & ~np.roll(self.turned, 1, axis=1)
        if told.any() and alone.sum() > ALONE * told.sum():
            yield Aspect(
                CARE, TOPIC, f"Of {told.sum()} dyads {alone.sum()} are told by flips from one hand alone, as no flip "
                "of their centres was accepted in sweeps that count: their odds are too sure, and they may be wrong. "
                "Compare runs of other seeds, or give 'tacticity' more sweeps of longer flips.", "force field")

    def lines(self) -> Iterator[str]:
        """A short table for the log."""
        yield "tacticity: flips tried, accepted, and without effect, by sweep"
        for number, (tried, accepted, without) in enumerate(self.flips.tolist(), 1):
            yield f"  {number:5d}{tried:8d}{accepted:8d}{without:8d}"
        yield f"tacticity: {self.summary()}"

    def acceptance(self) -> list[dict[str, Any]]:
        """For reports, as in ``Sampling.acceptance``."""
        tried, accepted, _ = self.flips.T
        share = accepted / np.maximum(tried, 1)
        return [{"block": "", "bead_type": "flips of stereocentres", "first": float(share[0]), "last": float(share[-1]),
                 "all": float(accepted.sum() / max(tried.sum(), 1)), "tried": int(tried.sum()), "energy": None}]

    def rows(self) -> list[dict[str, Any]]:
        """For reports, as in ``Sampling.sequences``."""
        known = self.dyad[np.isfinite(self.dyad)]
        sure, found = 1.0 / (1.0 + np.exp(-np.abs(known))), []
        for low, high in pairwise(SURE):
            inside = (sure >= low) & ((sure < high) | (high == 1.0))
            if inside.any():
                found.append({"sure": f"{low:g} to {high:g}", "dyads": int(inside.sum()),
                              "expected": float(sure[inside].mean()), "meso": float((known[inside] > 0).mean())})
        return found

    def table(self, centres: ChainCentres) -> str:
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
