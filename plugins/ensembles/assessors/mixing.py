"""The ensemble assessor ``mixing``: whether chains that set out apart have come to the same, and how much they know."""
from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backmap import api
from backmap.api import CARE, GOOD, UNUSABLE, Aspect, Assessment, Chain, EnsembleAssessor, Figure, Target

from ..correlation import mean_and_error
from ..observables import observables, weights


class MixingOptions(api.Options):
    """Options of ``mixing``."""

    changed_names: ClassVar = {"spread": "is called 'max_r_hat' now", "too_much": "is called 'unusable_r_hat' now",
                               "enough": "is called 'min_independent' now"}

    max_r_hat: float = Field(1.05, gt=1, description="A split R-hat above this is worth a look.")
    unusable_r_hat: float = Field(1.2, gt=1, description="Above this, chains have not come to the same.")
    min_independent: int = Field(100, ge=1, description="Fewer independent states than this are worth a look.")


class Mixing(EnsembleAssessor):
    """Split R-hat and number of independent states of every observable.

    R-hat compares the variance between halves of chains with that within them, and is 1 for chains that sample the same
    distribution (Vehtari et al., Bayesian Anal. 16, 667 (2021)). Chains that all miss the same basin look mixed.
    """

    Options = MixingOptions

    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        spread, independent = {}, {}
        for name, values in observables(chain).items():
            _, _, time = mean_and_error(values, weights(chain))
            if math.isfinite(time):
                spread[name], independent[name] = split_r_hat(values), values.size / max(1.0, 2 * time)
        figures = [Figure("mixing", name, "split R-hat", value, ideal=1.0) for name, value in spread.items()]
        figures += [Figure("mixing", name, "independent states", value) for name, value in independent.items()]
        return Assessment(figures, findings=self._findings(spread, independent))

    def _findings(self, spread: dict[str, float], independent: dict[str, float]) -> list[Aspect]:
        if not spread:
            return [Aspect(CARE, "mixing", "No observable changes along the chains, so that nothing tells whether they "
                                           "mix.")]
        worst, least = max(spread, key=lambda name: spread[name]), min(independent, key=lambda name: independent[name])
        most, few = spread[worst], independent[least]
        level = UNUSABLE if not most <= self.options.unusable_r_hat else CARE if most > self.options.max_r_hat else GOOD
        said = "have come to the same" if level == GOOD else "have not come to the same"
        found = [Aspect(level, "mixing", f"The chains {said}: the largest split R-hat is {most:.3f}, of {worst}.")]
        if few < self.options.min_independent:
            found.append(Aspect(CARE, "independent states", f"Averages of {least} rest on about {few:.0f} independent "
                                                            "states: its error is a guess."))
        return found


def split_r_hat(values: NDArray[np.float64]) -> float:
    """Split R-hat of (T, n) states of n parallel chains; infinite where each half stands still at its own value."""
    half = len(values) // 2
    if half < 2:
        return math.inf
    parts = np.concatenate([values[:half], values[-half:]], axis=1)
    within, between = float(parts.var(axis=0, ddof=1).mean()), float(parts.mean(axis=0).var(ddof=1))
    if within == 0:
        return 1.0 if between == 0 else math.inf
    return math.sqrt((half - 1) / half + between / within)
