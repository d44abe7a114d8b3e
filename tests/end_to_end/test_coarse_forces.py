"""Coarse-grained forces of liquid octane by the command: matched, written, judged; stopped, shared, in parts.

All bonds of this demo are rigid, from bead to bead, too: forces on its beads are no mean forces, which is told.
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from backmap import session
from tests import scenes

RECIPE = """\
recipe: 1
title: Liquid octane, forces matched
seed: 7
window: 2
output: out
steps:
  - topology: {{atoms: {{gromacs: octane.top}}, mapping: {{votca: octane.xml}}, constraints: all-bonds}}
  - forcefield: {{gromacs: octane.top, epsilon_rf: 1.9}}
  - read: {{reference: {{gromacs: [aa.gro, train.xtc]}}}}
  - {step}
"""
MATCH = "match_forces: {temperature: 350, folds: 4, splines: 20}"
FILES = ("octane.top", "octane.xml", "aa.gro", "train.xtc")
NAMES = ["end-middle", "middle-middle", "bend", "twist", "E-E", "E-M", "M-M"]


def prepared(folder: Path, step: str = MATCH) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(scenes.RECIPE / name, folder / name)
    (folder / "run.yaml").write_text(RECIPE.format(step=step))
    return folder / "run.yaml"


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "tables").iterdir())}


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = prepared(tmp_path_factory.mktemp("match"))
    session.run(path, frames="0:12")
    return path


def test_tables_of_octane(matched: Path) -> None:
    """The residual falls, also of frames that were not seen, and bonds are springs."""
    out = matched.parent / "out"
    told = json.loads((out / "tables" / "fit.json").read_text())
    found = told["residuals"]["reference"]
    assert found["frames"] == 12
    assert found["after"] < found["held_out"] < 0.9 * found["before"]
    assert list(told["splines"]) == NAMES
    assert set(tables(out)) == {f"{name}.{ending}" for name in NAMES for ending in ("pot", "force")} | {
        "pair.table", "bond.table", "angle.table", "dihedral.table", "system.xml", "fit.json"}


def test_processes_write_the_same(matched: Path, tmp_path: Path) -> None:
    result = session.run(matched, frames="0:12", processes=2, output=tmp_path / "two")
    assert tables(result.output) == tables(matched.parent / "out")


def test_parts_are_the_run_of_one_piece(matched: Path, tmp_path: Path) -> None:
    for number in (2, 1):
        session.run(matched, frames="0:12", part=(number, 2), output=tmp_path / "parts")
    session.merge(tmp_path / "parts")
    assert tables(tmp_path / "parts") == tables(matched.parent / "out")


def test_the_tables_are_judged(matched: Path) -> None:
    """chi2 of the reference by the assessor is the residual that the step has found; it falls for other frames, too."""
    folder = matched.parent
    text = matched.read_text().replace(f"  - {MATCH}\n", """\
  - assess:
      assessors: [{force_residual: {tables: out/tables, temperature: 350}}]
  - write: {report: [report.json, report.html, report.md]}
""")
    (folder / "judge.yaml").write_text(text.replace("output: out", "output: judged"))
    after = json.loads((folder / "out" / "tables" / "fit.json").read_text())["residuals"]["reference"]["after"]
    found = judged(folder, "0:12")
    assert found["all", "chi2"] == pytest.approx(after, rel=5e-3)  # tables are not known, and walls, at the ends
    assert "rigid bonds lead from bead to bead" in (folder / "judged" / "report.md").read_text()
    unseen = judged(folder, "12:24")
    assert unseen["all", "chi2"] < 0.9 * unseen["all", "mean squared force"]  # which is chi2 without a force field


def judged(folder: Path, frames: str) -> dict[tuple[str, str], float]:
    """Figures of the reference in some frames, by name and quantity."""
    session.run(folder / "judge.yaml", frames=frames, force=True)
    report = json.loads((folder / "judged" / "report.json").read_text())
    return {(one["name"], one["quantity"]): one["values"]["reference"]["value"] for one in report["figures"]}
