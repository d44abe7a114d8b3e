"""Files that grow: what is never followed, written over or lost."""
from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from backmap.errors import BackmapError
from backmap.running import ledger
from backmap.running.identity import Identity
from backmap.running.ledger import Ledger

NAME = Path("atoms.xtc")


def identity(seed: int = 1) -> Identity:
    return Identity({}, seed, "all", "cpu")


def begun(folder: Path, **how: bool) -> Ledger:
    """A ledger with one file."""
    made = Ledger(folder, identity(), **how)
    made.claim(NAME)
    return made


@pytest.mark.parametrize("name", ["atoms.xtc.part", "progress.json.new", "progress.1.npz.new", "run.json.new"])
@pytest.mark.parametrize("dangling", [False, True])
def test_symbolic_links_are_not_followed(name: str, dangling: bool, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    if not dangling:
        mine.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / name).symlink_to(mine)
    made = begun(out)
    made.append(NAME, b"frame")
    made.commit(1, b"counted")
    made.finish({})
    made.stop()
    assert (out / "atoms.xtc").read_bytes() == b"frame"
    assert not (out / "atoms.xtc").is_symlink()
    assert mine.exists() != dangling
    assert dangling or mine.read_text() == "mine"


def test_a_link_in_place_of_a_part_is_refused_on_resume(tmp_path: Path) -> None:
    made = begun(tmp_path)
    made.append(NAME, b"frame")
    made.commit(1, b"counted")
    made.stop()
    (tmp_path / "elsewhere").write_bytes(b"frame and more")
    (tmp_path / "atoms.xtc.part").unlink()
    (tmp_path / "atoms.xtc.part").symlink_to(tmp_path / "elsewhere")
    again = Ledger(tmp_path, identity(), resume=True)
    with pytest.raises(BackmapError, match=r"atoms.xtc.part: is a symbolic link"):
        again.claim(NAME)
    again.stop()
    assert (tmp_path / "elsewhere").read_bytes() == b"frame and more"


@pytest.mark.parametrize("link", [os.link, os.symlink, None], ids=["hard link", "symbolic link", "itself"])
@pytest.mark.parametrize("late", [False, True])
def test_what_is_read_is_not_written_over(link: Callable | None, late: bool, tmp_path: Path) -> None:
    read = tmp_path / "atoms.xtc" if link is None else tmp_path / "cg.xtc"
    read.write_bytes(b"beads")
    if link is not None:
        link(read, tmp_path / "atoms.xtc")
    made = Ledger(tmp_path, identity(), force=True)
    first, then = [lambda: made.reads([read]), lambda: made.claim(NAME)][::-1 if late else 1]
    first()
    with pytest.raises(BackmapError, match=r"atoms.xtc: is read by this run and would be written over"):
        then()
    made.stop()
    assert read.read_bytes() == b"beads"


def test_what_is_much_to_remember_is_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BURDEN", 10)
    monkeypatch.setattr(ledger, "PATIENCE", 1e9)
    made = begun(tmp_path)
    for number in range(1, 6):
        made.append(NAME, b"frame")
        made.commit(1, b"as much as this" if number > 2 else b"little")
    assert json.loads((tmp_path / "progress.json").read_text())["n_frames"] == 2
    made.commit(0, b"as much as this", last=True)
    assert json.loads((tmp_path / "progress.json").read_text())["n_frames"] == 5
    made.append(NAME, b"half a fr")
    made.stop()
    again = begun(tmp_path, resume=True)
    assert (again.n_frames, again.memory()) == (5, b"as much as this")
    again.stop()
    assert (tmp_path / "atoms.xtc.part").read_bytes() == 5 * b"frame"


def test_a_run_that_got_nowhere_leaves_nothing(tmp_path: Path) -> None:
    made = begun(tmp_path)
    made.append(NAME, b"frame")
    made.stop()
    assert list(tmp_path.iterdir()) == []


def test_work_beforehand_can_be_resumed(tmp_path: Path) -> None:
    made = Ledger(tmp_path, identity())
    made.begin()
    made.stop()
    with pytest.raises(BackmapError, match="an unfinished run is here, with 0 frames done"):
        Ledger(tmp_path, identity())
    with pytest.raises(BackmapError, match=re.escape("the seed was 1 and is 2")):
        Ledger(tmp_path, identity(2), resume=True)
    again = Ledger(tmp_path, identity(), resume=True)
    assert (again.resumed, again.n_frames, again.memory()) == (True, 0, b"")
    again.stop()


@pytest.mark.parametrize("name", ["progress.1.npz.new", "progress.7.npz", "progress.json.new"])
def test_what_a_kill_left_half_written_goes(name: str, tmp_path: Path) -> None:
    made = begun(tmp_path)
    made.append(NAME, b"frame")
    made.commit(1, b"counted")
    made.stop()
    (tmp_path / name).write_text("half")
    again = begun(tmp_path, resume=True)
    again.append(NAME, b"frame")
    again.commit(1, b"counted")
    again.finish({})
    again.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"atoms.xtc", "run.json"}


def test_only_our_own_files_are_removed(tmp_path: Path) -> None:
    for name in ("progress.notes.npz", "memory.1", "progress.npz"):
        (tmp_path / name).write_text("mine")
    made = begun(tmp_path)
    made.commit(1, b"counted")
    made.finish({})
    made.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"progress.notes.npz", "memory.1", "progress.npz", "atoms.xtc",
                                                          "run.json"}


def test_a_claimed_file_need_not_come_to_be(tmp_path: Path) -> None:
    """Nor does one of an earlier run stay in its place."""
    (tmp_path / "pairs.pot").write_text("of an earlier run")
    made = begun(tmp_path, force=True)
    made.claim(Path("pairs.pot"))
    made.place(Path("pairs.pot"), None)
    made.place(NAME, b"frame")
    made.commit(1, b"counted")
    made.finish({})
    made.stop()
    assert made.names == ["atoms.xtc"]
    assert {path.name for path in tmp_path.iterdir()} >= {"atoms.xtc", "run.json"}
    assert not list(tmp_path.glob("pairs*"))
