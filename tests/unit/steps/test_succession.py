"""Which frames go on where the one before was."""
from __future__ import annotations

import pytest
from backmap_plugins.steps.succession import predecessors


@pytest.mark.parametrize(("times", "expected"), [
    ([], []), ([5.0], [-1]), ([0.0, 1.0, 2.0], [-1, 0, 1]), ([0.0, 1.0, 3.0, 4.0], [-1, 0, -1, 2]),
    ([0.0, 2.0, 1.0], [-1, 0, -1]), ([0.0, 0.0, 0.0], [-1, -1, -1])])
def test_frames_follow_at_the_first_interval(times: list[float], expected: list[int]) -> None:
    """Not after a gap, not backwards in time, and not where there are no times."""
    assert predecessors(times) == expected
