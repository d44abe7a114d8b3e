"""What is said of sweeps while they go on."""
from __future__ import annotations

import pytest
from backmap_plugins.steps.leading import LEADS, ROTATE, ROTATE_AGAIN, SIFT, SIFT_AGAIN, SOFTEN
from backmap_plugins.steps.move_options import HamiltonianOptions
from backmap_plugins.steps.stages import (
    AGAIN,
    ANNEAL,
    COOLED,
    CROSSING,
    DOWNHILL,
    HEATED,
    MAIN,
    SLOWER,
    TEMPERED,
    said,
    sweeps,
)
from backmap_plugins.steps.turning import ROUNDS


def test_sweeps_that_count_are_numbered_by_themselves() -> None:
    """A recipe with 2 sweeps says 2, whatever comes before and after; tempered ones go with the one after them."""
    names = [SOFTEN, SOFTEN, LEADS[0], ANNEAL, TEMPERED, MAIN, TEMPERED, MAIN, HEATED, CROSSING, AGAIN, AGAIN]
    assert said(names) == [
        "parting overlaps, sweep 1 of 2", "parting overlaps, sweep 2 of 2", "repair", "annealing, sweep 1 of 1",
        "sweep 1 of 2", "sweep 1 of 2", "sweep 2 of 2", "sweep 2 of 2",
        "second start, sweep 1 of 3", "second start, sweep 2 of 3", "second start, sweep 2 of 3",
        "second start, sweep 3 of 3"]


@pytest.mark.parametrize(("temperature", "hottest", "hot"), [(300, None, 600), (568, None, 1136), (300, 450, 450)])
def test_frames_are_cooled_and_second_starts_more_slowly(temperature: float, hottest: float | None, hot: float) -> None:
    options = HamiltonianOptions(annealing_sweeps=20, sweeps=3, temperature=temperature, hottest=hottest)
    stages = sweeps(options, twice=True)
    first, second = ([settings for name, _, settings in stages if name == which] for which in (ANNEAL, COOLED))
    assert len(second) == SLOWER * len(first) == SLOWER * 20
    for cooling in (first, second):
        falling = [each["temperature"] for each in cooling]
        assert falling == sorted(falling, reverse=True)
        assert falling[0] == hot
        assert temperature < falling[-1] < temperature + 0.2 * (hot - temperature)
        assert {each["length"] for each in cooling} == {2.0}


def test_steps_downhill_come_right_before_the_sweeps_that_count_and_once() -> None:
    names = [name for name, *_ in sweeps(HamiltonianOptions(sweeps=2, soft_core_sweeps=1, downhill=3), twice=True)]
    assert names.count(DOWNHILL) == 1
    assert names[names.index(DOWNHILL) + 1] == names[names.index(DOWNHILL) + 2] == MAIN
    assert DOWNHILL not in [name for name, *_ in sweeps(HamiltonianOptions(), twice=True)]


def test_molecules_turn_while_they_cool_before_they_are_sifted() -> None:
    stages = sweeps(HamiltonianOptions(rotation_sweeps=40, sifting_rounds=2, sweeps=1), twice=True)
    names = [name for name, *_ in stages]
    for turn, sift, then in ((ROTATE, SIFT, MAIN), (ROTATE_AGAIN, SIFT_AGAIN, AGAIN)):
        assert names.count(turn) == ROUNDS
        assert [number for name, number, _ in stages if name == turn] == [*range(ROUNDS)]
        assert names.index(turn) < names.index(sift) < names.index(then)
    assert said([ROTATE, ROTATE_AGAIN]) == ["turning", "second start, turning"]
    for options in ({"rotation_sweeps": 0}, {"rotation_sweeps": 40, "only": ["clash"]}):
        assert ROTATE not in [name for name, *_ in sweeps(HamiltonianOptions(**options), twice=True)]
