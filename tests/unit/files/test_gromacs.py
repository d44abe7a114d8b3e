"""Records of GROMACS' topologies: read once for all who ask, and anew as soon as anything has changed."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from backmap_plugins.files.gromacs import TopologyFile, TopologyRecords
from backmap_plugins.files.preprocessor import Preprocessor
from backmap_plugins.forcefields.gromacs.reader import Gromacs as Parameters
from backmap_plugins.formats.gromacs.topology import Gromacs as Molecules

from backmap import testing
from backmap.errors import BackmapError
from backmap.model.inputs import files_read
from backmap.model.system import System

TOP = """\
#include "types.itp"
#include "ion.itp"
[ system ]
one ion
[ molecules ]
NA 1
"""
TYPES = """\
[ defaults ]
1 2 yes 0.5 0.5
[ atomtypes ]
Na 11 22.99 0.0 A 0.25 0.5
"""
ION = """\
[ moleculetype ]
NA 1
[ atoms ]
1 Na 1 NA NA 1 1.0
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A topology in a folder of its own; its ion lies among the folders for #include."""
    for name, text in (("own/topol.top", TOP), ("own/types.itp", TYPES), ("more/ion.itp", ION)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path / "own" / "topol.top"


def records(top: Path, **options: object) -> TopologyRecords:
    return TopologyFile(file=top, include=[top.parents[1] / "more"], **options).records()


def test_what_molecules_and_parameters_come_from_is_read_once_and_told_twice(
        top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, lines = [], Preprocessor.lines
    monkeypatch.setattr(Preprocessor, "lines", lambda self, path, *where: opened.append(path) or lines(
        self, path, *where))
    options = TopologyFile(file=top, include=[top.parents[1] / "more"])
    with files_read() as first:
        topology = Molecules(options).read()
    with files_read() as second:
        parameters = Parameters(options).read(System(((testing.molecule_type("NA", [11], [], [[0]]), 1),)))
    assert [path.name for path in opened] == ["topol.top", "types.itp", "ion.itp"]
    assert list(first) == list(second) == [top.parent / "types.itp", top.parents[1] / "more" / "ion.itp"]
    assert topology.types["NA"].partial_charge.tolist() == parameters.molecules["NA"].charge.tolist() == [1.0]


@pytest.mark.parametrize(("name", "text"), [
    ("own/topol.top", TOP.replace("NA 1", "NA 2")), ("own/types.itp", TYPES.replace("22.99", "23.00")),
    ("more/ion.itp", ION.replace("1.0", "2.0")), ("own/ion.itp", ION.replace("1.0", "2.0"))])
def test_what_has_changed_is_read_anew(top: Path, name: str, text: str) -> None:
    """Be it the file, one that it includes, or one that now lies nearer; with the time and the size it had."""
    before, path = records(top), top.parents[1] / name
    assert records(top) is before
    time = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(time, time))
    after = records(top)
    assert after != before
    assert records(top) is after


def test_other_macros_are_another_topology(top: Path) -> None:
    top.write_text(TOP.replace("NA 1", "NA COUNT"))
    assert [records(top, define={"COUNT": count}).blocks[0][1] for count in (3, 4, 3)] == [3, 4, 3]


def test_what_could_not_be_read_is_tried_again(top: Path) -> None:
    (top.parent / "types.itp").unlink()
    for _ in range(2):
        with pytest.raises(BackmapError, match=r"topol.top:1: includes 'types.itp', which is not there"):
            records(top)
    (top.parent / "types.itp").write_text(TYPES)
    assert records(top).atom_types["Na"].mass == 22.99


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("1 Na 1 NA NA 1 1.0", "2 Na 1 NA NA 1 1.0", "ion.itp:4: atom 2 should be number 1"),
    ("1 Na 1 NA NA 1 1.0", "1 Na 1 NA", "ion.itp:4: '1 Na 1 NA' is not a line of [ atoms ]"),
    ("NA 1\n[ atoms ]", "[ atoms ]", "ion.itp:3: [ atoms ] stands before any [ moleculetype ]"),
    ("[ moleculetype ]", "[ moleculetype ]\nNA 1", "ion.itp:3: molecule type 'NA' is defined twice, first in ")])
def test_both_readers_say_the_same_of_a_bad_line(top: Path, old: str, new: str, problem: str) -> None:
    path = top.parents[1] / "more" / "ion.itp"
    path.write_text(ION.replace(old, new))
    options = TopologyFile(file=top, include=[path.parent])
    for read in (Molecules(options).read, lambda: Parameters(options).read(System(()))):
        with pytest.raises(BackmapError) as caught:
            read()
        assert problem in str(caught.value)
