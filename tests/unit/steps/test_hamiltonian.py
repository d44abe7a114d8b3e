"""The step hamiltonian: what it needs, changes, flags and says."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.steps.hamiltonian import Hamiltonian

from backmap import api
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System, Window
from tests import forcefields, scenes


def melt(n_frames: int = 2) -> tuple[System, Window, ForceField]:
    system, window = scenes.octane_window(n_frames)
    field = forcefields.everything(system, cutoff=0.9)
    return system, window, replace(field, c6=1e-3 * field.c6, c12=1e-1 * field.c12)


def run(tmp_path: Path, system: System, window: Window, field: ForceField,
        **options: object) -> tuple[Window, list[str]]:
    step = Hamiltonian(Hamiltonian.Options(**{"sweeps": 2, "steps": 5, "timestep": 0.5} | options))
    step.where = "run.yaml: steps[3].hamiltonian"
    said: list[str] = []
    state = api.State(folder=tmp_path, output=tmp_path, seed=5, device="cpu", system=system, forcefield=field,
                      log=said.append)
    step.start(state)
    done = step.frames(window, state)
    step.finish(state)
    return done, said


def test_atoms_move_and_beads_stay(tmp_path: Path) -> None:
    system, window, field = melt()
    before = window.atoms.copy()
    done, said = run(tmp_path, system, window, field, temperature=350)
    assert np.array_equal(window.atoms, before)
    np.testing.assert_allclose(system.map(done.atoms), window.beads, atol=2e-6)
    assert np.abs(done.slack).max() < 2e-6
    assert np.abs(done.atoms - before).max() > 0.005
    assert not done.flags["stuck"].any()
    assert any("moves accepted" in line for line in said)
    assert any("energy" in line for line in said)


def test_long_time_steps_on_bonds_that_are_springs_are_told(tmp_path: Path) -> None:
    system, window, field = melt(1)
    assert not any("springs" in line for line in run(tmp_path, system, window, field, timestep=4)[1])
    (kind,) = system.types
    loose = replace(kind, bond_length=np.where(np.arange(len(kind.bonds)) < 3, np.nan, kind.bond_length))
    loose_system = System(((loose, system.n_molecules),))
    for timestep, told in ((2, False), (4, True)):
        said = run(tmp_path, loose_system, window, field, timestep=timestep)[1]
        assert any("3 of its bonds are springs" in line for line in said) is told


def test_a_frame_does_not_depend_on_its_window(tmp_path: Path) -> None:
    system, window, field = melt()
    together, _ = run(tmp_path, system, window, field)
    alone, _ = run(tmp_path, system, window.take(np.array([1])), field)
    assert np.array_equal(together.atoms[1], alone.atoms[0])


def test_soft_beads_stray_by_sigma(tmp_path: Path) -> None:
    system, window, field = melt(1)
    done, _ = run(tmp_path, system, window, field, beads={"sigma": 0.002}, sweeps=20, steps=10)
    assert 0.0015 < done.slack.std() < 0.003


def test_only_flagged_places_move(tmp_path: Path) -> None:
    system, window, field = melt()
    window.flags["clash"] = np.zeros(window.beads.shape[:2], dtype=bool)
    window.flags["clash"][1, 3] = True
    done, _ = run(tmp_path, system, window, field, only=["clash"])
    assert np.array_equal(done.atoms[0], window.atoms[0])
    moved = np.abs(done.atoms[1] - window.atoms[1]).max(axis=1) > 1e-3
    assert 0 < moved.sum() <= 2 * 26
    with pytest.raises(BackmapError, match="no earlier step looks for 'ring'"):
        run(tmp_path, system, window, field, only=["ring"])


def test_beads_without_an_accepted_move_are_flagged(tmp_path: Path) -> None:
    system, window, field = melt(1)
    done, said = run(tmp_path, system, window, field, timestep=10.0, steps=40)
    assert done.flags["stuck"].mean() > 0.5
    np.testing.assert_allclose(done.atoms, window.atoms, atol=2e-3)
    assert any("broke off" in line for line in said)


def test_softened_sweeps_come_first_and_do_not_count(tmp_path: Path) -> None:
    system, window, field = melt(1)
    plain, _ = run(tmp_path, system, window, field)
    soft, said = run(tmp_path, system, window, field, soften=2)
    assert not np.array_equal(plain.atoms, soft.atoms)
    assert len([line for line in said if line.split()[0].isdigit()]) == 2  # one line for each of the two sweeps
    np.testing.assert_allclose(system.map(soft.atoms), window.beads, atol=2e-6)
