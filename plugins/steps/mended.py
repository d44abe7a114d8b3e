"""What was mended before sweeps of moves, and what is still wrong after them."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backmap.api import Memory, State, Tally, Window
from backmap.engine.mending import FOLDED, MISSED, OVERLAPPING, STRAINED, THREADED, TROUBLES
from backmap.model.assessment import CARE, UNUSABLE, Aspect, VerdictRule

Mask = NDArray[np.bool_]

TOPIC = "mending"
MENDED, UNMENDED = "mended", "unmended"  #: flags of beads
LEFT = "left"  #: name of the tally of what is left
OFF = 0.01  #: share of the beads that bonds may keep from being met; the atoms there are as sound as others
RULES = (VerdictRule(TOPIC, "force field", "beads that bonds keep from being met",
                     "any bead that mending and sweeps leave overlapping, threaded, strained or folded; more than "
                     f"{OFF:.0%} of them that bonds keep from being met"),)
_WHAT = {OVERLAPPING: "atoms overlap", THREADED: "bonds go through rings", STRAINED: "angles and torsions are bent "
         "as heat does not bend them", FOLDED: "aromatic rings are bent or folded",
         MISSED: "bonds keep beads from being met"}


class Judge(Protocol):
    """A step that says what is wrong with atoms, and to which others turn that move them later."""

    memory: Memory

    def judge(self, window: Window) -> dict[str, Mask]:
        """Beads of a frame in each trouble, (B,) bool, by name."""


@dataclass(frozen=True, eq=False)
class MendingRecord:
    """Beads that a step has mended, over a run.

    Attributes:
        tally: Where it is counted: ``mended``, of how many beads and how many of them.
    """

    tally: Tally

    def add(self, place: int, mended: Mask) -> None:
        """Count the frame at ``place``: beads that were mended, (B,)."""
        self.tally.count("mended", place, [len(mended), mended.sum()])

    def lines(self) -> Iterator[str]:
        """One line, if anything was mended."""
        total, mended = self.tally.counts("mended").tolist() if "mended" in self.tally else (0, 0)
        if mended:
            yield f"mended: the atoms of {mended} of {total} beads were led downhill before the sweeps that count"


@dataclass(frozen=True, eq=False)
class LeftRecord:
    """Beads with something wrong in the atoms that a run is left with: of each frame what was said of it last.

    Attributes:
        tally: Where it is kept, that of the first judge at a level: counts of ``beads``, and rows of those that are
            ``wrong``, in any trouble and in each, of frames with any.
    """

    tally: Tally

    def put(self, place: int, left: Mapping[str, Mask]) -> None:
        """Say what is wrong in the frame at ``place``, beads in each trouble, (B,); this replaces what was said."""
        wrong = np.any([*left.values()], axis=0)
        self.tally.row("wrong", place, [wrong.sum(), *(left[name].sum() for name in TROUBLES)])

    def findings(self) -> Iterator[Aspect]:
        """What is left, for the verdict."""
        if "wrong" not in self.tally:
            return
        total, (wrong, *each) = int(self.tally.counts("beads")), self.tally.rows("wrong").sum(axis=0).astype(int)
        if wrong:
            said = ", ".join(f"{_WHAT[name]} ({count})" for name, count in zip(TROUBLES, each, strict=True) if count)
            elsewhere = any(count for name, count in zip(TROUBLES, each, strict=True) if name != MISSED)
            level = UNUSABLE if elsewhere or wrong > OFF * total else CARE
            yield Aspect(level, TOPIC, f"Something is wrong about {wrong} of {total} beads that neither mending nor "
                                          f"moves undo: {said}. They are flagged 'unmended'.", "force field")


def unsound(window: Window) -> bool:
    """Whether an earlier step has left beads of the window flagged ``unmended``."""
    return UNMENDED in window.flags and bool(window.flags[UNMENDED].any())


def judged(window: Window, state: State) -> Window:
    """A window whose atoms were moved, with beads that are still wrong flagged ``unmended``, and no others.

    Frames with none before are not looked at: that is for steps that mend.
    """
    judge = state.judges.get(state.systems.index(window.system))
    if judge is None or not unsound(window):
        return window
    flags = window.flags[UNMENDED].copy()
    for w in np.flatnonzero(flags.any(axis=1)):
        frame = window.take([w])
        flags[w] = told(frame, judge.judge(frame), judge)
    return replace(window, flags={**window.flags, UNMENDED: flags})


def told(window: Window, left: Mapping[str, Mask], judge: Judge) -> Mask:
    """Beads of a frame with anything wrong, (B,), which the first judge remembers."""
    wrong, place, tally = np.any([*left.values()], axis=0), int(window.place[0]), judge.memory[LEFT]
    if UNMENDED not in window.flags:  # nobody has looked at this frame yet
        tally.count("beads", place, len(wrong))
    if wrong.any() or unsound(window):
        LeftRecord(tally).put(place, left)
    return wrong
