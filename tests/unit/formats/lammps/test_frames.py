"""Frames in LAMMPS' data files and dumps, and what is said about damaged ones."""
from __future__ import annotations

from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from backmap_plugins.files.lammps.data import DataFile
from backmap_plugins.formats.lammps.frames import Lammps

from backmap.errors import BackmapError

#: Two frames, the atoms in changing order, the second box tilted: lx, ly, lz = 10, 20, 30, xy, xz, yz = 2, -1, 3.
DUMP = """\
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
-5 5
-10 10
0 30
ITEM: ATOMS id type x y z
7 1 1.0 2.0 3.0
3 1 4.0 5.0 6.0
ITEM: TIMESTEP
500
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS xy xz yz pp pp pp
-6 7 2
-10 13 -1
0 30 3
ITEM: ATOMS id type x y z
3 1 4.5 5.0 6.0
7 1 1.5 2.0 3.0
"""
DATA = """\
two atoms

2 atoms
1 atom types
-5 5 xlo xhi
-10 10 ylo yhi # a comment
0 30 zlo zhi
2.0 -1.0 3.0 xy xz yz

Masses

1 12.011

Atoms # full

7 1 1 0.5 1.0 2.0 3.0 1 0 0
3 1 1 -0.5 4.0 5.0 6.0 0 0 0
"""


def _source(tmp_path: Path, *, dump: str = "", data: str = "", **options: object):
    files = {}
    for name, text in (("dump", dump), ("data", data)):
        if text:
            (tmp_path / f"a.{name}").write_text(text)
            files[name] = tmp_path / f"a.{name}"
    return Lammps(Lammps.Options(**files, **{"units": "real", **options})).open()


def test_dump(tmp_path: Path) -> None:
    source = _source(tmp_path, dump=DUMP)
    assert (source.n_frames, source.n_points) == (2, 2)
    second, first = source.frame(1), source.frame(0)
    np.testing.assert_allclose(first.positions, [[0.4, 0.5, 0.6], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(first.box, np.diag([1, 2, 3]))
    np.testing.assert_allclose(second.positions, [[0.45, 0.5, 0.6], [0.15, 0.2, 0.3]])
    np.testing.assert_allclose(second.box, [[1, 0, 0], [0.2, 2, 0], [-0.1, 0.3, 3]])
    assert (first.time, second.time) == (0, 0.5)


@pytest.mark.parametrize(("options", "length", "time"), [
    ({"units": "metal"}, 0.1, 0.5), ({"units": "lj", "sigma": 0.47}, 0.47, 2.5), ({"timestep": 0.002}, 0.1, 1.0)])
def test_units(tmp_path: Path, options: dict, length: float, time: float) -> None:
    frame = _source(tmp_path, dump=DUMP, **options).frame(1)
    np.testing.assert_allclose(frame.positions[1], [1.5 * length, 2 * length, 3 * length])
    np.testing.assert_allclose(frame.box[2], [-length, 3 * length, 30 * length])
    assert frame.time == pytest.approx(time)


def test_units_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="sigma: units: lj needs `sigma`, the length of one unit in nm"):
        _source(tmp_path, dump=DUMP, units="lj")
    with pytest.raises(BackmapError, match="sigma: 'sigma' belongs to units: lj, but units are real"):
        _source(tmp_path, dump=DUMP, sigma=0.5)
    with pytest.raises(BackmapError, match=r"a\.dump: says that its units are metal, but the recipe says real"):
        _source(tmp_path, dump="ITEM: UNITS\nmetal\n" + DUMP)
    assert _source(tmp_path, dump="ITEM: UNITS\nreal\n" + DUMP).n_frames == 2


def test_times_in_the_file_count(tmp_path: Path) -> None:
    timed = DUMP.replace("ITEM: NUMBER", "ITEM: TIME\n1250.0\nITEM: NUMBER")
    assert _source(tmp_path, dump=timed).times().tolist() == [1.25, 1.25]
    assert _source(tmp_path, dump=timed, units="metal").times().tolist() == [1250, 1250]


@pytest.mark.parametrize(("names", "row"), [
    ("xs ys zs", "0.6 0.6 0.1"), ("xsu ysu zsu", "0.6 0.6 0.1"), ("xu yu zu", "1.0 2.0 3.0"),
    ("x y z xu yu zu", "-9 -9 -9 1.0 2.0 3.0")])
def test_all_kinds_of_positions(tmp_path: Path, names: str, row: str) -> None:
    """A share s of the box is at its corner plus s times its vectors."""
    head = DUMP.split("ITEM: ATOMS")[0]
    frame = _source(tmp_path, dump=f"{head}ITEM: ATOMS id {names}\n1 {row}\n2 {row}").frame(0)
    np.testing.assert_allclose(frame.positions[0], [0.1, 0.2, 0.3])


def test_general_triclinic_boxes(tmp_path: Path) -> None:
    general = DUMP.replace("ITEM: BOX BOUNDS pp pp pp\n-5 5\n-10 10\n0 30\n",
                           "ITEM: BOX BOUNDS abc origin pp pp pp\n0 10 0 -5\n-20 0 1 -10\n0 0 30 0\n")
    np.testing.assert_allclose(_source(tmp_path, dump=general).frame(0).box, [[0, 1, 0], [-2, 0, 0.1], [0, 0, 3]])


def test_boundaries(tmp_path: Path) -> None:
    assert _source(tmp_path, dump=DUMP.replace("pp pp pp", "ff ss ff")).frame(0).box is None
    with pytest.raises(BackmapError, match=r"a\.dump:5: the box is periodic in some directions only \(pp pp ff\)"):
        _source(tmp_path, dump=DUMP.replace("pp pp pp", "pp pp ff")).frame(0)


def test_data(tmp_path: Path) -> None:
    source = _source(tmp_path, data=DATA)
    np.testing.assert_allclose(source.frame(0).positions, [[0.4, 0.5, 0.6], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(source.frame(0).box, [[1, 0, 0], [0.2, 2, 0], [-0.1, 0.3, 3]])
    both = _source(tmp_path, data=DATA.replace("12.011", "12.011 # CM"), dump=DUMP)
    assert (both.n_frames, both.names) == (2, ["CM", "CM"])


def test_points_are_called_by_their_types(tmp_path: Path) -> None:
    """In the order of ids: beads of a kind can be left out, or stand for several molecules, as in files with names."""
    assert _source(tmp_path, data=DATA.replace("7 1 1 0.5", "7 1 2 0.5")).names == ["1", "2"]
    labels = "Atom Type Labels\n\n1 W\n2 SOD\n\nMasses"
    labelled = DATA.replace("7 1 1 0.5", "7 1 2 0.5").replace("Masses", labels)
    assert _source(tmp_path, data=labelled).names == ["W", "SOD"]
    assert _source(tmp_path, dump=DUMP.replace("\n7 1", "\n7 2", 1)).names == ["1", "2"]
    assert _source(tmp_path, dump=DUMP.replace("id type", "id typelabel").replace("\n7 1", "\n7 SOD", 1)).names == [
        "1", "SOD"]
    assert _source(tmp_path, dump=DUMP.replace("id type", "id mol")).names is None
    assert _source(tmp_path, dump=DUMP).by_type


def test_mdanalysis_reads_the_same(tmp_path: Path) -> None:
    source = _source(tmp_path, data=DATA, dump=DUMP)
    universe = MDAnalysis.Universe(str(tmp_path / "a.data"), format="DATA", to_guess=())
    expected = _source(tmp_path, data=DATA).frame(0).positions
    np.testing.assert_allclose(universe.atoms.positions / 10, expected, atol=1e-6)
    universe = MDAnalysis.Universe(str(tmp_path / "a.dump"), format="LAMMPSDUMP", to_guess=())
    for number, corner in ((0, [-5, -10, 0]), (1, [-5, -10, 0])):  # it puts the corner of the box at the origin
        found = universe.trajectory[number].positions + corner
        np.testing.assert_allclose(found / 10, source.frame(number).positions, atol=1e-6)


@pytest.mark.parametrize(("style", "row"), [
    ("atomic", "1 2 1.0 2.0 3.0"), ("charge", "1 2 0.5 1.0 2.0 3.0"), ("molecular", "1 1 2 1.0 2.0 3.0"),
    ("full", "1 1 2 0.5 1.0 2.0 3.0")])
def test_atom_styles(tmp_path: Path, style: str, row: str) -> None:
    head = DATA.split("Masses")[0].replace("2 atoms", "1 atoms")
    (tmp_path / "a.data").write_text(f"{head}Atoms # {style}\n\n{row}\n")
    (tmp_path / "b.data").write_text(f"{head}Atoms\n\n{row} 0 0 0\n")
    for file in (DataFile(tmp_path / "a.data"), DataFile(tmp_path / "b.data", style)):
        np.testing.assert_allclose(file.positions, [[1, 2, 3]])
        assert file.types == ["2"]


def _lines(text: str, count: int) -> str:
    return "".join(text.splitlines(keepends=True)[:count])


@pytest.mark.parametrize(("text", "line", "problem"), [
    ("", None, "is empty"),
    ("hello\n", 1, "'hello' stands where 'ITEM: ...' should be. Is it a LAMMPS dump in text form?"),
    (_lines(DUMP, 10), 11, "atom 2 of 2 is missing. The file is truncated."),
    (_lines(DUMP, 1), 1, "'TIMESTEP' has nothing after it. The file is truncated."),
    (_lines(DUMP, 14), 14, "'NUMBER OF ATOMS' has nothing after it"),
    (DUMP.replace("OF ATOMS\n2", "OF ATOMS\ntwo", 1), 4, "'two' stands where 1 numbers should be"),
    (DUMP.replace("OF ATOMS\n2", "OF ATOMS\n1", 1), 11, "'3 1 4.0 5.0 6.0' stands where 'ITEM: ...' should be"),
    (DUMP.replace("ITEM: BOX BOUNDS pp pp pp\n-5 5\n-10 10\n0 30\n", ""), 5, "'ITEM: BOX BOUNDS' is missing"),
    (DUMP.replace("ATOMS id type", "ATOMS number type"), 9, "the dump has no column 'id'"),
    (DUMP.replace("x y z", "vx vy vz"), 9, "the dump has no positions, but id type vx vy vz"),
    (DUMP.replace("1.0 2.0 3.0", "1.0 2.0 nan"), 10, "a coordinate is not a number"),
    (DUMP.replace("1.0 2.0 3.0", "1.0 2.0"), 10, "is no line of the columns id type x y z"),
    (DUMP.replace("-10 10\n", "-10 wide\n"), 7, "'-10 wide' stands where 2 numbers should be"),
    (DUMP.replace("3 1 4.5", "4 1 4.5"), 12, "the atoms of this frame are others than those before"),
    (DUMP[:-len("7 1 1.5 2.0 3.0\n")].replace("500\nITEM: NUMBER OF ATOMS\n2", "500\nITEM: NUMBER OF ATOMS\n1"), 12,
     "this frame has 1 atoms, the first has 2")])
def test_damaged_dumps_are_located(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    path = tmp_path / "a.dump"
    path.write_text(text)
    with pytest.raises(BackmapError) as caught:
        list(Lammps(Lammps.Options(dump=path, units="real")).open())
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    (DATA, "", None, "has no section 'Atoms'. The file may be truncated"),
    (DATA, "title\nhello world 3\n", 2, "'hello world 3' is no line of a header. Is it a LAMMPS data file?"),
    ("3 1 1 -0.5 4.0 5.0 6.0 0 0 0\n", "", 14, "there are 1 atoms, but the header says 2"),
    ("-0.5 4.0", "-0.5 far", 17, "'far' stands where a coordinate should be"),
    ("-0.5 4.0", "4.0", 17, "has 9 columns, but atom style full has 7: id molecule type charge x y z"),
    ("-0.5 4.0", "-0.5 inf", 17, "a coordinate is not a number"),
    ("3 1 1 -0.5", "7 1 1 -0.5", 17, "atom 7 is there twice"),
    ("# full", "# sphere", 14, "atom style 'sphere' is not known. Known: full, molecular"),
    ("-5 5 xlo xhi\n", "", None, "the header has no 'xlo xhi'"),
    ("-5 5 xlo xhi\n", "5 xlo xhi\n", 5, "'xlo xhi' stands after 1 numbers"),
    ("-5 5 xlo", "5 -5 xlo", None, "the box has no volume")])
def test_damaged_data_files_are_located(tmp_path: Path, old: str, new: str, line: int | None, problem: str) -> None:
    path = tmp_path / "a.data"
    assert old in DATA
    path.write_text(DATA.replace(old, new))
    with pytest.raises(BackmapError) as caught:
        Lammps(Lammps.Options(data=path, units="real")).open()
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert problem in str(caught.value)


def test_nothing_to_read_and_files_that_differ(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="there is nothing to read"):
        Lammps(Lammps.Options(units="real"))
    with pytest.raises(BackmapError, match="there is no such file"):
        Lammps(Lammps.Options(dump=tmp_path / "none.dump", units="real")).open()
    head = DATA.split("Masses")[0].replace("2 atoms", "1 atoms")
    with pytest.raises(BackmapError, match=r"a\.dump: holds 2 atoms, but .*a\.data holds 1"):
        _source(tmp_path, dump=DUMP, data=f"{head}Atoms # atomic\n\n1 1 0 0 0\n")
