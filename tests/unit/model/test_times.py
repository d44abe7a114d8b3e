"""Frames that lie in a span of time and a whole number of intervals apart."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.frames import FrameChoice, Frames, Selected
from hypothesis import given
from hypothesis import strategies as st

from backmap.api import FrameInfo
from backmap.model.times import chosen
from backmap.running.frames import Choice

THIRDS = np.arange(6001) / 3


def single(times: np.ndarray) -> np.ndarray:
    """As files keep them."""
    return times.astype(np.float32).astype(np.float64)


def numbers(times: np.ndarray, **limits: float) -> list[int]:
    return np.flatnonzero(chosen(times, **limits)).tolist()


@pytest.mark.parametrize("as_kept", [lambda times: times, single, lambda times: times.round(3)],
                         ids=["double", "single", "three decimals"])
@pytest.mark.parametrize(("dt", "every"), [
    (0.3333, 1), (1 / 3, 1), (0.6667, 2), (1, 3), (3.333, 10), (33.33, 100), (333.3, 1000), (1.667, 5), (0.1667, 1),
    (0.4, 6), (0.5, 3), (1000, 3000), (0.33, 99), (0.35, 21),  # frames at multiples of both
])
def test_thirds_of_a_picosecond(as_kept, dt: float, every: int) -> None:
    """An interval of four digits means that of the frames, however far it has gone; GROMACS loses them on the way."""
    assert numbers(as_kept(THIRDS), dt=dt) == list(range(0, 6001, every))


def test_counted_from_the_first_frame_inside() -> None:
    assert numbers(THIRDS, begin=0.5, end=3, dt=0.6667) == [2, 4, 6, 8]
    assert numbers(THIRDS, begin=1, end=2.1, dt=1) == [3, 6]
    assert numbers(THIRDS, begin=1, dt=1e5) == [3]


@pytest.mark.parametrize(("spacing", "dt", "every"), [
    (10, 10, 1), (10, 20, 2), (10, 100, 10), (10, 2.5, 1), (10, 15, 3), (0.2, 0.4, 2), (1, 2, 2),
    (1 / 3, 0.3333, 1), (1 / 3, 1, 3), (0.3, 1000, 10000),
])
@pytest.mark.parametrize("begin", [0, 1e5, 9.9e5])
def test_single_precision_up_to_a_microsecond(begin: float, spacing: float, dt: float, every: int) -> None:
    times = single(begin + spacing * np.arange(1000 if spacing < 10 else 10001))
    assert numbers(times, dt=dt) == list(range(0, len(times), every))


def test_missing_and_doubled_frames() -> None:
    there = np.r_[0:40, 700:800, 799:900]
    found = chosen(single(THIRDS[there]), dt=0.6667)
    assert there[found].tolist() == [k for k in there if k % 2 == 0]


def test_uneven_frames() -> None:
    times = np.array([0.0, 0.1, 1, 1.7, 2, 10, 11.5, 100, 1000])
    assert times[chosen(times, dt=1)].tolist() == [0, 1, 2, 10, 100, 1000]
    assert numbers(np.array([0.0, np.nan, 2, 3, 4]), dt=2) == [0, 2, 4]
    assert numbers(np.array([]), dt=2) == []
    assert numbers(np.array([7.0]), dt=2) == [0]


class Clock:
    """Frames of one point at given times."""

    path, n_points = Path("a.xtc"), 1

    def __init__(self, times: np.ndarray) -> None:
        self.kept, self.n_frames = times, len(times)

    def frame(self, number: int) -> FrameInfo:
        return FrameInfo(np.zeros((1, 3)), None, self.kept[number])

    def times(self) -> np.ndarray:
        return self.kept


@given(spacing=st.sampled_from([0.002, 0.1, 1 / 3, 2.5, 10.0]), first=st.just(0.0) | st.floats(1e-6, 1e6),
       count=st.integers(1, 60), dt=st.one_of(st.none(), st.floats(1e-6, 1e4)), steps=st.integers(1, 9),
       begin=st.none() | st.integers(-1, 60))
def test_the_command_line_and_readers_agree(spacing: float, first: float, count: int, dt: float | None, steps: int,
                                            begin: int | None) -> None:
    times = single(first + spacing * np.arange(count))
    start = None if begin is None else times[min(max(begin, 0), count - 1)] - (begin < 0)
    dt = float(f"{steps * spacing:.4g}") if dt is None else dt
    clock = Clock(times)
    read = Selected(Frames([clock], [clock.path]), FrameChoice(begin=start, dt=dt))
    picked = Choice(begin=start, dt=dt).numbers(Frames([clock], [clock.path]))
    assert [frame.time for frame in read] == times[picked].tolist()
    unread = type("Unread", (), {"n_frames": count, "where": "a.xtc", "frame": clock.frame})()
    assert Choice(begin=start, dt=dt).numbers(unread) == picked
    assert picked[0] == (0 if begin is None or begin < 0 else times.searchsorted(times[picked[0]]))
