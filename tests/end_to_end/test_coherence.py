"""Frames that follow the one before: the same bytes however they are run, and what goes wrong in one line."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap import session
from backmap.testing import check_run
from backmap.testing.runs import quiet
from tests import command, everything
from tests.scenes import RECIPE as DEMO
from tests.scenes import write_trr

RECIPE = """\
recipe: 1
title: Octane in the order of time
seed: 7
output: out
steps:
  - topology: {{atoms: {{gromacs: {demo}/octane.top}}, mapping: {{votca: {demo}/octane.xml}}, molecules: {{OCT: 8}}}}
  - forcefield: {{gromacs: {demo}/octane.top, cutoff: 0.9, epsilon_rf: 1.9}}
  - read:
      beads: {{gromacs: [beads.gro, beads.trr]}}
  - carry:
      start:
        - forward: template
        - hamiltonian: {{sweeps: 2, steps: 4, temperature: 350, second_start: 0}}
      refresh:
        - hamiltonian: {{sweeps: 1, steps: 4, temperature: 350, second_start: 0}}
        - hamiltonian: {{sweeps: 1, steps: 4, temperature: 350, second_start: 0, mend: 0, friction: 2}}
      substeps: 2
  - assess: {{assessors: [dynamics], view: false}}
  - write: {{atoms: {{gromacs: [atoms.gro, atoms.trr]}}, report: report.json}}
"""
FRICTION = "steps.carry.refresh[1].hamiltonian.friction"
EXTRA = "steps.carry.extra_jumps"
#: Moves by which methyl groups jump between two frames.
HOT = {f"steps.carry.refresh[0].hamiltonian.{name}": value for name, value in (("temperature", 3000), ("steps", 40))}
N_BEADS = 4 * everything.MOLECULES


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Eight molecules of the demo, whose beads shake from frame to frame; before the fourth some are missing."""
    info = next(iter(GromacsFrames([DEMO / "cg.gro"])))
    beads, rng = info.positions[:N_BEADS], np.random.default_rng(1)
    frames = [beads + rng.normal(0, 0.005, beads.shape) for _ in range(5)]
    write_trr(tmp_path / "beads.trr", frames, info.box, (0, 1, 2, 7, 8))
    rows = (DEMO / "cg.gro").read_text().splitlines()
    (tmp_path / "beads.gro").write_text("\n".join([rows[0], str(N_BEADS), *rows[2:2 + N_BEADS], rows[-1]]) + "\n")
    path = tmp_path / "run.yaml"
    path.write_text(RECIPE.format(demo=DEMO))
    return path


def test_windows_threads_and_stops(recipe: Path, tmp_path: Path) -> None:
    check_run(recipe, tmp_path / "ways", windows=(2,), set={"replicas": 2, EXTRA: {"CT-CT-CT-HC": 1e4}, **HOT},
              frames="0:3")


def test_velocities_go_along(recipe: Path, tmp_path: Path) -> None:
    """With hardly any friction atoms end elsewhere than with new velocities, from the frame after the first on."""
    found = {}
    for friction in (1e-3, 1e3):
        output = tmp_path / str(friction)
        session.run(recipe, output=output, frames="0:3", set={FRICTION: friction}, display=quiet())
        found[friction] = np.stack([info.positions for info in GromacsFrames([output / "atoms.trr"])])
    np.testing.assert_array_equal(found[1e-3][0], found[1e3][0])
    assert np.abs(found[1e-3][1] - found[1e3][1]).max() > 1e-3


def test_rotors_jump_more_often_than_moves_make_them(recipe: Path, tmp_path: Path) -> None:
    """So often that hardly one stays as it was: in the frame after the first, methyl groups are in another order."""
    found = []
    for jumps in ({}, {"CT-CT-CT-HC": 1e6}):
        output = tmp_path / str(len(jumps))
        session.run(recipe, output=output, frames="0:2", set={EXTRA: jumps, **HOT}, display=quiet())
        frames = np.stack([info.positions for info in GromacsFrames([output / "atoms.trr"])])
        found.append(frames.reshape(2, everything.MOLECULES, -1, 3))
    without, turned = found
    np.testing.assert_array_equal(without[0], turned[0])
    moved = (turned[1] != without[1]).any(axis=-1)
    assert 0.4 < moved[:, 1:4].mean() < 0.95
    assert not moved[:, 4:23].any()
    np.testing.assert_array_equal(np.sort(turned[1][:, 1:4], axis=1), np.sort(without[1][:, 1:4], axis=1))


def test_rotors_that_are_not_there(recipe: Path, tmp_path: Path) -> None:
    done = command.call("run", recipe, "--output", tmp_path / "out", "--set", EXTRA + "={CT-CT-CT-CT: 2}")
    assert done.code == 2
    assert done.err.splitlines()[-1].endswith(
        "steps[3].carry.extra_jumps: no rotor that a turn maps onto itself has the torsion 'CT-CT-CT-CT'. Those that "
        "there are: CT-CT-CT-HC.")


def test_parts_of_molecules_keep_no_velocities(recipe: Path, tmp_path: Path) -> None:
    done = command.call("run", recipe, "--output", tmp_path / "out", "--frames", "0:2", "--set",
                        f"{FRICTION.replace('friction', 'block_size')}=2")
    assert done.code == 0, done.err
    assert ("note: OCT: friction is for whole molecules, and its blocks are parts: these draw velocities anew; "
            "block_size 4 makes it one") in done.err


def test_atoms_stay_near_and_frames_after_a_gap_begin_anew(recipe: Path, tmp_path: Path) -> None:
    done = command.call("run", recipe, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "carry: 3 of 5 frames go on where the one before was" in done.err
    assert "frames are 1 ps apart, in 2 substeps" in done.err
    atoms = np.stack([info.positions for info in GromacsFrames([tmp_path / "out" / "atoms.trr"])])
    moved = np.linalg.norm(np.diff(atoms, axis=0), axis=-1).mean(axis=1)
    assert moved[[0, 1, 3]].max() < 0.8 * moved[2]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "Frames are too few, or not evenly spaced in time: no correlations." in json.dumps(report)


def test_parts_begin_anew(recipe: Path, tmp_path: Path) -> None:
    """So that they are not what a run in one piece gives, from the first frame of the second part on."""
    session.run(recipe, output=tmp_path / "whole", frames="0:4", display=quiet())
    for part in (1, 2):
        session.run(recipe, output=tmp_path / "parts", frames="0:4", part=(part, 2), display=quiet())
    session.merge(tmp_path / "parts", display=quiet())
    whole, parts = (np.stack([info.positions for info in GromacsFrames([tmp_path / name / "atoms.trr"])])
                    for name in ("whole", "parts"))
    np.testing.assert_array_equal(whole[:2], parts[:2])
    assert np.abs(whole[2] - parts[2]).max() > 0.05


def test_processes_cannot_share_them(recipe: Path, tmp_path: Path) -> None:
    done = command.call("run", recipe, "--output", tmp_path / "out", "--processes", "2")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(
        f"backmap: {recipe}: steps[3].carry: step 'carry' takes each frame from the one before, so that processes "
        "cannot share them. Leave 'processes' out.")


def test_time_goes_forward(recipe: Path, tmp_path: Path) -> None:
    done = command.call("run", recipe, "--output", tmp_path / "out", "--frames", "1,0")
    assert done.code == 2
    assert ("steps[3].carry: frame 0 is of 0 ps, earlier than frame 1 before it, of 1 ps. Frames have to come in the "
            "order of time") in done.err.splitlines()[-1]


def test_not_inside_of_another_step(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace(
        "view: false}", "view: false, compare_with: {again: [{carry: {start: {forward: template}, "
        "refresh: {refine: {minimize: {}}}}}]}}"))
    done = command.call("run", recipe, "--output", tmp_path / "out")
    assert done.code == 2
    assert "'carry' follows the frame before, and cannot be inside of another step" in done.err.splitlines()[-1]
