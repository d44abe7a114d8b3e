"""The forcefield step: how a recipe names a reader, and what it gives."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from backmap_plugins.steps.forcefield import Forcefield, expect_rigid

from backmap.api import State
from backmap.errors import BackmapError
from backmap.model.run_parameters import RunParameters
from backmap.model.system import System
from backmap.recipe.recipe import load
from backmap.recipe.registry import Registry
from tests import builders, forcefields, scenes

RECIPE = """\
recipe: 1
steps:
  - topology:
      atoms: {{gromacs: {folder}/octane.top}}
      mapping: {{votca: {folder}/octane.xml}}
  - forcefield: {entry}
"""
TOP = scenes.RECIPE / "octane.top"


def _step(tmp_path: Path, entry: str) -> Forcefield:
    (tmp_path / "run.yaml").write_text(RECIPE.format(folder=scenes.RECIPE, entry=entry))
    return load(tmp_path / "run.yaml", Registry().discover()).steps[1]


@pytest.mark.parametrize("entry", [
    f"{{gromacs: {TOP}, cutoff: 1.2, coulomb: none}}",
    f"{{gromacs: {{file: {TOP}}}, cutoff: 1.2, coulomb: none}}",
    f"{{parameters: {{gromacs: {TOP}}}, cutoff: 1.2, coulomb: none}}"])
def test_the_reader_stands_among_the_options_or_in_one(tmp_path: Path, entry: str) -> None:
    step = _step(tmp_path, entry)
    lines: list[str] = []
    state = State(folder=tmp_path, output=tmp_path, seed=1, device="cpu", log=lines.append)
    state.system = scenes.octane_system()
    step.start(state)
    assert (state.forcefield.cutoff, state.forcefield.coulomb) == (1.2, "none")
    assert state.forcefield.molecules["OCT"].n_atoms == 26
    assert lines == ["force field: 1600 bond, 3072 angle, 4032 proper, 4032 1-4, 2 Lennard-Jones types, cut-off "
                     "1.2 nm, no Coulomb"]


@pytest.mark.parametrize(("entry", "problem"), [
    ("{gromax: x.top}", "steps[1].forcefield.parameters: no force field is called 'gromax'. Did you mean 'gromacs'?"),
    ("{gromacs: gone.top}", "there is no file 'gone.top'"),
    (f"{{gromacs: {TOP}, cut: 1.2}}", "no option is called 'cut'"),
    (f"{{gromacs: {TOP}, cutoff: -1}}", "forcefield.cutoff: should be greater than 0"),
    ("{cutoff: 1.0}", "the option 'parameters' is missing"),
    ("gromacs", "the option 'file' is missing")])
def test_slips_are_named(tmp_path: Path, entry: str, problem: str) -> None:
    with pytest.raises(BackmapError) as caught:
        _step(tmp_path, entry)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_force_field_of_other_molecules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.top").write_text(TOP.read_text().replace("OCT", "NON"))
    step = _step(tmp_path, f"{{gromacs: {tmp_path / 'other.top'}}}")
    state = State(folder=tmp_path, output=tmp_path, seed=1, device="cpu", log=lambda line: None)
    state.system = scenes.octane_system()
    with pytest.raises(BackmapError, match=r"other.top: has no parameters for molecule type 'OCT'. Known: NON."):
        step.start(state)


@pytest.mark.parametrize("constraints", ["none", "h-bonds", "all-bonds"])
@pytest.mark.parametrize("given", [True, False])
def test_ions_have_no_bonds_that_could_be_rigid(constraints: str, given: bool) -> None:
    atoms, _ = builders.atoms_of("[Na+]", "NA")
    ion = replace(builders.molecule_type(atoms, builders.beads_of(atoms, {"NA": {"Na1": 1}})), given=given)
    system = System(((ion, 2),))
    expect_rigid(RunParameters("run.mdp", {}, constraints=constraints), forcefields.everything(system), system)
