"""LAMMPS input scripts that are damaged, cannot be followed or contradict the recipe, and the line for each."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.breaking import Break, check_one_line, in_turn, replace, run
from tests.unit.forcefields.test_lammps import data_of

SCRIPT = """\
units real
atom_style full
variable T index 350
special_bonds lj/coul 0 0 0.5
pair_style lj/cut/coul/cut 9.0
bond_style harmonic
angle_style harmonic
dihedral_style opls
improper_style cvff
read_data data.lmp
pair_coeff 1 1 0.1 3.4
pair_coeff 2 2 0.2 3.0
bond_coeff 1 300.0 1.5
angle_coeff 1 50.0 112.0
dihedral_coeff 1 1.3 -0.2 0.3 0.1
improper_coeff 1 2.0 -1 2
fix 1 all nvt temp ${T} ${T} 100.0
run 1000
"""
MAPPING = "MOL:\n  beads:\n    A: {atoms: [C1, C2]}\n    B: {atoms: [C3, O1]}\n    C: {atoms: [C4, C5]}\n"
RECIPE = """\
recipe: 1
seed: 7
output: out
steps:
  - topology: {atoms: {lammps: {data: data.lmp, units: real}}, mapping: {yaml: mapping.yaml}, constraints: none}
  - forcefield: {lammps: [data.lmp, in.lmp]}
  - read: {beads: {lammps: {data: data.lmp, units: real}}}
  - forward: {generator: template}
  - write: {atoms: {gromacs: atoms.gro}}
"""
HERE = "run.yaml: steps[1].forcefield: in.lmp:"


def script(old: str, new: str) -> Break:
    """The script with a change."""
    return replace("in.lmp", old, new)


def recipe(old: str, new: str) -> Break:
    """The recipe with a change."""
    return replace("run.yaml", old, new)


def data(old: str, new: str) -> Break:
    """The data file with a change."""
    return replace("data.lmp", old, new)


#: What is wrong, how to make it so, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, Break, str]] = [
    # the script as a text
    ("condition", script("run 1000", "if \"${T} > 300\" then \"pair_coeff 1 1 0.2 3.4\""),
     f"{HERE}18: 'if' is not followed: what the script sets would depend on how it runs. Let LAMMPS write the outcome, "
     "by write_coeff and write_data behind it, and give these."),
    ("loop", script("run 1000", "label again\nrun 1000\njump SELF again"),
     f"{HERE}18: 'label' is not followed: what the script sets would depend on how it runs. Let LAMMPS write the "
     "outcome, by write_coeff and write_data behind it, and give these. (1 more: see backmap check)"),
    ("command that LAMMPS does not have", script("run 1000", "runn 1000"),
     f"{HERE}18: runn 1000: is no command that is understood here. If it has no part in energies, leave it out of a "
     "copy of the script."),
    ("variable that is not there", script("variable T index 350\n", ""),
     f"{HERE}16: there is no variable 'T'. Give it as variables: {{T: ...}}, as -var does."),
    ("variable that is known only as LAMMPS runs", script("variable T index 350", "variable T equal temp"),
     f"{HERE}17: the value of the variable 'T' (in.lmp:3) is not known before LAMMPS runs. Write the number instead."),
    ("variable without a value", script("variable T index 350", "variable T index"),
     f"{HERE}3: 'variable T index' names no value (1 more: see backmap check)"),
    ("formula that is not understood", script("lj/cut/coul/cut 9.0", "lj/cut/coul/cut $(9.0+count(all))"),
     f"{HERE}5: '9.0+count(all)' is not understood: formulas of numbers, variables and functions of one number are. "
     "Write the number instead. (2 more: see backmap check)"),
    ("include that is not there", script("run 1000", "include more.in"),
     f"{HERE}18: include more.in: there is no file 'more.in'. It is looked for in ..."),
    ("include of itself", script("run 1000", "include in.lmp"),
     f"{HERE}18: includes itself..."),
    # what there is
    ("atoms that are copied", script("run 1000", "replicate 2 2 2"),
     f"{HERE}18: replicate 2 2 2: changes what there is, which is not followed. Let LAMMPS write the outcome, by "
     "write_data behind it, and give that data file."),
    ("coefficients before the data file", script("units real", "units real\npair_style lj/cut 9.0\n"
                                                                      "pair_coeff 1 1 0.1 3"),
     f"{HERE}3: pair_coeff 1 1 0.1 3: stands before read_data, so that there are no types yet"),
    ("units of Lennard-Jones", script("units real", "units lj"),
     f"{HERE}1: units are lj. Known for force fields: real, metal."),
    ("no units", script("units real\n", ""),
     "run.yaml: steps[1].forcefield: in.lmp: units are lj, as nothing else is said. Known for force fields: real, "
     "metal."),
    ("script alone that reads no data file", lambda folder: [
        change(folder) for change in (recipe("[data.lmp, in.lmp]", "in.lmp"), script("read_data data.lmp\n", ""))],
     "run.yaml: steps[1].forcefield: in.lmp: has no read_data. Give the data file with it, [data.lmp, in.lmp]; "
     "write_data makes one of any simulation."),
    ("three files", recipe("[data.lmp, in.lmp]", "[data.lmp, in.lmp, more.in]"),
     "run.yaml: steps[1].forcefield.parameters.lammps: a list is a data file and an input script, [data.lmp, in.lmp]"),
    # styles and coefficients
    ("pair style that is not known", script("lj/cut/coul/cut 9.0", "buck 9.0"),
     f"{HERE}5: pair_style buck 9.0: is not supported. Known: lj/cut, ..."),
    ("water with a massless site", script("lj/cut/coul/cut 9.0", "lj/cut/tip4p/long 1 2 1 1 0.1 9.0"),
     f"{HERE}5: pair_style lj/cut/tip4p/long 1 2 1 1 0.1 9.0: is not supported. Its massless site is no atom of the "
     "data file: give a GROMACS topology."),
    ("two cut-offs without a lattice sum", script("coul/cut 9.0", "coul/cut 9.0 12.0"),
     f"{HERE}5: pair_style lj/cut/coul/cut 9.0 12.0: has two cut-offs. There is one for Lennard-Jones and Coulomb "
     "here."),
    ("cut-off of one pair", script("pair_coeff 2 2 0.2 3.0", "pair_coeff 2 2 0.2 3.0 7.0"),
     f"{HERE}12: has a cut-off of its own, 7.0, but pair_style says 9. There is one cut-off for all pairs here."),
    ("atom type without coefficients", script("pair_coeff 2 2 0.2 3.0\n", ""),
     f"{HERE}5: there are no coefficients of atom type 2. Give pair_coeff, or Pair Coeffs in the data file."),
    ("atom type that is not there", script("pair_coeff 2 2", "pair_coeff 2 3"),
     f"{HERE}12: pair_coeff 2 3 0.2 3.0: '3' is no atom type of data.lmp. There are 2."),
    ("negative epsilon", script("pair_coeff 2 2 0.2", "pair_coeff 2 2 -0.2"),
     f"{HERE}12: epsilon is negative, -0.2"),
    ("sigma that is no number", script("pair_coeff 2 2 0.2 3.0", "pair_coeff 2 2 0.2 nan"),
     f"{HERE}12: 'nan' stands where the sigma should be"),
    ("bond style that is not known", script("bond_style harmonic", "bond_style fene"),
     f"{HERE}6: bond style fene is not supported. Known: harmonic, gromos, zero."),
    ("bond type without coefficients", script("bond_coeff 1 300.0 1.5\n", ""),
     f"{HERE}6: there are no coefficients of bond type 1. Give them by bond_coeff, or in the data file."),
    ("too few numbers", script("angle_coeff 1 50.0 112.0", "angle_coeff 1 50.0"),
     f"{HERE}14: 1 numbers stand where 2 should be: K theta0"),
    ("negative force constant", script("angle_coeff 1 50.0", "angle_coeff 1 -50.0"),
     f"{HERE}14: K is negative, -50"),
    ("multiplicity that is no integer", script("improper_coeff 1 2.0 -1 2", "improper_coeff 1 2.0 -1 2.5"),
     f"{HERE}16: n is 2.5, but has to be an integer"),
    ("improper at an angle", script("improper_style cvff", "improper_style harmonic"),
     f"{HERE}16: 3 numbers stand where 2 should be: K X0"),
    ("hybrid style without a name", script("dihedral_style opls", "dihedral_style hybrid opls charmm"),
     f"{HERE}15: dihedral_coeff 1 1.3 -0.2 0.3 0.1: '1.3' is none of hybrid opls charmm"),
    ("word of special_bonds", script("special_bonds lj/coul 0 0 0.5", "special_bonds oplsaa"),
     f"{HERE}4: special_bonds oplsaa: 'oplsaa' is not supported. Known: lj, coul, lj/coul, amber, charmm, dreiding."),
    # the ensemble
    ("temperature that changes", script("temp ${T} ${T}", "temp ${T} 400"),
     f"{HERE}17: fix 1 all nvt temp 350 400 100.0: a temperature that changes is not that of one ensemble. Give the "
     "script of a run at one temperature."),
    ("CMAP", script("run 1000", "fix 2 all cmap charmm22.cmap"),
     f"{HERE}18: fix 2 all cmap charmm22.cmap: CMAP is not supported. Energies would be wrong without it."),
    ("another cut-off in the recipe", recipe("[data.lmp, in.lmp]", "[data.lmp, in.lmp], cutoff: 1.2"),
     "run.yaml: steps[1].forcefield.cutoff: is 1.2, but in.lmp:5: pair_style lj/cut/coul/cut 9.0. Leave one of them "
     "out; from there it would be 0.9."),
    ("script of a topology with a bond type that there is not",
     in_turn(recipe("{atoms: {lammps: {data: data.lmp,", "{atoms: {lammps: {data: data.lmp, script: in.lmp,"),
             script("bond_coeff 1", "bond_coeff 7")),
     "run.yaml: steps[0].topology: in.lmp:13: bond_coeff 7 300.0 1.5: '7' is no bond type of data.lmp. There are 1."),
    ("header that counts other dihedrals", data("8 dihedrals", "9 dihedrals"),
     "run.yaml: steps[1].forcefield: data.lmp:...: there are 8 dihedrals, but the header says 9. The file may be "
     "truncated."),
]


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, changes: Sequence[Break]) -> None:
    """A simulation by LAMMPS in a folder, with faults."""
    data_of(folder)
    for name, text in (("in.lmp", SCRIPT), ("mapping.yaml", MAPPING), ("run.yaml", RECIPE)):
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    for change in changes:
        change(folder)


@pytest.mark.parametrize(("change", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, [change])
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)


def test_check_lists_all_of_a_script_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    together = [(script("units real", "units lj"), 1), (script("angle_coeff 1 50.0 112.0", "angle_coeff 1 x 112"), 14),
                (script("-0.2 0.3 0.1", "-0.2 0.3"), 15), (script("run 1000", "quark 1"), 18)]
    prepare(tmp_path, monkeypatch, [change for change, _ in together])
    code, out, _ = run(tmp_path, "check", "run.yaml", capsys=capsys)
    errors = [line for line in out.splitlines() if line.startswith("error: ")]
    assert code == 2
    for _, number in together:
        assert sum(f"in.lmp:{number}: " in line for line in errors) == 1, (number, errors)


def test_check_finds_nothing_wrong_with_the_force_field_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, [])
    _, out, _ = run(tmp_path, "check", "run.yaml", capsys=capsys)
    assert not any("forcefield" in line for line in out.splitlines() if line.startswith("error: "))  # beads are atoms
