"""What is said of beads that mending leaves."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.steps.mended import MendingRecord

from backmap.engine.mending import MISSED, OVERLAPPING, TROUBLES
from backmap.model.assessment import CARE, UNUSABLE
from backmap.model.tally import Tally

N = 1000


@pytest.mark.parametrize(("left", "level"), [
    ({}, None), ({MISSED: 7}, CARE), ({MISSED: 11}, UNUSABLE), ({OVERLAPPING: 1}, UNUSABLE),
    ({MISSED: 7, OVERLAPPING: 1}, UNUSABLE)])
def test_beads_that_are_missed_are_named_and_atoms_that_overlap_are_not_to_be_used(left: dict[str, int],
                                                                                  level: int | None) -> None:
    record = MendingRecord(Tally())
    record.add(0, np.ones(N, dtype=bool), {name: np.arange(N) < left.get(name, 0) for name in TROUBLES})
    found = list(record.findings())
    assert [finding.level for finding in found] == ([] if level is None else [level])
    assert all(f"({count})" in found[0].text for count in left.values())
    assert f"{N} of {N} beads" in next(record.lines())
