"""The demo from Python: a Universe in, a Universe out, the same bytes as the command; and the notebook."""
from __future__ import annotations

import ast
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import MDAnalysis
import numpy as np
import pytest
from rich.console import Console

import backmap
from backmap.running.display import Display
from tests import scenes

DEMO, ROOT = scenes.RECIPE, Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
RECIPE: dict[str, Any] = {
    "recipe": 1, "seed": 7, "device": "cpu", "steps": [
        {"topology": {"atoms": {"gromacs": DEMO / "octane.top"}, "mapping": {"votca": DEMO / "octane.xml"}}},
        {"read": {"beads": {"gromacs": [DEMO / "cg.gro", DEMO / "cg.xtc"]}}},
        {"forward": {"generator": "template"}}, {"write": {"atoms": {"gromacs": ["atoms.gro", "atoms.trr"]}}}]}


def run(output: Path, **options: Any) -> backmap.Result:
    return backmap.run(RECIPE, output=output, display=Display(Console(file=io.StringIO())), **options)


@pytest.fixture
def beads(tmp_path_factory: pytest.TempPathFactory) -> MDAnalysis.Universe:
    """The beads of the demo; MDAnalysis leaves a file beside each trajectory."""
    folder = tmp_path_factory.mktemp("beads")
    return MDAnalysis.Universe(*(shutil.copy(DEMO / name, folder) for name in ("cg.gro", "cg.xtc")))


def test_universe_in_and_out(beads: MDAnalysis.Universe, tmp_path: Path) -> None:
    """Atoms map onto the beads that were given, measured by MDAnalysis alone."""
    result = run(tmp_path, beads=beads, begin=470, dt=20)
    atoms = result.atoms
    assert [frame.time for frame in atoms.trajectory] == [470, 490]
    for frame in atoms.trajectory:
        beads.trajectory[int(frame.time - 460) // 10]
        np.testing.assert_allclose(frame.dimensions, beads.dimensions, rtol=1e-5)
        molecule = atoms.select_atoms("resid 7")
        groups = scenes.octane_system().types[0].mapping.owner
        centres = np.array([molecule[groups == bead].center_of_mass() for bead in range(4)])
        displacement = centres - beads.select_atoms("resid 7").positions
        displacement -= beads.dimensions[:3] * np.round(displacement / beads.dimensions[:3])
        assert np.abs(displacement).max() < 0.02  # Angstrom; weights of the mapping are rounded masses


def test_universe_and_files_give_the_same_atoms(beads: MDAnalysis.Universe, tmp_path: Path) -> None:
    one, other = run(tmp_path / "files", frames=0), run(tmp_path / "universe", frames=0, beads=beads)
    np.testing.assert_allclose(one.atoms.atoms.positions, other.atoms.atoms.positions, atol=1e-4)
    group = beads.select_atoms("all")
    assert run(tmp_path / "group", frames=0, beads=group).files[0].read_bytes() == other.files[0].read_bytes()


def test_the_command_writes_the_same_bytes(tmp_path: Path) -> None:
    result = run(tmp_path / "python", frames="1,3")
    (tmp_path / "run.yaml").write_text(result.record["text"])
    subprocess.run([sys.executable, "-m", "backmap", "run", tmp_path / "run.yaml", "-o", tmp_path / "command",
                    "-b", "470", "-dt", "20"], check=True, capture_output=True)
    for file in result.files:
        assert (tmp_path / "command" / file.name).read_bytes() == file.read_bytes()


def test_mistakes_are_one_line(beads: MDAnalysis.Universe, tmp_path: Path) -> None:
    with pytest.raises(backmap.BackmapError, match=r"Universe of 4 points: holds 4 beads, but the topology .* has 256"):
        run(tmp_path, beads=beads.select_atoms("resid 1"))
    result = run(tmp_path / "b", frames=0, set={"steps.write.atoms": {"picture": "octane.png"}})
    with pytest.raises(backmap.BackmapError, match=r"the run wrote no trajectory of atoms\. Give the recipe a step"):
        _ = result.atoms


def cells() -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]
            if cell["cell_type"] == "code"]


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells in order, with the results in another folder."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path / "docs")
    names: dict[str, Any] = {}
    shown = []
    for text in cells():
        *lines, last = ast.parse(text).body
        is_value = isinstance(last, ast.Expr)
        exec(compile(ast.Module(lines + [last] * (not is_value), []), "cell", "exec"), names)
        shown.append(eval(ast.unparse(last), names) if is_value else None)
    assert repr(shown[0]).startswith("<Result: 1 frame of 1664 atoms")
    assert len(names["templates"].atoms.trajectory) == 2
    assert "no option is called 'generatr'. Did you mean 'generator'?" in capsys.readouterr().out


def test_the_notebook_is_one() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert notebook["nbformat"] == 4
    errors = [output for cell in notebook["cells"] for output in cell.get("outputs", ())
              if output["output_type"] == "error"]
    assert not errors
