"""Learning from a force field: what is printed where that cannot be."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import DEMO, check_one_line

from .test_bad_input import INPUTS

TOPOLOGY = "  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}, constraints: all-bonds}\n"
FIELD = "  - forcefield: {gromacs: octane.top, epsilon_rf: 1.9}\n"
READ = "  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}\n"
LEARN = "  - train: {generator: equivariant, from: forcefield, steps: 2, temperature: 350}\n"
HERE = "run.yaml: steps[3].train"

#: What is wrong, the steps, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, str, str]] = [
    ("learning from a force field that is not there", TOPOLOGY + READ + LEARN,
     "run.yaml: steps[2].train: step 'train' needs forcefield, which no earlier step gives. Steps that give it: "
     "forcefield"),
    ("learning from a force field without beads", TOPOLOGY + FIELD + LEARN,
     "run.yaml: steps[2].train: step 'train' needs beads, which no earlier step gives. Steps that give it: ..."),
    ("learning from a force field without densities",
     TOPOLOGY + FIELD + READ + LEARN.replace("equivariant", "voxel_gan"),
     f"{HERE}.generator: 'voxel_gan' has no density, so it cannot learn from a force field. Choose one that has, e.g. "
     "equivariant, or train it on frames: prepare, then train."),
    ("learning from a single frame of beads", TOPOLOGY + FIELD + READ.replace(", cg.xtc", "") + LEARN,
     f"{HERE}: there is only 1 frame of beads, and one is held out. Read two frames or more."),
    ("learning from a force field and from a training set",
     TOPOLOGY + FIELD + READ + LEARN.replace("steps", "data: octane.top, steps"),
     f"{HERE}: 'data' is a training set, but with 'from: forcefield' none is read: leave one of them out"),
    ("frames that are made for nothing", TOPOLOGY + FIELD + READ + LEARN.replace(
        "from: forcefield", "own_frames: {frames: 3}"),
     f"{HERE}: 'own_frames' says how frames are made, which is done with 'from: forcefield' only"),
    ("learning from a force field at no temperature", TOPOLOGY + FIELD + READ + LEARN.replace(", temperature: 350", ""),
     f"{HERE}: atoms are made at no temperature. Write 'temperature', K, in 'train'."),
    ("learning from something else", TOPOLOGY + FIELD + READ + LEARN.replace("from: forcefield", "from: beads"),
     f"{HERE}.from: should be 'frames' or 'forcefield', not 'beads'. ..."),
    ("learning in a single frame", TOPOLOGY + FIELD + READ + LEARN.replace("steps", "own_frames: {frames: 1}, steps"),
     f"{HERE}.own_frames.frames: should be greater than or equal to 2, not 1..."),
    ("learning from a force field that single fragments cannot be judged by",
     TOPOLOGY + FIELD.replace("epsilon_rf: 1.9", "coulomb: pme") + READ + LEARN,
     f"{HERE}: octane.top: asks for PME, which the energy engine does not have. Choose coulomb: reaction_field, cutoff "
     "or none; OpenMM computes PME."),
    ("drawing frames from the one before all at once", TOPOLOGY + READ + "  - forward: voxel_vae\n",
     "run.yaml: steps[2].forward: this generator sees the frame before, which a parallel start does not tell it: write "
     "'start: sequential'..."),
    ("drawing frames from the one before without weights",
     TOPOLOGY + READ + "  - forward: {generator: voxel_vae, start: sequential}\n",
     "run.yaml: steps[2].forward: voxel_vae: the voxel_vae generator needs trained weights. Write 'voxel_vae: "
     "weights.safetensors', or use the template generator."),
]


@pytest.mark.parametrize(("steps", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(steps: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    for name in INPUTS:
        (tmp_path / name).symlink_to(DEMO / name)
    (tmp_path / "run.yaml").write_text(f"recipe: 1\noutput: runs/octane\nsteps:\n{steps}")
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)
