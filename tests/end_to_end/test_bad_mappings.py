"""Mapping files, broken, missing or at odds with the topology, and all lines that `mappings test` prints for each."""
from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from backmap.commands import cli
from tests.breaking import DEMO

HEAVY = [f"C{k}" for k in range(1, 9)]
BACKWARD = """\
[ molecule ]
OCT
[ martini ]
A B
[ mapping ]
oplsaa
[ atoms ]
1 C1 A
2 C2 A
3 C3 A A B
4 C4 B
5 C5 B
[ chiral ]
C1 C2 C3 C4
"""
VERMOUTH = """\
[ molecule ]
[ from ]
own
[ to ]
coarse
[ from blocks ]
OCT
[ to blocks ]
OCT
[ mapping ]
C1 A
C2 A
C3 B 2
C4 B
"""
INDEX = """\
[ A ]
1 2 3 1
[ B ]
4 5 6
"""
CGBUILDER = """\
[ to ]
martini
[ martini ]
A B
[ atoms ]
1 C1 A
2 C2 A B
3 C3 B
"""
PYCGTOOL = """\
[ OCT ]
A C1 C1 C2 C2
@v V C1 A B
B C2 0.0 C3 C4
"""

INIT = ["init", "-p", "octane.top", "-c", "cg.gro", "-t", "350"]

#: Name, file, what is changed in it (old, new), what is printed.
TABLE: list[tuple[str, str, tuple[str, str], str]] = [
    # Backward's .map
    ("an atom that is not there", "oct.map", ("4 C4 B", "4 C44 B"),
     "oct.map:11: there is no atom 'C44' in residue 1 of molecule type 'OCT', OCT. Atoms that no line names: "
     "C4, C6, C7, C8. Perhaps '4 C4 B'."),
    ("an atom twice", "oct.map", ("4 C4 B", "4 C3 B"),
     "oct.map:11: atom 'C3' comes twice. It is at oct.map:10 already."),
    ("a bead that is not listed", "oct.map", ("4 C4 B", "4 C4 D"),
     "oct.map:11: bead 'D' is not among those listed. Known: A, B."),
    ("a bead without atoms", "oct.map", ("A B\n[", "A B D\n["),
     "oct.map:4: bead 'D' of OCT has no atoms. Give it atoms or remove it from the list."),
    ("a bead with and without weight", "oct.map", ("4 C4 B", "4 C4 B !B"),
     "oct.map:11: atom 'C4' is in bead 'B' with and without a weight"),
    ("a first row without a bead", "oct.map", ("1 C1 A", "1 C1"),
     "oct.map:8: atom 'C1' has no bead, and no row is above it"),
    ("a row without a number", "oct.map", ("1 C1 A", "C1 A"),
     "oct.map:8: 'C1 A' is not a row of [ atoms ]. Write `number atom bead bead ...`."),
    ("a row of one word", "oct.map", ("1 C1 A", "1"),
     "oct.map:8: '1' is not a row of [ atoms ]. Write `number atom bead bead ...`."),
    ("a section without its bracket", "oct.map", ("[ atoms ]", "[ atoms"),
     "oct.map:7: '[ atoms' is no header of a section. Write it as [ name ]."),
    ("no [ atoms ]", "oct.map", ("[ atoms ]", "[ atmos ]"),
     "oct.map:1: OCT has no [ atoms ]"),
    ("a [ chiral ] of three atoms", "oct.map", ("C1 C2 C3 C4", "C1 C2 C3"),
     "oct.map:14: [ chiral ] needs at least 4 atoms, not 3"),
    ("a line before the first section", "oct.map", ("[ molecule ]\nOCT", "OCT\n[ molecule ]\nOCT"),
     "oct.map:1: 'OCT' stands before the first section. It begins with [ molecule ]."),
    ("a residue that the topology does not have", "oct.map", ("OCT", "OCX"),
     "oct.map: describes OCX, but no molecule type of octane.top has such a residue. Its residues: OCT."),
    ("a residue twice", "oct.map", ("C1 C2 C3 C4\n", "C1 C2 C3 C4\n" + BACKWARD),
     "oct.map:15: residue OCT is described twice. The other is at oct.map:1."),
    ("a residue for two force fields", "oct.map",
     ("C1 C2 C3 C4\n", "C1 C2 C3 C4\n" + BACKWARD.replace("oplsaa", "amber")),
     "oct.map:15: residue OCT is described for several force fields. Say which with `force_field`: oplsaa, "
     "amber."),
    ("a binary file", "oct.map", (BACKWARD, "\u0000\u0001\u0002"),
     "oct.map: is in no format that is known for a mapping. Known: .cgs, .cgsmiles, .map, .mapping, .ndx, "
     ".txt, .xml, .yaml, .yml. Otherwise name the reader, as in READER=oct.map (backmap plugins lists them)."),
    ("an empty file", "oct.map", (BACKWARD, ""),
     "oct.map: is in no format that is known for a mapping. Known: .cgs, .cgsmiles, .map, .mapping, .ndx, "
     ".txt, .xml, .yaml, .yml. Otherwise name the reader, as in READER=oct.map (backmap plugins lists them)."),
    # vermouth's .mapping
    (".mapping: an atom that is not there", "oct.mapping", ("C4 B", "C44 B"),
     "oct.mapping:14: there is no atom 'C44' in residue 1 of molecule type 'OCT', OCT. Atoms that no line "
     "names: C4, C5, C6, C7, C8. Perhaps 'C4 B'."),
    (".mapping: an atom twice in a bead", "oct.mapping", ("C4 B", "C3 B"),
     "oct.mapping:14: atom 'C3' is in bead 'B' twice. It is at oct.mapping:13 already."),
    (".mapping: a weight that is none", "oct.mapping", ("C3 B 2", "C3 B two"),
     "oct.mapping:13: 'C3 B two' is not a row of [ mapping ]. Write `atom bead` or `atom bead weight`."),
    (".mapping: a negative weight", "oct.mapping", ("C3 B 2", "C3 B -2"),
     "oct.mapping:13: the weights of bead 'B' do not make an average. Weights are numbers from 0 on, and one "
     "of them is positive."),
    (".mapping: a row of one word", "oct.mapping", ("C4 B", "C4"),
     "oct.mapping:14: 'C4' is not a row of [ mapping ]. Write `atom bead` or `atom bead weight`."),
    (".mapping: an unknown section", "oct.mapping", ("[ mapping ]", "[ maping ]"),
     "oct.mapping:11: [ maping ] is no section of a .mapping file. Did you mean 'mapping'?"),
    (".mapping: a bead without weight", "oct.mapping", ("C3 B 2\nC4 B", "C3 B 0\nC4 B 0"),
     "oct.mapping:1: bead 'B' has no atoms. Add them to [ mapping ]."),
    (".mapping: a residue that no block names", "oct.mapping", ("C4 B", "OCX:C4 B"),
     "oct.mapping:14: 'OCX:C4' is in no residue that the blocks name. Did you mean 'OCT'?"),
    (".mapping: nothing mapped", "oct.mapping", ("[ mapping ]\nC1 A\nC2 A\nC3 B 2\nC4 B\n", ""),
     "oct.mapping:1: has no [ mapping ]"),
    # cgbuilder's .ndx and .map
    (".ndx: a number beyond the molecule", "OCT_a.ndx", ("4 5 6", "4 5 96"),
     "OCT_a.ndx:4: there is no atom 96. 'OCT' has 26, counted from 1 in the molecule."),
    (".ndx: number 0", "OCT_a.ndx", ("4 5 6", "0 4 5"),
     "OCT_a.ndx:4: there is no atom 0. 'OCT' has 26, counted from 1 in the molecule."),
    (".ndx: a word among numbers", "OCT_a.ndx", ("4 5 6", "4 C5 6"),
     "OCT_a.ndx:4: 'C5' is no number of an atom. Is it an index file?"),
    (".ndx: a bead without atoms", "OCT_a.ndx", ("4 5 6\n", ""),
     "OCT_a.ndx:3: bead 'B' has no atoms. Give it atoms or remove it."),
    (".ndx: a bead twice", "OCT_a.ndx", ("[ B ]", "[ A ]"),
     "OCT_a.ndx: bead 'A' is there twice. Give it another name."),
    (".ndx: numbers before any bead", "OCT_a.ndx", ("[ A ]\n", ""),
     "OCT_a.ndx:1: '1 2 3 1' stands before any [ group ]. Is it an index file?"),
    (".ndx: an empty file", "OCT_a.ndx", (INDEX, ""),
     "OCT_a.ndx: has no groups. Is it an index file?"),
    (".map of cgbuilder: an atom that is not there", "OCT_a.map", ("3 C3 B", "3 C33 B"),
     "OCT_a.map:8: there is no atom 'C33' in residue 1 of molecule type 'OCT', OCT. Atoms that no line names: "
     "C3, C4, C5, C6, C7, C8. Perhaps '3 C3 B'."),
    (".map of cgbuilder: a bead that is not listed", "OCT_a.map", ("3 C3 B", "3 C3 D"),
     "OCT_a.map:8: bead 'D' is not among those listed. Known: A, B."),
    # PyCGTOOL's .map
    (".map of PyCGTOOL: an atom that is not there", "sugar.map", ("C3 C4", "C3 C44"),
     "sugar.map:4: there is no atom 'C44' in residue 1 of molecule type 'OCT', OCT. Atoms that no line names: "
     "C4, C5, C6, C7, C8. Perhaps 'B C2 0.0 C3 C4'."),
    (".map of PyCGTOOL: a bead without atoms", "sugar.map", ("C2 0.0 C3 C4", "C2 0.0"),
     "sugar.map:4: 'B C2 0.0' is not a row of a bead. Write `bead type atom atom ...`."),
    (".map of PyCGTOOL: a row of one word", "sugar.map", ("B C2 0.0 C3 C4", "NULL"),
     "sugar.map:4: 'NULL' is not a row of a bead. Write `bead type atom atom ...`."),
    (".map of PyCGTOOL: a bead twice", "sugar.map", ("B C2 0.0", "A C2 0.0"),
     "sugar.map:4: bead 'A' is there twice. Give it another name."),
    (".map of PyCGTOOL: a row of an unknown kind", "sugar.map", ("@v", "@x"),
     "sugar.map:3: '@x' begins no row. Known is @v, for virtual sites."),
    (".map of PyCGTOOL: a residue without beads", "sugar.map", ("[ OCT ]", "[ SOL ]\n[ OCT ]"),
     "sugar.map:1: residue SOL has no beads. Write `bead type atom atom ...`."),
    (".map of PyCGTOOL: a residue twice", "sugar.map", ("[ OCT ]", "[ OCT ]\nD C1 C5\n[ OCT ]"),
     "sugar.map:3: residue OCT is described twice. The other is at sugar.map:1."),
    (".map of PyCGTOOL: a residue that the topology does not have", "sugar.map", ("[ OCT ]", "[ OCX ]"),
     "sugar.map: describes OCX, but no molecule type of octane.top has such a residue. Its residues: OCT."),
]
#: Name, words of the command, what is printed after ``backmap:``.
COMMANDS: list[tuple[str, list[str], str]] = [
    ("a residue that no library has", ["mappings", "show", "OCT", "--library", "there"],
     "libraries: no library describes 'OCT'. Did you mean 'OCX'?"),
    ("a residue like none that libraries have", ["mappings", "show", "ZZZ"],
     "libraries: no library describes 'ZZZ'. Looked in: ...--library and $BACKMAP_MAPPINGS name more folders."),
    ("a library that is not there", ["mappings", "list", "--library", "elsewhere"],
     "elsewhere: is no folder. It is named as a library of mappings, with --library or $BACKMAP_MAPPINGS."),
    ("an unknown coarse-grained force field", [*INIT, "--from", "martini4"],
     "--from: 'martini4' is no coarse-grained force field that libraries are known for. Known: martini3, martini2, "
     "votca. Others: name their files with --mapping."),
    ("no library with such a molecule", [*INIT, "--from", "martini3", "--library", "there"],
     "--from martini3: no mapping is found. Looked in: ...there. --library and $BACKMAP_MAPPINGS name more folders; "
     "martinize2's come with pip install vermouth."),
    ("libraries that fit no molecule", [*INIT, "--from", "martini2", "--library", "misfit"],
     "--from martini2: mappings do not fit. Correct what is listed, or give your own with --mapping."),
]
TEXTS = {"oct.map": BACKWARD, "oct.mapping": VERMOUTH, "OCT_a.ndx": INDEX, "OCT_a.map": CGBUILDER,
         "sugar.map": PYCGTOOL}


def printed(folder: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> \
        tuple[int, list[str]]:
    """Exit code and lines of a command in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("BACKMAP_MAPPINGS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    return stop.value.code, (captured.out + captured.err).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(("file", "change", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(file: str, change: tuple[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copyfile(DEMO / "octane.top", tmp_path / "octane.top")
    assert change[0] in TEXTS[file]
    (tmp_path / file).write_text(TEXTS[file].replace(*change))
    code, lines = printed(tmp_path, ["mappings", "test", file, "-p", "octane.top"], monkeypatch, capsys)
    assert code == 1
    assert [line for line in lines if line.startswith("error: ")] == [f"error: {expected}"], lines


@pytest.mark.parametrize("file", TEXTS)
def test_unbroken_files_pass(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copyfile(DEMO / "octane.top", tmp_path / "octane.top")
    (tmp_path / file).write_text(TEXTS[file])
    code, lines = printed(tmp_path, ["mappings", "test", file, "-p", "octane.top"], monkeypatch, capsys)
    assert (code, lines[-1].split(", ")[:3]) == (0, ["1 file", "1 described", "0 errors"]), lines


@pytest.mark.parametrize(("words", "expected"), [pytest.param(*case, id=name) for name, *case in COMMANDS])
def test_commands(words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("octane.top", "cg.gro"):
        shutil.copyfile(DEMO / name, tmp_path / name)
    for folder, changed in (("there", BACKWARD.replace("OCT", "OCX")), ("misfit", BACKWARD.replace("C3", "C33"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.map").write_text(changed)
    code, lines = printed(tmp_path, words, monkeypatch, capsys)
    assert code == 2
    assert re.fullmatch(re.escape(f"backmap: {expected}").replace(r"\.\.\.", ".*"), lines[-1]), lines
    assert not (tmp_path / "recipe.yaml").exists()


def test_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mismatch has its line, and the one in the mapping that would mend it."""
    shutil.copyfile(DEMO / "octane.top", tmp_path / "octane.top")
    (tmp_path / "oct.map").write_text(BACKWARD.replace("4 C4 B\n5 C5 B", "4 C44 B\n5 HX B\n6 C55 B"))
    (tmp_path / "OCT.ndx").write_text("[ A ]\n1 2 99\n[ B ]\nC4 5\n")
    code, lines = printed(tmp_path, ["mappings", "test", "oct.map", "-p", "octane.top"], monkeypatch, capsys)
    assert (code, sum(line.startswith("error: ") for line in lines)) == (1, 3)
    assert [line.rpartition(" Perhaps ")[2] for line in lines[:3]] == ["'4 C4 B'.", "'5 H8C B'.", "'6 C5 B'."]
    code, lines = printed(tmp_path, ["mappings", "test", "OCT.ndx", "-p", "octane.top"], monkeypatch, capsys)
    assert (code, [line.split(": ")[2].split(". ")[0] for line in lines[:2]]) == (
        1, ["there is no atom 99", "'C4' is no number of an atom"])
    (tmp_path / "bad.map").write_text(BACKWARD.replace("1 C1 A", "C1 A").replace("4 C4 B", "4 C4 D").replace(
        "5 C5 B", "x C5 B"))
    code, lines = printed(tmp_path, ["mappings", "test", "bad.map"], monkeypatch, capsys)
    assert [line.split(": ")[1] for line in lines[:-1]] == ["bad.map:8", "bad.map:12"]
