"""Chains of unknown tacticity, and what is printed where there are none, or numbers are beyond all measure."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import check_one_line
from tests.polystyrene import FOLDER

RECIPE = """\
recipe: 1
seed: 7
output: runs/polystyrene
steps:
  - topology: {TOPOLOGY}
  - forcefield: {gromacs: polystyrene.top, cutoff: 1.0, coulomb: reaction_field, epsilon_rf: 2.5}
  - read: {beads: {gromacs: cg.gro}}
  - forward: {generator: template}
  - tacticity: {OPTIONS}
  - write: {atoms: {gromacs: atoms.gro}}
"""
FILES = "atoms: {gromacs: polystyrene.top}, mapping: {votca: polystyrene.xml}, constraints: all-bonds"
PLAIN = f"{{{FILES}}}"
#: A mapping that tells the same hand of every monomer, where those of aa.gro are in turn.
TOLD_YAML = """\
PS:
  residues:
    STY:
      weights: mass
      beads: {A: {atoms: [C1, C2]}, B: {atoms: [CI, CO1, HO1, CM1, HM1, CP, HP, CM2, HM2, CO2, HO2]}}
      chiral: [[H2A, C2, CI, C1]]
      last:
        beads: {A: {atoms: [C1, C2]}, B: {atoms: [CI, CO1, HO1, CM1, HM1, CP, HP, CM2, HM2, CO2, HO2]}}
"""
TOLD_FILES = FILES.replace("{votca: polystyrene.xml}", "{yaml: told.yaml}")
HERE = "run.yaml: steps[4].tacticity"
TOLD = (f"{HERE}: no chain has stereocentres whose hand nothing tells. Leave 'tacticity' out of the steps, or 'stereo' "
        "and 'tacticity' out of topology.")
DYADS = "run.yaml: steps[0].topology.tacticity.PS.dyads"

#: What is wrong, the options of topology and of the step, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, str, str, str]] = [
    ("true atoms that show the opposite of the mapping", f"{{{TOLD_FILES}, stereo: aa.gro}}", "{temperature: 568}",
     "run.yaml: steps[0].topology: stereo: PS: aa.gro shows the opposite of the mapping in ... places (STY ...). Which "
     "of them is your molecule? Write 'isomers: stereo' beside 'stereo' to follow it, or 'isomers: mapping'."),
    ("tacticity of chains whose hands atoms tell", f"{{{FILES}, stereo: aa.gro}}", "{temperature: 568}", TOLD),
    ("tacticity of chains whose hands dyads tell", f"{{{FILES}, tacticity: {{PS: {{dyads: r, first: +}}}}}}",
     "{temperature: 568}", TOLD),
    ("all dyads expected to be meso", PLAIN, "{meso: 1}", f"{HERE}.meso: should be less than 1, not 1. ..."),
    ("a single sweep of flips", PLAIN, "{sweeps: 1}",
     f"{HERE}.sweeps: should be greater than or equal to 2, not 1. ..."),
    ("flips in no time", PLAIN, "{time: 0}", f"{HERE}.time: should be greater than or equal to 100, not 0. ..."),
    ("beads that are neither exact nor soft", PLAIN, "{beads: loose}",
     f"{HERE}.beads: should be 'exact', not 'loose'. ..."),
    ("too few dyads", f"{{{FILES}, tacticity: {{PS: {{dyads: rmr, first: +}}}}}}", "{}",
     f"{DYADS}: 'rmr' is no sequence of 8 dyads. Write 8 letters m and r, or one for all of them."),
    ("dyads by the type of other beads", f"{{{FILES}, tacticity: {{PS: {{dyads: {{B: r}}, first: +}}}}}}", "{}",
     f"{DYADS}: beads of type 'A' lie between stereocentres of 'PS', and nothing is said of them. Name them, m or r."),
    ("tacticity of which nothing is said", f"{{{FILES}, tacticity: {{PS: {{}}}}}}", "{}",
     "run.yaml: steps[0].topology.tacticity.PS: the options 'dyads' and 'first' are missing"),
    ("dyads without the first hand", f"{{{FILES}, tacticity: {{PS: {{dyads: r}}}}}}", "{}",
     "run.yaml: steps[0].topology.tacticity.PS: the option 'first' is missing..."),
]


@pytest.mark.parametrize(("topology", "options", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(topology: str, options: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("polystyrene.top", "polystyrene.xml", "cg.gro", "aa.gro"):
        (tmp_path / name).symlink_to(FOLDER / name)
    (tmp_path / "told.yaml").write_text(TOLD_YAML)
    (tmp_path / "run.yaml").write_text(RECIPE.replace("{TOPOLOGY}", topology).replace("{OPTIONS}", options))
    monkeypatch.chdir(tmp_path)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)
