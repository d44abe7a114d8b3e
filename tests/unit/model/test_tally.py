"""Tallies: the same whatever way the frames are cut."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backmap.model.tally import Tally


def measured(indices: list[int]) -> Tally:
    """A tally of made-up frames."""
    tally = Tally()
    for index in indices:
        tally.count("histogram", index, np.bincount([index % 3, 1], minlength=3))
        tally.row("energy", index, [index / 7, 1 / (index + 1)])
    return tally


@given(st.permutations(list(range(8))), st.integers(0, 8))
def test_order_and_cuts_do_not_matter(order: list[int], cut: int) -> None:
    whole = measured(list(range(8)))
    parts = Tally.merged([measured(order[:cut]), measured(order[cut:])])
    for one, other in ((whole, parts), (whole, Tally.from_arrays(parts.to_arrays()))):
        np.testing.assert_array_equal(one.counts("histogram"), other.counts("histogram"))
        np.testing.assert_array_equal(one.rows("energy"), other.rows("energy"))
        assert one.n_frames == other.n_frames == 8


def test_halves_add_up() -> None:
    whole = measured(list(range(5)))
    even, odd = whole.half(0), whole.half(1)
    assert (even.n_frames, odd.n_frames) == (3, 2)
    np.testing.assert_array_equal(even.counts("histogram") + odd.counts("histogram"), whole.counts("histogram"))
    np.testing.assert_array_equal(odd.rows("energy"), whole.rows("energy")[1::2])


def test_frames_are_drawn_again_with_their_replicas() -> None:
    whole = measured(list(range(12)))
    rows = whole.rows("energy")
    np.testing.assert_array_equal(whole.resampled([3, 3, 0]).rows("energy"), rows[[3, 3, 0]])
    assert whole.n_bead_frames == 12
    whole.period = 4  # three replicas of four frames
    assert (whole.n_bead_frames, whole.n_frames) == (4, 12)
    np.testing.assert_array_equal(whole.resampled([3, 3, 0]).rows("energy"), rows[[3, 7, 11, 3, 7, 11, 0, 4, 8]])


def test_names() -> None:
    tally = measured([0])
    assert tally.names() == ["energy", "histogram"]
    assert tally.names("hist") == ["histogram"]
    assert "energy" in tally
    assert "mass" not in tally


def test_counts_are_integers() -> None:
    with pytest.raises(TypeError, match="counts are integers"):
        Tally().count("x", 0, np.array([0.5]))


@given(st.permutations(list(range(6))), st.integers(0, 6))
def test_what_is_held_is_that_of_the_last_frame(order: list[int], cut: int) -> None:
    parts = []
    for indices in (order[:cut], order[cut:]):
        parts.append(Tally())
        for index in indices:
            parts[-1].hold("frame", index, np.full((2, 3), index))
    for tally in (Tally.merged(parts), Tally.from_arrays(Tally.merged(parts).to_arrays())):
        index, values = tally.held("frame")
        assert index == 5
        np.testing.assert_array_equal(values, np.full((2, 3), 5.0))
        assert tally.names() == ["frame"]
