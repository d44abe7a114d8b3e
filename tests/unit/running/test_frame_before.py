"""The frame before, in memory and across an interruption."""
from __future__ import annotations

import numpy as np
import pytest

from backmap.errors import BackmapError
from backmap.model.memory import Memory, pack, unpack
from backmap.running.frame_before import FrameBefore
from tests import scenes


class Step:
    """As much of a step as is asked for."""

    name, where = "toy", "run.yaml: steps[1].toy"

    def __init__(self, follows: bool = False, inside: tuple = ()) -> None:
        self.follows, self.branches = follows, {"start": inside}


def test_a_frame_follows_the_one_before_it_in_its_replica() -> None:
    system, window = scenes.octane_window()
    before, own = FrameBefore([Step(follows=True)]), Memory()
    window.place[:], window.replica[:] = 4, 1
    before.keep(window, [system], own)
    assert before.of(5, 1) is window
    assert [before.of(*where) for where in ((4, 1), (6, 1), (5, 0))] == [None] * 3
    recalled = FrameBefore([Step(follows=True)])
    recalled.recall(unpack(pack({-1: own}))[-1], [system])
    found = recalled.of(5, 1)
    assert found.system is system
    for name in ("frames", "time", "boxes", "beads", "atoms", "replica", "place"):
        np.testing.assert_array_equal(getattr(found, name), getattr(window, name))


def test_nothing_is_kept_where_no_step_follows() -> None:
    system, window = scenes.octane_window()
    before, own = FrameBefore([Step()]), Memory()
    before.keep(window, [system], own)
    assert not own
    assert before.of(int(window.place[0]) + 1, 0) is None


def test_a_step_inside_of_another_cannot_follow() -> None:
    with pytest.raises(BackmapError, match="'toy' follows the frame before, and cannot be inside of another step"):
        FrameBefore([Step(inside=(Step(follows=True),))])
