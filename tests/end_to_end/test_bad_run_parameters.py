"""An .mdp beside the topology that is damaged, cannot be followed or contradicts the recipe, and the line for each."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.breaking import DEMO, Break, check_one_line, replace, run

from .test_bad_input import INPUTS

MDP = """\
integrator = sd
tc-grps = System
tau-t = 1
ref-t = 350
rvdw = 0.9
rcoulomb = 0.9
coulombtype = reaction-field
epsilon-rf = 1.9
vdw-modifier = force-switch
rvdw-switch = 0.8
constraints = all-bonds
define = -DCHOSEN=1
"""
RECIPE = """\
recipe: 1
seed: 7
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}, constraints: all-bonds}
  - forcefield: {gromacs: [octane.top, run.mdp]}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - forward: {generator: template}
  - hamiltonian: {sweeps: 1}
  - write: {atoms: {gromacs: [atoms.gro, atoms.xtc]}}
"""
HERE = "run.yaml: steps[1].forcefield: run.mdp:"


def mdp(old: str, new: str) -> Break:
    """The .mdp with a change."""
    return replace("run.mdp", old, new)


def recipe(old: str, new: str) -> Break:
    """The recipe with a change."""
    return replace("run.yaml", old, new)


#: What is wrong, how to make it so, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, Break, str]] = [
    # the file
    ("line that is no option", mdp("rvdw = 0.9", "rvdw 0.9"),
     "run.yaml: steps[1].forcefield: run.mdp:5: 'rvdw 0.9' is no option of an .mdp. Write 'name = value'."),
    ("option that stands twice, spelled in two ways", mdp("tau-t = 1", "tau-t = 1\nREF_T = 350"),
     "run.yaml: steps[1].forcefield: run.mdp:5: 'ref-t' stands here again, after run.mdp:4. Leave one of them out, as "
     "grompp asks, too."),
    ("cut-off that is no number", mdp("rvdw = 0.9", "rvdw = wide"),
     f"{HERE}5: rvdw = wide: 'wide' should be a number, 0 or more"),
    ("negative cut-off", mdp("rcoulomb = 0.9", "rcoulomb = -1"),
     f"{HERE}6: rcoulomb = -1: '-1' should be a number, 0 or more"),
    ("infinite cut-off", mdp("rcoulomb = 0.9", "rcoulomb = 0"),
     f"{HERE}6: rcoulomb = 0: there is no infinite cut-off here. Give one of at most half of the box, nm."),
    ("define that defines nothing", mdp("-DCHOSEN=1", "CHOSEN=1"),
     f"{HERE}12: define = CHOSEN=1: 'CHOSEN=1' defines nothing. Write -DNAME or -DNAME=value."),
    ("file that is not there", recipe("run.mdp", "gone.mdp"),
     "run.yaml: steps[1].forcefield.parameters.gromacs.mdp: there is no file 'gone.mdp'... Input paths are relative "
     "to the recipe's folder."),
    ("two topologies for a topology and an .mdp", recipe("run.mdp", "octane.top"),
     "run.yaml: steps[1].forcefield.parameters.gromacs: a list is a .top and an .mdp, [topol.top, run.mdp]"),
    (".tpr for an .mdp", recipe("run.mdp", "run.tpr"),
     "run.yaml: steps[1].forcefield.parameters.gromacs: run.tpr is not read, as its format belongs to one version of "
     "GROMACS: give the .top and the .mdp that it is made of, [topol.top, run.mdp]"),
    (".tpr for a .top", recipe("[octane.top, run.mdp]", "topol.tpr"),
     "run.yaml: steps[1].forcefield.parameters.gromacs: topol.tpr is not read, as its format belongs to one version "
     "of GROMACS: give the .top and the .mdp that it is made of, [topol.top, run.mdp]"),
    # what cannot be followed
    ("two cut-offs without PME", mdp("rcoulomb = 0.9", "rcoulomb = 1.2"),
     f"{HERE}6: rcoulomb = 1.2: is not rvdw, 0.9. Without PME both are one, as grompp asks, too."),
    ("switching that begins at the cut-off", mdp("rvdw-switch = 0.8", "rvdw-switch = 0.9"),
     f"{HERE}10: rvdw-switch = 0.9: is not less than rvdw, 0.9"),
    ("Lennard-Jones by PME", mdp("vdw-modifier = force-switch", "vdwtype = PME"),
     f"{HERE}9: vdwtype = PME: is not supported. Known are cut-off, shift and switch; Lennard-Jones by PME or from "
     "tables is not."),
    ("modifier that is none", mdp("force-switch", "force-swich"),
     f"{HERE}9: vdw-modifier = force-swich: is not supported. Known are none, potential-shift, force-switch and "
     "potential-switch."),
    ("Coulomb from tables", mdp("coulombtype = reaction-field", "coulombtype = user"),
     f"{HERE}7: coulombtype = user: is not supported. Known are cut-off, reaction-field and PME; Coulomb that is "
     "switched or from tables is not."),
    ("groups at two temperatures", mdp("ref-t = 350", "ref-t = 300 350"),
     f"{HERE}4: ref-t = 300 350: groups at several temperatures are not in one ensemble. Give one temperature for "
     "all."),
    ("thermostat without a temperature", mdp("ref-t = 350", ""),
     "run.yaml: steps[1].forcefield: run.mdp: ref-t: is missing, though the run keeps a temperature"),
    ("annealing", mdp("tau-t = 1", "annealing = single"),
     f"{HERE}3: annealing = single: a temperature that changes is not that of one ensemble. Give the .mdp of a run at "
     "one temperature."),
    ("rigid angles", mdp("all-bonds", "h-angles"),
     f"{HERE}11: constraints = h-angles: is not supported. Rigid angles are not known; known are none, h-bonds and "
     "all-bonds."),
    ("free energies", mdp("tau-t = 1", "free-energy = yes"),
     f"{HERE}3: free-energy = yes: is not supported. Energies would be wrong without it."),
    # contradictions
    ("another cut-off in the recipe", recipe("run.mdp]}", "run.mdp], cutoff: 1.2}"),
     "run.yaml: steps[1].forcefield.cutoff: is 1.2, but run.mdp:5: rvdw = 0.9. Leave one of them out; from there it "
     "would be 0.9."),
    ("PME in the recipe, a reaction field in the .mdp", recipe("run.mdp]}", "run.mdp], coulomb: pme}"),
     "run.yaml: steps[1].forcefield.coulomb: is pme, but run.mdp:7: coulombtype = reaction-field. Leave one of them "
     "out; from there it would be reaction_field."),
    ("another tail in the recipe", recipe("run.mdp]}", "run.mdp], tail: shift}"),
     "run.yaml: steps[1].forcefield.tail: is shift, but run.mdp:9: vdw-modifier = force-switch. Leave one of them out; "
     "from there it would be force_switch."),
    ("another temperature in the recipe", recipe("sweeps: 1", "sweeps: 1, temperature: 300"),
     "run.yaml: steps[4].hamiltonian.temperature: is 300 K, but run.mdp:4: ref-t = 350. Leave one of them out."),
    ("flexible bonds in the recipe", recipe("constraints: all-bonds", "constraints: h-bonds"),
     "run.yaml: steps[1].forcefield: bond C1-C2 of OCT is flexible, but run.mdp:11: constraints = all-bonds. Write "
     "'constraints: all-bonds' in topology."),
    ("rigid bonds in the recipe", mdp("constraints = all-bonds\n", ""),
     "run.yaml: steps[1].forcefield: bond C1-H1A of OCT is rigid, but run.mdp has no 'constraints'. Write "
     "'constraints: none' in topology."),
    ("another value of a macro in the recipe", recipe("[octane.top, run.mdp]", "{file: octane.top, mdp: run.mdp, "
                                                                              "define: {CHOSEN: 2}}"),
     "run.yaml: steps[1].forcefield: run.mdp: 'define' of the recipe gives CHOSEN as '2', but this file as '1'. "
     "Leave one of them out."),
    ("switch behind the cut-off in the recipe", recipe("[octane.top, run.mdp]", "octane.top, tail: force_switch, "
                                                                              "switch: 1.2"),
     "run.yaml: steps[1].forcefield.switch: 1.2 nm is not before the cut-off of 1 nm"),
]


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, changes: Sequence[Break]) -> None:
    """The demo with an .mdp in a folder, with faults."""
    for name in INPUTS:
        (folder / name).symlink_to(DEMO / name)
    (folder / "run.yaml").write_text(RECIPE)
    (folder / "run.mdp").write_text(MDP)
    monkeypatch.chdir(folder)
    for change in changes:
        change(folder)


@pytest.mark.parametrize(("change", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, [change])
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)


def test_check_lists_all_of_an_mdp_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    together = [(mdp("rcoulomb = 0.9", "rcoulomb = -1"), 6), (mdp("ref-t = 350", "ref-t = 300 350"), 4),
                (mdp("force-switch", "force-swich"), 9), (mdp("all-bonds", "all-angles"), 11)]
    prepare(tmp_path, monkeypatch, [change for change, _ in together])
    code, out, _ = run(tmp_path, "check", "run.yaml", capsys=capsys)
    errors = [line for line in out.splitlines() if line.startswith("error: ")]
    assert code == 2
    for _, number in together:
        assert sum(f"run.mdp:{number}: " in line for line in errors) == 1, (number, errors)
    assert len(errors) == len(together), errors
