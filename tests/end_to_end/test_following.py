"""Generators that see the frame before, from the command line: trained on pairs of frames, and used in their order."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames

from backmap import session
from backmap.testing import check_run
from backmap.testing.runs import quiet
from tests import command
from tests.scenes import RECIPE as OCTANE
from tests.scenes import write_trr

MOLECULES = 8
BEGIN = f"""
recipe: 1
seed: 3
steps:
  - topology:
      atoms: {{gromacs: {OCTANE / 'octane.top'}}}
      mapping: {{votca: {OCTANE / 'octane.xml'}}}
      molecules: {{OCT: {MOLECULES}}}
      whole: OCT
"""
TRAIN = BEGIN + """
  - prepare: {frames: {gromacs: [atoms.gro, atoms.trr]}, temperature: 350, held_out: 0.4}
  - train:
      generator: {voxel_vae: {grid: 4, width: 4, blocks: 1, latents: 8, components: 2}}
      steps: 4
      sites: 8
      frames: 2
      sequential: 0
      validate_every: 2
      conformers: 4
      output: weights.safetensors
"""
USE = BEGIN + f"""
  - forcefield: {{gromacs: {OCTANE / 'octane.top'}, cutoff: 0.9, epsilon_rf: 1.9}}
  - read: {{beads: {{gromacs: [beads.gro, beads.trr]}}}}
  - forward: {{generator: {{voxel_vae: out/weights.safetensors}}, start: sequential}}
  - hamiltonian: {{sweeps: 1, steps: 4, temperature: 350, second_start: 0, mend: 0}}
  - write: {{atoms: {{gromacs: [made.gro, made.trr]}}}}
"""
#: The kernel draws fragment after fragment, and its draws are accepted or rejected given the same frame before.
CHANGED = {
    "      whole: OCT\n": "      constraints: all-bonds\n", "weights.": "kernel.", "sequential: 0": "sequential: 0.5",
    "voxel_vae: {grid: 4, width: 4, blocks: 1, latents: 8, components: 2}": "stay_or_renew: {channels: 4, width: 16}",
    "voxel_vae: out": "stay_or_renew: out",
    "hamiltonian: {sweeps: 1, steps: 4, temperature: 350, second_start: 0, mend: 0}":
        "hamiltonian: {sweeps: 1, steps: 4, temperature: 350, second_start: 0}\n"
        "  - metropolis: {sweeps: 1, temperature: 350, candidates: 2}"}


def of_the_kernel(recipe: str) -> str:
    for before, after in CHANGED.items():
        recipe = recipe.replace(before, after)
    return recipe


TIMES = (0, 1, 2, 7, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of eight molecules of the demo that shake, with a gap before the fourth, and weights trained on them."""
    path = tmp_path_factory.mktemp("voxel_vae")
    rng = np.random.default_rng(1)
    for name, source, size in (("atoms", "aa.gro", 26 * MOLECULES), ("beads", "cg.gro", 4 * MOLECULES)):
        info = next(iter(GromacsFrames([OCTANE / source])))
        frames = [info.positions[:size] + rng.normal(0, 0.003, (size, 3)) for _ in TIMES]
        write_trr(path / f"{name}.trr", frames, info.box, TIMES)
        rows = (OCTANE / source).read_text().splitlines()
        (path / f"{name}.gro").write_text("\n".join([rows[0], str(size), *rows[2:2 + size], rows[-1]]) + "\n")
    for name, text in {"train": TRAIN, "use": USE}.items():
        (path / f"{name}.yaml").write_text(text)
        (path / f"{name}_kernel.yaml").write_text(of_the_kernel(text))
    for name in ("train", "train_kernel"):
        done = command.call("run", path / f"{name}.yaml", "--output", path / f"{name} out")
        assert done.code == 0, done.err
    (path / "out").mkdir()
    shutil.copy(path / "train out" / "weights.safetensors", path / "out")
    shutil.copy(path / "train_kernel out" / "kernel.safetensors", path / "out")
    return path


@pytest.mark.parametrize("recipe", ["use", "use_kernel"])
def test_frames_follow_one_another(folder: Path, tmp_path: Path, recipe: str) -> None:
    done = command.call("run", folder / f"{recipe}.yaml", "--output", tmp_path / "used")
    assert done.code == 0, done.err
    assert "forward: 3 of 5 frames go on where the one before was" in done.err


@pytest.mark.parametrize("recipe", ["use", "use_kernel"])
def test_windows_threads_and_stops(folder: Path, tmp_path: Path, recipe: str) -> None:
    check_run(folder / f"{recipe}.yaml", tmp_path / "ways", windows=(2,), frames="0:3")


def test_a_frame_depends_on_the_one_before(folder: Path, tmp_path: Path) -> None:
    """Alone it follows a conformer of the training set instead."""
    found = {}
    for frames in ("0:2", "1:2"):
        session.run(folder / "use.yaml", output=tmp_path / frames[0], frames=frames, display=quiet())
        found[frames] = np.stack([info.positions for info in GromacsFrames([tmp_path / frames[0] / "made.trr"])])
    assert np.abs(found["0:2"][1] - found["1:2"][0]).max() > 1e-4


@pytest.mark.parametrize(("recipe", "before", "after", "expected"), [
    ("use", ", start: sequential", "", "steps[3].forward: this generator sees the frame before, which a parallel start "
     "does not tell it: write 'start: sequential'"),
    ("use", "hamiltonian: {sweeps: 1, steps: 4, temperature: 350, second_start: 0, mend: 0}", "gibbs: "
     "{generator: {voxel_vae: out/weights.safetensors}}", "steps[4].gibbs: this generator draws a frame from the one "
     "before, of which this step tells it nothing. Give it to 'forward', or to 'metropolis' if it has a density."),
    ("use", "      whole: OCT\n", "", "out/weights.safetensors: molecule type 'OCT' has other owners than the one the "
     "weights were trained on"),
    ("train", "atoms.gro, atoms.trr", "atoms.gro", "steps[2].train: a training set has no frames that follow one "
     "another, from which this generator learns. Prepare it from frames in the order of time, evenly spaced."),
])
def test_one_line(folder: Path, tmp_path: Path, recipe: str, before: str, after: str, expected: str) -> None:
    text = (folder / f"{recipe}.yaml").read_text()
    assert before in text
    bad = folder / "bad.yaml"
    bad.write_text(text.replace(before, after))
    done = command.call("run", bad, "--output", tmp_path / "out")
    assert done.code == 2
    assert expected in done.err.splitlines()[-1]


def test_it_cannot_be_inside_of_another_step(folder: Path, tmp_path: Path) -> None:
    bad = folder / "nested.yaml"
    inside = "  - carry:\n      start:\n        - forward: {generator: {voxel_vae: out/weights.safetensors}, start: " \
             "sequential}\n      refresh: [{hamiltonian: {sweeps: 1, temperature: 350, second_start: 0}}]\n"
    lines = USE.splitlines(keepends=True)
    first = next(k for k, line in enumerate(lines) if "forward" in line)
    bad.write_text("".join([*lines[:first], inside, *lines[first + 2:]]))
    done = command.call("run", bad, "--output", tmp_path / "out")
    assert done.code == 2
    assert "'forward' follows the frame before, and cannot be inside of another step" in done.err.splitlines()[-1]
