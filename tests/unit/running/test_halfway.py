"""What is kept of a frame that is at work, and what is not."""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from backmap.model.memory import Memory
from backmap.model.system import Window
from backmap.running.halfway import STEP, SWEEP, Entered, Halfway
from tests import builders


def entered() -> Entered:
    """A frame at the third step, with flags, a tally and bytes that wait."""
    system = builders.system()
    window = builders.window(system, n_frames=1)
    window.flags["clash"] = np.arange(window.beads.shape[1])[None] % 2 == 0
    memory = Memory()
    memory["moves"].row("energy", 4, [1.5, 2.5])
    return Entered(2, window, {-1: Memory(), 1: memory}, [("a.txt", b"abc"), ("b.txt", b"")])


def test_a_frame_comes_back_as_it_was(tmp_path: Path) -> None:
    frame = entered()
    systems = [frame.window.system]
    before = Halfway(tmp_path, large=3)
    assert before.begin(4, 1, systems) is None
    before.enter(7, frame, systems, fresh=True)
    before.keep(7, 2, {"atoms": np.arange(6.0)})
    after = Halfway(tmp_path, large=3)
    found = after.begin(4, 1, systems)
    assert found is not None
    assert (found.number, found.appended) == (frame.number, frame.appended)
    np.testing.assert_array_equal(found.memories[1]["moves"].rows("energy"), [[1.5, 2.5]])
    for each in fields(Window):
        one, other = getattr(frame.window, each.name), getattr(found.window, each.name)
        if each.name == "flags":
            np.testing.assert_array_equal(other["clash"], one["clash"])
        elif each.name == "system":
            assert other is one
        elif one is None:
            assert other is None
        else:
            np.testing.assert_array_equal(other, one)
    after.enter(7, found, systems, fresh=False)
    sweeps, arrays = after.last(7)
    assert (sweeps, arrays["atoms"].tolist()) == (2, np.arange(6.0).tolist())
    assert after.last(8) == (0, {})  # a step inside another one


def test_other_frames_and_small_ones_are_not_kept(tmp_path: Path) -> None:
    frame = entered()
    systems = [frame.window.system]
    large = Halfway(tmp_path, large=3)
    large.begin(4, 1, systems)
    large.enter(7, frame, systems, fresh=True)
    large.keep(7, 1, {})
    large.enter(8, frame, systems, fresh=True)  # what the step before kept is gone
    assert large.last(8) == (0, {})
    assert Halfway(tmp_path, large=3).begin(5, 1, systems) is None
    assert not {STEP, SWEEP} & {path.name for path in tmp_path.iterdir()}
    small = Halfway(tmp_path)
    small.begin(5, 1, systems)
    small.enter(7, frame, systems, fresh=True)
    small.keep(7, 1, {"atoms": np.zeros(3)})
    assert small.last(7) == (0, {})
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_as_none(tmp_path: Path) -> None:
    frame = entered()
    systems = [frame.window.system]
    kept = Halfway(tmp_path, large=3)
    kept.begin(4, 1, systems)
    kept.enter(7, frame, systems, fresh=True)
    whole = (tmp_path / STEP).read_bytes()
    for broken in (b"", b"not an archive", whole[:len(whole) // 2]):
        (tmp_path / STEP).write_bytes(broken)
        assert Halfway(tmp_path, large=3).begin(4, 1, systems) is None
