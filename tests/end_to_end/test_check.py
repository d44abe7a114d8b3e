"""``backmap check`` on real files: the shipped recipes, the reference data, and examples of GROMACS and VOTCA."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backmap.commands import cli
from tests import scenes

OCTANE = scenes.RECIPE
RECIPES = OCTANE.parent
GROMACS = Path("/usr/share/gromacs/top")
VOTCA = Path("/usr/share/doc/votca-data/html/_sources/csg/input_files.rst.txt")

#: Propane as VOTCA's manual maps it, with OPLS-AA's constants.
PROPANE = """\
#include "oplsaa.ff/forcefield.itp"
[ moleculetype ]
ppn 3
[ atoms ]
1 opls_135 1 ppn C1 1 -0.18
2 opls_136 1 ppn C2 1 -0.12
3 opls_135 1 ppn C3 1 -0.18
4 opls_140 1 ppn H4 1 0.06
5 opls_140 1 ppn H5 1 0.06
6 opls_140 1 ppn H6 1 0.06
7 opls_140 1 ppn H7 1 0.06
8 opls_140 1 ppn H8 1 0.06
9 opls_140 1 ppn H9 1 0.06
10 opls_140 1 ppn H10 1 0.06
11 opls_140 1 ppn H11 1 0.06
[ bonds ]
1 2 1
2 3 1
1 4 1
1 5 1
1 6 1
2 7 1
2 8 1
3 9 1
3 10 1
3 11 1
[ system ]
propane
[ molecules ]
ppn 10
"""
WATER = """\
#define FLEXIBLE
#include "oplsaa.ff/forcefield.itp"
#include "oplsaa.ff/spc.itp"
[ system ]
water
[ molecules ]
SOL 216
"""
WATER_XML = """\
<cg_molecule>
  <name>SOL</name>
  <ident>SOL</ident>
  <topology><cg_beads>
    <cg_bead><name>W</name><type>W</type><mapping>M</mapping><beads>1:SOL:OW 1:SOL:HW1 1:SOL:HW2</beads></cg_bead>
  </cg_beads></topology>
  <maps><map><name>M</name><weights>15.9994 1.008 1.008</weights></map></maps>
</cg_molecule>
"""
WATER_TOPOLOGY = """\
<topology><molecules><molecule name="SOL" nmols="216" nbeads="3">
  <bead name="OW" type="OW" mass="15.9994" q="0"/><bead name="HW1" type="HW" mass="1.008" q="0"/>
  <bead name="HW2" type="HW" mass="1.008" q="0"/>
</molecule></molecules></topology>
"""


def check(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and what ``--json`` says."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main(["check", *map(str, arguments), "--json"])
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    assert captured.out, captured.err
    return stop.value.code, json.loads(captured.out)


def problems(said: dict[str, Any], severity: str) -> list[str]:
    return [finding["problem"] for finding in said["findings"] if finding["severity"] == severity]


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


@pytest.mark.parametrize("recipe", ["octane/run.yaml", "octane/train.yaml", "polystyrene/run.yaml",
                                    "polystyrene/train.yaml", "polystyrene_published/benchmark.yaml",
                                    "polystyrene_published/train.yaml", "polystyrene_published/published.yaml"])
def test_shipped_recipes_have_no_errors(recipe: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                        request: pytest.FixtureRequest) -> None:
    changes = [f"output={tmp_path}"]
    if recipe.startswith("polystyrene_published"):
        data = request.getfixturevalue("reference_data")
        if recipe.endswith("/train.yaml"):  # it reads what more_frames.py makes
            changes.append(f"steps.prepare.frames.gromacs=[{data}/polystyrene/train/aa_90.gro]")
    code, said = check(RECIPES / recipe, *(word for change in changes for word in ("--set", change)), capsys=capsys)
    assert (problems(said, "error"), code) == ([], 1 if problems(said, "warning") else 0)
    if recipe == "octane/run.yaml":
        assert code == 0
        assert re.search(r"M\(r\) is 0\.0001 nm from the beads", problems(said, "note")[0])


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", "-p", str(OCTANE / "octane.top"), "-m", str(OCTANE / "octane.xml"), "-c",
                  str(OCTANE / "cg.gro")])
    lines = capsys.readouterr().out.splitlines()
    assert stop.value.code == 1
    assert lines[0] == "64 OCT: 1664 atoms, 256 beads"
    assert lines[1].startswith("warning: the files: steps[0].topology.constraints: nothing says which bonds of OCT")
    assert lines[-1] == "the files: no errors, 1 warning, no notes"


def test_nothing_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["check"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("backmap: backmap check: give a recipe, or files without one")


def test_everything_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Mistakes in the mapping, in two steps and in the output folder are all told in one go."""
    mapping = (OCTANE / "octane.xml").read_text()
    (tmp_path / "bad.xml").write_text(mapping.replace("1:OCT:C1 ", "1:OCT:X1 ").replace("1:OCT:C3 ", "1:OCT:Y3 "))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run.json").write_text("{}")
    (tmp_path / "run.yaml").write_text(f"""\
recipe: 1
steps:
  - topology: {{atoms: {{gromacs: {OCTANE}/octane.top}}, mapping: {{votca: bad.xml}}}}
  - read: {{beads: {{gromacs: {OCTANE}/none.gro}}}}
  - forward: templates
""")
    code, said = check(tmp_path / "run.yaml", capsys=capsys)
    places = [finding["where"].rpartition("/")[2].partition(": ")[0] for finding in said["findings"]]
    assert (code, sorted(places)) == (2, ["bad.xml:11", "bad.xml:17", "run.yaml:4", "run.yaml:5", "runs"])


def test_zero_molecules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """csg_map writes an empty file there and exits with 0."""
    top = (OCTANE / "octane.top").read_text()
    (tmp_path / "other.top").write_text(re.sub(r"^OCT(\s+)64", r"WAT\g<1>64", top, flags=re.MULTILINE).replace(
        "[ system ]", "[ moleculetype ]\nWAT 1\n[ atoms ]\n1 HC 1 WAT H1 1 0.0 1.008\n[ system ]"))
    code, said = check("-p", tmp_path / "other.top", "-m", OCTANE / "octane.xml", capsys=capsys)
    assert code == 2
    assert "maps molecules of 'OCT', but the topology has none of them" in problems(said, "error")


@pytest.mark.parametrize(("name", "molecule", "count", "worst", "severity"), [
    ("octane", "L49C", 215, "L49C B1", "error"), ("cumene", "G065", 265, "G065 B1", "warning")])
def test_weights_that_a_dbm_map_does_not_have(name: str, molecule: str, count: int, worst: str, severity: str,
                                              reference_data: Path, tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    """The published beads share atoms, which .map files cannot say; the data tell how far off that is."""
    folder = reference_data / name
    if not GROMACS.is_dir():
        pytest.skip("GROMACS' force fields are not in /usr/share/gromacs/top")
    (tmp_path / "a.top").write_text(f'#include "gromos54a7.ff/forcefield.itp"\n#include "{folder}/{molecule}_aa.itp"\n'
                                    f"[ system ]\nliquid\n[ molecules ]\n{molecule} {count}\n")
    _, said = check("-p", tmp_path / "a.top", "-m", folder / f"{molecule}.map", "-c", folder / "validation/cg_300.gro",
                    "--aa", folder / "validation/aa_300.gro", capsys=capsys)
    [problem] = [one for one in problems(said, severity) if "M(r)" in one]
    assert f"worst beads: {worst}" in problem


def test_polystyrene(reference_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The published mapping and trajectories: chirality is open, some atoms are in no bead, beads agree."""
    folder = reference_data / "polystyrene"
    test = folder / "test_568K"
    code, said = check("-p", folder / "topol.top", "-m", folder / "PS1.xml", "-c", test / "cg.gro", "-f",
                       test / "cg.xtc", "--aa", test / "aa.gro", "--aa", test / "aa.xtc", capsys=capsys)
    assert code == 1
    assert any("the handedness of 9 stereocentres is not known" in one for one in problems(said, "warning"))
    notes = " ".join(problems(said, "note"))
    assert "4 atoms of PS1 in no bead: H1, H3, H161, H162" in notes
    assert "M(r) is 0.0005 nm from the beads" in notes
    assert "calls the beads of PS1 B1, S1, B2, S2, B3 and 15 more, the mapping A1, B1" in notes


def test_dodecane_with_martini(reference_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = reference_data / "morphing" / "dodecane"
    (tmp_path / "a.top").write_text(f'#include "gromos54a7.ff/forcefield.itp"\n#include "{folder}/dodecane_aa.itp"\n'
                                    "[ system ]\nliquid\n[ molecules ]\nHYIY 875\n")
    code, said = check("-p", tmp_path / "a.top", "-m", folder / "dodecane.map", "-c", folder / "martini" / "1.gro",
                       capsys=capsys)
    assert (code, problems(said, "error")) == (1, [])
    assert said["lines"] == ["875 HYIY: 33250 atoms, 2625 beads"]
    assert "calls the beads of HYIY C01, C02, C03, the mapping B1, B2, B3" in problems(said, "note")


def test_kremer_grest_beads_are_no_polystyrene(reference_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """40,000 beads in units of their own."""
    folder = reference_data / "polystyrene"
    code, said = check("-p", folder / "topol.top", "-m", folder / "PS1.xml", "-c",
                       reference_data / "morphing" / "kremer_grest" / "kg_1.gro", capsys=capsys)
    assert code == 2
    assert problems(said, "error") == ["holds 40000 beads, but the topology (36 PS1) has 720: 40000 FE"]


def test_the_example_of_votcas_manual(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The manual leaves beads out that its bonds name."""
    if not (VOTCA.is_file() and GROMACS.is_dir()):
        pytest.skip("VOTCA's manual (Debian's votca-data) or GROMACS' force fields are not installed")
    text = VOTCA.read_text()
    start = text.index("<cg_molecule>")
    (tmp_path / "propane.xml").write_text(text[start:text.index("</cg_molecule>")] + "</cg_molecule>\n")
    (tmp_path / "propane.top").write_text(PROPANE)
    code, said = check("-p", tmp_path / "propane.top", "-m", tmp_path / "propane.xml", capsys=capsys)
    assert code == 2
    assert problems(said, "error") == ["a bond names bead 'B1', which is not there"]


def test_water_of_gromacs_mapped_by_votca(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("csg_map") is None or not GROMACS.is_dir():
        pytest.skip("VOTCA's csg_map or GROMACS' files are not installed")
    written(tmp_path, sol_xml=WATER_XML, topology_xml=WATER_TOPOLOGY, water_top=WATER)
    subprocess.run(["csg_map", "--top", "topology.xml", "--trj", str(GROMACS.parent / "top" / "spc216.gro"), "--cg",
                    "sol.xml", "--out", "cg.gro"], cwd=tmp_path, check=True, capture_output=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1"})
    code, said = check("-p", tmp_path / "water.top", "-m", tmp_path / "sol.xml", "-c", tmp_path / "cg.gro", "--aa",
                       GROMACS / "spc216.gro", capsys=capsys)
    assert code == 1
    (warning,) = problems(said, "warning")
    assert warning.startswith("nothing says which bonds of SOL are rigid")
    assert re.search(r"M\(r\) is 0\.000\d nm from the beads", " ".join(problems(said, "note")))


def test_atoms_of_gromacs_ethanol_have_no_names_of_their_own(tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    if not GROMACS.is_dir():
        pytest.skip("GROMACS' force fields are not in /usr/share/gromacs/top")
    (tmp_path / "a.top").write_text('#include "oplsaa.ff/forcefield.itp"\n#include "oplsaa.ff/ethanol.itp"\n'
                                    "[ system ]\nethanol\n[ molecules ]\nETH 5\n")
    (tmp_path / "eth.xml").write_text(WATER_XML.replace("SOL", "ETH").replace(
        "1:ETH:OW 1:ETH:HW1 1:ETH:HW2", "1:ETH:C 1:ETH:OA 1:ETH:HO"))
    code, said = check("-p", tmp_path / "a.top", "-m", tmp_path / "eth.xml", capsys=capsys)
    assert code == 2
    assert problems(said, "error") == ["'1:ETH:C' is the name of two atoms of molecule type 'ETH'"]
