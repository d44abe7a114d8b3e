"""What was mended before sweeps of moves, and what is still wrong after them."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backmap.api import Tally
from backmap.engine.mending import FOLDED, MISSED, OVERLAPPING, STRAINED, THREADED, TROUBLES
from backmap.model.assessment import CARE, UNUSABLE, Aspect, VerdictRule

Mask = NDArray[np.bool_]

TOPIC = "mending"
OFF = 0.01  #: share of the beads that bonds may keep from being met; the atoms there are as sound as others
RULES = (VerdictRule(TOPIC, "force field", "beads that bonds keep from being met",
                     "any bead that mending and sweeps leave overlapping, threaded, strained or folded; more than "
                     f"{OFF:.0%} of them that bonds keep from being met"),)
_WHAT = {OVERLAPPING: "atoms overlap", THREADED: "bonds go through rings", STRAINED: "angles and torsions are bent "
         "as heat does not bend them", FOLDED: "aromatic rings are bent or folded",
         MISSED: "bonds keep beads from being met"}


@dataclass(frozen=True, eq=False)
class MendingRecord:
    """Beads that were mended, and those with something wrong at the end, over a run.

    Attributes:
        tally: Where it is counted: ``beads``, those mended, those with anything wrong, and of each trouble.
    """

    tally: Tally

    def add(self, place: int, mended: Mask, left: Mapping[str, Mask]) -> None:
        """Count the frame at ``place``: beads that were mended, and those left in each trouble, (B,)."""
        wrong = np.any([*left.values()], axis=0)
        self.tally.count("beads", place, [len(mended), mended.sum(), wrong.sum(),
                                          *(left[name].sum() for name in TROUBLES)])

    def _counts(self) -> list[int]:
        return self.tally.counts("beads").tolist() if "beads" in self.tally else [0] * (3 + len(TROUBLES))

    def lines(self) -> Iterator[str]:
        """One line, if anything was mended."""
        total, mended, wrong, *_ = self._counts()
        if mended:
            yield (f"mended: the atoms of {mended} of {total} beads were led downhill before the sweeps that count; "
                   f"{wrong} beads are left with something wrong")

    def findings(self) -> Iterator[Aspect]:
        """What is left, for the verdict."""
        total, _, wrong, *each = self._counts()
        if wrong:
            said = ", ".join(f"{_WHAT[name]} ({count})" for name, count in zip(TROUBLES, each, strict=True) if count)
            elsewhere = any(count for name, count in zip(TROUBLES, each, strict=True) if name != MISSED)
            level = UNUSABLE if elsewhere or wrong > OFF * total else CARE
            yield Aspect(level, TOPIC, f"Something is wrong about {wrong} of {total} beads that neither mending nor "
                                          f"moves undo: {said}. They are flagged 'unmended'.", "force field")
