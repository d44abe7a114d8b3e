"""A run that was stopped goes on with what it began with, or not at all: whatever has changed is named."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backmap import session
from backmap.errors import BackmapError, Interrupted
from backmap.running import identity
from backmap.testing.runs import Stopping, quiet
from tests import scenes

RECIPE = """\
recipe: 1
seed: 7
window: 1
output: out
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}, stereo: stereo.gro}
  - forcefield: {gromacs: octane.top, cutoff: 0.9}
  - read:
      beads: {gromacs: ["${BEADS:-cg.gro}", cg.xtc]}
      reference: {gromacs: [aa.gro, test_aa.xtc]}
  - forward: {generator: {equivariant: weights.safetensors}, regularizer: nothing}
  - assess: {assessors: structure, compare_with: {taken: {read_atoms: {gromacs: [aa.gro, taken.xtc]}}}}
  - write: {atoms: {gromacs: atoms.xtc}}
"""
PLUGIN = """\
import torch
from backmap import Regularizer, hookimpl

class Nothing(Regularizer):
    "No energy at all."
    def energy(self, env, positions):
        return torch.zeros(positions.shape[:2], dtype=torch.float64)

@hookimpl
def backmap_regularizers():
    return {"nothing": Nothing}
"""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was stopped after its first frame."""
    folder = tmp_path_factory.mktemp("changed")
    for name in ("octane.xml", "cg.gro", "cg.xtc", "aa.gro", "test_aa.xtc"):
        shutil.copy(scenes.RECIPE / name, folder)
    shutil.copy(folder / "aa.gro", folder / "stereo.gro")
    shutil.copy(folder / "test_aa.xtc", folder / "taken.xtc")
    shutil.copy(folder / "cg.gro", folder / "other.gro")
    shutil.copy(scenes.RECIPE / "octane_350K.safetensors", folder / "weights.safetensors")
    (folder / "octane.top").write_text('#include "body.itp"\n')
    (folder / "body.itp").write_text('#include "deeper.itp"\n' + (scenes.RECIPE / "octane.top").read_text())
    (folder / "deeper.itp").write_text("; nothing\n")
    (folder / "other.itp").write_text("; nothing\n")
    (folder / "nothing.py").write_text(PLUGIN)
    (folder / "run.yaml").write_text(RECIPE)
    with pytest.raises(Interrupted, match="stopped after 1 frames"):
        run(folder, display=Stopping())
    return folder


def run(folder: Path, **options: object) -> session.Result:
    return session.run(folder / "run.yaml", plugins=[folder / "nothing.py"], **{"display": quiet(), **options})


@pytest.fixture
def restored(begun: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder; what a test changes in it is mended after it."""
    before = {path: path.read_bytes() for path in begun.iterdir() if path.is_file()}
    yield begun
    for path in {*before, *(path for path in begun.iterdir() if path.is_file())}:
        path.write_bytes(before[path]) if path in before else path.unlink()


def appended(name: str) -> Callable[[Path], dict]:
    def change(folder: Path) -> dict:
        with open(folder / name, "ab") as file:
            file.write(b"\n")
        return {}
    return change


def written(old: str, new: str, name: str = "run.yaml") -> Callable[[Path], dict]:
    def change(folder: Path) -> dict:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        return {}
    return change


def flipped(name: str, at: int) -> Callable[[Path], dict]:
    """One bit of a file is another; its size and time are the same."""
    def change(folder: Path) -> dict:
        path = folder / name
        data, status = bytearray(path.read_bytes()), path.stat()
        data[at] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return {}
    return change


def given(**options: object) -> Callable[[Path], dict]:
    return lambda folder: options


def removed(name: str) -> Callable[[Path], dict]:
    return lambda folder: (folder / name).unlink() or {}


#: What is changed, and what the message names.
CHANGES = {
    "names of beads": (appended("cg.gro"), "the file cg.gro has changed"),
    "beads": (flipped("cg.xtc", -100), "the file cg.xtc has changed"),
    "names of true atoms": (appended("aa.gro"), "the file aa.gro has changed"),
    "true atoms": (flipped("test_aa.xtc", 5000), "the file test_aa.xtc has changed"),
    "another way's atoms": (flipped("taken.xtc", 700), "the file taken.xtc has changed"),
    "handedness": (appended("stereo.gro"), "the file stereo.gro has changed"),
    "topology": (appended("octane.top"), "the file octane.top has changed"),
    "included": (appended("body.itp"), "the file body.itp has changed"),
    "included by an included one": (written("nothing", "else", "deeper.itp"), "the file deeper.itp has changed"),
    "included no more": (removed("deeper.itp"), "the file deeper.itp was read then"),
    "mapping": (appended("octane.xml"), "the file octane.xml has changed"),
    "weights": (flipped("weights.safetensors", -1), "the file weights.safetensors has changed"),
    "plugin": (appended("nothing.py"), "the plugin nothing.py has changed"),
    "seed": (written("seed: 7", "seed: 8"), "the seed was 7 and is 8"),
    "seed on the command line": (given(seed=9), "the seed was 7 and is 9"),
    "option": (written("cutoff: 0.9", "cutoff: 1.0"), "steps[1].forcefield.cutoff was 0.9 and is 1.0"),
    "set": (given(set={"steps.assess.compare_every": 2}), "steps[4].assess.compare_every was not there and is 2"),
    "new option": (written("regularizer: nothing", "candidates: 2, regularizer: nothing"),
                   "steps[3].forward.candidates was not there and is 2"),
    "a step less": (written("  - forcefield: {gromacs: octane.top, cutoff: 0.9}\n", ""), "steps was"),
    "frames": (given(frames="0:3"), "the choice of frames was all and is --frames 0:3"),
    "time": (given(begin=10.0), "the choice of frames was all and is --begin 10"),
    "other beads": (given(beads=["cg.xtc"]), "steps[2].read.beads"),
    "variable": (given(BEADS="other.gro"), "the file other.gro was not read then"),
    "version": (given(version="numpy"), "numpy was"),
    "source": (given(version="backmap"), "backmap was"),
}


@pytest.mark.parametrize(("change", "named"), CHANGES.values(), ids=CHANGES)
def test_is_refused(change: Callable[[Path], dict], named: str, restored: Path,
                    monkeypatch: pytest.MonkeyPatch) -> None:
    options = change(restored)
    if "BEADS" in options:
        monkeypatch.setenv("BEADS", options.pop("BEADS"))
    if "version" in options:
        known = identity.versions() | {options.pop("version"): "0.0"}
        monkeypatch.setattr("backmap.running.runner.versions", lambda: known)
    if "beads" in options:
        options["beads"] = [restored / "other.gro", restored / "cg.xtc"]
    before = {path: path.read_bytes() for path in (restored / "out").iterdir()}
    with pytest.raises(BackmapError) as refused:
        run(restored, resume=True, **options)
    assert named in str(refused.value)
    assert {path: path.read_bytes() for path in (restored / "out").iterdir()} == before, "something was touched"


def test_the_same_again_goes_on(begun: Path) -> None:
    for path in begun.iterdir():
        os.utime(path)
    assert run(begun, resume=True, processes=1, set={"window": 3}).record["n_frames"] == 5
    assert run(begun, resume=True).record["n_frames"] == 5  # finished: nothing to do
    (begun / "deeper.itp").write_text("; else\n")
    with pytest.raises(BackmapError, match=r"the file deeper.itp has changed"):
        run(begun, resume=True)
