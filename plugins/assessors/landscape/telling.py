"""Whether frames can be told from those of the reference."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...environments.two_sample import FOLDS, Discrepancy, Told, classified, discrepancy
from .memo import Memo
from .sample import Sample

if TYPE_CHECKING:
    from .assessor import LandscapeOptions


@dataclass(frozen=True)
class Telling:
    """Two-sample tests of a candidate against the reference.

    Attributes:
        paired: Whether frames share their beads.
        n_reference: Frames of the reference that took part.
        n_candidate: Frames of the candidate, replicas not counted.
        finest: The smallest p-value that there can be.
        environments: Discrepancy of environments.
        molecules: Of molecules; None where points are environments.
        accuracy: Of the classifier; None with fewer frames than folds.
    """

    paired: bool
    n_reference: int
    n_candidate: int
    finest: float
    environments: Discrepancy
    molecules: Discrepancy | None
    accuracy: Told | None

    @classmethod
    def of(cls, reference: Sample, candidate: Sample, memo: Memo, options: LandscapeOptions) -> Telling:
        """Test a candidate."""
        pairing = reference.pairing(candidate)
        environments = discrepancy(memo.environment_kernels(reference, candidate), pairing, options.permutations,
                                   options.seed)
        molecules = None
        if options.points == "molecules":
            molecules = discrepancy(memo.molecule_kernels(reference, candidate), pairing, options.permutations,
                                    options.seed)
        ours = [candidate.flat[k] for k in pairing.candidate[:, 0] - reference.n_frames]
        theirs = [reference.flat[k] for k in pairing.reference]
        accuracy = classified(theirs, ours, pairing.paired, options.seed)
        return cls(pairing.paired, len(pairing.reference), len(pairing.candidate), pairing.finest, environments,
                   molecules, accuracy)

    @property
    def tests(self) -> dict[str, Discrepancy]:
        """By what was compared."""
        return {"environments": self.environments} | ({} if self.molecules is None else {"molecules": self.molecules})

    @property
    def least(self) -> float | None:
        """The smallest p-value, times the number of tests; None if there is none."""
        known = [test.p for test in self.tests.values() if test.p is not None]
        return min(1.0, float(np.min(known)) * len(known)) if known else None

    @property
    def missing(self) -> list[str]:
        """What could not be tested, in words."""
        frames = (f"{self.n_reference} pairs of frames" if self.paired else
                  f"{self.n_reference} frames of the reference and {self.n_candidate} others")
        said = []
        if self.environments.p is None:
            said.append(f"{frames} are too few for a p-value: exchanges of whole frames give none below "
                        f"{self.finest:.2g}")
        if self.accuracy is None:
            said.append(f"{frames} are too few for a classifier, which needs {FOLDS}")
        return said
