"""How much of the work is done."""
from __future__ import annotations

import pytest

from backmap.running.pace import Pace


def test_nothing_known_counts_alike() -> None:
    pace = Pace(4)
    assert pace.share(0, 0.0, 0.0, 1) == 0.0
    assert pace.share(0, 0.5, 1.0, 1) == pytest.approx(0.125)


def test_steps_weigh_what_they_took() -> None:
    pace = Pace(2)
    pace.begin()
    assert pace.share(0, 0.5, 1.0, 1) == pytest.approx(0.25)
    pace.done(0, 2.0, 1)
    assert pace.share(1, 0.25, 4.5, 1) == pytest.approx((2 + 4.5) / 20)  # that one takes 18 s
    pace.done(1, 18.0, 1)
    pace.begin()
    assert pace.share(0, 1.0, 7.0, 1) == pytest.approx(0.1)  # as it was for the first frame
    assert pace.share(1, 0.5, 1.0, 1) == pytest.approx(0.55)


def test_it_never_goes_back() -> None:
    pace = Pace(3)
    pace.done(0, 1.0, 1)
    assert pace.share(1, 0.5, 0.1, 1) == pytest.approx(pace.share(1, 0.6, 100.0, 1))


def test_frames_count_each() -> None:
    pace = Pace(2)
    pace.done(0, 10.0, 10)
    assert pace.share(1, 0.5, 2.0, 4) == pytest.approx((1 + 0.5) / 2)
