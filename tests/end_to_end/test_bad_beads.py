"""Beads in place of atoms, from files to files; and every way to get them wrong, with the one line that is printed."""
from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from backmap.commands import cli
from tests import beads
from tests.breaking import Break, check_one_line, run

from .test_bad_input import recipe

LEARN = """\
recipe: 1
seed: 1
output: learned
steps:
  - topology: {atoms: {gromacs: cg.top}, mapping: {yaml: cg.yaml}}
  - prepare: {frames: {gromacs: cg.gro}, temperature: 300}
  - train:
      generator: {equivariant: {channels: 8, width: 32}}
      steps: 60
      validate_every: 60
"""
DRAW = """\
recipe: 1
seed: 1
output: out
steps:
  - topology: {atoms: {gromacs: cg.top}, mapping: {yaml: cg.yaml}}
  - read: {reference: {gromacs: cg.gro}}
  - forward: {generator: {equivariant: learned/weights.safetensors}}
  - gibbs: {sweeps: 2, temperature: 300, candidates: 4, regularizer: flat_bottom, repair: 2}
  - write: {gromacs: drawn.gro}
  - assess: {assessors: [structure, consistency]}
"""


def prepared(folder: Path) -> None:
    beads.write(folder)
    (folder / "learn.yaml").write_text(LEARN)
    (folder / "run.yaml").write_text(DRAW)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beads")
    prepared(folder)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["run", str(folder / "learn.yaml")])
    return folder / "learned" / "weights.safetensors"


def test_beads_are_learned_drawn_and_assessed(learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    prepared(tmp_path)
    (tmp_path / "learned").mkdir()
    (tmp_path / "learned" / learned.name).write_bytes(learned.read_bytes())
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(tmp_path, "check", "run.yaml", capsys=capsys)
    assert code == 0, out
    assert "no errors, no warnings" in out
    code, out, err = run(tmp_path, "run", "run.yaml", capsys=capsys)
    assert code == 0, err
    assert "CHN: its atoms are taken for beads without elements" in out + err
    lines = (tmp_path / "out" / "drawn.gro").read_text().splitlines()
    drawn = np.array([[float(x) for x in re.findall(r"-?\d+\.\d+", line[20:])[:3]] for line in lines[2:162]])
    lengths = np.linalg.norm(np.diff(drawn.reshape(20, 8, 3), axis=1), axis=2)
    assert 0.3 < np.median(lengths) < 1.2  # drawn beads are about a bond of 0.7 nm apart, after 60 steps
    centres = (drawn.reshape(20, 4, 2, 3) * np.array([100, 200])[:, None] / 300).sum(axis=2)
    _, window = beads.melt(3)
    assert np.abs(centres.reshape(-1, 3) - window.beads[0]).max() < 2e-3  # of files with three digits
    figures = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    assert figures


def other_types(folder: Path) -> None:
    path = folder / "cg.top"
    path.write_text(re.sub(r"(?m)^(\d+) B ", r"\1 C ", path.read_text()))


def other_order(folder: Path) -> None:
    """Beads of all molecules in another order, without names that would tell."""
    path = folder / "cg.gro"
    head, count, *rows = path.read_text().splitlines()
    beads_, box = rows[:160], rows[160]
    mixed = [row[:20] + beads_[k * 37 % 160][20:] for k, row in enumerate(beads_)]
    path.write_text("\n".join([head, count, *mixed, box]) + "\n")


TABLE = [
    ("beads of an unknown molecule type", recipe("topology: {", "topology: {beads: [CHX], "), (),
     "run.yaml: steps[0].topology: 'CHX' under 'beads' is no molecule type of ...cg.top. Known: CHN."),
    ("beads in another order", other_order, (),
     "run.yaml: steps[1].read: ...cg.gro: ... of 140 bonds of CHN are longer than ... nm in frame 0: these are not its "
     "atoms in the order of the topology. Write the file in the order of the topology."),
    ("weights for other types of beads", other_types, (),
     "run.yaml: steps[2].forward: ...weights.safetensors: the weights know no beads of type C. They know: A, B. Train "
     "with such beads."),
    ("beads taken for atoms", recipe("topology: {", "topology: {beads: false, "), (),
     "run.yaml: steps[1].read: ...cg.gro: 140 of 140 bonds of CHN are longer than 0.35 nm in frame 0: these are not "
     "its atoms in the order of the topology. Write the file in the order of the topology."),
]


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, learned: Path, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(tmp_path)
    (tmp_path / "learned").mkdir()
    (tmp_path / "learned" / learned.name).write_bytes(learned.read_bytes())
    change(tmp_path)
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", *(arguments or ("run.yaml",)), "--output", "out"], expected, capsys)
