"""Recipes of reports, made from runs, recipes and trajectories."""
from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from backmap.errors import BackmapError
from backmap.recipe.registry import Registry
from backmap.running.comparison import compare

OCTANE = Path(__file__).parents[3] / "recipes" / "octane"


@pytest.fixture
def registry() -> Registry:
    return Registry().discover()


@pytest.fixture
def finished(tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a finished octane run."""

    def finished_(name: str, frames: str = "all", overrides: tuple[str, ...] = (), **changes: object) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(OCTANE / "test_aa.xtc", folder / "atoms.xtc")
        shutil.copy(OCTANE / "aa.gro", folder / "atoms.gro")
        record = {"recipe": str(OCTANE / "run.yaml"), "text": (OCTANE / "run.yaml").read_text(), "frames": frames,
                  "overrides": list(overrides), "outputs": ["atoms.gro", "atoms.xtc", "octane.png"]}
        (folder / "run.json").write_text(json.dumps(record | changes))
        return folder

    return finished_


def by_name(content: dict) -> dict[str, object]:
    """The steps of a recipe."""
    return {next(iter(step)): next(iter(step.values())) for step in content["steps"]}


def test_a_run_and_a_file(finished: Callable, registry: Registry) -> None:
    run = finished("ours")
    found = compare([str(run), f"theirs={OCTANE / 'test_aa.xtc'}"], registry)
    content = yaml.safe_load(found.recipe.source.text)
    steps = by_name(content)
    assert list(steps) == ["topology", "forcefield", "read", "read_atoms", "assess", "write"]
    assert steps["read_atoms"] == {"atoms": {"gromacs": [str(run / "atoms.gro"), str(run / "atoms.xtc")]}}
    assert steps["assess"]["name"] == "ours"
    assert steps["assess"]["compare_with"] == {
        "theirs": [{"read_atoms": {"atoms": {"gromacs": [str(OCTANE / "test_aa.xtc")]}}}]}
    assert steps["write"] == {"report": ["report.html", "report.md", "report.json"]}
    assert found.frames is None
    assert found.recipe.folder == OCTANE  # paths of its topology start there


def test_files_of_beads_are_not_taken_for_atoms(finished: Callable, registry: Registry) -> None:
    """Though they are written first."""
    text = (OCTANE / "run.yaml").read_text().replace("  - forward:", "  - write: {beads: {gromacs: [cg.gro, cg.xtc]}}\n"
                                                                     "  - forward:", 1)
    run = finished("ours", text=text, outputs=["cg.gro", "cg.xtc", "atoms.gro", "atoms.xtc"])
    steps = by_name(yaml.safe_load(compare([str(run)], registry).recipe.source.text))
    assert steps["read_atoms"] == {"atoms": {"gromacs": [str(run / "atoms.gro"), str(run / "atoms.xtc")]}}


def test_settings_of_the_run_stand(finished: Callable, registry: Registry) -> None:
    run = finished("ours", frames="0:3", overrides=("title=Other", "steps.topology.constraints=all-bonds"))
    found = compare([str(run)], registry, overrides=["steps.assess.compare_every=2"])
    content = found.recipe.source.document
    assert found.frames == "0:3"
    assert content["title"] == "Other: ours"
    assert by_name(content)["topology"]["constraints"] == "all-bonds"
    assert by_name(content)["assess"]["compare_every"] == 2


def test_a_recipe_alone_says_what_the_system_is(registry: Registry) -> None:
    found = compare([str(OCTANE / "run.yaml"), str(OCTANE / "test_aa.xtc")], registry, frames="0,1")
    assert found.frames == "0,1"
    assert by_name(found.recipe.source.document)["read_atoms"]["atoms"]["gromacs"][0].endswith("test_aa.xtc")


def test_what_is_wrong_is_said(finished: Callable, registry: Registry, tmp_path: Path) -> None:
    ours, other = str(finished("ours")), str(finished("other", frames="0,1"))
    bare = str(finished("bare", outputs=["octane.png"]))
    damaged, file = finished("damaged"), str(OCTANE / "test_aa.xtc")
    (damaged / "run.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    for sources, message in (
            ([ours, "nowhere"], "nowhere: there is no such run or file. Give the output folder of a run"),
            ([file], "nothing says what the system is"),
            ([str(OCTANE / "run.yaml")], "there is nothing to judge"),
            ([ours, f"ours={file}"], "two trajectories are called 'ours'. Name one: NAME=path"),
            ([ours, other], "the runs went through different frames"),
            ([ours, bare], "this run has written no trajectory of atoms"),
            ([str(tmp_path / "empty")], "holds no run.json. Give the output folder of a finished run"),
            ([str(damaged)], "run.json: is not the record of a run")):
        with pytest.raises(BackmapError, match=message.replace("(", r"\(")):
            compare(sources, registry)
