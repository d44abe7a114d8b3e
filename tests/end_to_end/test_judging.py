"""Judging from the command line: figures that depend on nothing but the frames, and runs beside files."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap import session
from backmap.errors import Interrupted
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
from backmap.testing.runs import Stopping
from tests import command, judging, scenes

DEMO = scenes.RECIPE
PUBLISHED = DEMO.parent / "polystyrene_published" / "published.yaml"
#: More frames than fit the smaller windows.
N_FRAMES = 9
#: How the frames are shared out.
WAYS = {"windows of 1": ("window=1",), "windows of 7": ("window=7",)}


def backmap(*arguments: object, code: int = 0) -> str:
    """What the command prints to standard error, once it has ended with ``code``."""
    done = command.call(*arguments)
    assert done.code == code, done.err
    return done.err


def judged(path: Path, folder: Path, *settings: str, chosen: str | None = None) -> dict[str, Any]:
    """What a recipe finds, with entries of it set."""
    checked = recipe.load(path, Registry().discover(), [f"output={folder}", *settings])
    runner.run(checked, chosen=chosen)
    return judging.found(folder)


@pytest.fixture(scope="module")
def octane(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A recipe, and what it finds in a single window."""
    folder = tmp_path_factory.mktemp("judged")
    path = judging.octane(folder, N_FRAMES)
    return path, judged(path, folder / "whole", "window=64")


def numbers(found: Any) -> Iterator[float]:
    """All numbers in plain data."""
    if isinstance(found, dict | list):
        for part in found.values() if isinstance(found, dict) else found:
            yield from numbers(part)
    elif isinstance(found, float):
        yield found


@pytest.mark.parametrize("way", WAYS)
def test_figures_are_the_same_to_the_last_bit(way: str, octane: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, whole = octane
    found = judged(path, tmp_path / "out", *WAYS[way])
    assert found["n_frames"] == {"reference": N_FRAMES, "backmap": N_FRAMES}
    assert {figure["assessor"] for figure in found["figures"]} == {"structure", "energy", "consistency"}
    assert len(list(numbers(found["figures"]))) > 100
    assert found == whole


@pytest.mark.slow
def test_figures_of_polystyrene_are_the_same_to_the_last_bit(reference_data: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKMAP_REFERENCE_DATA", str(reference_data.resolve()))
    whole = judged(PUBLISHED, tmp_path / "whole", "window=64", chosen=f"0:{N_FRAMES}")
    assert whole["n_frames"] == dict.fromkeys(("reference", "deepbackmap", "baseline"), N_FRAMES)
    for way, settings in WAYS.items():
        assert judged(PUBLISHED, tmp_path / way, *settings, chosen=f"0:{N_FRAMES}") == whole, way


def test_stopped_and_resumed_gives_the_same_figures(octane: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _, whole = octane
    path, folder = judging.octane(tmp_path, N_FRAMES), tmp_path / "out"
    good, infos = (tmp_path / "cg.xtc").read_bytes(), list(GromacsFrames([tmp_path / "cg.xtc"]))
    boxes = np.stack([info.box for info in infos])
    boxes[5, 2, 2] = 0
    judging.write_xtc(tmp_path / "cg.xtc", np.stack([info.positions for info in infos]), boxes)
    arguments = "run", path, "--output", folder, "--set", "window=2"
    assert "frame 5: the box has no volume" in backmap(*arguments, code=2).splitlines()[-1]
    assert json.loads((folder / "progress.json").read_text())["n_frames"] == 4
    assert not (folder / "report.json").exists()
    (tmp_path / "cg.xtc").write_bytes(good)
    assert "the file cg.xtc has changed" in backmap(*arguments, "--resume", code=2)
    with pytest.raises(Interrupted, match="after 2 frames"):
        session.run(path, output=folder, set={"window": 2}, force=True, display=Stopping())
    backmap(*arguments, "--resume")
    assert judging.found(folder) == whole
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md", "run.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames of the demo, without others beside it."""
    folder = tmp_path_factory.mktemp("demo") / "ours"
    backmap("run", DEMO / "run.yaml", "--output", folder, "--frames", "0:2", "--set=steps.gibbs.sweeps=2",
            "--set=steps.gibbs.repair=0", "--set=steps.hamiltonian.sweeps=4",
            "--set=steps.hamiltonian.second_start=0", "--set=steps.assess.compare_with={}")
    return folder


def test_a_run_beside_a_file(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "side by side"
    backmap("report", run, f"simulation={DEMO / 'test_aa.xtc'}", "--output", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md", "run.json"]
    found, labels = judging.found(folder), {"reference", "ours", "simulation"}
    assert found["label"] == "ours"
    assert found["n_frames"] == dict.fromkeys(labels, 2)
    assert set(found["verdicts"]) == labels - {"reference"}
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text()
        assert all(label in text for label in labels), name
    rows = {(row["section"], row["name"], row["quantity"]): row for row in found["figures"]}
    for label in labels:
        # All are rigid at the force field's length, in files of 0.001 nm.
        assert rows["bonds", "CT-CT", "mean"]["values"][label]["value"] == pytest.approx(0.1529, abs=0.0002)
        assert rows["consistency", "all beads", "RMSD"]["values"][label]["value"] < 0.001
    # The file is the reference of the demo, so that nothing tells them apart; the run is not as close.
    distances = [row["values"] for row in found["figures"] if row["distance"]]
    assert len(distances) > 10
    assert all(values["simulation"]["value"] == 0 for values in distances)
    assert max(values["ours"]["value"] for values in distances) > 0.01


def test_a_report_does_not_overwrite_another(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.md").write_text("mine")
    line = backmap("report", run, "--output", folder, code=2).splitlines()[-1]
    assert "report.md: exists already. Choose another folder" in line
    assert [path.name for path in folder.iterdir()] == ["report.md"]
    assert (folder / "report.md").read_text() == "mine"


def test_a_run_that_moves_nothing_is_not_called_good(tmp_path: Path) -> None:
    """Time steps of 10 fs break every move off, if nothing mends: all beads stay where they were placed."""
    path = judging.octane(tmp_path, 1)
    path.write_text(path.read_text().replace("read_atoms: {atoms: {gromacs: theirs.xtc}}",
                                             "forward: template\n  - hamiltonian: {sweeps: 1, timestep: 10, mend: 0}"))
    found = judged(path, tmp_path / "out")
    verdict = found["verdicts"]["backmap"]
    assert (verdict["level"], verdict["words"]) == (2, "Not usable as it is")
    said = {finding["topic"]: finding for finding in verdict["findings"]}
    assert said["accepted moves"]["level"] == said["accepted moves of beads"]["level"] == 2
    assert found["flagged"]["never_accepted"]["count"] == 256


def test_without_a_reference_there_is_no_verdict(tmp_path: Path) -> None:
    path = judging.octane(tmp_path, 1, noise=0.0001)
    path.write_text(path.read_text().replace("      reference: {gromacs: [aa.gro, aa.xtc]}\n", ""))
    verdict = judged(path, tmp_path / "out")["verdicts"]["backmap"]
    assert (verdict["level"], verdict["words"]) == (None, "No verdict")
    assert verdict["findings"]
    assert "**No verdict.** There is nothing to compare" in (tmp_path / "out" / "report.md").read_text()
    page = (tmp_path / "out" / "report.html").read_text()
    assert 'class="verdict levelnone"' in page
    assert "Good to use" not in page
