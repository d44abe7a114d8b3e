"""Frames in .gro, .xtc and .trr, and what is said about damaged ones."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import Gromacs, GromacsFrames
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile

from backmap.errors import BackmapError

GRO = """\
Water t= 12.50000 step= 3
 3
    1SOL     OW    1   0.100   0.200   0.300
    1SOL    HW1    2   0.200  -0.200   0.300  0.1000  0.2000  0.3000
    1SOL    HW2    3   0.300   0.200  10.300
   2.00000   3.00000   4.00000   0.00000   0.00000   0.50000   0.00000   0.60000   0.70000
"""


def _write(path: Path, text: str = GRO) -> Path:
    path.write_text(text)
    return path


def _trajectory(path: Path, n_frames: int = 5, n_atoms: int = 3) -> np.ndarray:
    positions = np.random.default_rng(1).random((n_frames, n_atoms, 3)).round(3).astype(np.float32)
    with (XTCFile if path.suffix == ".xtc" else TRRFile)(str(path), "w") as file:
        for k, frame in enumerate(positions):
            if path.suffix == ".xtc":
                file.write(frame, np.diag([2, 3, 4]).astype(np.float32), k, 2.0 * k, 1000)
            else:
                file.write(frame, None, None, np.diag([2, 3, 4]).astype(np.float32), k, 2.0 * k, 0.0, n_atoms)
    return positions


def test_one_gro(tmp_path: Path) -> None:
    source = Gromacs(Gromacs.Options(files=_write(tmp_path / "a.gro"))).open()
    frame = source.frame(0)
    assert (source.n_frames, source.n_points) == (1, 3)
    assert source.names == ["OW", "HW1", "HW2"]
    assert source.residue_names == ["SOL"] * 3
    assert source.residues.tolist() == [1, 1, 1]
    assert frame.time == 12.5
    np.testing.assert_allclose(frame.positions[1:], [[0.2, -0.2, 0.3], [0.3, 0.2, 10.3]])
    np.testing.assert_allclose(frame.box, [[2, 0, 0], [0.5, 3, 0], [0.6, 0.7, 4]])


def test_more_decimals_are_seen_from_the_columns(tmp_path: Path) -> None:
    text = "x\n1\n    1SOL     OW    1    0.123456   -0.234567   12.345678\n 1 1 1\n"
    frame = GromacsFrames([_write(tmp_path / "a.gro", text)]).frame(0)
    np.testing.assert_allclose(frame.positions, [[0.123456, -0.234567, 12.345678]])


def test_no_box_is_none(tmp_path: Path) -> None:
    text = "x\n1\n    1SOL     OW    1   0.100   0.200   0.300\n 0 0 0\n\n\n"
    frame = GromacsFrames([_write(tmp_path / "a.gro", text)]).frame(0)
    assert frame.box is None
    assert frame.time == 0


def test_several_gro_and_several_frames_in_one(tmp_path: Path) -> None:
    two = _write(tmp_path / "two.gro", GRO + GRO.replace("t= 12.5", "t= 13.5").replace("0.100", "0.500"))
    source = GromacsFrames([_write(tmp_path / "one.gro"), two])
    assert [source.frame(k).time for k in range(len(source))] == [12.5, 12.5, 13.5]
    assert source.frame(2).positions[0, 0] == 0.5


@pytest.mark.parametrize("suffix", [".xtc", ".trr"])
def test_a_trajectory_is_read_in_any_order_and_leaves_nothing_behind(tmp_path: Path, suffix: str) -> None:
    positions = _trajectory(tmp_path / f"a{suffix}")
    source = GromacsFrames([_write(tmp_path / "a.gro"), tmp_path / f"a{suffix}"])
    assert source.n_frames == 5
    kept = source.frame(4)
    for k in (3, 0, 4, 1):
        frame = source.frame(k)
        np.testing.assert_allclose(frame.positions, positions[k], atol=1e-6)
        assert frame.time == 2.0 * k
        np.testing.assert_allclose(frame.box, np.diag([2, 3, 4]))
    np.testing.assert_allclose(kept.positions, positions[4], atol=1e-6)
    assert source.names == ["OW", "HW1", "HW2"]
    assert {path.name for path in tmp_path.iterdir()} == {"a.gro", f"a{suffix}"}


def test_trajectories_follow_one_another(tmp_path: Path) -> None:
    first, second = _trajectory(tmp_path / "a.xtc", 2), _trajectory(tmp_path / "b.xtc", 3)
    source = GromacsFrames([tmp_path / "a.xtc", tmp_path / "b.xtc"])
    assert source.n_frames == 5
    assert source.names is None
    np.testing.assert_allclose(source.frame(1).positions, first[1], atol=1e-6)
    np.testing.assert_allclose(source.frame(2).positions, second[0], atol=1e-6)
    with pytest.raises(BackmapError, match=r"there is no frame 5\. .* the last is 4"):
        source.frame(5)


def _lines(count: int) -> str:
    return "".join(GRO.splitlines(keepends=True)[:count])


@pytest.mark.parametrize(("text", "line", "problem"), [
    ("", None, "is empty"),
    (_lines(4), 5, "atom 3 of 3 atoms is missing"),
    (_lines(5), 6, "the box of 3 atoms is missing"),
    (GRO.replace("\n 3\n", "\n three\n"), 2, "'three' stands where the number of atoms should be"),
    (GRO.replace("\n 3\n", "\n 2\n"), 5, "is not a box"),
    (GRO.replace("10.300", "   nan"), 5, "z of atom 3 is 'nan', not a number"),
    (GRO.replace("-0.200", "******"), 4, "y of atom 2 is '******', not a number"),
    (GRO.replace("4.00000", "    inf"), 6, "is not a box"),
    (GRO + GRO.replace("    1SOL    HW2    3   0.300   0.200  10.300\n", "").replace("\n 3\n", "\n 2\n"), 8,
     "this frame has 2 atoms, the first has 3")])
def test_damaged_gro_files_are_located(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    path = _write(tmp_path / "a.gro", text)
    with pytest.raises(BackmapError) as caught:
        GromacsFrames([path]).frame(0)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert problem in str(caught.value)


def test_counts_must_agree(tmp_path: Path) -> None:
    _trajectory(tmp_path / "a.xtc", n_atoms=4)
    with pytest.raises(BackmapError, match=r"a\.xtc: holds 4 atoms, but .*a\.gro holds 3"):
        GromacsFrames([_write(tmp_path / "a.gro"), tmp_path / "a.xtc"])


def test_missing_and_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="there is no such file"):
        GromacsFrames([tmp_path / "a.gro"])
    with pytest.raises(BackmapError, match=r"'\.xml' is not .* Give \.gro, \.xtc, \.trr, \.pdb or \.tpr files"):
        GromacsFrames([_write(tmp_path / "a.xml")])


def test_damaged_trajectories(tmp_path: Path) -> None:
    (tmp_path / "a.xtc").write_bytes(b"nothing of the kind")
    with pytest.raises(BackmapError, match=r"a\.xtc: cannot be read as \.xtc"):
        GromacsFrames([tmp_path / "a.xtc"])
    _trajectory(tmp_path / "b.xtc", n_atoms=100)
    whole = (tmp_path / "b.xtc").read_bytes()
    (tmp_path / "b.xtc").write_bytes(whole[:-200])
    with pytest.raises(BackmapError, match=r"b\.xtc"):
        list(GromacsFrames([tmp_path / "b.xtc"]))


def test_not_a_number_in_a_trr(tmp_path: Path) -> None:
    with TRRFile(str(tmp_path / "a.trr"), "w") as file:
        file.write(np.array([[0, 0, 0], [0, np.nan, 0]], dtype=np.float32), None, None,
                   np.eye(3, dtype=np.float32), 0, 0.0, 0.0, 2)
    with pytest.raises(BackmapError, match="atom 2 of frame 0 has a coordinate that is not a number"):
        GromacsFrames([tmp_path / "a.trr"]).frame(0)
