"""What steps remember: merged in any order it is the same, and a file keeps it."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.model.memory import Memory, flags_of, note_flags, pack, unpack
from backmap.model.tally import Tally
from backmap.testing import example


def counted(places: range) -> Memory:
    memory = Memory()
    for place in places:
        memory["moves"].count("tried of A|B", place, [place, 2])
        memory["moves"].row("energy", place, [0.1 * place])
        memory["flags"].note("unmoved", place, [(place, bead) for bead in range(place)])
    return memory


def test_memories_of_parts_are_that_of_the_whole() -> None:
    whole = counted(range(9))
    for cut in range(10):
        first, second = counted(range(cut)), counted(range(cut, 9))
        first.merge(second)
        assert pack({1: first}) == pack({1: whole})


def test_a_memory_comes_back_from_its_bytes() -> None:
    memories = {3: counted(range(5)), -1: Memory(), 1007: counted(range(2, 4))}
    found = unpack(pack(memories))
    assert set(found) == {3, 1007}  # an empty one leaves nothing behind
    assert found[3]["moves"].counts("tried of A|B").tolist() == [10, 10]
    assert found[3]["moves"].rows("energy")[:, 0].tolist() == [0.1 * place for place in range(5)]
    assert found[1007]["flags"].noted("unmoved").tolist() == [[2, 0], [2, 1], [3, 0], [3, 1], [3, 2]]


@pytest.mark.parametrize("data", [b"", b"PK", b"no archive at all"])
def test_damaged_bytes_are_told(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any text of numpy's)
        unpack(data)


def test_lists_are_kept_to_a_length_that_does_not_depend_on_windows() -> None:
    def noted(places: range) -> Tally:
        tally = Tally()
        for place in places:
            tally.note("unmoved", place, np.arange(400) + 1000 * place)
        return tally

    whole = noted(range(7))
    assert len(whole.noted("unmoved")) == Tally.LISTED
    merged = Tally.merged([noted(range(4, 7)), noted(range(4))])
    assert merged.noted("unmoved").tolist() == whole.noted("unmoved").tolist()


def test_flags_are_counted_and_named() -> None:
    system, window = example()
    window.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["clash"][0, 1] = True
    window.flags["unmoved"] = np.zeros(window.beads.shape[:2], dtype=bool)
    tally = Tally()
    note_flags(tally, window)
    counts, names = flags_of(tally, system)
    assert counts == {"clash": 1, "unmoved": 0}
    assert names == {"clash": [f"frame {window.frames[0]}: {system.bead_label(1)}"]}
    note_flags(tally, replace(window, replica=np.full(window.size, 2), place=window.place + window.size))
    assert flags_of(tally, system)[1]["clash"][1:] == [f"frame {window.frames[0]}, replica 2: {system.bead_label(1)}"]
