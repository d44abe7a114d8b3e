"""Choice of frames, and frames on disk becoming windows."""
from __future__ import annotations

import re

import numpy as np
import pytest

from backmap import api, frames
from backmap.errors import BackmapError
from backmap.model.system import System

from ..toy_plugin import ToyFrames, ToyReader, diatomic


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


def test_no_frames() -> None:
    with pytest.raises(BackmapError, match=r"cg.xtc: holds no frames"):
        frames.select(None, 0, "cg.xtc")


def test_windows_depend_on_the_selection_alone() -> None:
    system = System(((diatomic(), 3),))
    assert frames.partition([0, 2, 4, 6, 8], system, 2) == [[0, 2], [4, 6], [8]]
    assert frames.partition(list(range(65)), system, None) == [list(range(64)), [64]]
    assert len(frames.partition([0, 1], System(((diatomic(), 200_000),)), None)) == 2


def test_windows_are_read_one_at_a_time() -> None:
    read: list[int] = []

    class Noted(ToyFrames):
        def frame(self, number: int) -> api.FrameInfo:
            read.append(number)
            return super().frame(number)

    stream = frames.windows([[0, 1], [2, 3]], System(((diatomic(), 3),)), Noted(ToyReader.Options()), None)
    next(stream)
    assert read == [0, 1]
    next(stream)
    assert read == [0, 1, 2, 3]


def source(**options: object) -> ToyFrames:
    return ToyFrames(ToyReader.Options(**options))


def test_window_is_whole_and_reference_is_near_its_beads() -> None:
    system = System(((diatomic(), 3),))

    class Broken(ToyFrames):
        def frame(self, number: int) -> api.FrameInfo:
            """Atoms 0.1 nm to both sides of the beads, wrapped into the box and in another image."""
            beads = super().frame(number).positions[:3]
            atoms = np.repeat(beads, 2, axis=0) + np.tile([[-0.1, 0, 0], [0.1, 0, 0]], (3, 1))
            return api.FrameInfo(atoms % 3.0 + [0, 3.0, 0], np.eye(3) * 3, 0.0)

    window = frames.window_of([0, 4], system, source(points=3), Broken(ToyReader.Options()))
    assert window.frames.tolist() == [0, 4]
    assert window.time.tolist() == [0.0, 4.0]
    assert window.beads.shape == (2, 3, 3)
    np.testing.assert_allclose(system.map(window.reference), window.beads, atol=1e-12)
    np.testing.assert_allclose(window.reference[0, 1] - window.reference[0, 0], [0.2, 0, 0], atol=1e-12)


@pytest.mark.parametrize(("options", "message"), [
    ({"bad": 4}, "toy.xtc: frame 4: 1 of 3 positions are not numbers, the first is number 1 (counted from 0)"),
    ({"edge": None}, "toy.xtc: frame 4: there is no box, but the system has 3 molecules"),
    ({"edge": 0.0}, "toy.xtc: frame 4: there is no box"),
    ({"edge": 1e-9}, "toy.xtc: frame 4: the box has no volume"),
    ({"edge": float("nan")}, "toy.xtc: frame 4: the box is not made of numbers"),
])
def test_bad_frames(options: dict, message: str) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        frames.window_of([4], System(((diatomic(), 3),)), source(**options), None)


def test_one_molecule_needs_no_box() -> None:
    window = frames.window_of([0], System(((diatomic(), 1),)), source(points=1, edge=None), None)
    assert window.box(0) is None
