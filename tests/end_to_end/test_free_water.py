"""Water of which four are a bead, from beads to atoms that moved on: no overlaps, and the same bytes after a stop."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from backmap import session
from backmap.errors import Interrupted
from tests import stopping

from .test_bad_rigid import TOP

pytestmark = pytest.mark.slow

SIDE, APART = 3, 0.49  #: beads along an edge, and nm between them: the density of water
STEPS = [
    {"topology": {"atoms": {"gromacs": "water.top"}, "several": {"W": {"molecules": "SOL", "count": 4}}}},
    {"forcefield": {"gromacs": "water.top", "cutoff": 0.7, "epsilon_rf": 0}},
    {"read": {"beads": {"gromacs": "water.gro"}}},
    {"forward": {"generator": "template"}},
    {"hamiltonian": {"soft_core_sweeps": 3, "sweeps": 30, "steps": 25, "timestep": 4, "temperature": 300,
                     "beads": "exact", "second_start": 0}},
    {"assess": ["consistency", "energy"]},
    {"write": {"atoms": {"gromacs": "atoms.gro"}, "beads": {"gromacs": "beads.gro"}, "report": "report.json"}},
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("water")
    places = np.stack(np.meshgrid(*[np.arange(SIDE) * APART] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = "".join(f"{k:5}W    {'W':>5}{k:5}{x:8.3f}{y:8.3f}{z:8.3f}\n" for k, (x, y, z) in enumerate(places, start=1))
    (folder / "water.gro").write_text(f"water\n{len(places)}\n{rows}" + f"{SIDE * APART:10.5f}" * 3 + "\n")
    (folder / "water.top").write_text(TOP.replace("SOL 1\n", f"SOL {4 * len(places)}\n"))
    (folder / "run.yaml").write_text(yaml.safe_dump({"recipe": 1, "seed": 3, "output": "out", "steps": STEPS}))
    return folder / "run.yaml"


@pytest.fixture(scope="module")
def made(recipe: Path) -> Path:
    return session.run(recipe, output=recipe.parent / "whole").output


def positions(path: Path) -> np.ndarray:
    rows = path.read_text().splitlines()[2:-1]
    return np.array([[float(row[20 + 8 * k:28 + 8 * k]) for k in range(3)] for row in rows])


def test_waters_are_free_and_do_not_overlap(recipe: Path, made: Path) -> None:
    oxygen, width = positions(made / "atoms.gro")[::4], SIDE * APART
    assert len(oxygen) == 4 * SIDE**3
    apart = oxygen[:, None] - oxygen
    apart = np.linalg.norm(apart - width * np.round(apart / width), axis=-1)[np.triu_indices(len(oxygen), 1)]
    assert apart.min() > 0.22
    given = np.repeat(positions(recipe.parent / "water.gro"), 4, axis=0)
    away = oxygen - given
    away = np.linalg.norm(away - width * np.round(away / width), axis=1)
    assert np.mean(away > 0.3) > 0.1  # at 0.17 nm they began
    report = json.loads((made / "run.json").read_text())
    assert not set(report["flagged"]) & {"off_bead", "clash", "overlap", "unmended"}


def test_beads_that_are_written_are_where_the_molecules_are(made: Path) -> None:
    beads, atoms = positions(made / "beads.gro"), positions(made / "atoms.gro").reshape(-1, 4, 3)
    centre = (15.9994 * atoms[:, 0] + 1.008 * atoms[:, 1:3].sum(axis=1)) / (15.9994 + 2.016)
    assert np.abs(beads - centre).max() < 2e-3


@pytest.mark.parametrize("sweeps", [6, 20])
def test_a_stopped_run_ends_with_the_same_bytes(recipe: Path, made: Path, sweeps: int,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    stopping.after(monkeypatch, sweeps)
    folder = recipe.parent / f"out{sweeps}"
    with pytest.raises(Interrupted):
        session.run(recipe, output=folder)
    again = session.run(recipe, output=folder, resume=True).output
    assert (again / "atoms.gro").read_bytes() == (made / "atoms.gro").read_bytes()
