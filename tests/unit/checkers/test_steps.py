"""What is said of steps: temperatures, their order, results that are there."""
from __future__ import annotations

from pathlib import Path

import pytest
from backmap_plugins.checkers.molecules import MoleculeChecker
from backmap_plugins.checkers.order import OrderChecker
from backmap_plugins.checkers.sizes import SizeChecker
from backmap_plugins.checkers.temperature import TemperatureChecker

from backmap.api import Checker
from backmap.checking import reading
from backmap.model.survey import Finding
from backmap.recipe.registry import Registry
from tests import scenes

FILES = scenes.RECIPE
READ = f"""\
recipe: 1
output: out
steps:
  - topology: {{atoms: {{gromacs: {FILES}/octane.top}}, mapping: {{votca: {FILES}/octane.xml}}}}
  - forcefield: {{gromacs: {FILES}/octane.top}}
  - read: {{beads: {{gromacs: {FILES}/cg.gro}}}}
"""
WEIGHTS = f"{{equivariant: {FILES}/octane_350K.safetensors}}"
WRITE = "write: {atoms: {gromacs: atoms.gro}}"
GIBBS = "gibbs: {temperature: 350, regularizer: steric, repair: 5}"
JUDGE = "assess: structure"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


@pytest.fixture
def said(tmp_path: Path, registry: Registry):
    """What a checker says of steps that follow those that read."""
    def ask(checker: type[Checker], *steps: str) -> list[Finding]:
        path = tmp_path / "run.yaml"
        path.write_text(READ + "".join(f"  - {step}\n" for step in steps))
        found = reading.read_file(path, registry, [])
        assert not found.findings
        return list(checker(checker.Options()).check(found.survey))

    return ask


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    """Severity, place without the folder, and the beginning of the problem."""
    return [(one.severity, one.where.rpartition("/")[2], one.problem.partition(",")[0]) for one in findings]


def test_a_recipe_in_order(said) -> None:
    steps = [f"forward: {WEIGHTS}", GIBBS, "hamiltonian: {soft_core_sweeps: 3, temperature: 350}", JUDGE, WRITE]
    for checker in (OrderChecker, TemperatureChecker, MoleculeChecker):
        assert [one for one in said(checker, *steps) if one.severity != "note"] == []


def test_overlaps_that_stay(said) -> None:
    assert told(said(OrderChecker, "forward: template", JUDGE, WRITE)) == [
        ("warning", "run.yaml:7: steps[3].forward", "fragments are placed from beads alone and overlap")]
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", "gibbs: {temperature: 350}", JUDGE, WRITE)) == [
        ("warning", "run.yaml:8: steps[4].gibbs", "draws are taken as they come")]
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", GIBBS.replace(", repair: 5", ""), JUDGE, WRITE)) == [
        ("note", "run.yaml:8: steps[4].gibbs", "fragments that still overlap after the sweeps are flagged")]
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", GIBBS, "hamiltonian: {temperature: 350, mend: 0}", JUDGE,
                     WRITE)) == [
        ("warning", "run.yaml:9: steps[5].hamiltonian.soft_core_sweeps",
         "moves climb no walls: atoms that overlap stay where they are")]


def test_minimisation_that_leaves_the_beads(said) -> None:
    assert told(said(OrderChecker, "forward: template", "refine: minimize", JUDGE, WRITE)) == [
        ("note", "run.yaml:8: steps[4].refine", "atoms may leave their beads")]


def test_results_that_nobody_sees(said) -> None:
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", GIBBS)) == [
        ("warning", "run.yaml", "no step writes the atoms"),
        ("note", "run.yaml", "no step says how good the result is")]


def test_results_that_are_seen_too_early(said) -> None:
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", JUDGE, WRITE, GIBBS)) == [
        ("warning", "run.yaml:9: steps[5].write", "writes atoms that 'gibbs' changes afterwards"),
        ("warning", "run.yaml:8: steps[4].assess", "judges atoms that 'gibbs' changes afterwards")]


@pytest.mark.parametrize(("file", "state"), [("run.json", "a finished run"), ("progress.json", "an unfinished run")])
def test_output_that_exists(said, tmp_path: Path, file: str, state: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / file).write_text("{}")
    assert told(said(OrderChecker, f"forward: {WEIGHTS}", GIBBS, JUDGE, WRITE)) == [
        ("warning", "out", f"{state} is here already")]


def test_a_temperature_that_nobody_gave(said) -> None:
    assert told(said(TemperatureChecker, f"forward: {WEIGHTS}", "gibbs: {regularizer: steric}", WRITE)) == [
        ("warning", "run.yaml:8: steps[4].gibbs.temperature", "gives no temperature")]


def test_other_temperatures_than_in_training(said) -> None:
    gibbs = GIBBS.replace("350", "300")
    [warning] = said(TemperatureChecker, f"forward: {WEIGHTS}", gibbs, WRITE)
    assert (warning.severity, warning.problem) == (
        "warning", "300 K here, but the weights of 'equivariant' were trained at 350 K")
    [note] = said(TemperatureChecker, f"forward: {WEIGHTS}", gibbs, "hamiltonian: {temperature: 300}", WRITE)
    assert note.severity == "note"


def test_steps_at_different_temperatures(said) -> None:
    [warning] = said(TemperatureChecker, f"forward: {WEIGHTS}", GIBBS, "hamiltonian: {temperature: 300}", WRITE)
    assert told([warning]) == [("warning", "run.yaml:9: steps[5].hamiltonian.temperature", "300 K here")]
    assert warning.problem.endswith("but 350 K in 'gibbs'")


def test_assessors_and_refiners_have_temperatures_too(said) -> None:
    [silent] = said(TemperatureChecker, f"forward: {WEIGHTS}", GIBBS, "assess: projected_forces", WRITE)
    where = "run.yaml:9: steps[5].assess.assessors[0].projected_forces.temperature"
    assert told([silent]) == [("warning", where, "gives no temperature")]
    [other] = said(TemperatureChecker, f"forward: {WEIGHTS}", GIBBS, "refine: {equilibrate: {temperature: 300}}", WRITE)
    assert other.problem == "300 K here, but 350 K in 'gibbs'"


def test_time_steps_in_picoseconds(said) -> None:
    [warning] = said(SizeChecker, f"forward: {WEIGHTS}", "hamiltonian: {timestep: 0.002, temperature: 350}", WRITE)
    assert told([warning]) == [("warning", "run.yaml:8: steps[4].hamiltonian.timestep",
                                "a time step of 0.002 fs is shorter than any vibration asks for: recipes count in fs")]
    assert warning.hint == "Write 'timestep: 2', or 'timestep: auto'."
    for timestep in ("0.5", "auto"):
        step = f"hamiltonian: {{timestep: {timestep}, temperature: 350}}"
        assert not said(SizeChecker, f"forward: {WEIGHTS}", step, WRITE)


def test_rigid_bonds_and_charges(said) -> None:
    warning, note = said(MoleculeChecker, "forward: template", WRITE)
    assert told([warning]) == [("warning", "run.yaml:4: steps[0].topology.constraints",
                                "nothing says which bonds of OCT are rigid")]
    assert (note.severity, note.where.rpartition("/")[2]) == ("note", "run.yaml:5: steps[1].forcefield.epsilon_rf")
    assert [one.severity for one in said(MoleculeChecker, f"forward: {WEIGHTS}", WRITE)] == ["note"]  # weights know


def test_an_angle_that_nothing_holds(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "water.top").write_text("""\
[ defaults ]
1 2
[ atomtypes ]
OW 8 15.9994 -0.82 A 0.3166 0.650
HW 1 1.008 0.41 A 0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1
2 HW 1 SOL HW1 1
3 HW 1 SOL HW2 1
[ bonds ]
1 2 1 0.1 345000
1 3 1 0.1 345000
[ system ]
water
[ molecules ]
SOL 2
""")
    (tmp_path / "water.yaml").write_text("SOL: {beads: {W: {type: W, atoms: [OW, HW1, HW2]}}, weights: mass}\n")
    path = tmp_path / "run.yaml"
    path.write_text("recipe: 1\nsteps:\n  - topology: {atoms: {gromacs: water.top}, mapping: {yaml: water.yaml},\n"
                    "              constraints: all-bonds}\n"
                    "  - forcefield: {gromacs: water.top}\n")
    found = reading.read_file(path, registry, [])
    assert not found.findings
    warnings = [one for one in MoleculeChecker(MoleculeChecker.Options()).check(found.survey)
                if one.severity == "warning"]
    assert told(warnings) == [("warning", "run.yaml:5: steps[1].forcefield",
                               "nothing holds 1 angle of SOL: HW1-OW-HW2")]
