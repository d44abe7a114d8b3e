"""A voxel GAN from the command line: trained, killed and resumed, used, and used wrongly."""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap.engine.checkpoints import store
from backmap.model import box as periodic
from tests import command, scenes

OCTANE = scenes.RECIPE
BEGIN = f"""
recipe: 1
seed: 3
steps:
  - topology:
      atoms: {{gromacs: {OCTANE / 'octane.top'}}}
      mapping: {{votca: {OCTANE / 'octane.xml'}}}
"""
TRAIN = BEGIN + f"""
  - forcefield: {{gromacs: {OCTANE / 'octane.top'}}}
  - prepare: {{frames: {{gromacs: [{OCTANE / 'aa.gro'}, {OCTANE / 'test_aa.xtc'}]}}, temperature: 350}}
  - train:
      generator: {{voxel_gan: {{grid: 4, width: 8, blocks: 1, warmup: 0.5, critic_steps: 2}}}}
      regularizer: {{energy: {{form: flat_bottom}}}}
      steps: 40
      sites: 8
      frames: 1
      validate_every: 10
      conformers: 4
      output: weights.safetensors
"""
RUN = BEGIN + f"""
  - read: {{beads: {{gromacs: [{OCTANE / 'cg.gro'}, {OCTANE / 'cg.xtc'}]}}}}
  - forward: {{generator: {{voxel_gan: weights.safetensors}}, start: sequential, candidates: 2,
               regularizer: steric, select: lowest_energy}}
  - gibbs: {{sweeps: 1, noise_schedule: [0.0], temperature: 350}}
  - write: {{atoms: {{gromacs: [atoms.gro, atoms.xtc]}}}}
"""


def words(folder: Path, text: str, *arguments: str) -> list[str]:
    """The command's, to run a recipe in a folder."""
    (folder / "recipe.yaml").write_text(text)
    return ["run", str(folder / "recipe.yaml"), "--output", str(folder / "out"), *arguments]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    command.succeed(*words(folder, TRAIN))
    return folder / "out"


def test_training_leaves_weights_a_plot_and_a_record(trained: Path) -> None:
    _, header = store.load(trained / "weights.safetensors", "checkpoint")
    assert header["generator"] == "voxel_gan"
    assert header["training"]["steps"] == 40
    assert {"spread 0.0", "distance 0.0"} <= set(header["training"]["validation"][1])
    assert (trained / "weights.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_killed_and_resumed_it_ends_at_the_same_weights(trained: Path, tmp_path: Path) -> None:
    """Killed between validations of the second phase, in which two networks play."""
    process = subprocess.Popen([sys.executable, "-m", "backmap", *words(tmp_path, TRAIN)], stdout=subprocess.PIPE,
                               env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.STDOUT, text=True)
    state = tmp_path / "out" / "weights.state.safetensors"
    for _ in range(4000):
        assert process.poll() is None, "training ended before it could be killed"
        if state.exists() and store.load(state, "training state")[1]["step"] >= 30:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert "going on at step 30" in command.succeed(*words(tmp_path, TRAIN, "--resume"))
    here, there = (store.load(folder / "weights.safetensors", "checkpoint")[0] for folder in (state.parent, trained))
    for name, value in there.items():
        np.testing.assert_allclose(here[name], value, rtol=0, atol=1e-6, err_msg=name)


def test_atoms_are_placed_on_the_beads_with_exact_bonds(trained: Path, tmp_path: Path) -> None:
    """However badly it was trained; and the record of the run names the weights."""
    shutil.copyfile(trained / "weights.safetensors", tmp_path / "weights.safetensors")
    command.succeed(*words(tmp_path, RUN, "--frames", "0"))
    assert "weights.safetensors" in (tmp_path / "out" / "run.json").read_text()
    system = scenes.octane_system()
    (info,) = GromacsFrames([tmp_path / "out" / "atoms.gro", tmp_path / "out" / "atoms.xtc"])
    beads = next(iter(GromacsFrames([OCTANE / "cg.gro", OCTANE / "cg.xtc"])))
    whole = system.whole_atoms(info.positions, info.box)
    assert np.abs(periodic.minimum_image(system.map(whole) - beads.positions, info.box)).max() < 0.001
    (kind,) = system.types
    chains = whole.reshape(-1, kind.n_atoms, 3)
    length = np.linalg.norm(chains[:, kind.bonds[:, 0]] - chains[:, kind.bonds[:, 1]], axis=-1)
    assert np.abs(length - kind.bond_length).max() < 0.002


def test_what_has_no_density_is_not_accepted_or_rejected(trained: Path, tmp_path: Path) -> None:
    shutil.copyfile(trained / "weights.safetensors", tmp_path / "weights.safetensors")
    text = RUN.replace("gibbs: {sweeps: 1, noise_schedule: [0.0], ", "metropolis: {sweeps: 1, ").replace(
        "  - read:", f"  - forcefield: {{gromacs: {OCTANE / 'octane.top'}}}\n  - read:")
    done = command.call(*words(tmp_path, text, "--frames", "0"))
    assert done.code == 2
    assert "has no density, so its draws cannot be accepted or rejected" in done.err
    assert "Traceback" not in done.err
    assert not list((tmp_path / "out").glob("atoms*"))


def test_a_truncated_checkpoint_is_one_line(trained: Path, tmp_path: Path) -> None:
    whole = (trained / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(whole[:len(whole) // 2])
    done = command.call(*words(tmp_path, RUN, "--frames", "0"))
    assert done.code == 2
    assert "weights.safetensors" in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert "Traceback" not in done.err
