"""The steps ``assess`` and ``read_atoms``: what is measured, beside what, and that a stop loses nothing."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import backmap_plugins.steps
import numpy as np
import pytest
from rich.console import Console

from backmap import api
from backmap.errors import BackmapError, Interrupted
from backmap.hookspecs import hookimpl
from backmap.model.assessment import Judgement
from backmap.model.system import Window
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import runner
from backmap.running.display import Display
from backmap.running.ledger import Ledger

TOY = Path(__file__).parents[2] / "toy_plugin.py"

RECIPE = """\
recipe: 1
device: cpu
output: out
window: 2
steps:
  - toy_topology
  - read: {beads: {toy: 5}, reference: {toy: {frames: 5, points: 6}}}
  - toy_place: {shift: 0.05}
  - assess:
      assessors: toy_place_of
      compare_with:
        farther: {toy_place: {shift: 0.1}}
  - keep_judgement
"""


class KeepJudgement(api.Step):
    """Keeps what was found for the test to look at."""

    needs = frozenset({"judgement"})
    found: Judgement

    def finish(self, state: api.State) -> None:
        KeepJudgement.found = state.judgement


class SpreadOf(api.Assessor):
    """Where the first atom is, as a surface: the share of frames with x beyond 0.15 nm, and the mean of x."""

    def measure(self, frame: api.Snapshot, tally: api.Tally) -> None:
        tally.row("x", frame.index, [frame.atoms[0, 0] > 0.15, frame.atoms[0, 0]])

    def conclude(self, tally: api.Tally, reference: api.Tally | None) -> api.Assessment:
        edges = np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0])
        values = tally.rows("x").mean(axis=0)[None]
        return api.Assessment(surfaces=[api.Surface("place", "x", ("a", "b"), ("", ""), edges, values)])


class Push(api.Step):
    """Moves the beads along x."""

    needs = frozenset({"system", "beads"})

    class Options(api.Options):
        by: float = 0.3

    def frames(self, window: Window, state: api.State) -> Window:
        return replace(window, beads=window.beads + np.array([self.options.by, 0.0, 0.0]), before=window.beads)


class Offers:
    @hookimpl
    def backmap_assessors(self) -> dict[str, type[api.Assessor]]:
        return {"spread_of": SpreadOf}

    @hookimpl
    def backmap_steps(self) -> dict[str, type[api.Step]]:
        return {"keep_judgement": KeepJudgement, "push": Push}


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Judgement]:
    """Runs a recipe and returns what it found."""
    registry = Registry().register(backmap_plugins.steps, "steps").load_file(TOY).register(Offers(), "keep")

    def judge_(*overrides: str, text: str = RECIPE, **options: object) -> Judgement:
        path = tmp_path / "run.yaml"
        path.write_text(text)
        runner.run(recipe.load(path, registry, overrides), display=Display(Console(quiet=True)), **options)
        return KeepJudgement.found

    return judge_


def values(judged: Judgement) -> dict[str, list[float]]:
    return {label: [figure.value for figure in found["toy_place_of"].figures]
            for label, found in judged.by_trajectory.items()}


def test_every_trajectory_by_the_same_assessor(judge: Callable) -> None:
    judged = judge()
    assert list(judged.by_trajectory) == ["reference", "backmap", "farther"]
    assert judged.label == "backmap"
    # Beads stand at x = 0.1 k in frame k; the reference is at the same place, ours 0.05 nm off, the other 0.1 nm.
    found = values(judged)
    assert found["reference"] == pytest.approx([0.2, 0.4])
    assert found["backmap"] == pytest.approx([0.25, 0.6, 0.05])
    assert found["farther"] == pytest.approx([0.3, 0.6, 0.1])
    assert judged.n_frames == {"reference": 5, "backmap": 5, "farther": 5}
    assert set(judged.seconds) == {"backmap", "farther"}


def test_floor_is_odd_frames_against_even_ones(judge: Callable) -> None:
    figures = judge().floor["toy_place_of"].figures
    assert [figure.value for figure in figures] == pytest.approx([0.2, 0.5, 0.0])
    assert judge(chosen="0,1", force=True).floor["toy_place_of"].figures[-1].value == pytest.approx(0.1)


def test_floor_of_a_surface_is_what_odd_and_even_frames_differ_by(judge: Callable) -> None:
    """The reference stands at 0.1 k in frame k: beyond in frames 2, 3, 4, the mean of both halves is 0.2 nm."""
    judged = judge(text=RECIPE.replace("assessors: toy_place_of", "assessors: spread_of"))
    np.testing.assert_allclose(judged.by_trajectory["reference"]["spread_of"].surfaces[0].values, [[0.6, 0.2]])
    np.testing.assert_allclose(judged.floor["spread_of"].surfaces[0].values, [[2 / 3 - 1 / 2, 0.0]], atol=1e-12)


@pytest.mark.parametrize("window", [1, 5])
def test_windows_do_not_change_the_figures(judge: Callable, window: int) -> None:
    before = values(judge())
    assert values(judge(f"window={window}", force=True)) == before


def test_flags_are_counted_and_named(judge: Callable) -> None:
    judged = judge()
    assert judged.n_flagged == {"clash": 0, "beyond": 6}
    assert judged.flagged["beyond"][:2] == ["frame 3: TOY 1 A", "frame 3: TOY 2 A"]


def test_examples_are_spread_over_the_frames(judge: Callable) -> None:
    assert [example.number for example in judge("steps.assess.compare_every=3").examples] == [0, 2, 4]
    assert [example.number for example in judge("steps.assess.view=2", force=True).examples] == [0, 4]
    assert judge("steps.assess.view=false", force=True).examples == []
    example = judge(chosen="3,1", force=True).examples[0]
    assert (example.number, list(example.atoms)) == (3, ["reference", "backmap", "farther"])
    np.testing.assert_allclose(example.atoms["farther"][:, 0], 0.4)


def test_every(judge: Callable) -> None:
    judged = judge("steps.assess.compare_every=3")
    assert judged.n_frames == {"reference": 5, "backmap": 5, "farther": 2}
    assert values(judged)["farther"][0] == pytest.approx(0.25)


def test_without_reference_or_atoms(judge: Callable) -> None:
    text = RECIPE.replace(", reference: {toy: {frames: 5, points: 6}}", "")
    assert list(judge(text=text).by_trajectory) == ["backmap", "farther"]
    judged = judge(text=text.replace("  - toy_place: {shift: 0.05}\n", ""), force=True)
    assert (list(judged.by_trajectory), judged.label, judged.floor) == (["farther"], "", {})


def test_a_reference_of_other_frames(judge: Callable) -> None:
    """Nine frames of true atoms beside five frames of beads; with one in read as well it is not clear which counts."""
    text = RECIPE.replace(", reference: {toy: {frames: 5, points: 6}}", "").replace(
        "      compare_with:", "      reference: {toy: {frames: 9, points: 6}}\n      compare_with:")
    judged = judge(text=text)
    assert judged.n_frames == {"reference": 9, "backmap": 5, "farther": 5}
    assert judged.floor
    with pytest.raises(BackmapError, match=r"steps\[3\].assess.reference: there are two references"):
        judge(text=text.replace("toy: 5}", "toy: 5}, reference: {toy: {frames: 5, points: 6}}"), force=True)


def test_beads_of_the_reference_and_of_another_trajectory(judge: Callable) -> None:
    """Beads that the mapping makes; a branch with beads of its own, fewer and more than the run has frames."""
    text = RECIPE.replace("beads: {toy: 5}, ", "")
    assert values(judge(text=text)) == values(judge(force=True))
    for n_frames, seen in ((3, 3), (11, 5)):
        branch = f"[{{read_beads: {{toy: {n_frames}}}}}, {{toy_place: {{shift: 0.1}}}}]"
        judged = judge(text=RECIPE.replace("farther: {toy_place: {shift: 0.1}}", f"farther: {branch}"), force=True)
        assert judged.n_frames == {"reference": 5, "backmap": 5, "farther": seen}
        assert list(judged.examples[0].atoms) == ["reference", "backmap"]


def test_a_stop_loses_nothing(judge: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judge()
    commit = Ledger.commit

    def interrupt(ledger: Ledger, n_frames: int, *rest: object) -> None:
        if ledger.n_frames == 2 and n_frames:
            monkeypatch.setattr(Ledger, "commit", commit)
            raise KeyboardInterrupt
        commit(ledger, n_frames, *rest)

    monkeypatch.setattr(Ledger, "commit", interrupt)
    with pytest.raises(Interrupted):
        judge(force=True)
    again = judge(resume=True)
    assert values(again) == values(whole)
    assert (again.n_flagged, again.flagged, again.n_frames) == (whole.n_flagged, whole.flagged, whole.n_frames)
    assert [example.number for example in again.examples] == [0, 2, 4]


def test_nothing_is_left_behind(judge: Callable, tmp_path: Path) -> None:
    judge()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["run.json"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["warnings"] == {"clash": 0, "beyond": 6}


@pytest.mark.parametrize(("old", "new", "message"), [
    ("toy_place_of", "[]", "steps[3].assess.assessors: there is nothing to measure by"),
    ("toy_place_of", "[toy_place_of, toy_place_of]", "steps[3].assess.assessors: names an assessor twice"),
    ("farther:", "reference:", "steps[3].assess.compare_with: the name 'reference' is taken"),
    ("{toy_place: {shift: 0.1}}", "{read_atoms: {atoms: {toy: {frames: 4, points: 6}}}}",
     "steps[3].assess.compare_with.farther[0].read_atoms: toy.xtc: holds 4 frames, but toy.xtc holds 5"),
    ("{toy_place: {shift: 0.1}}", "{read_atoms: {atoms: {toy: {frames: 5, points: 5}}}}",
     "toy.xtc: holds 5 atoms, but the topology"),
    ("{toy_place: {shift: 0.1}}", "{write: {atoms: {toy: x.txt}}}", "toy.xtc"),
    ("  - toy_place: {shift: 0.05}\n", "", ""),
])
def test_what_is_wrong_is_said(judge: Callable, old: str, new: str, message: str) -> None:
    if not message or message == "toy.xtc":
        judge(text=RECIPE.replace(old, new))
        return
    with pytest.raises(BackmapError) as caught:
        judge(text=RECIPE.replace(old, new))
    assert message in str(caught.value)


class TestLoad:
    TEXT = RECIPE.replace("toy_place: {shift: 0.05}", "read_atoms: {atoms: {toy: {frames: 5, points: 6}}}")

    def test_every_frame_of_the_beads(self, judge: Callable) -> None:
        assert values(judge(text=self.TEXT, chosen="4,1"))["backmap"][0] == pytest.approx(0.25)

    def test_one_for_every_chosen_frame(self, judge: Callable) -> None:
        text = self.TEXT.replace("read_atoms: {atoms: {toy: {frames: 5", "read_atoms: {atoms: {toy: {frames: 2")
        assert values(judge(text=text, chosen="4,2"))["backmap"][0] == pytest.approx(0.05)


BEADS = """\
recipe: 1
device: cpu
output: out
window: 2
steps:
  - toy_topology
  - read: {beads: {toy: 5}}
  - push
  - assess:
      assessors: toy_place_of
      of: beads
      reference: {toy: {frames: 9, points: 3}}
      compare_with:
        less: {push: {by: 0.1}}
  - keep_judgement
"""


def test_beads_before_and_after_a_step_has_moved_them(judge: Callable) -> None:
    """Beads stand at 0.1 k in frame k, the reference too, with nine frames; branches start where the step did."""
    judged = judge(text=BEADS)
    assert list(judged.by_trajectory) == ["reference", "backmap", "before", "less"]
    found = values(judged)
    assert {label: found[label][0] for label in found} == pytest.approx(
        {"reference": 0.4, "backmap": 0.5, "before": 0.2, "less": 0.3})
    assert judged.n_frames == {"reference": 9, "backmap": 5, "before": 5, "less": 5}
    assert judged.floor
    assert (judged.system.n_atoms, list(judged.examples[0].atoms)) == (3, ["backmap", "before", "less"])
    atoms = judged.examples[0].atoms
    np.testing.assert_allclose(atoms["backmap"] - atoms["before"], [[0.3, 0, 0]] * 3)


def test_the_reference_of_beads_may_be_atoms(judge: Callable) -> None:
    """Six points are three diatomics: beads are the middles, of the true atoms of a frame as well."""
    mapped = judge(text=BEADS.replace("frames: 9, points: 3", "frames: 9, points: 6"))
    assert values(mapped)["reference"][0] == pytest.approx(0.4)
    paired = BEADS.replace("      reference: {toy: {frames: 9, points: 3}}\n", "").replace(
        "toy: 5}", "toy: 5}, reference: {toy: {frames: 5, points: 6}}")
    judged = judge(text=paired, force=True)
    assert {label: found[0] for label, found in values(judged).items()} == pytest.approx(
        {"reference": 0.2, "backmap": 0.5, "before": 0.2, "less": 0.3})
    assert judged.examples[0].atoms["reference"].shape == (3, 3)


def test_atoms_are_judged_as_ever_after_beads_have_moved(judge: Callable) -> None:
    judged = judge(text=BEADS.replace("      of: beads\n", "").replace("points: 3", "points: 6").replace(
        "  - push\n", "  - push\n  - toy_place\n").replace("less: {push: {by: 0.1}}", "less: {toy_place: {shift: 1}}"))
    assert {label: found[0] for label, found in values(judged).items()} == pytest.approx(
        {"reference": 0.4, "backmap": 0.5, "less": 1.5})


@pytest.mark.parametrize("window", [1, 5])
def test_windows_do_not_change_what_beads_show(judge: Callable, window: int) -> None:
    before = values(judge(text=BEADS))
    assert values(judge(f"window={window}", text=BEADS, force=True)) == before
