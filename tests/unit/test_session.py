"""Runs from Python: what is given, what comes out, and mistakes in one line."""
from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import backmap
from backmap import session
from backmap.errors import BackmapError
from backmap.running.display import Display

from .conftest import TOY

Write = Callable[..., Path]
#: The toy recipe as a mapping.
RECIPE = {"recipe": 1, "title": "A toy", "device": "cpu", "window": 2,
          "steps": ["toy_topology", {"read": {"beads": {"toy": 5}}}, "toy_place",
                    {"write": {"atoms": {"toy": "sums.txt"}}}]}


def run(recipe: Any, **options: Any) -> backmap.Result:
    return backmap.run(recipe, plugins=[TOY], display=Display(Console(file=io.StringIO())), **options)


def frames_of(result: backmap.Result) -> list[int]:
    return [int(line.split()[0]) for line in result.files[0].read_text().splitlines()[1:]]


def test_a_file_runs_as_from_the_command_line(write_recipe: Write, tmp_path: Path) -> None:
    result = run(write_recipe(), frames="0:3", set={"steps.toy_place.wait": 0.0, "title": "Ün 'other'"}, seed=3,
                 output=tmp_path / "it's")
    assert result.output == tmp_path / "it's"
    assert result.files == [tmp_path / "it's" / "sums.txt"]
    assert frames_of(result) == [0, 1, 2]
    assert (result.record["seed"], result.record["title"]) == (3, "Ün 'other'")
    assert result.record == json.loads((result.output / "run.json").read_text())
    assert result.judgement is None
    assert result.figures == []
    assert result.system.n_atoms == 6
    assert repr(result).startswith("<Result: 3 frames of 6 atoms, in ")


@pytest.mark.parametrize(("chosen", "expected"), [
    ({"frames": 4}, [4]), ({"frames": [3, 0]}, [3, 0]), ({"frames": range(0, 5, 2)}, [0, 2, 4]),
    ({"frames": np.array([1, 2])}, [1, 2]), ({"begin": 1, "end": 3, "dt": 2}, [1, 3]), ({}, [0, 1, 2, 3, 4]),
])
def test_chosen_frames(chosen: dict[str, Any], expected: list[int], tmp_path: Path,
                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert frames_of(run(RECIPE, output="out", **chosen)) == expected


def test_a_mapping_is_a_recipe_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = json.dumps(RECIPE)
    result = run(RECIPE, set=["output=there", "steps.read.beads.toy=2"])
    assert result.output == tmp_path / "there"
    assert result.record["n_frames"] == 2
    assert "title: A toy" in result.record["text"]
    assert json.dumps(RECIPE) == before


def test_judgement(tmp_path: Path) -> None:
    steps = [*RECIPE["steps"], {"assess": ["toy_place_of"]}]
    result = run({**RECIPE, "steps": steps}, output=tmp_path)
    assert [figure.quantity for figure in result.figures] == ["mean", "beyond"]
    assert result.figures[0].value == pytest.approx(0.2)


def test_a_run_that_was_finished_knows_its_system(tmp_path: Path) -> None:
    first = run(RECIPE, output=tmp_path)
    again = run(RECIPE, output=tmp_path, resume=True)
    assert again.record == first.record
    assert again.judgement is None
    assert again.system.n_atoms == 6


def test_threads(tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        run(RECIPE, output=tmp_path, threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_report_of_runs(write_recipe: Write, tmp_path: Path) -> None:
    with pytest.raises(backmap.BackmapError, match="this run has written no trajectory of atoms"):
        backmap.report([run(write_recipe(), output=tmp_path / "a").output], plugins=[TOY])


@pytest.mark.parametrize(("options", "message"), [
    ({"set": {"steps.toy_plaze.wait": 1}}, "--set steps.toy_plaze.wait=1: the recipe has no step 'toy_plaze'"),
    ({"set": {"title": object()}}, "set: object cannot stand in a recipe"),
    ({"frames": "9"}, "'9' is out of range"),
    ({"beads": 3.0}, "beads: cannot read frames from float. Give files, a recipe entry, or an object of a known lib"),
    ({"plugins": ["nowhere.py"]}, "nowhere.py: there is no such plugin file"),
])
def test_mistakes(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(backmap.BackmapError, match=re.escape(message)) as error:
        backmap.run(RECIPE, **{"plugins": [TOY], "output": tmp_path, **options})
    assert "\n" not in str(error.value)


def test_mistakes_in_a_mapping_have_a_place(tmp_path: Path) -> None:
    with pytest.raises(backmap.BackmapError, match=re.escape("<recipe>: steps[0]: no step is called 'toy_topolog'")):
        run({**RECIPE, "steps": ["toy_topolog"]}, output=tmp_path)
    with pytest.raises(backmap.BackmapError, match=r"nowhere\.yaml: there is no such recipe"):
        run(tmp_path / "nowhere.yaml")


def test_importing_is_quick() -> None:
    code = ("import sys, backmap; backmap.run; heavy = ('torch', 'numpy', 'scipy', 'rdkit', 'MDAnalysis')\n"
            "print([name for name in heavy if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_how_many_threads_share_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BACKMAP_THREADS", raising=False)
    assert session._sharing(3) == 3
    assert session._sharing(None) == min(len(os.sched_getaffinity(0)), session.MOST_THREADS)
    monkeypatch.setenv("BACKMAP_THREADS", "5")
    assert (session._sharing(None), session._sharing(2)) == (5, 2)
    for wrong in ("0", "-1", "many", "100000"):
        monkeypatch.setenv("BACKMAP_THREADS", wrong)
        with pytest.raises(BackmapError, match=f"BACKMAP_THREADS={wrong}: should be a number of threads"):
            session._sharing(None)
