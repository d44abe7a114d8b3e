"""Every way to break what ``backmap bottleneck`` is given, and the one line that it prints for it."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import melts
from tests.breaking import Break, Row, check_one_line, columns, content, lines, nothing, remove


def chains(name: str, n_beads: int, n_chains: int = 4, n_frames: int = 3) -> Break:
    """Frames of other chains."""
    def change(folder: Path) -> None:
        melts.gro(folder / name, melts.gaussian(np.random.default_rng(1), n_frames, n_chains, n_beads, 0.3))

    return change


def topology(n_beads: int, name: str = "P") -> Break:
    return lambda folder: melts.topology(folder / "kg.itp", n_beads, name=name)


def one_residue(folder: Path) -> None:
    text = (folder / "kg.itp").read_text()
    for k in range(2, 7):
        text = text.replace(f"P {k} KG", "P 1 KG")
    (folder / "kg.itp").write_text(text)


def two_types(folder: Path) -> None:
    melts.topology(folder / "kg.itp", 6)
    text = (folder / "kg.itp").read_text()
    (folder / "kg.top").write_text(text + text.replace("moleculetype ]\nKG", "moleculetype ]\nSOL")
                                   + "[ system ]\nmelt\n[ molecules ]\nKG 2\nSOL 3\n")


FILES = ("x.gro", "-p", "kg.itp", "--like", "y.gro")

#: What is wrong, how to make it so, arguments, the printed line after "backmap: "; "..." is anything.
TABLE: list[Row] = [
    ("no topology of the beads", nothing, ("x.gro", "--like", "y.gro"),
     "backmap bottleneck: no topology of the beads is given. Give their bonds and masses by `-p beads.itp`."),
    ("frames of one model only", nothing, ("x.gro", "-p", "kg.itp"),
     "backmap bottleneck: two models are compared, and one of them has no frames. Write: backmap bottleneck x.gro -p "
     "beads.itp --like y.gro."),
    ("neither frames nor a size", nothing, ("-p", "kg.itp"),
     "backmap bottleneck: there is nothing to compare, and no size is given. Give frames of X, and of Y by "
     "`--like FILE`; or `--size N`."),
    ("a file that is not there", remove("y.gro"), FILES, "y.gro: there is no such file"),
    ("sizes that are none", nothing, (*FILES, "--sizes", "0..3"),
     "--sizes 0..3: '0..3' is no size of groups. Write 1..8, or 1,2,4."),
    ("a mapping that is there", content("bottleneck.xml", b""), FILES,
     "bottleneck.xml: exists already. Choose another with --output, or use --force."),
    ("33 beads in groups of 2, with an error for remainders", topology(33),
     ("-p", "kg.itp", "--size", "2", "--remainder", "error"),
     "KG: 33 beads do not make groups of 2: 1 is left over. Choose another size, or the remainder 'last' or 'spread'."),
    ("a remainder that is none", nothing, (*FILES, "--remainder", "first"),
     "bottleneck.remainder: should be 'last', 'spread' or 'error', not 'first'. ..."),
    ("chains of another length", chains("y.gro", 5), FILES,
     "y.gro: holds 20 beads, which are no whole number of molecules (6 in KG). Give the topology of these beads; both "
     "files must hold its molecules."),
    ("other numbers of several molecule types", two_types, ("x.gro", "-p", "kg.top", "--like", "y.gro"),
     "x.gro: holds 24 beads, but the molecules of the topology have 30. Give the topology of these beads; both files "
     "must hold its molecules."),
    ("one molecule in one frame", chains("y.gro", 6, 1, 1), FILES,
     "y.gro: holds one molecule in one frame: it has no halves that tell how much is noise. Give more frames."),
    ("beads that a mapping cannot name", one_residue, FILES,
     "kg.itp: KG: 6 beads of one residue are called '1:KG:P'. Give them different names, or residues, so that a "
     "mapping can name them."),
    ("positions that are no numbers", lines(
        "x.gro", lambda text: [*text[:2], columns(text[2], 20, "nan"), *text[3:]]), FILES,
     "x.gro:3: x of atom 1 is 'nan', not a number. The file is damaged, or the simulation that wrote it blew up."),
    ("LAMMPS files without units", content("x.dump", b"ITEM: TIMESTEP\n"),
     ("x.dump", "-p", "kg.itp", "--like", "y.gro"),
     "x.dump: does not say its units. Give them with --units real, metal or lj."),
    ("lj units without their length", content("x.dump", b"ITEM: TIMESTEP\n"),
     ("x.dump", "-p", "kg.itp", "--like", "y.gro", "--units", "lj"),
     "bottleneck.beads.lammps: sigma: units: lj needs `sigma`, the length of one unit in nm. E.g. sigma: 0.5."),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("x.gro", "y.gro"):
        chains(name, 6)(tmp_path)
    melts.topology(tmp_path / "kg.itp", 6)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("change", "arguments", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, folder: Path,
                  capsys: pytest.CaptureFixture[str]) -> None:
    change(folder)
    check_one_line(folder, ["bottleneck", *arguments], expected, capsys)
