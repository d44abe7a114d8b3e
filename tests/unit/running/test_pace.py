"""How much of the work is done, by steps that have taken their time, and of it by a run before this one."""
from __future__ import annotations

import pytest

from backmap.running.pace import Pace


def test_nothing_known_counts_alike() -> None:
    pace = Pace(4)
    assert pace.share(0, 0.0, 0.0, 1) == (0.0, 0.0)
    assert pace.share(0, 0.5, 1.0, 1)[0] == pytest.approx(0.125)


def test_steps_weigh_what_they_took() -> None:
    pace = Pace(2)
    pace.begin()
    assert pace.share(0, 0.5, 1.0, 1)[0] == pytest.approx(0.25)
    pace.done(0, 2.0, 1)
    assert pace.share(1, 0.25, 4.5, 1)[0] == pytest.approx((2 + 4.5) / 20)  # that one takes 18 s
    pace.done(1, 18.0, 1)
    pace.begin()
    assert pace.share(0, 1.0, 7.0, 1)[0] == pytest.approx(0.1)  # as it was for the first frame
    assert pace.share(1, 0.5, 1.0, 1)[0] == pytest.approx(0.55)


def test_it_never_goes_back() -> None:
    pace = Pace(3)
    pace.done(0, 1.0, 1)
    assert pace.share(1, 0.5, 0.1, 1)[0] == pytest.approx(pace.share(1, 0.6, 100.0, 1)[0])


def test_frames_count_each() -> None:
    pace = Pace(2)
    pace.done(0, 10.0, 10)
    assert pace.share(1, 0.5, 2.0, 4)[0] == pytest.approx((1 + 0.5) / 2)


def left(pace: Pace, number: int, fraction: float, seconds: float) -> float:
    """Seconds that the rest takes at the speed of what was done since this run began."""
    share, before = pace.share(number, fraction, seconds, 1)
    return (1 - share) * seconds / (share - before)


def test_what_was_done_before_does_not_count_for_the_speed() -> None:
    pace = Pace(3)
    pace.begin(2, inside=True)
    pace.done(0, 1.0, 1)
    pace.done(1, 1.0, 1)
    share, before = pace.share(2, 0.6, 0.0, 1)
    assert share == before == pytest.approx(2.6 / 3)
    assert left(pace, 2, 0.8, 10.0) == pytest.approx(10.0)  # three of five sweeps were done before, of 10 s each
    pace.done(2, 20.0, 1)
    pace.begin()
    assert pace.share(2, 0.0, 0.0, 1)[0] == pytest.approx(2 / 52)  # the whole step takes 50 s


def test_a_frame_that_goes_on_where_a_step_begins() -> None:
    pace = Pace(2)
    pace.begin(1)
    pace.done(0, 30.0, 1)
    assert left(pace, 1, 0.25, 5.0) == pytest.approx(15.0)


def test_a_step_that_had_done_all() -> None:
    pace = Pace(2)
    pace.begin(1, inside=True)
    assert pace.share(1, 1.0, 0.5, 1) == (1.0, 1.0)
    pace.done(1, 0.5, 1)  # tells nothing of how long it takes
    pace.begin()
    assert pace.share(0, 1.0, 1.0, 1)[0] == pytest.approx(0.5)
