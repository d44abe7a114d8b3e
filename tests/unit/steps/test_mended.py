"""What is said of beads that mending leaves."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.mended import LeftRecord, MendingRecord

from backmap.engine.mending import MISSED, OVERLAPPING, TROUBLES
from backmap.model.assessment import CARE, UNUSABLE
from backmap.model.tally import Tally

N = 1000


def left(**counts: int) -> dict[str, np.ndarray]:
    return {name: np.arange(N) < counts.get(name, 0) for name in TROUBLES}


def record(*frames: dict[str, np.ndarray]) -> LeftRecord:
    """A record of these frames."""
    found = LeftRecord(Tally())
    for place, frame in enumerate(frames):
        found.tally.count("beads", place, N)
        found.put(place, frame)
    return found


@pytest.mark.parametrize(("wrong", "level"), [
    ({}, None), ({MISSED: 7}, CARE), ({MISSED: 11}, UNUSABLE), ({OVERLAPPING: 1}, UNUSABLE),
    ({MISSED: 7, OVERLAPPING: 1}, UNUSABLE)])
def test_beads_that_are_missed_are_named_and_atoms_that_overlap_are_not_to_be_used(wrong: dict[str, int],
                                                                                  level: int | None) -> None:
    found = list(record(left(**wrong)).findings())
    assert [finding.level for finding in found] == ([] if level is None else [level])
    assert all(f"({count})" in found[0].text for count in wrong.values())


def test_what_is_said_of_a_frame_last_counts() -> None:
    found = record(left(**{OVERLAPPING: 3}), left(**{OVERLAPPING: 2}))
    found.put(0, left())
    assert f"about 2 of {2 * N} beads" in next(found.findings()).text
    found.put(1, left())
    assert not list(found.findings())


def test_beads_that_were_mended_are_counted() -> None:
    found = MendingRecord(Tally())
    assert not list(found.lines())
    found.add(0, np.ones(N, dtype=bool))
    assert f"{N} of {N} beads" in next(found.lines())
