"""Several draws for the same frames, by every step that draws: replica 0 is the run without, and each is another."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from backmap import session
from backmap.testing import check_run
from backmap.testing.runs import expect_same, outcome, quiet
from tests import everything

WEIGHTS = "octane_350K.safetensors"
#: Where every replica starts from the same atoms: what they differ by is the work of the one step that follows.
START = everything.FRAMES[:everything.FRAMES.index("  - forward:")] + """\
  - read_atoms: {{gromacs: {{files: [{demo}/aa.gro, {demo}/test_aa.xtc], index: {{index.ndx: atoms}}}}}}
"""
#: A model, judged by draws for its own beads.
MODEL = everything.FRAMES[:everything.FRAMES.index("  - gibbs:")] + """\
  - assess:
      assessors: [consistency, {{projected_forces: {{temperature: 350}}}}]
      compare_with:
        model:
          - read_beads: {{gromacs: {{files: [{demo}/cg.gro, {demo}/cg.xtc], index: {{index.ndx: beads}}}}}}
          - forward: {{generator: {{equivariant: {weights}}}}}
  - write: {{report: report.json}}
"""
STEPS = {
    "forward": "forward: template",
    "gibbs": "gibbs: {{generator: {{equivariant: {weights}}}, sweeps: 1, temperature: 350}}",
    "metropolis": "metropolis: {{generator: {{equivariant: {weights}}}, sweeps: 1, temperature: 350}}",
    "hamiltonian": "hamiltonian: {{sweeps: 1, steps: 4, temperature: 350}}",
    "refine": "refine: {{equilibrate: {{temperature: 350, time: 0.02, max_iterations: 20}}}}",
}


def positions(path: Path) -> np.ndarray:
    with XTCFile(str(path)) as file:
        return np.stack([frame.x for frame in file])


@pytest.mark.parametrize("step", STEPS)
def test_every_step_draws_anew(step: str, tmp_path: Path) -> None:
    text = f"{START}  - {STEPS[step]}\n  - write: {{{{atoms: {{{{gromacs: [atoms.gro, atoms.xtc]}}}}}}}}\n"
    recipe = everything.written(tmp_path, text, WEIGHTS)
    for name, which in (("plain", {}), ("alone", {"replica": 3})):
        session.run(recipe, frames="2", output=tmp_path / name, set=which, display=quiet())
    found = [positions(tmp_path / file) for file in ("plain/atoms.xtc", "alone/atoms.replica3.xtc")]
    assert (np.abs(found[0] - found[1]).max(axis=(0, 2)) > 0).mean() > 0.05  # of the atoms; metropolis accepts few


@pytest.mark.slow
def test_the_same_bytes_in_every_way(tmp_path: Path) -> None:
    recipe = everything.written(tmp_path, everything.FRAMES, WEIGHTS)
    check_run(recipe, tmp_path, windows=(), processes=(2,), parts=3, stops=False, set={"replicas": 2}, frames="0:2")
    whole = outcome(tmp_path / "whole")
    for name, which in (("plain", {}), ("alone", {"replica": 1})):
        result = session.run(recipe, frames="0:2", output=tmp_path / name, set=which, display=quiet())
        files = [file.name for file in result.files if "report" not in file.name]
        assert files == [f"atoms{'.replica1' * (name == 'alone')}.{kind}" for kind in ("gro", "xtc", "png")]
        assert {file: outcome(result.output)[file] for file in files} == {file: whole[file] for file in files}
    frames = [positions(tmp_path / "whole" / f"atoms{name}.xtc") for name in ("", ".replica1")]
    assert frames[0].shape == frames[1].shape == (2, 208, 3)
    assert (np.abs(frames[0] - frames[1]).max(axis=2) > 0).mean() > 0.9
    with XTCFile(str(tmp_path / "whole" / "atoms.xtc")) as one, \
            XTCFile(str(tmp_path / "whole" / "atoms.replica1.xtc")) as other:
        assert [(a.step, a.time) for a in one] == [(b.step, b.time) for b in other]


def test_a_model_gets_as_many_draws(tmp_path: Path) -> None:
    recipe = everything.written(tmp_path, MODEL, WEIGHTS)
    one, three = (session.run(recipe, frames="0:3", output=tmp_path / f"{replicas}", set={"replicas": replicas},
                              display=quiet()) for replicas in (1, 3))
    assert one.judgement.n_frames == {"reference": 3, "backmap": 3, "model": 3}
    assert three.judgement.n_frames == {"reference": 3, "backmap": 9, "model": 9}
    assert [path.name for path in three.files] == ["report.json"]
    for result in (one, three):  # frames are drawn again with all their replicas
        figures = result.judgement.by_trajectory["model"]["projected_forces, ranking"].figures
        assert all(np.isfinite(figure.error) for figure in figures)


@pytest.mark.parametrize("more", [(), ("-np", "2")], ids=["one process", "two processes"])
def test_killed_among_replicas(more: tuple[str, ...], tmp_path: Path) -> None:
    text = f"{START}  - {STEPS['hamiltonian']}\n  - write: {{{{atoms: {{{{gromacs: [atoms.gro, atoms.xtc]}}}}}}}}\n"
    recipe = everything.written(tmp_path, text, WEIGHTS)
    whole = session.run(recipe, output=tmp_path / "whole", set={"replicas": 4, "window": 1}, display=quiet())
    command = [sys.executable, "-m", "backmap", "run", str(recipe), "--output", str(tmp_path / "killed"),
               "--set", "replicas=4", "--set", "window=1", *more]
    progress, give_up = tmp_path / "killed" / "progress.json", time.monotonic() + 300
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not any(progress.parent.glob("progress.*[1-9].npz")):  # frames are done
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert progress.exists()
    session.run(recipe, output=tmp_path / "killed", set={"replicas": 4, "window": 1}, resume=True, display=quiet())
    expect_same(outcome(tmp_path / "killed"), outcome(whole.output), f"killed {more}")
