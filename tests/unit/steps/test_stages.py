"""What is said of sweeps while they go on."""
from __future__ import annotations

from backmap_plugins.steps.leading import LEADS, SOFTEN
from backmap_plugins.steps.stages import AGAIN, ANNEAL, CROSSING, HEATED, MAIN, TEMPERED, said


def test_sweeps_that_count_are_numbered_by_themselves() -> None:
    """A recipe with 2 sweeps says 2, whatever comes before and after; tempered ones go with the one after them."""
    names = [SOFTEN, SOFTEN, LEADS[0], ANNEAL, TEMPERED, MAIN, TEMPERED, MAIN, HEATED, CROSSING, AGAIN, AGAIN]
    assert said(names) == [
        "parting overlaps, sweep 1 of 2", "parting overlaps, sweep 2 of 2", "repair", "annealing, sweep 1 of 1",
        "sweep 1 of 2", "sweep 1 of 2", "sweep 2 of 2", "sweep 2 of 2",
        "second start, sweep 1 of 3", "second start, sweep 2 of 3", "second start, sweep 2 of 3",
        "second start, sweep 3 of 3"]
