"""Weights for many molecules through recipes: one molecule in two mappings is learned, a third mapping is drawn."""
from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from backmap_plugins.files.votca_mapping import WrittenBead, mapping_xml
from backmap_plugins.learning.dataset import TrainingSet

import backmap
from backmap.engine.checkpoints import store
from backmap.engine.checkpoints.checkpoint import Checkpoint
from backmap.errors import BackmapError
from tests.breaking import DEMO
from tests.scenes import octane_system

from .test_init import call, steps


def mapping(folder: Path, *carbons: int) -> Path:
    """A mapping of octane onto beads of so many carbons, at their centres of mass."""
    kind, beads, first = octane_system().types[0], [], 1
    for number, count in enumerate(carbons):
        own = [a for a, name in enumerate(kind.atom_names) if first <= int(re.sub("[^0-9]", "", name)) < first + count]
        beads.append(WrittenBead(f"B{number}", "B", [f"1:OCT:{kind.atom_names[a]}" for a in own], kind.mass[own]))
        first += count
    path = folder / f"{'-'.join(map(str, carbons))}.xml"
    path.write_text(mapping_xml("OCT", "OCT", beads, [(k, k + 1) for k in range(len(carbons) - 1)]))
    return path


def topology(path: Path) -> dict[str, Any]:
    return {"topology": {"atoms": {"gromacs": str(DEMO / "octane.top")}, "mapping": {"votca": str(path)},
                         "constraints": "all-bonds"}}


def read() -> dict[str, Any]:
    return {"gromacs": [str(DEMO / "aa.gro"), str(DEMO / "test_aa.xtc")]}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Training sets of octane in two mappings."""
    folder, made = tmp_path_factory.mktemp("sets"), []
    for carbons in ((4, 4), (3, 2, 3)):
        path = mapping(folder, *carbons)
        backmap.run({"recipe": 1, "output": str(folder / path.stem), "steps": [
            topology(path), {"prepare": {"frames": read(), "temperature": 350}}]})
        made.append(str(folder / path.stem / "training.safetensors"))
    return made


def train(sets: list[str], output: Path, more: dict[str, Any] | None = None, **options: Any) -> Path:
    backmap.run({"recipe": 1, "output": str(output), "steps": [{"train": {
        "generator": {"equivariant": {"channels": 8, "width": 32, **options}}, "data": sets, "steps": 4, "sites": 16,
        "output": "weights.safetensors", **(more or {})}}]})
    return output / "weights.safetensors"


def test_weights_of_a_molecule_know_one_mapping(sets: list[str], tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="training sets have 'OCT' in several mappings") as caught:
        train(sets, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "weights.safetensors").exists()


def test_another_mapping_is_drawn_and_what_was_not_met_stands_in_the_verdict(sets: list[str], tmp_path: Path) -> None:
    weights = train(sets, tmp_path / "learned", transferable=True)
    checkpoint, doubtful = Checkpoint.load(weights), tmp_path / "doubtful.safetensors"
    assert checkpoint.types == []
    met = checkpoint.training["met"]
    assert "C4(C4 H1 H1 H1)" in met["environments"]
    known = {"environments": [one for one in met["environments"] if one != "C4(C4 H1 H1 H1)"], "rigid": met["rigid"]}
    replace(checkpoint, training=checkpoint.training | {"met": known}).save(doubtful)
    doubt = "2 of 26 atoms of OCT are bonded as no atom was where the weights were trained: C4(C4 H1 H1 H1) as of C1."
    for path, said in ((weights, []), (doubtful, [doubt])):
        output = tmp_path / f"drawn_{path.stem}"
        backmap.run({"recipe": 1, "seed": 1, "output": str(output), "beads": "mapped", "steps": [
            topology(mapping(tmp_path, 2, 2, 2, 2)), {"read": {"reference": read()}},
            {"forward": {"generator": {"equivariant": str(path)}}}, {"gibbs": {"sweeps": 1, "temperature": 350}},
            {"assess": ["structure", "consistency"]}, {"write": {"report": ["report.json"]}}]}, frames="0")
        report = json.loads((output / "report.json").read_text())
        verdict = next(iter(report["verdicts"].values()))
        assert [one["text"] for one in verdict["findings"] if one["topic"] == "weights"] == said


def test_losses_are_measured_on_others_and_the_best_weights_stay(sets: list[str], tmp_path: Path) -> None:
    """At this rate losses of the other set rise and fall; what is learned from does not have it."""
    options = {"validation": sets[1], "keep": "best", "steps": 12, "validate_every": 2, "learning_rate": 3.0,
               "ema_decay": 0.0}
    weights = train(sets[:1], tmp_path, options, transferable=True)
    state, header = store.load(weights.with_suffix(".state.safetensors"), "training state")
    means = {step: float(np.mean(list(losses.values()))) for step, losses in header["history"]["validation"]}
    assert list(means) == [2, 4, 6, 8, 10, 12]
    best, kept = min(means, key=means.__getitem__), Checkpoint.load(weights)
    assert 2 < best < 12, "the test has nothing to tell apart"
    assert kept.training["steps"] == best
    assert not torch.equal(kept.weights["angle.weight"], state["average.angle.weight"])
    assert kept.training["frames"] == len(TrainingSet.load(Path(sets[0])).beads)


def test_a_training_begins_with_other_weights(sets: list[str], tmp_path: Path) -> None:
    """Those of one molecule are made from those of many; at a rate of next to nothing they stay what they were."""
    first = train(sets, tmp_path / "many", transferable=True)
    backmap.run({"recipe": 1, "output": str(tmp_path / "one"), "steps": [{"train": {
        "generator": {"equivariant": str(first)}, "data": sets[:1], "steps": 2, "sites": 16, "learning_rate": 1e-12,
        "output": "weights.safetensors"}}]})
    before, after = (Checkpoint.load(path) for path in (first, tmp_path / "one" / "weights.safetensors"))
    assert after.training["steps"] == 2
    for name, value in before.weights.items():
        if not name.startswith("met."):
            torch.testing.assert_close(after.weights[name], value, atol=1e-9, rtol=0)


def test_init_proposes_them_only_where_their_file_is_named(
        sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They draw anything whose environments they met, which does not tell how well."""
    weights = train(sets, tmp_path / "learned", transferable=True)
    (tmp_path / "run.mdp").write_text("constraints = all-bonds\nref-t = 350\ncoulombtype = reaction-field\n")
    monkeypatch.chdir(tmp_path)
    asked = ["init", "-p", DEMO / "octane.top", "-m", mapping(tmp_path, 2, 2, 2, 2), "-c", DEMO / "cg.gro", "-t", "350",
             "--mdp", "run.mdp", "--force"]
    for named, generator, said in ((weights.parent, "template", "not used: learned/weights.safetensors could draw"),
                                   (weights, {"equivariant": "learned/weights.safetensors"}, "fits these molecules")):
        code, out, err = call(*asked, "--weights", named.relative_to(tmp_path), capsys=capsys)
        assert code == 0, err
        assert said in out
        assert "there are no weights" not in out
        assert steps(Path("recipe.yaml"))["forward"]["generator"] == generator
