"""What is said of sweeps while they go on."""
from __future__ import annotations

from backmap_plugins.steps.leading import LEADS, SOFTEN
from backmap_plugins.steps.move_options import HamiltonianOptions
from backmap_plugins.steps.stages import AGAIN, ANNEAL, CROSSING, DOWNHILL, HEATED, MAIN, TEMPERED, said, sweeps


def test_sweeps_that_count_are_numbered_by_themselves() -> None:
    """A recipe with 2 sweeps says 2, whatever comes before and after; tempered ones go with the one after them."""
    names = [SOFTEN, SOFTEN, LEADS[0], ANNEAL, TEMPERED, MAIN, TEMPERED, MAIN, HEATED, CROSSING, AGAIN, AGAIN]
    assert said(names) == [
        "parting overlaps, sweep 1 of 2", "parting overlaps, sweep 2 of 2", "repair", "annealing, sweep 1 of 1",
        "sweep 1 of 2", "sweep 1 of 2", "sweep 2 of 2", "sweep 2 of 2",
        "second start, sweep 1 of 3", "second start, sweep 2 of 3", "second start, sweep 2 of 3",
        "second start, sweep 3 of 3"]


def test_steps_downhill_come_right_before_the_sweeps_that_count_and_once() -> None:
    names = [name for name, *_ in sweeps(HamiltonianOptions(sweeps=2, soft_core_sweeps=1, downhill=3), twice=True)]
    assert names.count(DOWNHILL) == 1
    assert names[names.index(DOWNHILL) + 1] == names[names.index(DOWNHILL) + 2] == MAIN
    assert DOWNHILL not in [name for name, *_ in sweeps(HamiltonianOptions(), twice=True)]
