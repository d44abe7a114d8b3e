"""Which frames and points of a file count: begin, end, dt and groups of index files."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import Gromacs, GromacsFrames
from backmap_plugins.formats.index_groups import read_group
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

from backmap.errors import BackmapError

INDEX = """\
; made by hand
[ all ]
1 2 3 4 5
[ some ] ; in another order
5
2 ; and
"""


def _trajectory(path: Path, times: list[float]) -> Path:
    with (XTCFile if path.suffix == ".xtc" else TRRFile)(str(path), "w") as file:
        for k, time in enumerate(times):
            points = np.arange(15, dtype=np.float32).reshape(5, 3) / 10 + k
            box = np.eye(3, dtype=np.float32) * 9
            file.write(points, box, k, time, 1000) if path.suffix == ".xtc" else \
                file.write(points, None, None, box, k, time, 0.0, 5)
    return path


def _times(path: Path, **options: float) -> list[float]:
    source = Gromacs(Gromacs.Options(files=path, **options)).open()
    return [frame.time for frame in source]


@pytest.mark.parametrize("suffix", [".xtc", ".trr"])
def test_times_are_chosen_as_in_gromacs(tmp_path: Path, suffix: str) -> None:
    path = _trajectory(tmp_path / f"a{suffix}", [100, 100.5, 101, 101.5, 102, 102.5])
    assert _times(path) == [100, 100.5, 101, 101.5, 102, 102.5]
    assert _times(path, begin=100.5, end=102) == [100.5, 101, 101.5, 102]
    assert _times(path, dt=1) == [100, 101, 102]
    assert _times(path, begin=100.4, dt=1) == [100.5, 101.5, 102.5]  # counted from the first of them
    assert _times(path, end=100) == [100]


def test_times_far_from_zero_are_rounded(tmp_path: Path) -> None:
    path = _trajectory(tmp_path / "a.xtc", [1e6 + 0.2 * k for k in range(11)])  # 0.06 ps is single precision here
    assert len(_times(path, dt=0.4)) == 6
    assert len(_times(path, begin=1e6 + 1)) == 6


def test_the_same_frames_as_trjconv(tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("gmx is not installed")
    path = _trajectory(tmp_path / "a.xtc", [3.0 * k for k in range(20)])
    (tmp_path / "a.ndx").write_text(INDEX)
    (tmp_path / "a.gro").write_text("x\n5\n" + "".join(f"    1A        B{k:5d}   0.000   0.000   0.000\n"
                                                       for k in range(1, 6)) + " 9 9 9\n")
    subprocess.run(["gmx", "trjconv", "-f", "a.xtc", "-s", "a.gro", "-n", "a.ndx", "-o", "b.xtc", "-b", "7", "-e", "50",
                    "-dt", "6"], cwd=tmp_path, input="some\n", text=True, capture_output=True, check=True)
    expected = GromacsFrames([tmp_path / "b.xtc"])
    source = Gromacs(Gromacs.Options(files=[tmp_path / "a.gro", path], begin=7, end=50, dt=6,
                                     index={tmp_path / "a.ndx": "some"})).open()
    assert source.n_points == expected.n_points == 2
    assert [frame.time for frame in source] == [frame.time for frame in expected]
    for found, wanted in zip(source, expected, strict=True):
        np.testing.assert_allclose(found.positions, wanted.positions, atol=1e-6)


def test_names_follow_the_group(tmp_path: Path) -> None:
    (tmp_path / "a.ndx").write_text(INDEX)
    (tmp_path / "a.gro").write_text("x\n5\n" + "".join(f"{k:5d}R{k}      N{k}{k:5d}   0.000   0.000   0.{k}00\n"
                                                       for k in range(1, 6)) + " 9 9 9\n")
    source = Gromacs(Gromacs.Options(files=tmp_path / "a.gro", index={tmp_path / "a.ndx": "some"})).open()
    assert (source.names, source.residue_names, source.residues.tolist()) == (["N5", "N2"], ["R5", "R2"], [5, 2])
    assert source.where == f"{tmp_path / 'a.gro'} (group some)"
    np.testing.assert_allclose(source.frame(0).positions[:, 2], [0.5, 0.2])
    with pytest.raises(BackmapError, match="there is no frame 1"):
        source.frame(1)


def test_no_frame_is_left(tmp_path: Path) -> None:
    path = _trajectory(tmp_path / "a.xtc", [0, 10, 20])
    with pytest.raises(BackmapError, match=r"a\.xtc: has no frame \(from 30 ps\)\. Its 3 frames go from 0 to 20 ps"):
        _times(path, begin=30)


@pytest.mark.parametrize(("text", "name", "line", "problem"), [
    (INDEX, "Some", None, "has no group 'Some'. Did you mean 'some'? Groups are: all, some."),
    ("1 2 3\n", "a", 1, "'1 2 3' stands before any [ group ]"),
    ("", "a", None, "It has no groups at all"),
    ("[ a ]\n1 6\n", "a", 2, "there is no point 6. cg.gro has 5, counted from 1."),
    ("[ a ]\n0\n", "a", 2, "there is no point 0"),
    ("[ a ]\n1 x\n", "a", 2, "'x' is no number of a point"),
    ("[ a ]\n1 2\n1\n", "a", None, "group 'a' has number 1 twice"),
    ("[ a ]\n1\n[ a ]\n2\n", "a", 3, "group 'a' is there twice"),
    ("[ a ]\n\n[ b ]\n2\n", "a", None, "group 'a' is empty")])
def test_wrong_index_files(tmp_path: Path, text: str, name: str, line: int | None, problem: str) -> None:
    path = tmp_path / "a.ndx"
    path.write_text(text)
    with pytest.raises(BackmapError) as caught:
        read_group(path, name, 5, "cg.gro")
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert problem in str(caught.value)
