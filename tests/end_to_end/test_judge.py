"""``backmap judge``: models of liquid octane in their order, and what is wrong with models in one line."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs.frames import GromacsFrames
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

import backmap
from backmap.recipe.registry import Registry
from backmap.running import judging as judging_recipe
from tests import command, judging, scenes
from tests.breaking import Break, check_one_line, content, nothing, remove, replace

WEIGHTS = "octane_350K.safetensors"
INPUTS = ("octane.top", "octane.xml", "cg.gro", "cg.xtc", "aa.gro", "test_aa.xtc", WEIGHTS)
RECIPE = """\
recipe: 1
title: Liquid octane at 350 K
seed: 7
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - forcefield: {gromacs: octane.top, cutoff: 1.0}
  - read:
      beads: {gromacs: [cg.gro, cg.xtc]}
      reference: {gromacs: [aa.gro, test_aa.xtc]}
  - forward: {generator: {equivariant: octane_350K.safetensors}}
  - gibbs: {sweeps: 2, temperature: 350, regularizer: steric}
  - hamiltonian: {soft_core_sweeps: 1, sweeps: 2, steps: 10, timestep: 4, hydrogen_mass: 4, temperature: 350,
                 second_start: 0}
  - write: {report: report.html}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in INPUTS:
        shutil.copyfile(scenes.RECIPE / name, tmp_path / name)
    (tmp_path / "run.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def displaced(path: Path, width: float, n_frames: int) -> None:
    """Beads of the demo, off by Gaussian noise, nm."""
    rng = np.random.default_rng(3)
    with TRRFile(str(path), "w") as file:
        for number, info in enumerate(list(GromacsFrames([Path("cg.xtc")]))[:n_frames]):
            noisy = (info.positions + rng.normal(size=info.positions.shape) * width).astype(np.float32)
            file.write(noisy, None, None, info.box.astype(np.float32), number, float(number), 0.0, len(noisy))


def test_models_in_their_order(folder: Path) -> None:
    """Beads that are off by 0.03 nm are told from the true ones, whose excess is nothing but noise."""
    displaced(folder / "off.trr", 0.03, 2)
    done = command.call("judge", "run.yaml", "off=cg.gro,off.trr", "true=cg.gro,cg.xtc", "--frames", "0:2")
    assert done.code == 0, done.err
    assert "hamiltonian: beads are held by a Gaussian of 0.001 nm, in all models alike" in done.err
    assert "cg.xtc: 2 of its" in done.err
    line = next(line for line in done.err.splitlines() if line.startswith("all, JSD beyond the mapped reference"))
    assert line.index(" true (") < line.index(" off (")
    page = (folder / "judgement" / "report.html").read_text()
    assert "mapped reference" in page
    assert "beyond the mapped reference" in page.lower()


@pytest.mark.slow
def test_from_python(folder: Path) -> None:
    """The same bytes of figures by both doors; a model may have fewer frames than the reference."""
    displaced(folder / "off.trr", 0.03, 2)
    result = backmap.judge("run.yaml", {"off": ["cg.gro", "off.trr"]}, frames="0:3", output="one")
    assert result.judgement.n_frames == {"reference": 3, "mapped reference": 3, "off": 2}
    figures = result.judgement.by_trajectory["off"]["projected_forces, ranking"].figures
    excess = next(figure for figure in figures if figure.key[1:] == ("all", "excess JSD"))
    assert excess.value > 2 * excess.error > 0
    assert command.call("judge", "run.yaml", "off=cg.gro,off.trr", "--frames", "0:3", "-o", "two").code == 0
    assert judging.found(folder / "one") == judging.found(folder / "two")


def test_forces_are_measured_whatever_the_recipe_assesses(folder: Path) -> None:
    """At the temperature of its steps, in front of its own assessors; replicas are carried over."""
    (folder / "run.yaml").write_text(RECIPE.replace("seed: 7", "seed: 7\nreplicas: 2").replace(
        "  - write", "  - assess: structure\n  - write"))
    registry = Registry().discover()
    found = judging_recipe.judgement(folder / "run.yaml", {"A": ["cg.gro", "cg.xtc"]}, registry)
    (assess,) = (step for step in found.steps if step.name == "assess")
    assert [assessor.name for assessor in assess.options.assessors] == ["projected_forces", "structure"]
    assert assess.options.assessors[0].options.temperature == 350
    assert found.replicas == 2


MODELS = ("A=cg.gro,cg.xtc",)
#: Name, what is changed in the folder, arguments, what is printed.
TABLE: list[tuple[str, Break, tuple[str, ...], str]] = [
    ("model without a name", nothing, ("cg.xtc",), "cg.xtc: is no model. Write NAME=cg.gro,cg.xtc."),
    ("model with an empty name", nothing, ("=cg.xtc",), "judge: a model has no name. Write NAME=cg.gro,cg.xtc."),
    ("two models of one name", nothing, ("A=cg.xtc", "A=cg.gro"),
     "A=cg.gro: two models are called 'A'. Write NAME=cg.gro,cg.xtc."),
    ("name that is taken", nothing, ("reference=cg.gro",),
     "judge: the name 'reference' is taken. Write NAME=cg.gro,cg.xtc."),
    ("file of a model that is not there", nothing, ("A=cg.gro,gone.xtc",), "A: gone.xtc: there is no such file"),
    ("recipe without a force field", replace("run.yaml", "  - forcefield: {gromacs: octane.top, cutoff: 1.0}\n", ""),
     MODELS, "run.yaml: has no step 'forcefield'. Judging takes a recipe that makes atoms of beads, and a force "
     "field."),
    ("recipe that changes what there is",
     replace("run.yaml", "  - forward", "  - coarsen: {votca: octane.xml}\n  - forward"), MODELS,
     "run.yaml: its steps change what there is, so that nothing says which of it is judged. Judge in the recipe "
     "itself, by 'assess' and 'write: {report: ...}'."),
    ("recipe without a reference", replace("run.yaml", "      reference: {gromacs: [aa.gro, test_aa.xtc]}\n", ""),
     MODELS, "run.yaml: has no reference, beyond which models could be. Give true atoms: --reference aa.gro,aa.xtc."),
    ("recipe that makes no atoms",
     replace("run.yaml", RECIPE[RECIPE.index("  - forward"):RECIPE.index("  - write")], ""), MODELS,
     "run.yaml: makes no atoms. Give it forward, gibbs and hamiltonian."),
    ("steps at two temperatures", replace("run.yaml", "steric}", "steric}\n  - gibbs: {temperature: 300}"), MODELS,
     "run.yaml: its steps do not tell one temperature. Write assess: {assessors: {projected_forces: "
     "{temperature: 300}}}."),
    ("step that is a number", replace("run.yaml", "  - write: {report: report.html}", "  - 5"), MODELS,
     "run.yaml: expected a step, not 5. Write it as 'name' or 'name: {options}'."),
    ("temperature that is a word",
     replace("run.yaml", "temperature: 350, regularizer", "temperature: hot, regularizer"), MODELS,
     "run.yaml: steps[4].gibbs.temperature: should be a valid number, ..."),
    ("model of other beads", content("other.gro", b"one\n1\n    1OCT     B1    1   0.1   0.1   0.1\n 3 3 3\n"),
     ("A=other.gro",),
     "run.yaml: steps[6].assess.compare_with.A[0].read_beads: other.gro: holds 1 beads, but the topology (64 OCT) has "
     "256. ..."),
    ("reference that is not there", remove("test_aa.xtc"), MODELS,
     "run.yaml: steps[2].read.reference.gromacs.files[1]: there is no file 'test_aa.xtc' ..."),
]


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, folder: Path,
                  capsys: pytest.CaptureFixture[str]) -> None:
    change(folder)
    check_one_line(folder, ["judge", "run.yaml", *arguments, "--output", "out"], expected, capsys)
