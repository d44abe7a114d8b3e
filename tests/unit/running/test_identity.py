"""What a run is: everything that its bytes follow from, and what differs when something has changed."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from backmap.errors import BackmapError
from backmap.running import identity
from backmap.running.identity import Identity, signature, signatures, sources

OPTIONS = {"steps": [{"read": {"beads": {"gromacs": "cg.xtc"}}}, {"gibbs": {"sweeps": 4, "only": ["clash"]}}]}


def of(**changed: object) -> Identity:
    known = {"options": OPTIONS, "seed": 7, "chosen": "all", "device": "cpu", "inputs": {"cg.xtc": "1", "a.top": "2"},
             "plugins": {"backmap_plugins": "3"}, "versions": {"torch": "2.13"}}
    return Identity(**known | changed)


def gibbs(**options: object) -> dict:
    return {"steps": [OPTIONS["steps"][0], {"gibbs": options}]}


@pytest.mark.parametrize(("changed", "said"), [
    ({}, []),
    ({"options": gibbs(sweeps=5, only=["clash"])}, ["steps[1].gibbs.sweeps was 4 and is 5"]),
    ({"options": gibbs(sweeps=4)}, ['steps[1].gibbs.only was ["clash"] and is not there']),
    ({"options": {"steps": ["x"]}}, None),
    ({"seed": 8}, ["the seed was 7 and is 8"]),
    ({"chosen": "--frames 0:3"}, ["the choice of frames was all and is --frames 0:3"]),
    ({"device": "cuda"}, ["the device was cpu and is cuda"]),
    ({"inputs": {"cg.xtc": "9", "a.top": "2"}}, ["the file cg.xtc has changed"]),
    ({"inputs": {"cg.xtc": "1"}}, ["the file a.top was read then"]),
    ({"inputs": {"cg.xtc": "1", "a.top": "2", "b.itp": "4"}}, ["the file b.itp was not read then"]),
    ({"plugins": {"backmap_plugins": "9"}}, ["the plugin backmap_plugins has changed"]),
    ({"versions": {"torch": "2.14"}}, ["torch was 2.13 and is 2.14"]),
    ({"tuned": {"steps[1].gibbs": {"sweeps": 8}}},
     ['tuned.yaml: steps[1].gibbs was not there and is {"sweeps": 8}']),
])
def test_differences_are_named(changed: dict, said: list[str] | None) -> None:
    before = Identity.of_json(of().to_json())
    found = list(before.differences(of(**changed)))
    assert found == said if said is not None else len(found) == 1


def test_several_differences_are_counted(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"out: the run here was begun with something else: the seed was 7 and is 8, "
                                           r"and 2 other things. Resume with what it began with"):
        of(seed=8, device="cuda", chosen="--frames 1", folder=tmp_path).expect(of(), "out")


def test_a_record_of_another_version_is_no_identity() -> None:
    assert Identity.of_json({"identity": "5f3a"}) is None
    assert Identity.of_json("5f3a") is None
    with pytest.raises(BackmapError, match="another version of backmap"):
        of().expect(None, "out")


def test_files_that_only_steps_came_to_read_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "included.itp").write_text("one")
    before = of(folder=tmp_path)
    before.include([tmp_path / "included.itp"])
    now = of(folder=tmp_path)
    now.expect(before, "out")  # the same
    (tmp_path / "included.itp").write_text("two")
    with pytest.raises(BackmapError, match=r"the file included.itp has changed"):
        now.expect(before, "out")
    (tmp_path / "included.itp").unlink()
    with pytest.raises(BackmapError, match=r"the file included.itp was read then"):
        now.expect(before, "out")


def test_files_that_change_under_way_are_told(tmp_path: Path) -> None:
    path = tmp_path / "cg.xtc"
    path.write_text("one")
    now = of(inputs=signatures([path], tmp_path), folder=tmp_path)
    now.expect_unchanged(0.0)
    path.write_text("two")
    now.expect_unchanged(path.stat().st_ctime + 5)  # not looked at: nobody touched it since
    for change in (lambda: None, path.unlink):
        change()
        with pytest.raises(BackmapError, match=r"cg.xtc: has changed while this run was reading it"):
            now.expect_unchanged(0.0)


def test_small_files_are_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert signature(path) == hashlib.sha256(b"abc" * 1000).hexdigest()
    os.utime(path, (1, 1))
    assert signatures([path], tmp_path / "sub") == {"../x": hashlib.sha256(b"abc" * 1000).hexdigest()}


def test_large_files_are_sampled_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LARGE", 100)
    monkeypatch.setattr(identity, "PIECE", 10)
    path = tmp_path / "x"
    data = bytearray(os.urandom(1000))
    path.write_bytes(data)
    os.utime(path, (5, 5))
    first = signature(path)
    assert first.startswith("sampled:")
    assert signature(path) == first
    for change in (0, 999):  # the first piece and the last
        path.write_bytes(data[:change] + bytes([data[change] ^ 1]) + data[change + 1:])
        os.utime(path, (5, 5))
        assert signature(path) != first
    path.write_bytes(data)
    os.utime(path, (6, 6))
    assert signature(path) != first, "another time is another file"


def test_sources_of_a_package_and_of_a_file() -> None:
    class Mine:
        pass

    class Ours:
        pass

    Mine.__module__, Ours.__module__ = __name__, "backmap.running.runner"
    found = sources([Mine, Ours, Ours])
    assert set(found) == {"tests", "backmap"}
