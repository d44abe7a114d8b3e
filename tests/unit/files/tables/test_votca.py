"""VOTCA's tables: written and read, and read by VOTCA's own csg_resample."""
from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.files.tables import read_votca, read_votca_force, write_votca, write_votca_force

from backmap.errors import BackmapError
from backmap.model.tabulated import KINDS, Kind
from tests import tabulated


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind: Kind, tmp_path: Path) -> None:
    known = tabulated.potential(kind)
    known = replace(known, known=np.arange(len(known.grid)) > 30)
    write_votca(tmp_path / "t.pot", known)
    write_votca_force(tmp_path / "t.force", known)
    read = read_votca(tmp_path / "t.pot", kind)
    assert np.allclose(read.grid, known.grid, atol=1e-9)
    assert np.allclose(read.energy, known.energy, atol=1e-8)
    assert np.abs(read.force - known.force).max() < 1e-3 * np.abs(known.force).max()  # slopes of a spline
    assert (read.known == known.known).all()
    grid, force, flags = read_votca_force(tmp_path / "t.force")
    assert np.allclose(grid, known.grid, atol=1e-9)
    assert np.allclose(force, known.force, atol=1e-8 * np.abs(known.force).max())
    assert (flags == known.known).all()
    assert {path.name for path in tmp_path.iterdir()} == {"t.pot", "t.force"}


def test_csg_resample_reads_it_and_agrees(tmp_path: Path) -> None:
    if shutil.which("csg_resample") is None:
        pytest.skip("VOTCA's csg_resample is not on the PATH")
    known = tabulated.potential("bond", points=41)
    write_votca(tmp_path / "t.pot", known)
    subprocess.run(["csg_resample", "--in", "t.pot", "--out", "fine.pot", "--der", "slope.pot", "--type", "cubic",
                    "--grid", "0.1:0.001:0.45"], cwd=tmp_path, check=True, capture_output=True)
    read, inner = read_votca(tmp_path / "t.pot", "bond"), slice(20, -20)
    fine = read_votca(tmp_path / "fine.pot", "bond")
    slope = read_votca_force(tmp_path / "slope.pot")[1]
    twin = tabulated.curve(read)
    assert np.abs(fine.energy - twin(fine.grid))[inner].max() < 3e-3  # it writes six digits, of up to 80 kJ/mol
    assert np.abs(slope - twin(fine.grid, 1))[inner].max() < 1e-3 * np.abs(slope).max()


def test_undefined_ends_are_left_out_and_comments_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("# csg\n@ title\n0.1 nan u\n0.2 1 i\n0.3 2 i  # here\n0.4 3 o\n0.5 4 0.1 i\n0.6 0 u\n")
    read = read_votca(tmp_path / "t", "pair")
    assert read.grid.tolist() == [0.2, 0.3, 0.4, 0.5]
    assert read.known.tolist() == [True, True, False, True]


@pytest.mark.parametrize(("text", "said"), [
    ("0.1 1 i\n0.2 one i\n", "t:2: '0.2 one i' is no point of a table. Lines are: x, U and a flag"),
    ("0.1 1 i\n0.2 1 u\n0.3 1 i\n", "t:2: the table is undefined (u) here"),
    ("# nothing\n", "holds no points of a table"),
    ("0.1 1 i\n0.2 1 i\n0.3 1 i\n", "a table of 3 points is too short"),
    ("0.1 1 i\n0.2 1 i\n0.35 1 i\n0.4 1 i\n", "the steps of a table are not even: 0.2 is followed by 0.35"),
    ("0.1 1 i\n0.2 nan i\n", "t:2: '0.2 nan i' is no point of a table"),
])
def test_what_is_no_table(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(BackmapError) as caught:
        read_votca(tmp_path / "t", "bond")
    assert said in str(caught.value)


@pytest.mark.parametrize(("kind", "said"), [("angle", "Angles are 0 to 3.14159"), ("dihedral", "once round")])
def test_angles_in_degrees_are_refused(kind: Kind, said: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("".join(f"{x} 0 i\n" for x in range(0, 181, 5)))
    with pytest.raises(BackmapError) as caught:
        read_votca(tmp_path / "t", kind)
    assert said in str(caught.value)
