"""The pilot of a run: chosen once, from the same frames, the same for all frames, and not to be changed."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from backmap import session, testing
from backmap.errors import BackmapError, Interrupted
from backmap.running import pilot, tuning
from backmap.running.display import Display
from backmap.running.tuning import Tuning
from backmap.testing.runs import Stopping

from ..conftest import TOY

Write = Callable[..., Path]
STEP = "  - toy_place\n  - toy_tuned: auto\n"


@pytest.fixture
def path(write_recipe: Write) -> Path:
    """A recipe with a step that tunes itself."""
    return write_recipe(("  - toy_place\n", STEP))


def run(path: Path, name: str = "out", **options: object) -> tuple[Path, str]:
    """The output folder, and what was said."""
    console = Console(file=open(path.parent / f"{name}.log", "w+"), width=500)  # noqa: SIM115
    result = session.run(path, output=path.parent / name, plugins=[TOY], display=Display(console), **options)
    console.file.seek(0)
    return result.output, console.file.read()


def test_one_choice_however_frames_are_shared_out(path: Path) -> None:
    testing.check_run(path, path.parent / "all", plugins=[TOY], windows=(1, 3), processes=(2,), parts=2)


def test_the_file_says_what_was_chosen_and_from_what(path: Path) -> None:
    folder, said = run(path)
    written = yaml.safe_load((folder / "tuned.yaml").read_text())
    chosen = written["steps"]["steps[3].toy_tuned"]
    assert written["frames"] == [0, 2, 4]
    assert chosen["values"]["shift"] == sum(chosen["measured"]["shift"][0].values())
    assert json.loads((folder / "run.json").read_text())["tuned"] == {"steps[3].toy_tuned": chosen["values"]}
    assert "tuning by frames [0, 2, 4]" in said
    assert f"pilot: steps[3].toy_tuned: shift {chosen['values']['shift']:g}, by frames 0, 2, 4; see tuned.yaml" in said
    assert "warning: pilot: steps[3].toy_tuned: the toy never rests" in said
    assert f"moved by {chosen['values']['shift']:g} in 5 frames" in said  # those of the pilot are not counted


def test_numbers_that_are_written_need_no_pilot(write_recipe: Write) -> None:
    folder, said = run(write_recipe(("  - toy_place\n", "  - toy_place\n  - toy_tuned: 0.5\n")))
    assert not (folder / "tuned.yaml").exists()
    assert "pilot" not in said


@pytest.mark.parametrize(("n_frames", "n_atoms", "expected"), [
    (20, 2500, [3, 10, 16]), (20, 4000, [5, 15]), (20, 100_000, [10]), (1, 100, [0]), (2, 100, [0, 1])])
def test_frames_are_spread_over_the_run(n_frames: int, n_atoms: int, expected: list[int]) -> None:
    assert pilot.spread(range(n_frames), n_atoms) == expected


def test_a_run_that_is_resumed_is_not_tuned_again(path: Path) -> None:
    with pytest.raises(Interrupted):
        session.run(path, output=path.parent / "out", plugins=[TOY], display=Stopping(), set={"window": 1})
    folder, said = run(path, resume=True)
    assert "tuning" not in said
    whole, _ = run(path, "whole")
    assert (folder / "sums.txt").read_bytes() == (whole / "sums.txt").read_bytes()


@pytest.mark.parametrize(("change", "problem"), [
    (lambda content: content["steps"]["steps[3].toy_tuned"]["values"].update(shift=0.25),
     r"begun with something else: tuned.yaml: steps\[3\].toy_tuned.shift was .* and is 0.25"),
    (lambda content: content["steps"].clear(), r"tuned.yaml: steps\[3\].toy_tuned was .* and is not there"),
    (lambda content: content.pop("steps"), "tuned.yaml: is damaged. Start the run again with --force."),
])
def test_choices_that_were_changed_do_not_go_on(path: Path, change: Callable[[dict], object], problem: str) -> None:
    with pytest.raises(Interrupted):
        session.run(path, output=path.parent / "out", plugins=[TOY], display=Stopping(), set={"window": 1})
    file = path.parent / "out" / "tuned.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(BackmapError, match=problem):
        run(path, resume=True)
    _, said = run(path, force=True)
    assert "tuning" in said


def test_parts_take_what_the_first_of_them_chose(path: Path) -> None:
    _, said = run(path, part="2/2")
    assert "tuning by frames [0, 2, 4]" in said  # of the whole run
    _, said = run(path, part="1/2")
    assert "tuning" not in said
    assert "pilot: steps[3].toy_tuned: shift" in said
    shared = path.parent / "out" / "tuned.yaml"
    for change in (lambda text: text.replace("shift: ", "shift: 1"), lambda text: "damaged: [", lambda text: ""):
        shared.write_text(change(shared.read_text()))
        assert "tuning" in run(path, part="1/2", force=True)[1]


def test_parts_that_chose_differently_are_not_merged(path: Path) -> None:
    for number in (1, 2):
        run(path, part=(number, 2))
    progress = path.parent / "out" / "part-2-of-2" / "progress.json"
    recorded = json.loads(progress.read_text())
    recorded["identity"]["tuned"]["steps[3].toy_tuned"]["shift"] = 9.0
    progress.write_text(json.dumps(recorded))
    with pytest.raises(BackmapError, match=r"begun with something else: tuned.yaml: steps\[3\].toy_tuned.shift was"):
        session.merge(path.parent / "out", display=testing.runs.quiet())


def test_the_first_to_share_counts(tmp_path: Path) -> None:
    first, second, other = (Tuning(run, [0], {"steps[1].x": tuning.Tuned({"y": value})})
                            for run, value in (("a", 1), ("a", 2), ("b", 3)))
    assert first.share(tmp_path) is first
    assert second.share(tmp_path).values == first.values
    assert other.share(tmp_path) is other
    assert Tuning.read(tmp_path).values == other.values
    assert [file.name for file in tmp_path.iterdir()] == ["tuned.yaml"]


def test_steps_within_others_take_the_choice_of_their_like(write_recipe: Write) -> None:
    _, said = run(write_recipe(("  - toy_place\n", f"{STEP}  - toy_within: {{steps: [{{toy_tuned: auto}}]}}\n")))
    moved, within = (next(line for line in said.splitlines() if line.startswith(word)) for word in ("moved", "within"))
    assert moved.split()[2] == within.split()[1]


def test_steps_within_others_are_not_tuned_by_themselves(write_recipe: Write) -> None:
    path = write_recipe(("  - toy_place\n", "  - toy_place\n  - toy_within: {steps: [{toy_tuned: auto}]}\n"))
    with pytest.raises(BackmapError, match=r"steps\[3\].toy_within.steps\[0\].toy_tuned: shift: auto, but only steps"):
        run(path)


def test_draws_of_the_pilot_have_names_of_their_own(write_recipe: Write) -> None:
    """Atoms that are scattered at random are elsewhere in the frames of the pilot than in the same ones of the run."""
    path = write_recipe(("  - toy_place\n", STEP.replace("toy_place", "toy_place: {scatter: 0.1}")))
    folder, _ = run(path)
    chosen = yaml.safe_load((folder / "tuned.yaml").read_text())["steps"]["steps[3].toy_tuned"]
    sums = dict(line.split() for line in (folder / "sums.txt").read_text().splitlines()[1:])
    shift, mean = chosen["values"]["shift"], chosen["measured"]["shift"][0]["mean"]
    of_run = sum(float(sums[frame]) / 6 - shift for frame in ("0", "2", "4")) / 3
    assert abs(of_run - mean) > 1e-4
    assert abs(of_run - mean) < 0.5
