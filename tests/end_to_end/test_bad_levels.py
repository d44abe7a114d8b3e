"""Recipes that change what there is, broken, and the one line that is printed for each."""
from __future__ import annotations

from pathlib import Path

from tests.breaking import Row, content, lines, nothing, one_line, replace

from .test_bad_files import with_ions
from .test_bad_input import GRO, INPUTS, recipe

#: Beads of octane to halves of it, and back to its atoms.
RECIPE = """\
recipe: 1
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - coarsen: {mapping: {votca: halves.xml}}
  - topology: {atoms: {gromacs: octane.top}, mapping: {yaml: halves.yaml}}
  - forward: template
  - write: {atoms: {gromacs: back.gro}}
"""
HALVES = """\
<cg_molecule>
  <name>OCT</name>
  <ident>OCT</ident>
  <topology>
    <cg_beads>
      <cg_bead><name>D1</name><type>D</type><mapping>half</mapping><beads>1:OCT:B1 1:OCT:B2</beads></cg_bead>
      <cg_bead><name>D2</name><type>D</type><mapping>half</mapping><beads>1:OCT:B4 1:OCT:B3</beads></cg_bead>
    </cg_beads>
  </topology>
  <maps><map><name>half</name><weights>29.062 28.054</weights></map></maps>
</cg_molecule>
"""
BACK = """\
OCT:
  beads:
    D1: {type: D, atoms: [C1, H1A, H1B, H1C, C2, H2A, H2B, C3, H3A, H3B, C4, H4A, H4B]}
    D2: {type: D, atoms: [C8, H8A, H8B, H8C, C7, H7A, H7B, C6, H6A, H6B, C5, H5A, H5B]}
"""
#: Beads through a bottleneck.
MORPH = """\
recipe: 1
output: runs/morphed
steps:
  - topology: {atoms: {gromacs: loose.itp}, molecules: {OCT: 64}, beads: true}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - morph: {bottleneck: {votca: halves.xml}, generator: template}
  - write: {beads: {gromacs: out.gro}}
"""
AGAIN = "topology: {atoms: {gromacs: octane.top}, mapping: {yaml: halves.yaml}}"
LAST = "  - forward: template\n  - write: {atoms: {gromacs: back.gro}}\n"


def ions(folder: Path) -> None:
    """Two ions among the beads, which no mapping names."""
    with_ions(folder)
    replace("run.yaml", "octane.xml}}", "octane.xml}, exclude: [NA]}")(folder)
    add = lambda rows: [rows[0], "  258\n", *rows[2:-1], *IONS, rows[-1]]  # noqa: E731
    lines("cg.gro", add)(folder)


def loose(folder: Path) -> None:
    """Beads that nothing bonds, to be morphed."""
    atoms = "".join(f"{k} B 1 OCT B{k} {k} 0 28.0\n" for k in range(1, 5))
    (folder / "loose.itp").write_text(f"[ moleculetype ]\nOCT 1\n[ atoms ]\n{atoms}")
    (folder / "run.yaml").write_text(MORPH)


IONS = ["   65NA     NA  257   0.100   0.100   0.100\n", "   66NA     NA  258   0.500   0.500   0.500\n"]

TABLE: list[Row] = [
    ("coarsen without a mapping", nothing, ("--set", "steps.coarsen.mapping=[]"),
     "run.yaml: steps[2].coarsen: 'mapping' is empty: name a reader, e.g. mapping: {votca: mapping.xml}"),
    ("mapping of beads that are not there", replace("halves.xml", "OCT:B4", "OCT:C8"), (),
     "run.yaml: steps[2].coarsen: halves.xml:7: there is no atom '1:OCT:C8' in molecule type 'OCT'. Did you mean "
     "'1:OCT:B4'? Write RESID:RESNAME:ATOM, RESID from 1 in the molecule."),
    ("mapping of a molecule that is not there", replace("halves.xml", "<ident>OCT", "<ident>PS"), (),
     "run.yaml: steps[2].coarsen: halves.xml:3: <ident> is 'PS', which is no molecule type of the beads so far. "
     "Known: OCT."),
    ("molecule that coarsen has no mapping of", ions, GRO,
     "run.yaml: steps[2].coarsen: there is no mapping of NA. Mapped are: OCT. Add a mapping, or write "
     "'exclude: [NA]'."),
    ("molecule that is mapped twice", nothing,
     ("--set", "steps.coarsen.mapping=[{votca: halves.xml}, {votca: halves.xml}]"),
     "run.yaml: steps[2].coarsen: molecule type 'OCT' is mapped twice. Take it out of one of the files under "
     "'mapping'."),
    ("unknown molecule to be left out", nothing, ("--set", "steps.coarsen.exclude=SOL"),
     "run.yaml: steps[2].coarsen: 'SOL' under 'exclude' is no molecule type of the beads so far. Known: OCT."),
    ("all molecules left out", nothing, ("--set", "steps.coarsen.exclude=OCT"),
     "run.yaml: steps[2].coarsen: no molecule is left to be mapped. Leave 'exclude' out."),
    ("atoms that are written after coarsen", recipe(f"  - {AGAIN}\n  - forward: template\n", ""), (),
     "run.yaml: steps[3].write: step 'write' needs atoms, which no earlier step gives. Steps that give it: ..."),
    ("atoms of before coarsen", recipe(f"""  - coarsen: {{mapping: {{votca: halves.xml}}}}
  - {AGAIN}
  - forward: template
""", "  - forward: template\n  - coarsen: {mapping: {yaml: halves.yaml}}\n"), (),
     "run.yaml: steps[4].write: step 'write' needs atoms, of which nothing is left after 'coarsen'. Steps that give "
     "it: ..."),
    ("atoms drawn where there are only beads", recipe(f"  - {AGAIN}\n", ""), (),
     "run.yaml: steps[3].forward: there are no atoms to be drawn: every one is a bead of its own. Give topology a "
     "mapping; after coarsen, a topology step says what atoms are to come."),
    ("force field of what there was before", recipe(LAST, "  - assess: energy\n"), (),
     "run.yaml: steps[4].assess: step 'assess' needs forcefield, which no earlier step gives. Steps that give it: "
     "forcefield"),
    ("other numbers of molecules in a later topology", recipe("{yaml: halves.yaml}}", "{yaml: halves.yaml}, "
                                                              "molecules: {OCT: 60}}"), (),
     "run.yaml: steps[3].topology: the beads so far: holds 128 beads, but the topology (60 OCT) has 120: 64 D1, 64 "
     "D2. Check the "
     "molecule counts and that every chain has the topology's length; beads that are not to be backmapped are "
     "declared in topology, under 'exclude' or 'ignore' (init: --ignore NAME)."),
    ("molecules of other lengths in a later topology", recipe("{yaml: halves.yaml}}", "{votca: octane.xml}, "
                                                              "molecules: {OCT: 32}}"), (),
     "run.yaml: steps[3].topology: the beads so far: molecule 1 has 2 beads, but OCT has 4 beads in the topology. "
     "Molecules stay what they are: each becomes one of the new topology, in order."),
    ("two topologies for one file", recipe("  - read:", f"  - {AGAIN}\n  - read:"), (),
     "run.yaml: steps[1].topology: an earlier step says what there is, and nothing is read yet that could be put into "
     "it. Leave one of them out, or put read between them."),
    ("frames that are read twice",
     recipe(f"  - {AGAIN}\n", f"  - {AGAIN}\n  - read: {{beads: {{gromacs: cg.gro}}}}\n"), (),
     "run.yaml: steps[4].read: an earlier step reads the frames of this run already. Give both files to one step, "
     "or take atoms from a second file by 'read_atoms'."),
    ("forces matched on beads that no file holds", recipe(LAST, "  - forcefield: {gromacs: octane.top, cutoff: 0.9}\n"
                                                                "  - forward: template\n  - match_forces\n"), (),
     "run.yaml: steps[6].match_forces: the frames that are read are not of these beads: an earlier step changes what "
     "there is. Write the beads, and match forces in a recipe that reads them."),
    ("other atoms to be compared with", recipe(LAST, """\
  - forward: template
  - assess:
      assessors: structure
      compare_with: {halves: {coarsen: {mapping: {yaml: halves.yaml}}}}
"""), (),
     "run.yaml: steps[5].assess: compare_with.halves: makes 128 atoms, but 1664 are judged. Its last step has to make "
     "the same atoms."),
    ("morphing of beads that nothing bonds", loose, (),
     "run.yaml: steps[2].morph: no bonds join the beads of group D1 of 'OCT', so that nobody knows which of their "
     "periodic images belong together. Give a topology with bonds, or smaller groups."),
    ("morphing through a file that is not there", loose, ("--set", "steps.morph.bottleneck={votca: gone.xml}"),
     "run.yaml: steps[2].morph.bottleneck[0].votca.files[0]: there is no file 'gone.xml' (gone.xml). Input paths are "
     "relative to the recipe's folder."),
    ("morphing of beads that nothing bonds, by number", loose, ("--set", "steps.morph.bottleneck=2"),
     "run.yaml: steps[2].morph: no molecule has beads to be drawn into a bottleneck. Beads go together along bonds; "
     "single beads, and molecules of no mapping, stay as they are."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE, content("halves.xml", HALVES.encode()),
                         content("halves.yaml", BACK.encode()))
