"""The ensemble assessor ``agreement``: whether two samplers of one target find the same averages."""
from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field
from scipy.stats import norm

from backmap import api
from backmap.api import GOOD, UNUSABLE, Aspect, Assessment, Chain, EnsembleAssessor, Figure, Target

from ..correlation import mean_and_error
from ..observables import observables, weights
from .mixing import split_r_hat


class AgreementOptions(api.Options):
    """Options of ``agreement``."""

    changed_names: ClassVar = {"chance": "is called 'significance' now", "enough": "is called 'min_independent' now",
                               "spread": "is called 'max_r_hat' now"}

    significance: float = Field(0.001, gt=0, lt=1, description="Chance that samplers which agree are said to differ, "
                                                               "over all observables together.")
    min_independent: int = Field(100, ge=1, description="Fewer independent states than this on one side are not "
                                                        "compared.")
    max_r_hat: float = Field(1.2, gt=1, description="Nor are observables of which the split R-hat is above this.")


class Agreement(EnsembleAssessor):
    """Averages of every observable against those of another sampler, in standard errors of their difference.

    Only observables of which both samplers' chains have mixed are compared: the errors of others are not known, and
    ``mixing`` reports them.
    """

    Options = AgreementOptions

    def assess(self, target: Target, chain: Chain, beside: Chain | None) -> Assessment:
        if beside is None:
            return Assessment()
        ours, theirs = self._averages(chain), self._averages(beside)
        both = ours.keys() & theirs.keys()
        off = {name: _apart(ours[name], theirs[name]) for name in ours if name in both and ours[name] != theirs[name]}
        left = sorted(observables(chain).keys() & observables(beside).keys() - both)
        figures = [Figure("agreement", name, "standard errors", value, distance=True) for name, value in off.items()]
        notes = [f"not compared with the other sampler, as chains have not mixed: {', '.join(left)}"] if left else []
        return Assessment(figures, notes=notes, findings=self._findings(off, len(left)))

    def _findings(self, off: dict[str, float], n_left: int) -> list[Aspect]:
        if not off:
            return []
        worst = max(off, key=lambda name: off[name])
        if off[worst] <= norm.isf(self.options.significance / (2 * len(off))):
            which = f" where both have mixed, of {len(off)} in {len(off) + n_left} observables" if n_left else ""
            return [Aspect(GOOD, "agreement", f"Both samplers find the same averages{which}; {worst} is farthest, "
                                              f"by {off[worst]:.1f} standard errors.")]
        return [Aspect(UNUSABLE, "agreement", f"The samplers do not find the same averages: {worst} differs by "
                                              f"{off[worst]:.1f} standard errors.")]

    def _averages(self, chain: Chain) -> dict[str, tuple[float, float]]:
        """Mean and standard error of every observable for which these are known."""
        found = {}
        for name, values in observables(chain).items():
            mean, error, time = mean_and_error(values, weights(chain))
            if not math.isfinite(time):  # it stands still
                found[name] = mean, 0.0
            elif self._trusted(values.size / max(1.0, 2 * time), split_r_hat(values)):
                found[name] = mean, error
        return found

    def _trusted(self, independent: float, r_hat: float) -> bool:
        return independent >= self.options.min_independent and r_hat <= self.options.max_r_hat


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Difference of two means in its standard errors; infinite where both stand still at values of their own."""
    error, difference = math.hypot(one[1], other[1]), abs(one[0] - other[0])
    return difference / error if error else math.inf if difference else 0.0
