"""GROMACS topologies: preprocessing, elements, bonds, counts, and errors with file and line."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.chemistry import elements
from backmap_plugins.formats.gromacs.topology import Gromacs

from backmap.api import AtomTopology
from backmap.errors import BackmapError

WATER = """\
[ atomtypes ]
; name  at.num  mass  charge ptype sigma epsilon
OW   8  15.9994  0.0  A  0.3 0.6
HW   1  1.008    0.0  A  0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1 -0.82
2 HW 1 SOL HW1 1 0.41
3 HW 1 SOL HW2 1 0.41
#ifndef FLEXIBLE
[ settles ]
1 1 0.1 0.16333
#else
[ bonds ]
1 2 1 0.1 345000
1 3 1 0.1 345000
#endif
[ molecules ]
SOL 7
"""

READ = Callable[..., AtomTopology]


@pytest.fixture
def read(tmp_path: Path) -> READ:
    """Reads text as a topology; other files of the folder by keyword."""

    def read(text: str, others: dict[str, str] | None = None, **options: object) -> AtomTopology:
        for name, content in (others or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        (tmp_path / "topol.top").write_text(text)
        return Gromacs(Gromacs.Options(file=tmp_path / "topol.top", **options)).read()

    return read


def test_bonds_join_numbers(read: READ) -> None:
    with pytest.raises(BackmapError, match=r"topol.top:\d+: 'x1 2' are not the numbers of two atoms"):
        read(WATER.replace("[ settles ]", "[ bonds ]\nx1 2 1 0.1 1000\n[ settles ]"))


def test_settle_is_two_rigid_bonds(read: READ) -> None:
    topology = read(WATER)
    water = topology.types["SOL"]
    assert topology.blocks == [("SOL", 7)]
    assert water.bonds.tolist() == [[0, 1], [0, 2]]
    assert water.constrained.tolist() == [True, True]
    assert water.held.pairs.tolist() == [[1, 2]]
    np.testing.assert_allclose(water.held.lengths, 0.16333)
    np.testing.assert_allclose(water.bond_length, 0.1)
    assert water.element.tolist() == [8, 1, 1]
    np.testing.assert_allclose(water.mass, [15.9994, 1.008, 1.008])
    np.testing.assert_allclose(water.partial_charge, [-0.82, 0.41, 0.41])


@pytest.mark.parametrize("value", ["", None, 1])
def test_define_reaches_ifdef(read: READ, value: object) -> None:
    water = read(WATER, define={"FLEXIBLE": value}).types["SOL"]
    assert water.bonds.tolist() == [[0, 1], [0, 2]]
    assert not water.constrained.any()


def test_bonds_constraints_macros_and_continued_lines(read: READ) -> None:
    topology = read("""\
#define gb_1 0.111  9e6
[ atomtypes ]
CA\tCB  6 12.011 0.0 A 0.3 0.3   ; bonded type and number
CX  12.011 0.0 A 0.3 0.3
[ bondtypes ]
CX CB 1 0.155 1000
[ moleculetype ]
MOL 3
[atoms]
1 CA 1 AAA C1 1 0 \\
  12.5
2 CX 2 AAA C2 1 0
3 CX 2 AAA C3 1 0
4 CX 2 AAA C4 1 0
[ bonds ]
2 1 1
2 3 2 gb_1
1 4 6 0.3 500 ; a restraint
[ constraints ]
4 3 1 0.2
1 3 2 0.4
[ pairs ]
1 4 1
""").types["MOL"]
    assert topology.bonds.tolist() == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(topology.bond_length, [0.155, 0.111, 0.2])
    assert topology.constrained.tolist() == [False, False, True]
    assert topology.mass[0] == 12.5
    assert topology.element.tolist() == [6, 6, 6, 6]
    assert topology.residues.tolist() == [1, 2, 2, 2]


def test_a_bare_molecule_has_no_counts_and_elements_from_masses_or_names(read: READ) -> None:
    topology = read("""\
[ moleculetype ]
MOL 3
[ atoms ]
1 XX 1 MOL A1 1 0.0 12.01
2 XX 1 MOL A2 1 0.0 1.008
3 XX 1 MOL CA 1 0.0
4 CH2 1 MOL XY 1 0.0 14.027
5 DUM 1 MOL M 1 0.0 0.0
6 Q 1 MOL W 1 0.0 72.0
7 CL 1 CL CL 1 0.0
[/atoms]
[align]
2 35
""")
    assert topology.blocks == []
    assert topology.types["MOL"].element.tolist() == [6, 1, 6, 6, 0, 74, 17]
    assert np.isfinite(topology.types["MOL"].mass).all()


def test_includes_are_found_beside_the_file_that_includes(read: READ) -> None:
    others = {"parts/a.itp": '#include "b.itp"\n', "parts/b.itp": WATER}
    assert read('#include "parts/a.itp"\n', others).blocks == [("SOL", 7)]


def test_an_include_folder_can_be_given(read: READ, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "water.itp").write_text(WATER)
    assert read("#include <water.itp>\n", include=[tmp_path / "elsewhere"]).blocks == [("SOL", 7)]


@pytest.mark.parametrize(("text", "line", "problem"), [
    (WATER + '\n#include "gone.itp"\n', 22, "includes 'gone.itp', which is not there"),
    ("#ifdef A\n[ molecules ]\n", 2, "an #ifdef is not closed"),
    ("[ system ]\nx\n#endif\n", 3, "#endif without an #ifdef"),
    ("#elsif X\n", 1, "'#elsif' is not understood"),
    ('#include "topol.top"\n', 1, "includes itself"),
    (WATER.replace("SOL 7", "SOLL 7"), 20, "no molecule type is called 'SOLL'. Known: SOL."),
    (WATER.replace("2 HW 1", "5 HW 1"), 9, "atom 5 should be number 2"),
    (WATER.replace("1 3 1 0.1", "1 9 1 0.1").replace("#ifndef", "#ifdef"), 17, "there is no atom 9"),
    (WATER.replace("SOL 7", "SOL many"), 20, "'SOL many' is not a line of [ molecules ]"),
    (WATER.replace("-0.82", "minus"), 8, "is not a line of [ atoms ]"),
    ("[ atoms ]\n1 C 1 A C 1 0\n", 2, "[ atoms ] stands before any [ moleculetype ]"),
    ("[ atoms\n", 1, "'[ atoms' is not a section"),
    (WATER + WATER, 26, "molecule type 'SOL' is defined twice")])
def test_errors_name_file_and_line(read: READ, tmp_path: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(BackmapError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{tmp_path / 'topol.top'}:{line}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_molecules_is_refused(read: READ) -> None:
    with pytest.raises(BackmapError, match=r"has no \[ moleculetype \]"):
        read("hello\n")


@pytest.mark.parametrize(("name", "residue", "element"), [
    ("CA", "ALA", 6), ("CA", "CA", 20), ("Cl1", "LIG", 17), ("HB1", "ALA", 1), ("1HB", "ALA", 1), ("NA", "NA", 11),
    ("NA+", "NA+", 11), ("OXT", "ALA", 8), ("XY", "LIG", 0), ("", "", 0)])
def test_elements_from_names(name: str, residue: str, element: int) -> None:
    assert elements.from_name(name, residue) == element
