"""Recipes that are read as far as they can be."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backmap.checking import reading, verdict
from backmap.model.survey import Finding
from backmap.recipe.registry import Registry
from tests import large, scenes

FILES = scenes.RECIPE
RECIPE = f"""\
recipe: 1
steps:
  - topology:
      atoms: {{gromacs: {FILES}/octane.top}}
      mapping: {{votca: {FILES}/octane.xml}}
  - read: {{beads: {{gromacs: {FILES}/cg.gro}}}}
  - forward: template
  - write: {{atoms: {{gromacs: atoms.gro}}}}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


def read(folder: Path, registry: Registry, text: str = RECIPE, overrides: tuple[str, ...] = ()) -> reading.Reading:
    path = folder / "run.yaml"
    path.write_text(text)
    return reading.read_file(path, registry, list(overrides))


def told(found: reading.Reading) -> list[tuple[str, str]]:
    """Place without the folder, and problem."""
    return [(finding.where.rpartition("/")[2], finding.problem) for finding in found.findings]


def test_a_good_recipe_is_read_as_a_whole(tmp_path: Path, registry: Registry) -> None:
    found = read(tmp_path, registry)
    assert not found.findings
    survey = found.survey
    assert [step.name for step in survey.steps] == ["topology", "read", "forward", "write"]
    assert survey.system.listed == "64 OCT"
    assert list(survey.models) == ["OCT"]
    assert survey.beads.n_points == survey.system.n_beads
    assert survey.output == tmp_path / "runs"
    assert survey.where(survey.steps[2], "generator") == f"{tmp_path}/run.yaml:7: steps[2].forward.generator"
    assert not (tmp_path / "runs").exists()


def test_all_steps_that_are_wrong_are_told(tmp_path: Path, registry: Registry) -> None:
    text = RECIPE.replace("forward: template", "forwards: template").replace("{atoms: {gromacs: atoms.gro}}",
                                                                             "{atom: {gromacs: atoms.gro}}")
    found = read(tmp_path, registry, f"colour: red\n{text}")
    assert told(found) == [
        ("run.yaml", "no entry is called 'colour'"),
        ("run.yaml:8: steps[2]", "no step is called 'forwards'"),
        ("run.yaml:9: steps[3].write", "no option is called 'atom'")]
    assert found.survey.system is not None


def test_needs_are_judged_where_all_steps_are_known(tmp_path: Path, registry: Registry) -> None:
    text = RECIPE.replace("  - forward: template\n", "  - refine: minimize\n")
    assert [problem for _, problem in told(read(tmp_path, registry, text))] == [
        "step 'refine' needs atoms and forcefield, which no earlier step gives"]
    text = text.replace("refine: minimize", "refine: minimise")  # nobody knows what it would give
    assert [problem for _, problem in told(read(tmp_path, registry, text))] == ["no refiner is called 'minimise'"]


def test_overrides(tmp_path: Path, registry: Registry) -> None:
    assert told(read(tmp_path, registry, overrides=("steps.forwards=1",)))[0][1] == "the recipe has no step 'forwards'"
    assert not read(tmp_path, registry, overrides=("output=elsewhere",)).findings


def test_all_that_is_wrong_with_a_mapping(tmp_path: Path, registry: Registry) -> None:
    mapping = (FILES / "octane.xml").read_text()
    (tmp_path / "bad.xml").write_text(mapping.replace("1:OCT:C1 ", "1:OCT:X1 ").replace("1:OCT:C8 ", "1:OCT:Y8 "))
    found = read(tmp_path, registry, RECIPE.replace(f"{FILES}/octane.xml", "bad.xml"))
    assert [problem.split("'")[1] for _, problem in told(found)] == ["1:OCT:X1", "1:OCT:Y8"]
    assert all(place.startswith("bad.xml:") for place, _ in told(found))


def test_no_recipe(tmp_path: Path, registry: Registry) -> None:
    found = reading.read_file(tmp_path / "none.yaml", registry, [])
    assert [finding.problem for finding in found.findings] == ["there is no such recipe"]
    assert verdict.exit_code(found.findings) == 2


def test_exit_codes_and_summary() -> None:
    error, warning, note = (Finding(severity, "here", "what") for severity in ("error", "warning", "note"))
    assert [verdict.exit_code(found) for found in ([], [note], [note, warning], [warning, error])] == [0, 0, 1, 2]
    assert verdict.summary([error, note, note]) == "1 error, no warnings, 2 notes"


def test_files_are_read_once_as_long_as_they_stay_as_they_are(tmp_path: Path) -> None:
    """What check has read, the run takes over."""
    files = large.Files(tmp_path, large.chain(6))
    first = files.system()
    assert files.system().types == first.types
    assert files.field(files.system()) is files.field(first)
    assert np.isnan(files.system(constraints="none").types[0].bond_length).all()
    files.topology.write_text(files.topology.read_text().replace("0.1529", "0.1530"))
    second = files.system()
    assert second.types[0].bond_length.max() == 0.1530
    files.mapping.write_text(files.mapping.read_text().replace("mass", "geometry"))
    third = files.system()
    assert np.ptp(third.types[0].mapping.weight[third.types[0].mapping.bead == 1]) == 0 < np.ptp(
        second.types[0].mapping.weight[second.types[0].mapping.bead == 1])
    assert files.field(third) is not files.field(first)
