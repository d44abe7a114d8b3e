"""The steps target, explore, learn and monte_carlo: a recipe from first to last, and what is wrong with some."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from backmap_plugins.ensembles.steps.target import KIND, read_samples
from backmap_plugins.ensembles.targets.double_well import DoubleWell
from backmap_plugins.ensembles.targets.lattice_gas import LatticeGas

from backmap.engine.checkpoints import store
from backmap.errors import BackmapError, Interrupted
from backmap.recipe import recipe as recipes
from backmap.recipe.registry import Registry
from backmap.running import runner

WELL = """
recipe: 1
title: Wells
seed: 3
output: out
steps:
  - target: {double_well: {beta: 0.5}}
  - explore: {samples: 400, chains: 40, burn_in: 50}
  - train_model:
      model: {vae: {decoder: independent, hidden: 8, encoder_hidden: 8, bins: 8}}
      steps: 30
      validate_every: 10
  - monte_carlo: {chains: 20, steps: 40, discard: 5}
"""


def run(folder: Path, text: str = WELL, **how: bool) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "run.yaml").write_text(text)
    return runner.run(recipes.load(folder / "run.yaml", Registry().discover()), **how)


def test_from_a_target_to_a_table(tmp_path: Path) -> None:
    out = run(tmp_path)
    result = json.loads((out / "monte_carlo.json").read_text())
    assert result["latent"]["moves"]["vae"]["tried"] == 20 * 40
    assert set(result["latent"]["moves"]["vae"]["by_basin"]) == {"0", "1"}
    assert result["latent"]["proposals"]["bound"] > 0
    assert result["local"]["observables"]["x1"]["error"] > 0
    assert result["latent"]["proposals"]["bound_of_states"] > 0
    assert "| latent | vae |" in (out / "monte_carlo.md").read_text()
    page = (out / "monte_carlo.html").read_text()
    for words in ("Wells", "share of basin 1", "nats from the target", 'class="line"', "double_well: {beta: 0.5}"):
        assert words in page
    assert "{{" not in page
    for name in ("weights.png", "monte_carlo.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    rows = np.load(out / "monte_carlo.npz")
    assert rows["latent/x1"].shape == (40, 20)
    assert store.load(out / "samples.safetensors", KIND)[0]["x"].shape == (400, 2)


def test_the_same_seed_gives_the_same_chains(tmp_path: Path) -> None:
    first, second = (np.load(run(tmp_path / name) / "monte_carlo.npz") for name in ("a", "b"))
    assert np.array_equal(first["latent/x1"], second["latent/x1"])


def test_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backmap_plugins.ensembles.training import LatentTrainer

    whole = run(tmp_path / "whole")
    save, stopped = LatentTrainer.save, []

    def interrupted(trainer: LatentTrainer) -> None:
        save(trainer)
        if trainer.step == 20 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(LatentTrainer, "save", interrupted)
    with pytest.raises(Interrupted):
        run(tmp_path / "parts")
    parts = run(tmp_path / "parts", resume=True)
    first, second = (store.load(out / "weights.safetensors", "ensemble model")[0] for out in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_learning_that_was_stopped_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped on the way and at the target; beside the weights stand the ladder and a report."""
    from backmap_plugins.ensembles import tempering

    text = WELL[:WELL.index("  - explore")] + (
        "  - learn: {model: {mixture: {components: 6}}, iterations: 10, last: 90}\n"
        "  - monte_carlo: {chains: 20, steps: 40, discard: 5}\n")
    monkeypatch.setattr(tempering, "KEPT", 30)
    whole, state, calls = run(tmp_path / "whole", text), tempering.Ladder.state, []

    def interrupted(ladder: tempering.Ladder) -> tuple[dict, dict]:
        calls.append(ladder.share)
        if len(calls) == 6 or (ladder.share == 1 and calls.count(1) == 2):
            raise KeyboardInterrupt
        return state(ladder)

    monkeypatch.setattr(tempering.Ladder, "state", interrupted)
    for how in ({}, {"resume": True}):
        with pytest.raises(Interrupted):
            run(tmp_path / "parts", text, **how)
    parts = run(tmp_path / "parts", text, resume=True)
    first, second = (store.load(out / "weights.safetensors", "ensemble mixture")[0] for out in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert (whole / "weights.csv").read_text() == (parts / "weights.csv").read_text()
    page = (parts / "weights.html").read_text()
    for words in ("Wells", "nats from the target", "ln Z summed up", 'class="line"', "double_well: {beta: 0.5}"):
        assert words in page


def test_what_is_learned_has_the_shares_that_are_asked_for() -> None:
    from backmap_plugins.ensembles.training import Chances

    target = DoubleWell(DoubleWell.Options())
    x = torch.tensor([[-2.5, 0.0]] * 900 + [[2.5, 0.0]] * 100, dtype=torch.float64)
    rng = np.random.default_rng(1)
    for shares, expected in (({}, 0.1), ({1: 0.4}, 0.4), ({0: 1.0}, 0.0)):
        drawn = Chances(target, x, shares).draw(4000, rng)
        assert float((drawn >= 900).double().mean()) == pytest.approx(expected, abs=0.03)


def test_the_variance_of_weights_is_made_small(tmp_path: Path) -> None:
    """The same steps with and without: the weights of states are more even with it."""
    widths = {}
    for name, variance in (("without", "0"), ("with", "4")):
        more = ("steps: 150\n"
                f"      variance_weight: {variance}\n      on_policy_share: 0.3\n      basin_shares: {{0: 0.5}}\n")
        text = WELL.replace("steps: 30\n", more)
        widths[name] = np.load(run(tmp_path / name, text) / "monte_carlo.npz")["latent/state_log_weight"].var()
    assert widths["with"] < 0.9 * widths["without"]


def test_the_best_weights_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backmap_plugins.ensembles.training import LatentTrainer

    monkeypatch.setattr(LatentTrainer, "validate", lambda trainer: {10: 3.0, 20: 1.0, 30: 2.0}[trainer.step])
    out = run(tmp_path)
    assert store.load(out / "weights.safetensors", "ensemble model")[1]["training"]["steps"] == 20
    assert store.load(out / "weights.state.safetensors", "ensemble training state")[1]["step"] == 30


@pytest.mark.parametrize(("change", "message"), [
    (("{samples: 400, chains: 40, burn_in: 50}", "{only: {height: [0, 1]}}"), "no observable 'height'. It has: x1"),
    (("steps: 30", "steps: 30\n      basin_shares: {0: 0.7, 1: 0.6}"), "add up to more than 1"),
    (("discard: 5", "discard: 40"), "of 40 steps, 40 are discarded"),
    (("  - train_model:\n      model: {vae: {decoder: independent, hidden: 8, encoder_hidden: 8, bins: 8}}\n"
      "      steps: 30\n      validate_every: 10\n", ""), "needs model, which no earlier step gives"),
    (("  - explore: {samples: 400, chains: 40, burn_in: 50}\n", ""), "needs samples, which no earlier step gives"),
])
def test_what_is_wrong_is_said(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=message):
        run(tmp_path, WELL.replace(*change))


def test_explore_keeps_a_part_of_what_it_finds(tmp_path: Path) -> None:
    text = WELL.split("  - train_model")[0].replace("burn_in: 50", "burn_in: 50, only: {x1: [1.0, 5.0]}")
    x = store.load(run(tmp_path, text) / "samples.safetensors", KIND)[0]["x"]
    assert len(x) == 400
    assert float(x[:, 0].min()) >= 1.0


def test_configurations_of_files(tmp_path: Path) -> None:
    target, lattice = DoubleWell(DoubleWell.Options()), LatticeGas(LatticeGas.Options(size=4))
    np.save(tmp_path / "x.npy", np.ones((3, 2), dtype=np.float32))
    assert read_samples(tmp_path / "x.npy", target).dtype == torch.float64
    with pytest.raises(BackmapError, match="rows of 16 numbers"):
        read_samples(tmp_path / "x.npy", lattice)
    np.save(tmp_path / "nan.npy", np.full((3, 2), np.nan))
    with pytest.raises(BackmapError, match="3 of 3 configurations are impossible"):
        read_samples(tmp_path / "nan.npy", target)
    (tmp_path / "text.npy").write_text("not numbers")
    with pytest.raises(BackmapError, match="no file of numbers"):
        read_samples(tmp_path / "text.npy", target)
