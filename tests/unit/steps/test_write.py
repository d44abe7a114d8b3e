"""The step ``write``: reports at the end of a run, and what it needs."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from backmap_plugins.steps.write import Write

from backmap.errors import BackmapError
from backmap.recipe import recipe
from backmap.recipe.registry import Registry
from backmap.running.runner import run

STEP = "  - write: {atoms: {toy: sums.txt}}\n"
ASSESS = "  - assess: {assessors: toy_place_of}\n"


def test_what_it_needs_depends_on_what_it_writes() -> None:
    assert Write(Write.Options(report="a.html")).needs == {"system", "judgement"}
    assert Write(Write.Options(report=["a.html", "a.md"])).options.report == [Path("a.html"), Path("a.md")]


def test_reports_are_written_beside_the_atoms(registry: Registry, write_recipe: Callable[..., Path]) -> None:
    step = "  - write: {atoms: {toy: sums.txt}, report: [report.html, sub/report.md, report.json]}\n"
    path = write_recipe((STEP, ASSESS + step))
    folder = run(recipe.load(path, registry))
    read = json.loads((folder / "report.json").read_text())
    assert read["title"] == "A toy"
    assert read["provenance"]["seed"] == 7
    assert read["n_frames"] == {"backmap": 5}
    assert read["figures"][0]["values"]["backmap"]["value"] == pytest.approx(0.2)
    assert "<title>A toy</title>" in (folder / "report.html").read_text()
    assert (folder / "sub" / "report.md").read_text().startswith("# A toy")
    assert (folder / "sums.txt").exists()
    assert not list(folder.rglob("*.part"))


def test_a_report_alone_is_enough(registry: Registry, write_recipe: Callable[..., Path]) -> None:
    path = write_recipe((STEP, ASSESS + "  - write: {report: report.html}\n"))
    assert (run(recipe.load(path, registry)) / "report.html").exists()


@pytest.mark.parametrize(("step", "problem"), [
    ("{report: report.html}", "needs judgement"),
    ("{report: report.pdf}", r"steps\[3\].write: a report cannot be written as 'report.pdf'"),
    ("{}", "there is nothing to write"),
    ("{report: ../report.html}", "is not inside the output folder"),
    ("{atoms: {toy: report.md}, report: report.md}", "needs judgement")])
def test_what_cannot_be_written(registry: Registry, write_recipe: Callable[..., Path], step: str, problem: str) -> None:
    with pytest.raises(BackmapError, match=problem):
        recipe.load(write_recipe((STEP, f"  - write: {step}\n")), registry)


def test_two_steps_do_not_share_a_report(registry: Registry, write_recipe: Callable[..., Path]) -> None:
    path = write_recipe((STEP, ASSESS + "  - write: {atoms: {toy: report.md}, report: report.md}\n"))
    with pytest.raises(BackmapError, match=r"'report.md' is written twice"):
        run(recipe.load(path, registry))
