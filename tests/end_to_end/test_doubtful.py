"""What can be run but is hardly meant: `backmap check` says so, and so does every run before it begins."""
from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.breaking import DEMO, Break, in_turn, nothing, put, replace, run

from .test_bad_values import INPUTS, MOVING, RECIPE, top

WEIGHTS = "octane_350K.safetensors"
DRAWN = replace("run.yaml", "  - write", f"""\
  - forward: {{generator: {{equivariant: {WEIGHTS}}}}}
  - gibbs: {{sweeps: 1, temperature: 350, regularizer: steric, repair: 5}}
  - write""")

#: What is doubtful, how to make it so, more arguments, the printed line after "warning: "; "..." is anything.
DOUBTS: list[tuple[str, Break, tuple[str, ...], str]] = [
    # topology and force field
    ("charges that do not add up", top("-0.18   12.011", "0.32   12.011"), (),
     "octane.top: the charges of OCT add up to 0.5 e, which is no whole number. Is a charge missing, or one of "
     "another atom? A molecule has whole charges."),
    ("masses of another element", top("-0.18   12.011", "-0.18   1201.1"), (),
     "octane.top: 1 atom of OCT with masses of other elements: C1 is C and weighs 1201.1 u. Mend the masses, or "
     "the atomic numbers of the atom types."),
    ("atomic numbers of another element", top("CT    6 ", "CT    1 "), (),
     "octane.top: 8 atoms of OCT with masses of other elements: C1 is H and weighs 12.011 u. Mend the masses, or the "
     "atomic numbers of the atom types."),
    ("molecule in pieces", top("  1   5  1\n", ""), (),
     "octane.top: OCT is in 2 pieces that no bond joins, which begin at C1, C2. Is a bond missing in the topology?"),
    ("bond that comes twice", top("  1   5  1\n", "  1   5  1\n  5   1  1\n"), (),
     "octane.top: 1 bond of OCT twice: C1-C2. Each counts, as in GROMACS. Leave one out."),
    ("bond lengths in Angstrom", top("0.1529  224262.4", "1.529  224262.4"), (),
     "octane.top: 7 bonds of OCT of a length that no bond has: C1-C2 of 1.529 nm. Lengths are in nm."),
    ("bond lengths of 0", top("0.1529  224262.4", "0.0  224262.4"), (),
     "octane.top: 7 bonds of OCT of a length that no bond has: C1-C2 of 0 nm. Lengths are in nm."),
    ("sigma in Angstrom", top("0.350  0.276144", "3.50  0.276144"), (),
     "octane.top: sigma of CT is 3.5 nm, which is the size of no atom. Lengths are in nm; is the combination rule "
     "that of the numbers?"),
    ("sigma and epsilon for c6 and c12", top("  1         3            yes ", "  1         1            yes "), (),
     "octane.top: sigma of CT is 0.9613 nm, which is the size of no atom. Lengths are in nm; is the combination "
     "rule that of the numbers?"),
    # sizes
    ("time step in ps", MOVING, put("hamiltonian.timestep=0.002"),
     "run.yaml:9: steps[4].hamiltonian.timestep: a time step of 0.002 fs is shorter than any vibration asks for: "
     "recipes count in fs, and 0.002 ps are 2 fs. Write 'timestep: 2', or 'timestep: auto'."),
    ("temperature in degrees Celsius", MOVING, put("hamiltonian.temperature=26.85"),
     "run.yaml:9: steps[4].hamiltonian.temperature: a temperature of 26.85 K. Recipes count in K."),
    ("temperature of a flame", MOVING, put("hamiltonian.temperature=350000"),
     "run.yaml:9: steps[4].hamiltonian.temperature: a temperature of 350000 K. Recipes count in K."),
    ("cut-off in units of 10 nm", nothing, put("forcefield.cutoff=0.1"),
     "run.yaml:6: steps[1].forcefield.cutoff: a cut-off of 0.1 nm, within which hardly any atom has a neighbour. "
     "Recipes count in nm."),
    # weights
    ("sweeps at another temperature than the weights", DRAWN, put("gibbs.temperature=300"),
     "run.yaml:9: steps[4].gibbs.temperature: 300 K here, but the weights of 'equivariant' were trained at 350 K. "
     "Sweeps draw as in training; use other weights, or correct it by 'hamiltonian' or 'metropolis'."),
    ("temperatures of steps that differ", in_turn(DRAWN, replace(
        "run.yaml", "  - write", "  - hamiltonian: {soft_core_sweeps: 1, sweeps: 1, temperature: 400}\n  - write")),
     (),
     "run.yaml:10: steps[5].hamiltonian.temperature: 400 K here, but 350 K in 'gibbs'. All steps should draw at "
     "the temperature of the beads."),
    ("no temperature", MOVING, put("hamiltonian={sweeps: 1}"),
     "run.yaml:9: steps[4].hamiltonian.temperature: gives no temperature, which is 300 K then. Write 'temperature'"
     " in 'hamiltonian'."),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inputs and the recipe."""
    for name in (*INPUTS, WEIGHTS):
        shutil.copyfile(DEMO / name, tmp_path / name)
    (tmp_path / "run.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in DOUBTS])
def test_check_warns(change: Break, arguments: tuple[str, ...], expected: str, folder: Path,
                     capsys: pytest.CaptureFixture[str]) -> None:
    change(folder)
    code, out, _ = run(folder, "check", "run.yaml", *arguments, capsys=capsys)
    assert code == 1, out
    pattern = re.escape(f"warning: {expected}").replace(r"\.\.\.", ".*")
    assert any(re.fullmatch(pattern, line.replace(f"{folder}/", "")) for line in out.splitlines()), out


CHARGED = top("-0.18   12.011", "0.32   12.011")
SAID = "octane.top: the charges of OCT add up to 0.5 e, which is no whole number"


def test_a_run_says_it_first_and_keeps_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CHARGED(folder)
    code, _, err = run(folder, "run", "run.yaml", "--output", "out", capsys=capsys)
    assert code == 0
    assert err.splitlines()[0].startswith(f"warning: {SAID}")
    (kept,) = json.loads((folder / "out" / "run.json").read_text())["check"]
    assert (kept["severity"], kept["problem"]) == ("warning", SAID.partition(": ")[2])


def test_no_check_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CHARGED(folder)
    code, _, err = run(folder, "run", "run.yaml", "--output", "out", "--no-check", capsys=capsys)
    assert (code, "warning" in err) == (0, False)
    assert json.loads((folder / "out" / "run.json").read_text())["check"] == []


def test_parts_say_it_and_the_whole_keeps_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CHARGED(folder)
    text = (folder / "cg.gro").read_text()
    (folder / "cg.gro").write_text(text * 2)
    for part in ("1/2", "2/2"):
        code, _, err = run(folder, "run", "run.yaml", "--output", "out", "--part", part, capsys=capsys)
        assert (code, err.count(SAID)) == (0, 1)
    assert run(folder, "merge", "out", capsys=capsys)[0] == 0
    assert len(json.loads((folder / "out" / "run.json").read_text())["check"]) == 1


def test_frames_that_are_not_chosen_are_not_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "cg.gro").read_text()
    (folder / "cg.gro").write_text(text + text.replace("   0.271", "     nan"))
    code, _, err = run(folder, "run", "run.yaml", "--output", "out", "--frames", "0", capsys=capsys)
    assert code == 0, err
    code, _, err = run(folder, "run", "run.yaml", "--output", "both", capsys=capsys)
    assert code == 2
    assert "is 'nan', not a number" in err
    assert [path.name for path in (folder / "both").iterdir()] == []  # nothing has been begun


def test_a_report_shows_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CHARGED(folder)
    replace("run.yaml", "  - write: {beads: {gromacs: beads.gro}}", "  - forward: {generator: template}\n"
            "  - assess: [consistency]\n  - write: {report: [report.html, report.md, report.json]}")(folder)
    assert run(folder, "run", "run.yaml", "--output", "out", capsys=capsys)[0] == 0
    page, text, data = ((folder / "out" / f"report.{kind}").read_text() for kind in ("html", "md", "json"))
    assert 'id="check"' in page
    assert SAID.partition(": ")[2] in page
    assert "## What check said" in text
    assert "add up to 0.5 e" in text
    assert any(SAID in said["line"] for said in json.loads(data)["provenance"]["check"])
