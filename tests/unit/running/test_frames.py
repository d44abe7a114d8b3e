"""Choice of frames."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from backmap import api
from backmap.errors import BackmapError
from backmap.model.system import System
from backmap.running import frames

from ...toy_plugin import ToyFrames, diatomic


@pytest.mark.parametrize(("text", "expected"), [
    (None, range(10)), ("0", [0]), ("3,1,7", [3, 1, 7]), ("2:5", [2, 3, 4]), ("::4", [0, 4, 8]), ("8:", [8, 9]),
    (":2,9", [0, 1, 9]), ("0:10:5", [0, 5]),
])
def test_select(text: str | None, expected: list[int]) -> None:
    assert frames.select(text, 10) == list(expected)


@pytest.mark.parametrize(("text", "message"), [
    ("10", "'10' is out of range: cg.xtc has 10 frames, 0 to 9"),
    ("0:11", "'0:11' is out of range: cg.xtc has 10 frames"),
    ("-1", "'-1' is out of range"),
    ("0:5:0", "'0:5:0' is out of range"),
    ("a", "'a' is not a frame or a range. Write 0,10,20 or start:stop:step, counted from 0."),
    ("1,,2", "'' is not a frame or a range"),
    ("1:2:3:4", "'1:2:3:4' is not a frame or a range"),
    ("1,1", "a frame is chosen twice"),
    ("5:5", "no frame is chosen"),
])
def test_select_mistakes(text: str, message: str) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        frames.select(text, 10, "cg.xtc")


class Clock(ToyFrames):
    """Twenty-one frames, one every 2.5 ps from 5 ps on."""

    n_frames = 21

    def __init__(self) -> None:
        self.where = "cg.xtc"

    def frame(self, number: int) -> api.FrameInfo:
        return api.FrameInfo(np.zeros((3, 3)), np.eye(3), float(np.float32(5.0 + 2.5 * number)))


def times(begin: float | None = None, end: float | None = None, dt: float | None = None) -> list[float]:
    source = Clock()
    return [source.frame(number).time for number in frames.Choice(None, begin, end, dt).numbers(source)]


#: Options of ``gmx trjconv``, and the times of the frames that it wrote (GROMACS 2022.5).
BY_TIME = [
    (("-b", 10, "-e", 30), list(np.arange(10, 30.1, 2.5))),
    (("-dt", 10), [5, 15, 25, 35, 45, 55]),
    (("-b", 11, "-dt", 5), list(np.arange(12.5, 53, 5))),
    (("-b", 12.5, "-e", 40, "-dt", 10), [12.5, 22.5, 32.5]),
    (("-dt", 4), [5, 25, 45]),
]


@pytest.mark.parametrize(("options", "expected"), BY_TIME, ids=lambda value: " ".join(map(str, value)))
def test_choice_by_time(options: tuple, expected: list[float]) -> None:
    names = {"-b": "begin", "-e": "end", "-dt": "dt"}
    assert times(**{names[flag]: value for flag, value in zip(options[::2], options[1::2])}) == expected


@pytest.mark.skipif(shutil.which("gmx") is None, reason="GROMACS' gmx is not on the PATH")
@pytest.mark.parametrize(("options", "expected"), BY_TIME, ids=lambda value: " ".join(map(str, value)))
def test_choice_by_time_is_that_of_gromacs(options: tuple, expected: list[float], tmp_path: Path) -> None:
    with XTCFile(str(tmp_path / "in.xtc"), "w") as file:
        for number in range(Clock.n_frames):
            file.write(np.zeros((3, 3), "f"), np.eye(3, dtype="f"), number, Clock().frame(number).time, 1000.0)
    subprocess.run(["gmx", "trjconv", "-f", "in.xtc", "-o", "out.xtc", *map(str, options)], cwd=tmp_path, check=True,
                   capture_output=True)
    with XTCFile(str(tmp_path / "out.xtc")) as file:
        assert [frame.time for frame in file] == expected


def test_a_source_that_knows_its_times_is_not_read() -> None:
    class Knowing(Clock):
        def times(self) -> np.ndarray:
            return np.arange(21.0)

        def frame(self, number: int) -> api.FrameInfo:
            raise AssertionError

    assert frames.Choice("3:9", begin=4, dt=2).numbers(Knowing()) == [4, 6, 8]


def test_choice_by_number_and_time() -> None:
    assert frames.Choice("::2", begin=11, end=30).numbers(Clock()) == [4, 6, 8, 10]
    assert frames.Choice("4,2").numbers(Clock()) == [4, 2]
    assert frames.Choice.of(None).numbers(Clock()) == list(range(21))


@pytest.mark.parametrize(("limits", "message"), [
    ({"dt": 0.0}, "--dt 0: should be a time above 0 ps"),
    ({"begin": 3.0, "end": 2.0}, "--begin 3 --end 2: ends before it begins"),
    ({"begin": 100.0}, "--begin 100: no frame is chosen: cg.xtc goes from 5 to 55 ps"),
    ({"text": "0", "end": 1.0}, "--frames 0 --end 1: no frame is chosen"),
])
def test_choice_mistakes(limits: dict[str, float], message: str) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        frames.Choice(**limits).numbers(Clock())


@pytest.mark.parametrize(("numbers", "expected"), [
    ([3], "3"), ([1, 2], "1,2"), ([1, 2, 3], "1:4"), ([0, 5, 10], "0:11:5"), ([4, 2, 0], "4,2,0"), ([0, 1, 3], "0,1,3"),
])
def test_spelled_frames_are_read_again(numbers: list[int], expected: str) -> None:
    assert frames.spelled(numbers) == expected
    assert frames.select(expected, 20) == numbers


def test_no_frames() -> None:
    with pytest.raises(BackmapError, match=r"cg.xtc: holds no frames"):
        frames.select(None, 0, "cg.xtc")


def test_windows_depend_on_the_selection_alone() -> None:
    system = System(((diatomic(), 3),))
    assert frames.window_size(system.n_atoms, 2) == 2
    assert frames.window_size(system.n_atoms, None) == 64
    assert frames.window_size(400_000, None) == 1
