"""A box of lipids, water, ions and a protein's Go site: `init` without an edit, and every way to break its files."""
from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
import yaml

from backmap.commands import cli
from tests.breaking import Break, in_turn, nothing, remove, replace

TOP = """\
#include "./types.itp"
[ moleculetype ]
LIP 3
[ atoms ]
1 C 1 LIP C1 1 0
2 C 1 LIP C2 1 0
3 C 1 LIP C3 1 0
4 C 1 LIP C4 1 0
[ bonds ]
1 2 1 0.153 250000
2 3 1 0.153 250000
3 4 1 0.153 250000
[ angles ]
1 2 3 1 111 500
2 3 4 1 111 500
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1 -0.82
2 HW 1 SOL HW1 1 0.41
3 HW 1 SOL HW2 1 0.41
[ settles ]
1 1 0.1 0.1633
[ exclusions ]
1 2 3
2 3
[ moleculetype ]
NA 1
[ atoms ]
1 Na 1 NA NA 1 1
[ moleculetype ]
CL 1
[ atoms ]
1 Cl 1 CL CL 1 -1
[ system ]
box
[ molecules ]
LIP 2
"""
TYPES = """\
[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
C 6 14.027 0 A 0.39 0.4
OW 8 15.999 0 A 0.3166 0.65
HW 1 1.008 0 A 0 0
Na 11 22.99 0 A 0.25 0.1
Cl 17 35.45 0 A 0.44 0.1
"""
MAP = """\
[ molecule ]
LIP
[ martini ]
A B
[ mapping ]
mine
[ atoms ]
1 C1 A
2 C2 A
3 C3 B
4 C4 B
"""
ROWS = (("LIP", "A", .5, .5, .5), ("LIP", "B", .78, .5, .5), ("LIP", "CA", .5, .5, .5), ("LIP", "A", .5, 1.1, .5),
        ("LIP", "B", .78, 1.1, .5), ("LIP", "CA", .5, 1.1, .5), ("W", "W", 1.5, .5, 1.5), ("W", "W", 1.5, 1.2, 1.5),
        ("ION", "NA", .5, .5, 1.7), ("ION", "CL", .5, 1.5, 1.7))
GRO = "".join(["box\n   10\n", *(f"{k:5d}{residue:<5}{name:>5}{k:5d}{x:8.3f}{y:8.3f}{z:8.3f}\n"
                                 for k, (residue, name, x, y, z) in enumerate(ROWS, 1)),
               "   2.20000   2.20000   2.20000\n"])
MDP = "rvdw = 0.9\nrcoulomb = 0.9\ncoulombtype = reaction-field\nvdwtype = cut-off\nref-t = 310\ntcoupl = v-rescale\n" \
      "tc-grps = System\ntau-t = 1\n"
#: A mapping of VOTCA of a lipid that is not in the box.
XML = "<cg_molecule><name>DOPC</name><ident>DOPC</ident><topology><cg_beads><cg_bead><name>A</name><type>A</type>" \
      "<mapping>A</mapping><beads>1:LIP:C1 1:LIP:C2</beads></cg_bead></cg_beads></topology><maps><map><name>A</name>" \
      "<weights>1 1</weights></map></maps></cg_molecule>"
INIT = ("init", "--from", "martini2", "--library", "maps", "-p", "box.top", "-c", "cg.gro", "-t", "310",
        "--gromacs-ready")
READ = "error: recipe.yaml: steps[1].read: cg.gro: "


def prepared(folder: Path) -> None:
    (folder / "maps").mkdir()
    for name, text in (("box.top", TOP), ("types.itp", TYPES), ("maps/lip.map", MAP), ("cg.gro", GRO),
                       ("run.mdp", MDP)):
        (folder / name).write_text(text)


def top(old: str, new: str) -> Break:
    return replace("box.top", old, new)


def gro(old: str, new: str) -> Break:
    return replace("cg.gro", old, new)


def mapping(old: str, new: str) -> Break:
    return replace("maps/lip.map", old, new)


#: Name, how it is broken, further arguments, the line that says it: `error: ...` before the last, or the last.
TABLE: list[tuple[str, Break, tuple[str, ...], str]] = [
    ("box: ions of which the topology counts others, in two places",
     top("LIP 2", "NA 4\nLIP 2\nNA 1"), (),
     READ + "1 beads are ION:NA, but the topology has 5 NA to be placed on them. Say what they are called, as in "
     "'exclude: {NA: NAME}' (init: --solvent NA=NAME), or leave them out with 'place_ions: false'."),
    ("box: a mapping with a bead that the file does not have",
     in_turn(mapping("A B\n", "A B D\n"), mapping("4 C4 B", "4 C4 D")), (),
     READ + "holds 4 beads (without 2 sites without atoms, 1 NA placed, 1 CL placed, 2 of SOL), but the topology (2 "
     "LIP) has 6: LIP D 0 instead of 2. Check the molecule counts and that every chain has the topology's length; "
     "beads that are not to be backmapped are declared in topology, under 'exclude' or 'ignore' (init: --ignore "
     "NAME)."),
    ("box: more lipids in the topology than in the file", top("LIP 2", "LIP 3"), (),
     READ + "holds 4 beads (without 2 sites without atoms, 1 NA placed, 1 CL placed, 2 of SOL), but the topology (3 "
     "LIP) has 6. Check the molecule counts and that every chain has the topology's length; beads that are not to be "
     "backmapped are declared in topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("box: sites that are neither beads nor known sites without atoms", gro("   CA", "  XYZ"), (),
     READ + "holds beads that no mapping names: 2 XYZ. Declare sites without atoms in topology as 'ignore: [XYZ]', and "
     "molecules that are not to be backmapped as 'exclude: {MOLECULE: XYZ}'. With init, sites without atoms are "
     "--ignore XYZ."),
    ("box: ions of a kind that is not known", gro("   NA", "   CS"), (),
     READ + "holds beads that no mapping names: 1 CS. Declare sites without atoms in topology as 'ignore: [CS]', and "
     "molecules that are not to be backmapped as 'exclude: {MOLECULE: CS}'. With init, sites without atoms are "
     "--ignore CS."),
    ("box: water of which nobody knows how many molecules a bead is", gro("    W", "   BW"), (),
     READ + "holds beads that no mapping names: 2 BW. Declare sites without atoms in topology as 'ignore: [BW]', and "
     "molecules that are not to be backmapped as 'exclude: {MOLECULE: BW}'. With init, sites without atoms are "
     "--ignore BW."),
    ("box: no counts in the topology", top("LIP 2\n", ""), (),
     READ + "holds beads that no mapping names: 2 A, 2 B. Declare sites without atoms in topology as 'ignore: [A]', "
     "and molecules that are not to be backmapped as 'exclude: {MOLECULE: A}'. With init, sites without atoms are "
     "--ignore A."),
    ("box: a mapping in the library that cannot be read", mapping("A B\n", "A B C\n"), (),
     "error: maps/lip.map:4: bead 'C' of LIP has no atoms. Give it atoms or remove it from the list."),
    ("box: a mapping of an atom that is not there", mapping("2 C2", "2 CX"), (),
     "error: maps/lip.map:9: there is no atom 'CX' in residue 1 of molecule type 'LIP', LIP. Atoms that no line names: "
     "C2. Perhaps '2 C2 A'."),
    ("box: a file of the topology that is not there", remove("types.itp"), (),
     "backmap: box.top:1: includes './types.itp', which is not there. Give its folder in `include`."),
    ("box: a temperature that is not that of the .mdp", nothing, ("--mdp", "run.mdp", "-t", "300"),
     "backmap: -t: is 300 K, but run.mdp:5: ref-t = 310. Leave one of them out."),
    ("box: an .mdp with a line that is none", replace("run.mdp", "rvdw = 0.9", "rvdw 0.9"), ("--mdp", "run.mdp"),
     "backmap: run.mdp:1: 'rvdw 0.9' is no option of an .mdp. Write 'name = value'."),
    ("box: a file of beads that is not there", nothing, ("-c", "none.gro"), "backmap: none.gro: there is no such file"),
    ("box: half a file of beads", lambda folder: (folder / "cg.gro").write_text("".join(GRO.splitlines(True)[:6])), (),
     "backmap: cg.gro:7: atom 5 of 10 atoms is missing. The file is truncated."),
    ("box: a file of beads without its box", gro("   2.20000   2.20000   2.20000\n", ""), (),
     "backmap: cg.gro:13: the box of 10 atoms is missing. The file is truncated."),
    ("box: a charge of an ion that is no number", top("1 Na 1 NA NA 1 1", "1 Na 1 NA NA 1 one"), (),
     "backmap: box.top:30: '1 Na 1 NA NA 1 one' is not a line of [ atoms ]"),
    ("box: two topologies", nothing, ("-p", "more.top"),
     "backmap: box.top: one topology is needed, but 2 files are given. Let it #include the others."),
    ("box: for GROMACS, of a topology whose counts stand under a condition",
     top("[ molecules ]\nLIP 2\n", "#ifndef DRY\n[ molecules ]\nLIP 2\n#endif\n"), (),
     "error: recipe.yaml:...gromacs_ready: box.top:38: [ molecules ] stand under a condition, so that their counts "
     "cannot be written anew: take them out of #ifdef"),
    ("box: for GROMACS, of a topology without a parameter", top("1 2 3 1 111 500", "1 2 3 1"), (),
     "error: box.top:14: no parameters in [ angletypes ] for C C C, function 1. Add them to the force field or to this "
     "line."),
    ("box: for GROMACS, of a topology that includes a file called like one that is written",
     in_turn(top("./types.itp", "./em.mdp"), lambda folder: (folder / "types.itp").rename(folder / "em.mdp")), (),
     "error: recipe.yaml:...gromacs_ready: box.top includes 'em.mdp', which is the name of a file that is written: "
     "call it otherwise"),
    ("box: a mapping of a molecule that the topology does not have", lambda folder: (folder / "one.xml").write_text(
        XML), ("-m", "one.xml"),
     "backmap: one.xml:1: <ident> is 'DOPC', which is no molecule type of box.top. Known: LIP, SOL, NA, CL."),
    ("box: an atom type that comes up again with other values",
     replace("types.itp", "Na 11", "OW 8 15.999 0 A 0.2 0.1\nNa 11"), (),
     "backmap: types.itp:7: atom type OW comes up a second time with other values, first in types.itp:5. Keep one of "
     "the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("box: a molecule type that is counted and not defined", top("LIP 2", "LIP 2\nDOPC 3"), (),
     "backmap: box.top:39: no molecule type is called 'DOPC'. Known: LIP, SOL, NA, CL."),
    ("box: a count that is no number", top("LIP 2", "LIP two"), (),
     "backmap: box.top:38: 'LIP two' is not a line of [ molecules ]"),
    ("box: an ion that is defined twice", top("\nNA 1\n", "\nCL 1\n"), (),
     "backmap: box.top:32: molecule type 'CL' is defined twice, first in box.top:28"),
    ("box: a position that is no number", gro("0.500   0.500   1.700", "  nan   0.500   1.700"), (),
     "backmap: cg.gro:11: x of atom 9 is 'nan', not a number. The file is damaged, or the simulation that wrote it "
     "blew up."),
    ("box: a number of beads that is none", gro("box\n   10", "box\n   ten"), (),
     "backmap: cg.gro:2: 'ten' stands where the number of atoms should be. Is this a .gro file?"),
    ("box: without an edge", gro("2.20000", "0.00000"), (),
     "error: cg.gro: frame 0: there is no box, but the system has 12 molecules. Give a trajectory with the periodic "
     "box; only a single molecule needs none."),
    ("box: a library without a mapping", remove("maps/lip.map"), (),
     "backmap: --from martini2: no mapping is found. Looked in: maps. --library and $BACKMAP_MAPPINGS name more "
     "folders; martinize2's come with pip install vermouth."),
    ("box: a library that is not there", nothing, ("--library", "nomaps"),
     "backmap: nomaps: is no folder. It is named as a library of mappings, with --library or $BACKMAP_MAPPINGS."),
    ("box: an .mdp with charges treated in an unknown way", replace("run.mdp", "reaction-field", "magic"),
     ("--mdp", "run.mdp"),
     "backmap: run.mdp:3: coulombtype = magic: is not supported. Known are cut-off, reaction-field and PME; Coulomb "
     "that is switched or from tables is not."),
    ("box: an .mdp that is not there", nothing, ("--mdp", "none.mdp"),
     "backmap: there is no file 'none.mdp'. Input paths are relative to the recipe's folder."),
    ("box: a bond of an atom that the lipid does not have", top("3 4 1 0.153", "3 9 1 0.153"), (),
     "backmap: box.top:12: there is no atom 9 in this molecule type of 4 atoms"),
    ("box: a condition that does not end", top("[ system ]", "#ifdef A\n[ system ]"), (),
     "backmap: box.top:39: an #ifdef is not closed by the end of this file. Add the missing #endif."),
    ("box: water whose sides make no triangle", top("0.1 0.1633", "0.1 0.3633"), (),
     "backmap: box.top:23: no triangle has the sides 0.1, 0.1 and 0.3633 nm. They are the distances O-H and H-H."),
    ("box: beads that are neither mapped nor those of a model", nothing, ("--beads-are", "some"),
     "backmap: --beads-are: 'some' is neither mapped nor model. Write mapped if the beads are centres of the atoms of "
     "an all-atom simulation."),
    ("box: a file of beads that is empty", lambda folder: (folder / "cg.gro").write_text(""), (),
     "backmap: cg.gro: is empty"),
    ("box: a topology that is empty", lambda folder: (folder / "box.top").write_text(""), (),
     "backmap: box.top: has no [ moleculetype ]. Is it a topology?"),
]


def said(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str) -> \
        tuple[int, list[str]]:
    """Exit code and lines of ``init`` in a folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BACKMAP_MAPPINGS", "")
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main([*INIT, *more])
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    return stop.value.code, (captured.out + captured.err).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(("change", "arguments", "expected"), [pytest.param(*row, id=name) for name, *row in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    in_turn(prepared, change)(tmp_path)
    code, lines = said(tmp_path, monkeypatch, capsys, *arguments)
    assert code == 2
    wrong = [line for line in lines if line.startswith(("error: ", "backmap: "))]
    assert re.fullmatch(re.escape(expected).replace(r"\.\.\.", ".*"), wrong[0]), lines
    assert len(wrong) <= 2, lines  # the second says that nothing is written


def test_leaflets_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Lipids of one type stand in two places of the topology, and the net charge of the box is said."""
    in_turn(prepared, top("LIP 2", "LIP 1\nNA 4\nLIP 1"), gro("ION     CL", "ION     NA"))(tmp_path)
    code, lines = said(tmp_path, monkeypatch, capsys)
    assert code in (0, 1), lines
    topology = yaml.safe_load((tmp_path / "recipe.yaml").read_text())["steps"][0]["topology"]
    assert topology["molecules"] == [{"LIP": 1}, {"NA": 2}, {"LIP": 1}, {"SOL": 8}]
    assert any("the box has a net charge of +2 e: 2 NA of +1 e" in line for line in lines), lines


def test_no_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Water and ions are counted from their beads, Go sites are left out, and GROMACS gets a folder."""
    prepared(tmp_path)
    code, lines = said(tmp_path, monkeypatch, capsys)
    assert code in (0, 1), lines
    steps = yaml.safe_load((tmp_path / "recipe.yaml").read_text())["steps"]
    topology = steps[0]["topology"]
    assert topology["molecules"] == {"LIP": 2, "SOL": 8, "NA": 1, "CL": 1}
    assert (topology["exclude"], topology["ignore"]) == ({"NA": ["ION:NA"], "CL": ["ION:CL"]}, ["*:CA"])
    ready = {"folder": "gromacs", "of": "box.top", "temperature": 310.0}
    assert steps[-1]["write"]["atoms"][1] == {"gromacs_ready": ready}
