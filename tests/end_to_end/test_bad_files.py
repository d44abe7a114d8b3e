"""Mappings, other formats and other commands, broken, and the one line that is printed for each."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking import DEMO, Break, Row, check_one_line, content, lines, nothing, remove

from .test_bad_input import GRO, INPUTS, RECIPE

YAML = """\
OCT:
  weights: mass
  beads:
    B1: {type: E, atoms: [C1, H1A, H1B, H1C, C2, H2A, H2B]}
    B2: {type: M, atoms: [C3, H3A, H3B, C4, H4A, H4B]}
    B3: {type: M, atoms: [C6, H6A, H6B, C5, H5A, H5B]}
    B4: {type: E, atoms: [C8, H8A, H8B, H8C, C7, H7A, H7B]}
"""
BACKWARD = """\
[ molecule ]
OCT
[ martini ]
A B
[ mapping ]
oplsaa
[ atoms ]
1 C1 A
2 C2 A
3 C3 B
"""
DUMP = """\
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 30
0 30
0 30
ITEM: ATOMS id type x y z
1 1 1.0 2.0 3.0
"""
SODIUM = "[ moleculetype ]\nNA 1\n[ atoms ]\n1 CT 1 NA NA 1 1.0 22.99\n[ system ]\n"
MAPPING, BEADS = "steps.topology.mapping=", "steps.read.beads="
IN_YAML = ("--set", f"{MAPPING}{{yaml: octane.yaml}}")
IN_MAP = ("--set", f"{MAPPING}{{backward: octane.map}}")


def text(name: str, words: str) -> Break:
    return content(name, words.encode())


def yaml(old: str, new: str) -> Break:
    """The mapping in YAML with a change."""
    assert old in YAML
    return text("octane.yaml", YAML.replace(old, new))


def map_file(old: str, new: str) -> Break:
    """The .map with a change."""
    assert old in BACKWARD
    return text("octane.map", BACKWARD.replace(old, new))


def cgsmiles(string: str) -> tuple[str, ...]:
    return ("--set", f"{MAPPING}{{cgsmiles: '{string}'}}")


def with_ions(folder: Path) -> None:
    """Two sodium ions in the topology, which the beads lack."""
    path = folder / "octane.top"
    path.write_text(path.read_text().replace("[ system ]\n", SODIUM) + "NA 2\n")


def dumped(words: str, **options: str) -> tuple[Break, tuple[str, ...]]:
    """Beads from a dump of LAMMPS."""
    given = "".join(f", {key}: {value}" for key, value in options.items())
    return text("cg.dump", words), ("--set", f"{BEADS}{{lammps: {{dump: cg.dump{given}}}}}")


def another_structure(folder: Path) -> None:
    """As many atoms as the molecules have, half a nanometre apart."""
    n_atoms = int((folder / "cg.gro").read_text().splitlines()[1]) // 4 * 26
    rows = [f"    1OTH     C1{k + 1:5d}{k % 100 * 0.5:8.3f}{k // 100 * 0.5:8.3f}{0.1:8.3f}" for k in range(n_atoms)]
    (folder / "aa.gro").write_text("\n".join(["another", str(n_atoms), *rows, "100 100 100", ""]))


SITE = "    1OCT    VS1    9   0.100   0.100   0.100\n"
VIRTUAL = lines("cg.gro", lambda rows: [rows[0], "  257\n", *rows[2:4], SITE, *rows[4:]])
SWAPPED = lines("cg.gro", lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]])

TABLE: list[Row] = [
    # mappings in YAML and CGsmiles
    ("YAML mapping of an atom that does not exist", yaml("[C3,", "[C33,"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: there is no atom 'C33' in molecule type 'OCT'. Did you mean 'C3'?"),
    ("YAML mapping with a key that is none", yaml("weights: mass", "weigths: mass"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:2: OCT.weigths: 'weigths' is no key here. Keys are: beads, "
     "residues, weights, bonds, chiral, cis, trans, first, last; of a bead: atoms, type, weights."),
    ("YAML mapping with too few weights", yaml("H4A, H4B]}", "H4A, H4B], weights: [1, 2]}"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: OCT.beads.B2: there are 2 weights for 6 atoms"),
    ("YAML mapping of an unknown molecule", yaml("OCT:", "OCTANE:"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:1: 'OCTANE' is no molecule type of octane.top. Did you mean 'OCT'?"),
    ("YAML mapping whose bond names no bead", yaml("  weights: mass", "  bonds: [[B1, B9]]"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:2: a bond names bead 'B9', which is not there. Known: B1, B2, B3, "
     "B4."),
    ("YAML mapping without a repeat unit", text("octane.yaml", "OCT: {residues: {STY: {beads: {A: {atoms: [C1]}}}}}\n"),
     IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:1: residue 1 of molecule type 'OCT', OCT, is not described. Add it. "
     "Known: STY."),
    ("YAML mapping that is not YAML", text("octane.yaml", "OCT: {beads\n"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:2: not valid YAML: ..."),
    ("CGsmiles of another molecule", nothing, cgsmiles("{[#A][#A]}.{#A=[$]CCO}"),
     "run.yaml: steps[0].topology: '{[#A][#A]}.{#A=[$]CCO}': is C4H10O2, which fits no molecule type of "
     "octane.top. They are: OCT C8H18."),
    ("CGsmiles that is none", nothing, cgsmiles("{[#A][#B]}"),
     "run.yaml: steps[0].topology: '{[#A][#B]}': is no CGsmiles string with atoms. Write beads, then their atoms: "
     "{[#A][#B]}.{#A=[$]CC,#B=[$]CO}."),
    # .map files
    (".map with an atom that does not exist", map_file("3 C3 B", "3 C33 B"), IN_MAP,
     "run.yaml: steps[0].topology: octane.map:10: there is no atom 'C33' in residue 1 of molecule type 'OCT', OCT. "
     "Atoms that no line names: C3, C4, C5, C6, C7, C8. Perhaps '3 C3 B'."),
    (".map with a bead that is not listed", map_file("3 C3 B", "3 C3 D"), IN_MAP,
     "run.yaml: steps[0].topology: octane.map:10: bead 'D' is not among those listed. Known: A, B."),
    (".map for another force field", text("octane.map", BACKWARD),
     ("--set", f"{MAPPING}{{backward: {{files: octane.map, force_field: charmm36}}}}"),
     "run.yaml: steps[0].topology: octane.map: no [ mapping ] is for 'charmm36'. They are for: oplsaa."),
    (".map of other residues", map_file("OCT", "POPC"), IN_MAP,
     "run.yaml: steps[0].topology: octane.map: describes POPC, but no molecule type of octane.top has such a "
     "residue. Its residues: OCT."),
    (".map without atoms", text("octane.map", "[ molecule ]\nOCT\n"), IN_MAP,
     "run.yaml: steps[0].topology: octane.map: has no [ atoms ]. Is it a .map file of Backward or vermouth?"),
    # several mappings, other molecules, atoms that are given
    ("molecule mapped twice", text("octane.yaml", YAML),
     ("--set", f"{MAPPING}[{{votca: octane.xml}}, {{yaml: octane.yaml}}]"),
     "run.yaml: steps[0].topology: molecule type 'OCT' is mapped twice. Take it out of one of the files under "
     "'mapping'."),
    ("no mapping", nothing, ("--set", f"{MAPPING}[]"),
     "run.yaml: steps[0].topology: 'mapping' is empty: name a reader, e.g. mapping: {votca: mapping.xml}"),
    ("molecule without a mapping", with_ions, (),
     "run.yaml: steps[0].topology: octane.top: molecule type 'NA' has no mapping. Mapped are: OCT. Every molecule "
     "needs one, but those that topology names under 'exclude' or 'fixed'."),
    ("ions that the beads lack", with_ions, ("--set", "steps.topology.exclude=[NA]"),
     "run.yaml: steps[1].read: cg.gro, cg.xtc: 0 beads are NA, but the topology has 2 NA to be placed on them. Say "
     "what they are called, as in 'exclude: {NA: NAME}' (init: --solvent NA=NAME), or leave them out with "
     "'place_ions: false'."),
    ("unknown molecule to pass", nothing, ("--set", "steps.topology.exclude=[SOL]"),
     "run.yaml: steps[0].topology: 'SOL' under 'exclude' is no molecule type of octane.top. Known: OCT."),
    ("nothing to keep", nothing, ("--set", "steps.topology.fixed={gromacs: cg.gro}"),
     "run.yaml: steps[0].topology.fixed: every molecule is mapped. Name them, as in 'fixed: {molecules: [Protein], "
     "atoms: {gromacs: protein.gro}}'."),
    ("kept atoms of another number", with_ions, ("--set", "steps.topology.fixed={gromacs: cg.gro}"),
     "run.yaml: steps[1].read: cg.gro: holds 256 atoms, but the molecules to be fixed (2 NA) have 2. Give these "
     "alone, or all 1666 atoms of the topology."),
    ("molecule passed and kept", with_ions,
     ("--set", "steps.topology.fixed={atoms: {gromacs: cg.gro}, molecules: NA}", "--set",
      "steps.topology.exclude=[NA]"),
     "run.yaml: steps[0].topology: 'NA' stands under 'exclude' and under 'fixed'"),
    ("bead that nothing names", VIRTUAL, GRO,
     "run.yaml: steps[1].read: cg.gro: holds beads that no mapping names: 1 VS1. Declare sites without atoms in "
     "topology as 'ignore: [VS1]', and molecules that are not to be backmapped as 'exclude: {MOLECULE: VS1}'. With "
     "init, sites "
     "without atoms are --ignore VS1."),
    ("beads in another order", SWAPPED, GRO,
     "run.yaml: steps[1].read: cg.gro: bead 1 is called B2, but OCT has B1 there. Beads must stand in the order of "
     "the topology and the mapping. Declare sites without atoms in topology as 'ignore: [B2]', and molecules that "
     "are not to be backmapped as 'exclude: {MOLECULE: B2}'. With init, sites "
     "without atoms are --ignore B2."),
    ("isomers from a file of another molecule", another_structure, ("--set", "steps.topology.stereo=aa.gro"),
     "run.yaml: steps[0].topology: aa.gro: ... of 'OCT' are bonded, and ... nm apart here. Is it a structure of other "
     "molecules, or in another order?"),
    ("isomers of no molecule", nothing, ("--set", "steps.topology.stereo={OCX: CCCCCCCC}"),
     "run.yaml: steps[0].topology.stereo: 'OCX' is no molecule type that is backmapped. Known: OCT."),
    ("SMILES of another molecule", nothing, ("--set", "steps.topology.stereo={OCT: CCCCCCC}"),
     "run.yaml: steps[0].topology.stereo.OCT: the SMILES string is C7H16, but molecule type 'OCT' is C8H18. Write the "
     "molecule as it is in the topology, with the same hydrogens."),
    ("SMILES that are none", nothing, ("--set", "steps.topology.stereo={OCT: C8H18}"),
     "run.yaml: steps[0].topology.stereo.OCT: 'C8H18' is no SMILES string that RDKit reads, and no .gro file. Write "
     "it with the hands of its stereocentres: C[C@H](N)C(=O)O."),
    ("isomers from a file of many molecules", nothing, ("--set", "steps.topology.stereo={OCT: cg.gro}"),
     "run.yaml: steps[0].topology: cg.gro: holds 256 atoms, but a molecule of 'OCT' has 26. Under the name of a "
     "molecule type stands one molecule of it."),
    ("cis peptide bonds of no molecule", nothing, ("--set", "steps.topology.cis_peptides={OCX: [3]}"),
     "run.yaml: steps[0].topology.cis_peptides: 'OCX' is no molecule type. Known: OCT."),
    ("cis peptide bonds that are not there", nothing, ("--set", "steps.topology.cis_peptides={OCT: [3]}"),
     "run.yaml: steps[0].topology.cis_peptides: no peptide bond of 'OCT' leads to residue 3. Name the residue behind "
     "each cis peptide bond by its number in the topology."),
    ("dyads of no molecule", nothing, ("--set", "steps.topology.tacticity={OCX: {dyads: r, first: +}}"),
     "run.yaml: steps[0].topology.tacticity: 'OCX' is no molecule type. Known: OCT."),
    ("dyads of a molecule without stereocentres", nothing,
     ("--set", "steps.topology.tacticity={OCT: {dyads: r, first: +}}"),
     "run.yaml: steps[0].topology.tacticity.OCT: 'OCT' has no chains of stereocentres, and dyads are of one. Give true "
     "atoms in its place, 'stereo: aa.gro' in topology."),
    ("handedness from a file of beads", nothing, ("--set", "steps.topology.stereo=cg.gro"),
     "run.yaml: steps[0].topology: cg.gro: holds 256 atoms, but the topology (64 OCT) has 1664. Check the molecule "
     "counts and that every chain has the topology's length."),
    # other formats, and a choice of frames and beads
    ("LAMMPS dump without units", *dumped(DUMP),
     "run.yaml: steps[1].read.beads.lammps: the option 'units' is missing. LAMMPS' units of the files: real or "
     "metal (Angstrom), or lj, which needs `sigma`. Files do not say it."),
    ("LAMMPS dump in units without a length", *dumped(DUMP, units="lj"),
     "run.yaml: steps[1].read.beads.lammps: sigma: units: lj needs `sigma`, the length of one unit in nm. E.g. "
     "sigma: 0.5."),
    ("truncated LAMMPS dump", *dumped(DUMP, units="real"),
     "run.yaml: steps[1].read: cg.dump:11: atom 2 of 2 is missing. The file is truncated."),
    ("xyz without a box", text("cg.xyz", "256\n\n" + "C 1.0 2.0 3.0\n" * 256), ("--set", f"{BEADS}{{xyz: cg.xyz}}"),
     "cg.xyz: frame 0: there is no box, but the system has 64 molecules. Give a trajectory with the periodic box; "
     "only a single molecule needs none."),
    ("truncated xyz", text("cg.xyz", "256\n\n" + "C 1.0 2.0 3.0\n" * 200), ("--set", f"{BEADS}{{xyz: cg.xyz}}"),
     "run.yaml: steps[1].read: cg.xyz: MDAnalysis cannot read it: ... The file may be damaged or truncated, or of "
     "another format."),
    ("no frame between these times", nothing,
     ("--set", f"{BEADS}{{gromacs: {{files: [cg.gro, cg.xtc], begin: 1000}}}}"),
     "run.yaml: steps[1].read: cg.gro, cg.xtc: has no frame (from 1000 ps). Its 5 frames go from 460 to 500 ps."),
    ("no frame between these times on the command line", nothing, ("-b", "1000"),
     "--begin 1000: no frame is chosen: cg.gro, cg.xtc goes from 460 to 500 ps"),
    ("unknown index group", text("a.ndx", "[ System ]\n1 2 3\n"),
     ("--set", f"{BEADS}{{gromacs: {{files: [cg.gro, cg.xtc], index: {{a.ndx: Polymer}}}}}}"),
     "run.yaml: steps[1].read: a.ndx: has no group 'Polymer'. Groups are: System."),
    ("index group of other beads", text("a.ndx", "[ Polymer ]\n300 301\n"),
     ("--set", f"{BEADS}{{gromacs: {{files: [cg.gro, cg.xtc], index: {{a.ndx: Polymer}}}}}}"),
     "run.yaml: steps[1].read: a.ndx:2: there is no point 300. cg.gro, cg.xtc has 256, counted from 1."),
    ("topology in XML without bonds", text(
        "top.xml", '<topology><molecules><molecule name="OCT" nmols="1" nbeads="2"><bead name="C1" type="C" mass="12" '
                   'q="0"/><bead name="C2" type="C" mass="12" q="0"/></molecule></molecules></topology>'),
     ("--set", "steps.topology.atoms={votca: top.xml}"),
     "run.yaml: steps[0].topology: top.xml:1: molecule 'OCT' has no bonds. Add "
     "<bonded><bond><name>bond</name><beads>OCT:C1 OCT:C2 ...</beads></bond></bonded>, or give a topology of "
     "another format that has them."),
]

FILES = ("-p", "octane.top", "-m", "octane.xml", "-c", "cg.gro")
#: What is wrong, how to make it so, the command, the printed line.
COMMANDS: list[tuple[str, Break, tuple[str, ...], str]] = [
    ("check of nothing", nothing, ("check",),
     "backmap check: give a recipe, or files without one. As in: backmap check run.yaml, or: backmap check -p "
     "topol.top -m map.xml -c cg.gro."),
    ("check of a recipe and of files", nothing, ("check", "run.yaml", *FILES),
     "backmap check: give a recipe, or files without one. As in: backmap check run.yaml, or: backmap check -p "
     "topol.top -m map.xml -c cg.gro."),
    ("init without a temperature", nothing, ("init", *FILES),
     "backmap init: no temperature is given. Give that of the simulation of the beads, e.g. -t 300."),
    ("init without a topology", nothing, ("init", "-t", "350", "-c", "cg.gro", "-m", "octane.xml"),
     "no atomistic topology is given. Give one with -p, e.g. -p topol.top."),
    ("init without a mapping", nothing, ("init", "-t", "350", "-p", "octane.top", "-c", "cg.gro"),
     "no mapping is given. Give one with --mapping, e.g. --mapping mapping.xml, or let --from martini3 pick them from "
     "libraries."),
    ("init without beads", nothing, ("init", "-t", "350", "-p", "octane.top", "-m", "octane.xml"),
     "no beads are given. Give them with -c and -f, e.g. -c cg.gro -f cg.xtc."),
    ("init with a file that is not there", remove("cg.gro"), ("init", "-t", "350", *FILES),
     "cg.gro: there is no such file"),
    ("init with a file of an unknown format", text("cg.abc", "?\n"),
     ("init", "-t", "350", "-p", "octane.top", "-m", "octane.xml", "-c", "cg.abc"),
     "cg.abc: is in no format that is known for a file of frames. Known: ... Otherwise name the reader, as in "
     "READER=cg.abc (backmap plugins lists them)."),
    ("init with files mixed up", nothing, ("init", "-t", "350", "-p", "octane.xml", "-m", "octane.xml", "-c", "cg.gro"),
     "octane.xml: looks like a mapping, not like an atomistic topology. Known: ... Otherwise name the reader, as "
     "in READER=octane.xml (backmap plugins lists them)."),
    ("init with an index that is none", nothing, ("init", "-t", "350", *FILES, "-n", "index.ndx"),
     "-n: 'index.ndx' is not a file and its group. Write -n index.ndx:GROUP."),
    ("init to train on nothing", nothing, ("init", "-t", "350", *FILES, "--train"),
     "--train: there is nothing to train on. Give atomistic frames with --aa."),
    ("init over a recipe", nothing, ("init", "-t", "350", *FILES, "-o", "run.yaml"),
     "run.yaml: exists already. Choose another with --output, or use --force."),
    ("new plugin of an unknown kind", nothing, ("new", "mine", "--kind", "network"),
     "--kind: there is no kind of plugin called 'network'. Known: step, generator, traversal, regularizer, "
     "refiner, morpher, assessor, force_field, reader, topology_reader, mapping_reader, writer, checker, bridge, "
     "target, model, sampler, ensemble_assessor."),
    ("new plugin under a name that is none", nothing, ("new", "My-Plugin!", "--kind", "generator"),
     "'My-Plugin!' cannot be the name of a plugin. Write it in lower_snake_case, e.g. my_generator."),
    ("new plugin under a name that is taken", nothing, ("new", "template", "--kind", "generator"),
     "there is a generator called 'template' already. Choose another name."),
    ("plugins of a name that there is not", nothing, ("plugins", "gipps"),
     "no plugin and no kind of plugins is called 'gipps'. Did you mean 'gibbs'? backmap plugins lists them."),
    ("demo over a folder", text("here", "?\n"), ("demo", "here"),
     "here: exists already. Name another folder, or use --force."),
    ("schema over a file", nothing, ("schema", "-o", "run.yaml"),
     "run.yaml: exists already. Choose another with --output, or use --force."),
    ("unknown command", nothing, ("rum", "run.yaml"),
     "No such command 'rum'. Did you mean 'run'? Try --help."),
    ("unknown flag", nothing, ("run", "run.yaml", "--frame", "0"),
     "No such option: --frame (Possible options: ...). Try --help."),
    ("recipe that reads other beads", text("other.gro", "other\n0\n 1 1 1\n"), ("run", "run.yaml", "-f", "other.gro"),
     "run.yaml: steps[1].read: other.gro: holds 0 beads, but the topology (64 OCT) has 256. Check the molecule "
     "counts and that every chain has the topology's length; beads that are not to be backmapped are declared in "
     "topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("plugin file that is not there", nothing, ("run", "run.yaml", "--plugin", "cloud.py"),
     "cloud.py: there is no such plugin file"),
    ("plugin file that is broken", text("cloud.py", "import\n"), ("run", "run.yaml", "--plugin", "cloud.py"),
     "cloud.py: the plugin file cannot be loaded: line 1: SyntaxError: invalid syntax (cloud.py, line 1)"),
]


def prepare(folder: Path, change: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the demo, broken, in which commands run."""
    for name in INPUTS:
        shutil.copyfile(DEMO / name, folder / name)
    (folder / "run.yaml").write_text(RECIPE)
    change(folder)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(("change", "arguments", "expected"), [
    pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, arguments: tuple[str, ...], expected: str, tmp_path: Path,
                  monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, change, monkeypatch)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out", *arguments], expected, capsys)


@pytest.mark.parametrize(("change", "words", "expected"), [
    pytest.param(*case, id=name) for name, *case in COMMANDS])
def test_one_line_of_a_command(change: Break, words: tuple[str, ...], expected: str, tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, change, monkeypatch)
    check_one_line(tmp_path, words, expected, capsys)
