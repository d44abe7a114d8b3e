"""Frames of Amber, CHARMM, .pdb, .xyz and others, written by ParmEd, MDAnalysis, OpenMM and GROMACS."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import Gromacs, GromacsFrames
from backmap_plugins.formats.mdanalysis.frames import Amber, AnyFormat, Charmm, Pdb, Xyz
from MDAnalysis.lib.formats.libdcd import DCDFile
from MDAnalysis.lib.mdamath import triclinic_box

from backmap.errors import BackmapError
from backmap.model import box as periodic

from ..conftest import BOX

OCTANE = Path(__file__).parents[4] / "recipes" / "octane"

@pytest.fixture(scope="module")
def truth() -> GromacsFrames:
    return GromacsFrames([OCTANE / "aa.gro", OCTANE / "test_aa.xtc"])


def _same(source, truth: GromacsFrames, *, box: bool = True, times: bool = True) -> None:
    assert source.n_frames == truth.n_frames
    assert source.names == truth.names
    for number in (4, 0, 3):
        found, expected = source.frame(number), truth.frame(number)
        np.testing.assert_allclose(found.positions, expected.positions, atol=6e-5)
        if box:
            np.testing.assert_allclose(found.box, expected.box, atol=6e-5)
        if times:
            assert found.time == pytest.approx(expected.time)
    if times:
        np.testing.assert_allclose(source.times(), truth.times())


def test_trajectories(octane_files: Path, truth: GromacsFrames) -> None:
    before = {path.name for path in octane_files.iterdir()}
    _same(Amber(Amber.Options(files=[octane_files / "a.prmtop", octane_files / "t.nc"])).open(), truth)
    _same(Charmm(Charmm.Options(files=[octane_files / "a.psf", octane_files / "t.dcd"])).open(), truth, times=False)
    _same(Gromacs(Gromacs.Options(files=[octane_files / "t.pdb", octane_files / "t.trr"])).open(), truth)
    pdb = Pdb(Pdb.Options(files=[octane_files / "t.pdb"])).open()
    _same(pdb, truth, box=False, times=False)
    for number in range(5):  # MDAnalysis writes the first frame's box alone
        np.testing.assert_allclose(pdb.frame(number).box, truth.frame(0).box, atol=6e-5)
    _same(Xyz(Xyz.Options(files=[octane_files / "t.xyz"])).open(), truth, box=False, times=False)
    for trajectory in ("t.nc", "t.trr"):
        _same(AnyFormat(AnyFormat.Options(files=[octane_files / "a.psf", octane_files / trajectory])).open(), truth)
    assert {path.name for path in octane_files.iterdir()} == before  # nothing is written beside the files


def test_single_frames(octane_files: Path, truth: GromacsFrames) -> None:
    expected = GromacsFrames([OCTANE / "aa.gro"]).frame(0).positions
    for source in (Amber(Amber.Options(files=[octane_files / "a.prmtop", octane_files / "a.rst7"])).open(),
                   Amber(Amber.Options(files=[octane_files / "a.prmtop", octane_files / "a.ncrst"])).open(),
                   Pdb(Pdb.Options(files=octane_files / "a.pdb")).open()):
        assert source.residue_names == ["OCT"] * 1664
        frame = source.frame(0)
        np.testing.assert_allclose(frame.positions, expected, atol=6e-5)
        np.testing.assert_allclose(periodic.reduced(frame.box), periodic.reduced(BOX), atol=3e-4)
    crd = Charmm(Charmm.Options(files=[octane_files / "a.psf", octane_files / "t.crd"])).open()
    np.testing.assert_allclose(crd.frame(0).positions, truth.frame(0).positions, atol=6e-5)
    assert crd.frame(0).box is None


def test_files_without_a_box_take_it_from_the_recipe(octane_files: Path) -> None:
    options = Xyz.Options(files=[octane_files / "t.xyz"], box=triclinic_box(*BOX).tolist())
    np.testing.assert_allclose(Xyz(options).open().frame(2).box, BOX, atol=1e-6)
    with pytest.raises(BackmapError, match=r"box: \[3.0, 3.0\] is no box. Give three edges in nm"):
        Xyz(Xyz.Options(files=[octane_files / "t.xyz"], box=[3, 3])).open()
    with pytest.raises(BackmapError, match="is no box"):
        Xyz(Xyz.Options(files=[octane_files / "t.xyz"], box=[3, 3, 3, 200, 90, 90])).open()


def test_tpr_has_names_and_a_frame(tmp_path: Path) -> None:
    if shutil.which("gmx") is None:
        pytest.skip("gmx is not installed")
    (tmp_path / "a.mdp").write_text("integrator = steep\ncutoff-scheme = Verlet\n")
    command = ["gmx", "grompp", "-f", "a.mdp", "-c", OCTANE / "aa.gro", "-p", OCTANE / "octane.top", "-o", "a.tpr"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    expected = GromacsFrames([OCTANE / "aa.gro"])
    for files in ([tmp_path / "a.tpr"], [tmp_path / "a.tpr", OCTANE / "aa.gro"]):
        source = GromacsFrames(files)
        assert source.n_frames == 1
        assert (source.names, source.residue_names) == (expected.names, expected.residue_names)
        np.testing.assert_allclose(source.frame(0).positions, expected.frame(0).positions, atol=1e-6)
        np.testing.assert_allclose(source.frame(0).box, expected.frame(0).box, atol=1e-6)
    assert GromacsFrames([tmp_path / "a.tpr", OCTANE / "test_aa.xtc"]).n_frames == 5


def test_symmetric_boxes_of_charmm(tmp_path: Path) -> None:
    """CHARMM writes the symmetric matrix h of a box: the lattice is turned, as the atoms are."""
    matrix = np.array([[30.0, -4.0, -3.0], [-4.0, 28.0, -5.0], [-3.0, -5.0, 29.0]])
    with DCDFile(str(tmp_path / "a.dcd"), "w") as file:
        file.write_header("", 2, 0, 1, 1.0, 1)
        file.write(np.zeros((2, 3), dtype=np.float32), matrix[np.tril_indices(3)])
    (tmp_path / "a.xyz").write_text("2\n\nA 0 0 0\nA 0 0 0\n")
    source = AnyFormat(AnyFormat.Options(files=[tmp_path / "a.xyz", tmp_path / "a.dcd"])).open()
    np.testing.assert_allclose(source.frame(0).box, matrix / 10, atol=1e-6)


def test_times_of_restart_files(tmp_path: Path) -> None:
    (tmp_path / "a.rst7").write_text("title\n    3  0.1250000E+02\n" + "%12.7f" * 6 % tuple(range(6)) + "\n"
                                     + "%12.7f" * 3 % tuple(range(3)) + "\n" + "%12.7f" * 6 % (30, 31, 32, 90, 90, 90))
    frame = Amber(Amber.Options(files=[tmp_path / "a.rst7"])).open().frame(0)
    assert frame.time == 12.5
    np.testing.assert_allclose(frame.box, np.diag([3.0, 3.1, 3.2]), atol=1e-6)
    np.testing.assert_allclose(frame.positions[1], [0.3, 0.4, 0.5])


@pytest.mark.parametrize(("reader", "files", "problem"), [
    (Amber, ["a.psf"], r"a\.psf: '\.psf' is not a format of Amber's frames\. Give \.prmtop, .* or \.ncrst files"),
    (Charmm, ["a.psf"], r"a\.psf: has names but no positions\. Give \.dcd, .* files as well"),
    (Charmm, ["a.psf", "b.psf"], r"b\.psf: is a second topology beside .*a\.psf"),
    (Charmm, ["a.psf", "few.dcd"], r"few\.dcd: holds 2 atoms, but .*a\.psf holds 1664"),
    (Pdb, ["t.xyz"], r"t\.xyz: '\.xyz' is not a format of PDB frames\. Give \.pdb or \.ent files"),
    (Xyz, ["none.xyz"], r"none\.xyz: there is no such file"),
    (Xyz, ["half.xyz"], r"half\.xyz: 2 frames of 1664 atoms end in line 3332, but the file in line \d+\. .* truncated"),
    (Pdb, ["half.pdb"], r"half\.pdb.*MDAnalysis cannot read it: .* The file may be damaged or truncated"),
    (Amber, ["a.prmtop", "half.rst7"], r"half\.rst7: OpenMM cannot read it: .* may be truncated"),
    (Amber, ["a.prmtop", "half.nc"], r"half\.nc.* cannot read it"),
    (Amber, ["half.prmtop", "t.nc"], r"half\.prmtop: MDAnalysis cannot read it"),
    (AnyFormat, ["a.psf", "t.unknown"], r"t\.unknown: MDAnalysis cannot read it"),
    (AnyFormat, ["t.unknown", "t.nc"], r"t\.unknown: MDAnalysis cannot read it")])
def test_what_cannot_be_read(octane_files: Path, tmp_path: Path, reader: type, files: list[str], problem: str) -> None:
    for path in octane_files.iterdir():
        (tmp_path / path.name).symlink_to(path)
    for suffix in ("xyz", "pdb", "rst7", "nc", "prmtop"):
        whole = max(octane_files.glob(f"?.{suffix}")).read_bytes()
        (tmp_path / f"half.{suffix}").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "b.psf").write_bytes((octane_files / "a.psf").read_bytes())
    (tmp_path / "t.unknown").write_text("?")
    with DCDFile(str(tmp_path / "few.dcd"), "w") as file:
        file.write_header("", 2, 0, 1, 1.0, 1)
        file.write(np.zeros((2, 3), dtype=np.float32), np.zeros(6))
    with pytest.raises(BackmapError, match=problem) as caught:
        list(reader(reader.Options(files=[tmp_path / name for name in files])).open())
    assert "\n" not in str(caught.value)


def test_a_box_in_pdb_holds_until_the_next(tmp_path: Path) -> None:
    cryst = "CRYST1{:9.3f}{:9.3f}{:9.3f}  90.00  90.00  90.00 P 1           1\n"
    model = "MODEL {}\n{}ATOM      1  A   RES     1       1.000   2.000   3.000  1.00  0.00\nENDMDL\n"
    one, two = cryst.format(10, 20, 30), cryst.format(20, 20, 30)
    (tmp_path / "a.pdb").write_text(one + model.format(1, "") + model.format(2, two) + model.format(3, ""))
    source = Pdb(Pdb.Options(files=tmp_path / "a.pdb")).open()
    np.testing.assert_allclose([source.frame(k).box[0, 0] for k in (2, 0, 1)], [2, 1, 2])
    (tmp_path / "a.pdb").write_text(cryst.format(1, 1, 1) + model.format(1, ""))
    assert Pdb(Pdb.Options(files=tmp_path / "a.pdb")).open().frame(0).box is None
    (tmp_path / "a.pdb").write_text(model.format(1, "CRYST1  wide\n"))
    with pytest.raises(BackmapError, match=r"a\.pdb:2: 'CRYST1  wide' is no CRYST1 record"):
        Pdb(Pdb.Options(files=tmp_path / "a.pdb")).open()
