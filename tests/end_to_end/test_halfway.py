"""A frame that is stopped between its sweeps goes on there, and ends with the same bytes."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from backmap import session
from backmap.errors import Interrupted
from backmap.running import halfway
from backmap.running.display import Display
from backmap.running.pace import Whereabouts
from tests import scenes, stopping

pytestmark = pytest.mark.slow

STEPS = [
    {"topology": {"atoms": {"gromacs": str(scenes.RECIPE / "octane.top")},
                  "mapping": {"votca": str(scenes.RECIPE / "octane.xml")}, "constraints": "all-bonds"}},
    {"forcefield": {"gromacs": str(scenes.RECIPE / "octane.top"), "cutoff": 0.8}},
    {"read": {"beads": {"gromacs": str(scenes.RECIPE / "cg.gro")}}},
    {"forward": {"generator": "force_field"}},
    {"gibbs": {"sweeps": 2, "temperature": 350, "regularizer": "steric", "repair": 1}},
    {"hamiltonian": {"soft_core_sweeps": 1, "sweeps": 2, "steps": 3, "temperature": 350,
                     "tempering": {"time": 20, "every": 2}}},
    {"write": {"atoms": {"gromacs": "atoms.gro"}}},
]
#: Sweeps that are kept: of gibbs; one with soft cores, mending, loosening, what settles after it and mending again, one
#: tempered and two plain ones; of a second start a heated one, mending, and the same three again.
KEPT = 2 + (1 + 4 + 3) + (2 + 3)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("halfway") / "run.yaml"
    path.write_text(yaml.safe_dump({"recipe": 1, "seed": 3, "output": "out", "steps": STEPS}))
    return path


@pytest.fixture(scope="module")
def whole(recipe: Path) -> tuple[bytes, dict]:
    """What comes of a run that is not stopped."""
    return results(session.run(recipe, output=recipe.parent / "whole").output)


class Told(Display):
    """Keeps what it is told of the frame that is at work: how much is done, and what of it was done before."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, float]] = []

    def within(self, here: Whereabouts) -> None:
        self.told.append((here.frames, here.before))
        super().within(here)


def results(folder: Path) -> tuple[bytes, dict]:
    report = json.loads((folder / "run.json").read_text())
    return (folder / "atoms.gro").read_bytes(), {name: report[name] for name in ("warnings", "flagged", "n_frames")}


@pytest.mark.parametrize("sweeps", [1, 3, 5, 6, 7, 8, 10, 12])
def test_same_bytes(recipe: Path, whole: tuple[bytes, dict], sweeps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, folder = stopping.after(monkeypatch, sweeps), recipe.parent / f"out{sweeps}"
    with pytest.raises(Interrupted):
        session.run(recipe, output=folder)
    assert (folder / halfway.SWEEP).exists()
    display = Told()
    made = session.run(recipe, output=folder, resume=True, display=display).output
    assert results(made) == whole
    assert len(seen) == KEPT  # none twice
    assert display.told[0][0] == display.told[0][1] > 0.1  # of the first frame; all of it was done before
    later = display.told[1:-1]
    assert all(share >= before for share, before in later)  # a round of mending begins by telling nothing new
    assert later[-1][0] > later[-1][1]
    assert {path.name for path in made.iterdir()} == {"atoms.gro", "run.json"}
