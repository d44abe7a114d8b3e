"""The ensemble assessor ``agreement``: whether two samplers of one target find the same averages."""
from __future__ import annotations

import math

from pydantic import Field
from scipy.stats import norm

from backmap import api
from backmap.api import CARE, GOOD, UNUSABLE, Aspect, Assessment, Chain, EnsembleAssessor, Figure, Target

from ..correlation import mean_and_error
from ..observables import observables, weights


class AgreementOptions(api.Options):
    """Options of ``agreement``."""

    chance: float = Field(0.001, gt=0, lt=1, description="Chance that samplers which agree are said to differ, over "
                                                         "all observables together.")
    enough: int = Field(100, ge=1, description="With fewer independent states on one side, a difference may be an "
                                               "error that is told too small.")


class Agreement(EnsembleAssessor):
    """Averages of every observable against those of another sampler, in standard errors of their difference."""

    Options = AgreementOptions

    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        if beside is None:
            return Assessment()
        ours, theirs = _averages(chain), _averages(beside)
        off = {name: _apart(ours[name], theirs[name]) for name in ours if name in theirs}
        off = {name: value for name, value in off.items() if math.isfinite(value)}
        figures = [Figure("agreement", name, "standard errors", value, distance=True) for name, value in off.items()]
        if not off:
            return Assessment(figures)
        worst = max(off, key=lambda name: off[name])
        if off[worst] <= norm.isf(self.options.chance / (2 * len(off))):
            said = f"Both samplers find the same averages, {worst} farthest apart: {off[worst]:.1f} standard errors."
            return Assessment(figures, findings=[Aspect(GOOD, "agreement", said)])
        sure = min(ours[worst][2], theirs[worst][2]) >= self.options.enough
        said = f"The samplers do not find the same averages: {worst} differs by {off[worst]:.1f} standard errors" + (
            "." if sure else ", one of them from few independent states.")
        return Assessment(figures, findings=[Aspect(UNUSABLE if sure else CARE, "agreement", said)])


def _averages(chain: Chain) -> dict[str, tuple[float, float, float]]:
    """Mean, standard error and number of independent states of every observable."""
    found = {}
    for name, values in observables(chain).items():
        mean, error, time = mean_and_error(values, weights(chain))
        found[name] = mean, error, values.size / max(1.0, 2 * time) if math.isfinite(time) else 0.0
    return found


def _apart(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Difference of two means in its standard errors; not a number where nothing moves on either side."""
    error = math.hypot(one[1], other[1])
    return abs(one[0] - other[0]) / error if error else math.nan
