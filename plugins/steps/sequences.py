"""What is known of hands along chains: odds of every centre and every dyad, from the works of flips."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.api import Tally
from backmap.engine.hamiltonian.flips import MOST, ChainCentres
from backmap.model.assessment import CARE, Aspect, VerdictRule

Array = NDArray[np.float64]

TOPIC = "tacticity"
KEPT = ("hand", "change", "work", "back", "accepted")  #: of every flip (``Tried``) that counts
#: Share of the dyads that may be told by flips from one hand alone.
ALONE = 0.1
RULES = (VerdictRule(TOPIC, "force field",
                     f"more than {ALONE:.0%} of the dyads told by flips from one hand alone, as none came back"),)
#: Edges between which dyads are counted, by the probability of the likelier one.
SURE = (0.5, 0.8, 0.95, 0.99, 0.999, 1.0)


def prior_odds(meso: float) -> float:
    """Logarithm of the odds of a share."""
    return float(np.log(meso / (1.0 - meso)))


class FlipOdds:
    """Odds by works of flips of N centres in F frames, n each, as sure as so few of them can be.

    Attributes:
        hand: Before each flip, (F, n, N).
        work: Of it without what P(s) / Z(s) gives, kT; inf where it did not turn over, NaN where it was not made.
        given: What P(s) / Z(s) gives for turning over.
        turned: Share of centres that beads hold in the other hand than the chain has.
        variance: Of works of one centre from one hand, as all of them have it, kT^2.
        lost: Work that is dissipated, of all centres turned over from both hands: mean and variance over centres.
    """

    def __init__(self, hand: Array, work: Array, given: Array, turned: float = 0.0) -> None:
        self.hand, self.work, self.given, self.turned = hand, work, given, turned
        off, spare, means = 0.0, 0, []
        for sign in (1, -1):
            own = np.where((hand == sign) & np.isfinite(work), work, np.nan)
            number = np.isfinite(own).sum(axis=1)
            mean = np.where(number > 0, np.nansum(own, axis=1) / np.maximum(number, 1), np.nan)
            off += float(np.nansum((own - mean[:, None])**2))
            spare += int(np.maximum(number - 1, 0).sum())
            means.append(mean)
        self.variance = off / spare if spare else 0.0
        lost = 0.5 * (means[0] + means[1])
        lost = lost[np.isfinite(lost)]
        # Where nothing came back: what Gaussian works of this variance dissipate, give or take as much.
        self.lost = (float(lost.mean()), float(lost.var())) if len(lost) > 1 else (
            self.variance / 2, self.variance**2 / 4)

    @property
    def arrived(self) -> NDArray[np.bool_]:
        """Whether any flip of each centre turned it over, (F, N)."""
        return np.isfinite(self.work).any(axis=1)

    @property
    def from_both(self) -> NDArray[np.bool_]:
        """Whether each centre was turned over from both hands, (F, N)."""
        known = np.where(np.isfinite(self.work), self.hand, 0)
        return (known.min(axis=1) < 0) & (known.max(axis=1) > 0)

    def odds(self, frame: int, centre: int, sign: Array, centres: int = 1) -> float:
        """ln p(+) / p(-) of what has the sign ``sign`` (n,), that of a product of ``centres``, before each flip of one.

        From both signs, half of the difference of the mean works, from which falls out what is dissipated; from one
        alone, the mean work less what others lose on the way. (Bennett's ratio, which needs no such symmetry, rests on
        the few smallest works: of two to eight that dissipate 10 kT its error is twice as large.) A probability is
        wanted that is right on average: that of an estimate x with an error e is near that of x / sqrt(1 + pi e^2 / 8)
        (D. J. C. MacKay, Neural Comput. 4, 720 (1992)).
        """
        work, given = self.work[frame, :, centre], self.given[frame, :, centre]
        made = ~np.isnan(work)
        sign, work, given = sign[made], work[made], given[made]
        expected = float(np.mean(-sign * given)) if made.any() else 0.0
        numbers = [(np.isfinite(work) & (sign * way > 0)).sum() for way in (1, -1)]
        if not any(numbers):
            return expected
        whole = np.isfinite(work)
        sign, work = sign[whole], work[whole] - given[whole]
        if all(numbers):
            found = 0.5 * float(work[sign > 0].mean() - work[sign < 0].mean())
            error = self.variance / 4 * sum(1 / number for number in numbers)
        else:
            found, error = float(np.mean(sign * (work - self.lost[0]))), self.variance / len(work) + self.lost[1]
        beads = (found - expected) / np.sqrt(1 + np.pi * error / 8)
        return float(np.clip(expected + mistaken(beads, self.turned, centres), -MOST, MOST))


def mistaken(odds: float, turned: float, centres: int) -> float:
    """What is left of log odds of the sign of a product of hands, each mistaken as often as ``turned`` says.

    An odd number of them changes the sign.
    """
    other = 0.5 * (1.0 - (1.0 - 2.0 * turned)**centres)
    if not other:
        return odds
    return float(np.logaddexp(np.log1p(-other) + odds, np.log(other))
                 - np.logaddexp(np.log(other) + odds, np.log1p(-other)))


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known of the centres of F frames.

    Attributes:
        centre: ln p(+) / p(-), (F, N).
        dyad: ln p(meso) / p(racemo) of each centre and the one before it, NaN where there is none, (F, N).
        flips: Flips tried, accepted, and that did not turn over, by sweep, (S, 3).
        turned: Centres that were turned over from both hands in the sweeps that count, (F, N) bool.
    """

    centre: Array
    dyad: Array
    flips: NDArray[np.int64]
    turned: NDArray[np.bool_]

    @classmethod
    def of(cls, tally: Tally, centres: ChainCentres, gain: float, turned: float = 0.0) -> Posterior:
        """From what the frames left behind; ``turned`` as in ``FlipOdds``."""
        shape = (tally.rows("hand").shape[0], -1, len(centres.first))
        hand, change, work, back, accepted = (tally.rows(name).reshape(shape) for name in KEPT)
        after = np.where(accepted > 0, -hand, hand)
        both = np.concatenate([hand, -hand], axis=1)
        told = FlipOdds(both, np.concatenate([work, back], axis=1), gain * np.concatenate([change, -change], axis=1),
                    turned)
        centre, dyad = np.zeros((2, shape[0], shape[2]))
        for f in range(shape[0]):
            for n in range(shape[2]):
                centre[f, n] = told.odds(f, n, both[f, :, n])
                dyad[f, n] = np.nan
                if centres.follows[n]:  # turning either centre over makes another dyad: the less certain of two answers
                    other = {n - 1: hand[f, :, n], n: after[f, :, n - 1]}
                    ends = [end for end in other if told.arrived[f, end]] or list(other)
                    dyad[f, n] = min((told.odds(f, end, both[f, :, end] * np.tile(other[end], 2), 2) for end in ends),
                                     key=abs)
        return cls(centre, dyad, tally.counts("flips"), told.from_both)

    def summary(self) -> str:
        """All of it in a sentence."""
        tried, accepted, without = self.flips.sum(axis=0).tolist()
        known = self.dyad[np.isfinite(self.dyad)]
        said = (f"{accepted / max(tried, 1):.3f} of {tried} flips of stereocentres accepted; {without} did not turn a "
                "centre over")
        if not len(known):
            return said
        return (f"{said}. Of {len(known)} dyads {(1.0 / (1.0 + np.exp(-known))).mean():.3f} are meso; "
                f"{(np.abs(known) > np.log(19)).sum()} come out with more than 95 %")

    def findings(self) -> Iterator[Aspect]:
        """For the verdict."""
        told = np.isfinite(self.dyad)
        alone = told & ~self.turned & ~np.roll(self.turned, 1, axis=1)
        if told.any() and alone.sum() > ALONE * told.sum():
            yield Aspect(
                CARE, TOPIC, f"Of {told.sum()} dyads {alone.sum()} are told by flips from one hand alone, as none came "
                "back from the other in sweeps that count: their odds rest on what others lose on the way. "
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
