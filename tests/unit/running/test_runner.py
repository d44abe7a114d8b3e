"""Windows through steps; output that is whole at every moment."""
from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from backmap import session
from backmap.engine.compiling import clock as compiling
from backmap.errors import BackmapError, Interrupted
from backmap.model.system import Window
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running import pipeline, runner
from backmap.running.display import Display
from backmap.running.identity import Identity
from backmap.running.ledger import Ledger
from backmap.running.pace import Whereabouts

from ..conftest import TOY

Write = Callable[..., Path]

WHOLE = "frame sum\n" + "".join(f"{k} {0.6 + 0.6 * k:.6f}\n" for k in range(5))


@pytest.fixture
def run(registry: Registry) -> Callable[..., Path]:
    """Loads and runs a recipe quietly."""

    def run_(path: Path, *overrides: str, **options: object) -> Path:
        display = Display(Console(file=io.StringIO()))
        return runner.run(recipe.load(path, registry, overrides), display=display, **options)

    return run_


def test_writes_every_frame_once(run: Callable, write_recipe: Write) -> None:
    folder = run(write_recipe())
    assert (folder / "sums.txt").read_text() == WHOLE
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "sums.txt"]


def test_chosen_frames_in_their_order(run: Callable, write_recipe: Write) -> None:
    folder = run(write_recipe(), chosen="4,0:2")
    assert [line.split()[0] for line in (folder / "sums.txt").read_text().splitlines()[1:]] == ["4", "0", "1"]


def test_run_json_says_how_it_was_made(run: Callable, write_recipe: Write) -> None:
    path = write_recipe(("toy_topology", "toy_topology: {molecules: 3}"))
    report = json.loads((run(path, "seed=9", chosen="0:4") / "run.json").read_text())
    assert report["text"] == path.read_text()
    assert report["overrides"] == ["seed=9"]
    assert (report["seed"], report["frames"], report["n_frames"], report["n_atoms"]) == (9, "0:4", 4, 6)
    assert {"backmap", "torch", "numpy", "python"} <= set(report["versions"])
    assert report["atoms_per_second"] > 0


def test_existing_results_are_not_overwritten(run: Callable, write_recipe: Write) -> None:
    path = write_recipe()
    folder = run(path)
    with pytest.raises(BackmapError, match=r"a finished run is here. Choose another folder"):
        run(path)
    run(path, "steps.read.beads.toy=2", force=True)
    assert (folder / "sums.txt").read_text() == WHOLE[:WHOLE.index("2 ")]
    (folder / "run.json").unlink()
    with pytest.raises(BackmapError, match=r"sums.txt: exists already"):
        run(path)


def test_two_writers_of_one_file(run: Callable, write_recipe: Write) -> None:
    with pytest.raises(BackmapError, match=r"steps\[3\].write: 'sums.txt' is written twice"):
        run(write_recipe(("{toy: sums.txt}", "[{toy: sums.txt}, {toy: sums.txt}]")))


def test_two_runs_do_not_write_into_one_folder(run: Callable, write_recipe: Write) -> None:
    path = write_recipe()
    other = Ledger(path.parent / "out", Identity({}, 0, "all", "cpu"))
    for options in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(BackmapError, match="another run is writing here"):
            run(path, **options)
    other.stop()
    run(path)


def test_errors_of_a_step_name_the_step(run: Callable, write_recipe: Write) -> None:
    with pytest.raises(BackmapError, match=r"run.yaml: steps\[0\].toy_bug: data.xyz:3: wrong. Mend it."):
        run(write_recipe(("- toy_topology", "- toy_bug: mine\n  - toy_topology")))


@pytest.mark.parametrize(("old", "new", "message"), [
    ("toy: 5", "toy: {points: 4}", "steps[1].read: toy.xtc: holds 4 beads, but the topology (3 TOY) has 3"),
    ("beads: {toy: 5}", "beads: toy, reference: {toy: {frames: 4, points: 6}}",
     "toy.xtc: holds 4 frames, but toy.xtc holds 5"),
    ("atoms: {toy: sums.txt}", "atoms: []", "steps[3].write: there is nothing to write"),
])
def test_shipped_steps_check(run: Callable, write_recipe: Write, old: str, new: str, message: str) -> None:
    with pytest.raises(BackmapError, match=re.escape(message)):
        run(write_recipe((old, new)))


def test_flags_are_counted_and_can_fail_a_run(run: Callable, write_recipe: Write) -> None:
    path = write_recipe(("- toy_place", "- toy_place: {clashes: 2}"))
    report = json.loads((run(path) / "run.json").read_text())
    assert report["warnings"] == {"clash": 6}
    with pytest.raises(BackmapError, match=r"6 beads flagged as clash, more than max_warnings allows \(5\)"):
        run(path, "max_warnings={clash: 5}", force=True)


def test_recipe_without_frames_has_start_only(run: Callable, write_recipe: Write) -> None:
    folder = run(write_recipe(text="recipe: 1\noutput: out\ndevice: cpu\nsteps: [toy_topology]\n"))
    assert json.loads((folder / "run.json").read_text())["n_frames"] == 0
    with pytest.raises(BackmapError, match="--frames 0: no step of the recipe reads frames"):
        run(folder.parent / "run.yaml", chosen="0", force=True)


@pytest.mark.parametrize(("seen", "name", "expected"), [
    (True, "auto", "cuda"), (False, "auto", "cpu"), (True, "cpu", "cpu"), (True, "cuda", "cuda")])
def test_device(seen: bool, name: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: seen)
    assert pipeline.device(name) == expected


def test_no_such_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(BackmapError, match="device: cuda, but torch finds no CUDA device"):
        pipeline.device("cuda")


class TestResume:
    @pytest.fixture
    def interrupted(self, run: Callable, write_recipe: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A recipe whose run was stopped in the second of three windows."""
        path = write_recipe(("- toy_place", "- toy_place\n  - toy_idle"))
        self.stop_at(monkeypatch, frame=2)
        with pytest.raises(Interrupted, match="stopped after 2 frames, which are whole; the same command with"):
            run(path)
        return path

    def stop_at(self, monkeypatch: pytest.MonkeyPatch, frame: int) -> None:
        """Ctrl-C after the window of ``frame`` was appended, before it counts."""
        commit = Ledger.commit

        def interrupt(ledger: Ledger, n_frames: int, *rest: object) -> None:
            if ledger.n_frames == frame and n_frames:
                monkeypatch.setattr(Ledger, "commit", commit)
                raise KeyboardInterrupt
            commit(ledger, n_frames, *rest)

        monkeypatch.setattr(Ledger, "commit", interrupt)

    def test_what_was_written_is_whole(self, interrupted: Path) -> None:
        folder = interrupted.parent / "out"
        assert (folder / "sums.txt.part").read_text() == WHOLE[:WHOLE.index("2 ")]
        assert json.loads((folder / "progress.json").read_text())["n_frames"] == 2

    def test_same_bytes(self, interrupted: Path, run: Callable) -> None:
        part = interrupted.parent / "out" / "sums.txt.part"
        part.write_text(part.read_text() + "2 half a li")  # as after a power failure
        folder = run(interrupted, resume=True)
        assert (folder / "sums.txt").read_text() == WHOLE
        assert not (folder / "progress.json").exists()

    def test_must_be_said(self, interrupted: Path, run: Callable) -> None:
        with pytest.raises(BackmapError, match=r"an unfinished run is here, with 2 frames done. Go on with --resume"):
            run(interrupted)
        assert (run(interrupted, force=True) / "sums.txt").read_text() == WHOLE

    @pytest.mark.parametrize(("overrides", "options", "difference"), [
        (["seed=8"], {}, "the seed was 7 and is 8"),
        (["steps.toy_place.wait=0.01"], {}, "steps[2] was \"toy_place\" and is {\"toy_place\": {\"wait\": 0.01}}"),
        ([], {"chosen": "0:3"}, "the choice of frames was all and is --frames 0:3")])
    def test_of_another_run_is_an_error(self, interrupted: Path, run: Callable, overrides: list, options: dict,
                                        difference: str) -> None:
        with pytest.raises(BackmapError, match=re.escape(f"begun with something else: {difference}. Resume with")):
            run(interrupted, *overrides, resume=True, **options)

    def test_needs_the_part_file(self, interrupted: Path, run: Callable) -> None:
        part = interrupted.parent / "out" / "sums.txt.part"
        part.write_text("frame")
        with pytest.raises(BackmapError, match=r"is shorter than the 32 bytes that progress.json counts"):
            run(interrupted, resume=True)
        part.unlink()
        with pytest.raises(BackmapError, match="this file of the unfinished run is gone"):
            run(interrupted, resume=True)

    def test_of_a_forced_run(self, run: Callable, write_recipe: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_recipe()
        (run(path) / "sums.txt").write_text("old")
        self.stop_at(monkeypatch, frame=4)
        with pytest.raises(Interrupted):
            run(path, force=True)
        assert (path.parent / "out" / "sums.txt").read_text() == "old"
        assert (run(path, resume=True) / "sums.txt").read_text() == WHOLE

    def test_after_a_stop_while_files_got_their_names(self, run: Callable, write_recipe: Write,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_recipe(("{toy: sums.txt}", "[{toy: sums.txt}, {toy: b.txt}]"))
        replace, renamed = os.replace, []

        def once(old: Path, new: Path) -> None:
            if str(old).endswith(".part"):
                if renamed:
                    raise KeyboardInterrupt
                renamed.append(new)
            replace(old, new)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", once)
            with pytest.raises(Interrupted):
                run(path)
        folder = run(path, resume=True)
        assert (folder / "sums.txt").read_text() == (folder / "b.txt").read_text() == WHOLE

    def test_without_anything_to_resume_starts(self, run: Callable, write_recipe: Write) -> None:
        path = write_recipe()
        assert (run(path, resume=True) / "sums.txt").read_text() == WHOLE
        run(path, resume=True)  # finished already: nothing to do


def test_killed_run_ends_with_the_same_bytes(write_recipe: Write) -> None:
    path = write_recipe(("window: 2", "window: 1"), ("- toy_place", "- toy_place: {wait: 0.3}"))
    command = [sys.executable, "-m", "backmap", "run", str(path), "--plugin", str(TOY)]
    progress = path.parent / "out" / "progress.json"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 60
    while not (progress.exists() and json.loads(progress.read_text())["n_frames"] >= 2):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (path.parent / "out" / "sums.txt").exists()
    session.run(path, plugins=[TOY], resume=True)
    assert (path.parent / "out" / "sums.txt").read_text() == WHOLE


class TestDisplay:
    def test_lines_where_there_is_no_terminal(self) -> None:
        console = Console(file=io.StringIO(), width=100)
        display = Display(console, interval=0.0)
        with display:
            display.begin(10, 1000, done=2)
            display.within(Whereabouts(0.5))
            display.advance(2)
        first, last = console.file.getvalue().splitlines()
        assert re.fullmatch(r"2/10 frames, [\d.e+]+ atoms/s, [\d:]+ left", first)
        assert last.startswith("4/10 frames")

    def test_a_bar_on_a_terminal(self) -> None:
        console = Console(file=io.StringIO(), width=100, force_terminal=True, highlight=False)
        with Display(console) as display:
            display.begin(10, 1000)
            display.advance(4)
            display.log("[not markup]")
        assert "4/10 frames" in console.file.getvalue()
        assert "[not markup]" in console.file.getvalue()


def test_compiling_is_told_once_and_is_not_counted(registry: Registry, write_recipe: Write,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    read, lines = pipeline.window_of, io.StringIO()

    def slow(*arguments: object) -> Window:
        compiling.begun()
        time.sleep(0.1)
        compiling.ended()
        return read(*arguments)

    monkeypatch.setattr(pipeline, "window_of", slow)
    began = time.monotonic()
    folder = runner.run(recipe.load(write_recipe(), registry), display=Display(Console(file=lines)))
    took, report = time.monotonic() - began, json.loads((folder / "run.json").read_text())
    assert report["seconds_compiling"] >= 0.3
    assert report["seconds"] <= took - 0.29
    assert report["atoms_per_second"] >= report["n_atoms"] * report["n_frames"] / (took - 0.29)
    assert lines.getvalue().count(compiling.NOTICE) == 1
