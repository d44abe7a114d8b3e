"""Models ranked by what their atoms show beyond what the generator shows on beads of true atoms."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from backmap.api import Assessment, Assessor, Figure, Tally
from backmap.model.bootstrap import resamplings

Array = NDArray[np.float64]
Key = tuple[str, str]

SECTION = "beyond the mapped reference"
#: Standard errors of a difference from which on two models are told apart.
APART = 2.0


@dataclass(frozen=True)
class Excess:
    """Distances of models from the reference, minus those of the generator on mapped true atoms.

    Attributes:
        values: By label, then by name and quantity.
        draws: The same of frames drawn at random, (n,) each. Draws of the reference and of the mapped frames are those
            of all models, so that differences of models have smaller errors than the models.
    """

    values: dict[str, dict[Key, float]]
    draws: dict[str, dict[Key, Array]]

    @classmethod
    def of(cls, assessor: Assessor, reference: Tally, mapped: Tally, models: Mapping[str, Tally]) -> Excess:
        """Excess of models over mapped frames, by the distances of an assessor.

        Args:
            assessor: One with distances.
            reference: Measured of the true atoms.
            mapped: Of atoms made from the beads of the true ones.
            models: Of atoms made from beads of each model.
        """
        def beyond(true: Tally, own: Tally, *others: Tally) -> list[dict[Key, float]]:
            floor = assessor.distances(own, true)
            return [{key: value - floor[key] for key, value in assessor.distances(other, true).items()}
                    for other in others]

        values = beyond(reference, mapped, *models.values())
        drawn = [beyond(*tallies) for tallies in resamplings(reference, mapped, *models.values())]
        return cls(dict(zip(models, values)),
                   {label: {key: np.array([one[k][key] for one in drawn]) for key in values[k]}
                    for k, label in enumerate(models)})

    def error(self, label: str, key: Key) -> float:
        """Standard error."""
        return float(self.draws[label][key].std(ddof=1))

    def assessment(self, label: str) -> Assessment:
        """The figures of one model."""
        return Assessment([Figure(SECTION, name, f"excess {quantity}", value, distance=True,
                                  error=self.error(label, (name, quantity)))
                           for (name, quantity), value in self.values[label].items()])

    def ranking(self) -> list[str]:
        """The order of the models by the first of the distances, and which neighbours cannot be told apart."""
        key = next(iter(next(iter(self.values.values()))))
        order = sorted(self.values, key=lambda label: self.values[label][key])
        lines = [f"{', '.join(key)} {SECTION}: " + " < ".join(
            f"{label} ({self.values[label][key]:.4f} ± {self.error(label, key):.4f})" for label in order)]
        for one, other in pairwise(order):
            apart = self.values[other][key] - self.values[one][key]
            error = float((self.draws[other][key] - self.draws[one][key]).std(ddof=1))
            if apart <= APART * error:
                lines.append(f"{one} and {other} cannot be told apart: {apart:.4f} ± {error:.4f}")
        return lines
