"""Numbers, texts and files that nobody means, in all that a run reads, and the one line that is printed for each.

The run writes the beads that it has read, so that rows take as long as reading does.
"""
from __future__ import annotations

import gzip

from tests.breaking import (
    Break,
    Row,
    bytes_of,
    content,
    folder_at,
    lines,
    nothing,
    one_line,
    put,
    recoded,
    replace,
)

RECIPE = """\
recipe: 1
seed: 7
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}, constraints: all-bonds}
  - forcefield: {gromacs: octane.top, epsilon_rf: 1.9}
  - read: {beads: {gromacs: cg.gro}}
  - write: {beads: {gromacs: beads.gro}}
"""
#: What moves atoms, of which options alone are tried.
MOVES = """\
  - forward: {generator: template}
  - hamiltonian: {sweeps: 1, temperature: 350}
"""
YAML = """\
OCT:
  weights: mass
  beads:
    B1: {type: E, atoms: [C1, H1A, H1B, H1C, C2, H2A, H2B]}
    B2: {type: M, atoms: [C3, H3A, H3B, C4, H4A, H4B]}
    B3: {type: M, atoms: [C6, H6A, H6B, C5, H5A, H5B]}
    B4: {type: E, atoms: [C8, H8A, H8B, H8C, C7, H7A, H7B]}
"""
INPUTS = ("octane.top", "octane.xml", "cg.gro")
IN_YAML = ("--set", "steps.topology.mapping={yaml: octane.yaml}")


def top(old: str, new: str) -> Break:
    """The topology with a change of the first place."""
    return replace("octane.top", old, new, 1)


def xml(old: str, new: str) -> Break:
    """The mapping with a change of the first place."""
    return replace("octane.xml", old, new, 1)


def added(section: str) -> Break:
    """The topology with more lines of its molecule type."""
    return top("[ system ]", f"{section}\n[ system ]")


def yaml(old: str, new: str) -> Break:
    """A mapping in YAML, with a change."""
    assert old in YAML
    return content("octane.yaml", YAML.replace(old, new, 1).encode())


#: A recipe that moves atoms.
MOVING = replace("run.yaml", "  - write", f"{MOVES}  - write")


def moving(option: str) -> tuple[Break, tuple[str, ...]]:
    """A recipe that moves atoms, with an option of that."""
    return MOVING, put(f"hamiltonian.{option}")


TABLE: list[Row] = [
    # atoms and molecules of a topology
    ("charge beyond all charges", top("-0.18   12.011", "1e300   12.011"), (),
     "run.yaml: steps[0].topology: octane.top: the charge of atom C1 of OCT is 1e+300 e. Mend the file; is a "
     "column missing, or a decimal point?"),
    ("mass beyond all masses", top("-0.18   12.011", "-0.18   1e300"), (),
     "run.yaml: steps[0].topology: octane.top: the mass of atom C1 of OCT is 1e+300 u. Mend the file; is a column "
     "missing, or a decimal point?"),
    ("mass of next to nothing", top("-0.18   12.011", "-0.18   1e-300"), (),
     "run.yaml: steps[0].topology: octane.top: the mass of atom C1 of OCT is 1e-300 u. Mend the file; is a column "
     "missing, or a decimal point?"),
    ("infinite mass", top("-0.18   12.011", "-0.18   inf"), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 -0.18 inf' is not a line of [ atoms ]"),
    ("number with a comma", top("-0.18   12.011", "-0,18   12.011"), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 -0,18 12.011' is not a line of [ atoms ]"),
    ("number as Fortran writes it", top("-0.18   12.011", "-1.8d-1   12.011"), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 -1.8d-1 12.011' is not a line of [ atoms ]"),
    ("number with an underscore", top("-0.18   12.011", "-0.1_8   12.011"), (),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 -0.1_8 12.011' is not a line of [ atoms ]"),
    ("atomic number that there is not", top("CT    6 ", "CT    200 "), (),
     "run.yaml: steps[0].topology: atom C1 has the atomic number 200. There are 118 elements."),
    ("more molecules than can be held", top("OCT  64", "OCT  1000000000"), (),
     "run.yaml: steps[0].topology: octane.top: 1000000000 molecules of 'OCT' are 26000000000 atoms. No more than "
     "2147483647 can be held: is the count right?"),
    ("negative number of molecules", top("OCT  64", "OCT  -64"), (),
     "run.yaml: steps[0].topology: octane.top:287: there are -64 molecules of 'OCT'"),
    ("half a molecule", top("OCT  64", "OCT  64.5"), (),
     "run.yaml: steps[0].topology: octane.top:287: 'OCT 64.5' is not a line of [ molecules ]"),
    ("molecules without a number", top("OCT  64", "OCT"), (),
     "run.yaml: steps[0].topology: octane.top:287: 'OCT' is not a line of [ molecules ]"),
    ("exclusions that are no number", top("OCT   3", "OCT   three"), (),
     "run.yaml: steps[0].topology: octane.top:40: 'OCT three' does not say how many bonds exclusions reach. Write both "
     "into [ moleculetype ], the name and the number that the force field says, as in 'OCT 3'."),
    ("atom with a number that came before", top("   2  HC    1  OCT  H1A", "   1  HC    1  OCT  H1A"), (),
     "run.yaml: steps[0].topology: octane.top:46: atom 1 should be number 2"),
    ("numbers of atoms with a gap", top("   2  HC    1  OCT  H1A", "   5  HC    1  OCT  H1A"), (),
     "run.yaml: steps[0].topology: octane.top:46: atom 5 should be number 2"),
    ("two atoms of one name", top("OCT  H1B", "OCT  H1A"), (),
     "run.yaml: steps[0].topology: octane.xml:11: '1:OCT:H1A' is the name of two atoms of molecule type 'OCT'. "
     "Give them different names in the topology."),
    ("bond of atom 0", top("  1   5  1\n", "  0   5  1\n"), (),
     "run.yaml: steps[0].topology: octane.top:77: '0 5 1' joins no two atoms"),
    ("bond of an atom with itself", top("  1   5  1\n", "  5   5  1\n"), (),
     "run.yaml: steps[0].topology: octane.top:77: '5 5 1' joins no two atoms"),
    ("bond of one atom", top("  1   5  1\n", "  1\n"), (),
     "run.yaml: steps[0].topology: octane.top:77: '1' are not the numbers of two atoms"),
    ("molecule type twice", lines("octane.top", lambda rows: [
        *rows, "[ moleculetype ]\nOCT 3\n[ atoms ]\n1 CT 1 X C 1 0 12\n"]), (),
     "run.yaml: steps[0].topology: octane.top:289: molecule type 'OCT' is defined twice, first in octane.top:40"),
    ("section that is not closed", top("[ system ]", "[ system "), (),
     "run.yaml: steps[0].topology: octane.top:283: '[ system' is not a section. Write e.g. [ atoms ]."),
    ("constraint of length 0", added("[ constraints ]\n1 2 1 0"), (),
     "run.yaml: steps[0].topology: octane.top:284: a constraint of 0 nm"),
    ("constraint of no length", added("[ constraints ]\n1 2 1 nan"), (),
     "run.yaml: steps[0].topology: octane.top:284: '1 2 1 nan' is not a line of [ constraints ]"),
    ("exclusion of an atom that is not there", added("[ exclusions ]\n1 99"), (),
     "run.yaml: steps[1].forcefield: octane.top:284: there is no atom 99 in this molecule type of 26 atoms"),
    ("virtual site of a bonded atom", added("[ virtual_sites2 ]\n1 2 3 1 7"), (),
     "run.yaml: steps[0].topology: octane.top:45: virtual site 1 has a mass of 12.011 u. A virtual site has none: "
     "write 0, or leave it out of the virtual sites."),
    ("angle of two atoms", added("[ angles ]\n1 2 1 1"), (),
     "run.yaml: steps[1].forcefield: octane.top:284: '1 2 1' names an atom twice"),
    ("dihedral of an atom that is not there", added("[ dihedrals ]\n1 2 3 99 3"), (),
     "run.yaml: steps[1].forcefield: octane.top:284: there is no atom 99 in this molecule type of 26 atoms"),
    # text of a topology
    ("empty topology", content("octane.top", b""), (),
     "run.yaml: steps[0].topology: octane.top: has no [ moleculetype ]. Is it a topology?"),
    ("topology of random bytes", content("octane.top", bytes(range(256)) * 20), (),
     "run.yaml: steps[0].topology: octane.top: has no [ moleculetype ]. Is it a topology?"),
    ("compressed topology", bytes_of("octane.top", gzip.compress), (),
     "run.yaml: steps[0].topology: octane.top: has no [ moleculetype ]. Is it a topology?"),
    ("topology in UTF-16", recoded("octane.top", "utf-16"), (),
     "run.yaml: steps[0].topology: octane.top: has no [ moleculetype ]. Is it a topology?"),
    ("folder for a topology", folder_at("octane.top"), (),
     "run.yaml: steps[0].topology: octane.top: cannot be read (Is a directory)"),
    ("topology that includes itself", top("[ defaults ]", '#include "octane.top"\n[ defaults ]'), (),
     "run.yaml: steps[0].topology: octane.top:11: includes itself"),
    ("#ifdef that nothing ends", top("[ defaults ]", "#ifdef A\n[ defaults ]"), (),
     "run.yaml: steps[0].topology: octane.top:288: an #ifdef is not closed by the end of this file. Add the "
     "missing #endif."),
    ("#endif of nothing", top("[ defaults ]", "#endif\n[ defaults ]"), (),
     "run.yaml: steps[0].topology: octane.top:11: #endif without an #ifdef"),
    ("directive that there is not", top("[ defaults ]", "#frobnicate\n[ defaults ]"), (),
     "run.yaml: steps[0].topology: octane.top:11: '#frobnicate' is not understood. Known: ..."),
    ("#error", top("[ defaults ]", "#error not for you\n[ defaults ]"), (),
     "run.yaml: steps[0].topology: octane.top:11: stops with #error not for you. The file itself says so."),
    # parameters
    ("sigma beyond all sizes", top("0.350  0.276144", "1e300  0.276144"), (),
     "run.yaml: steps[1].forcefield: octane.top:18: 'CT 6 12.011 0.00 A 1e300 0.276144' is not a line of [ "
     "atomtypes ]"),
    ("epsilon beyond all energies", top("0.350  0.276144", "0.350  1e300"), (),
     "run.yaml: steps[1].forcefield: octane.top:18: 'CT 6 12.011 0.00 A 0.350 1e300' is not a line of [ atomtypes "
     "]"),
    ("epsilon that is no number", top("0.350  0.276144", "0.350  nan"), (),
     "run.yaml: steps[1].forcefield: octane.top:18: 'CT 6 12.011 0.00 A 0.350 nan' is not a line of [ atomtypes ]"),
    ("spring beyond all springs", top("0.1529  224262.4", "0.1529  1e300"), (),
     "run.yaml: steps[1].forcefield: octane.top: one of the parameters of the harmonic_bond terms of OCT is "
     "1e+300. No energy of atoms is as steep: mend the file that it comes from."),
    ("torsion beyond all torsions", top("3.566860", "1e300"), (),
     "run.yaml: steps[1].forcefield: octane.top: one of the parameters of the ryckaert_bellemans terms of OCT is "
     "1e+300. No energy of atoms is as steep: mend the file that it comes from."),
    ("torsion that is no number", top("3.566860", "nan"), (),
     "run.yaml: steps[1].forcefield: octane.top:34: 'nan -1.889076 0.656888 -2.334672 0.0 0.0' are not the "
     "parameters of a ryckaert bellemans. Is a macro not defined?"),
    ("negative share of interactions", top("yes        0.5       0.5", "yes        -0.5       0.5"), (),
     "run.yaml: steps[1].forcefield: octane.top:14: fudgeLJ is -0.5. It is the share of an interaction that acts "
     "three bonds apart: 0 to 1."),
    ("share of interactions beyond all", top("yes        0.5       0.5", "yes        0.5       1e300"), (),
     "run.yaml: steps[1].forcefield: octane.top:14: fudgeQQ is 1e+300. It is the share of an interaction that acts"
     " three bonds apart: 0 to 1."),
    ("cut-off of 10 nm in a box of 2.6 nm", nothing, put("forcefield.cutoff=10"),
     "run.yaml: steps[1].forcefield.cutoff: the box of frame 0 of cg.gro is 2.63 nm wide, less than twice the "
     "cut-off of 10 nm. Use a cut-off of at most 1.31 nm, or a larger box."),
    ("cut-off of 1.4 nm in a box of 2.6 nm", nothing, put("forcefield.cutoff=1.4"),
     "run.yaml: steps[1].forcefield.cutoff: the box of frame 0 of cg.gro is 2.63 nm wide, less than twice the "
     "cut-off of 1.4 nm. Use a cut-off of at most 1.31 nm, or a larger box."),
    ("cut-off in Angstrom", nothing, put("forcefield.cutoff=12"),
     "run.yaml: steps[1].forcefield.cutoff: the box of frame 0 of cg.gro is 2.63 nm wide, less than twice the "
     "cut-off of 12 nm. Use a cut-off of at most 1.31 nm, or a larger box."),
    ("infinite cut-off", nothing, put("forcefield.cutoff=.inf"),
     "run.yaml: steps[1].forcefield.cutoff: should be a finite number, not inf. Cut-off of Lennard-Jones and "
     "Coulomb, nm (rvdw and rcoulomb of an .mdp). An .mdp beside the topology gives this and all that follows."),
    ("cut-off that is no number", nothing, put("forcefield.cutoff=.nan"),
     "run.yaml: steps[1].forcefield.cutoff: should be a finite number, not nan. Cut-off of Lennard-Jones and "
     "Coulomb, nm (rvdw and rcoulomb of an .mdp). An .mdp beside the topology gives this and all that follows."),
    ("cut-off of next to nothing", nothing, put("forcefield.cutoff=1e-300"),
     "run.yaml: steps[1].forcefield.cutoff: 1e-300 is below all sense: should be between 1e-12 and 1e+12. Cut-off "
     "of Lennard-Jones and Coulomb, nm (rvdw and rcoulomb of an .mdp). An .mdp beside the topology gives this and "
     "all that follows."),
    ("cut-off that is true", nothing, put("forcefield.cutoff=true"),
     "run.yaml: steps[1].forcefield.cutoff: should be a number, not true. Cut-off of Lennard-Jones and Coulomb, nm"
     " (rvdw and rcoulomb of an .mdp). An .mdp beside the topology gives this and all that follows."),
    ("cut-off with its unit", nothing, put("forcefield.cutoff='1 nm'"),
     "run.yaml: steps[1].forcefield.cutoff: should be a valid number, unable to parse string as a number, not '1 "
     "nm'. Cut-off of Lennard-Jones and Coulomb, nm (rvdw and rcoulomb of an .mdp). An .mdp beside the topology "
     "gives this and all that follows."),
    ("dielectric constant below that of nothing", nothing, put("forcefield.epsilon_rf=0.5"),
     "run.yaml: steps[1].forcefield.epsilon_rf: 0.5 is the dielectric constant of no medium: should be 1 or more, "
     "or 0 for infinity. Dielectric constant beyond the cut-off (epsilon-rf of an .mdp); 0 stands for infinity, as"
     " there."),
    ("dielectric constant that is no number", nothing, put("forcefield.epsilon_rf=.nan"),
     "run.yaml: steps[1].forcefield.epsilon_rf: should be a finite number, not nan. Dielectric constant beyond the"
     " cut-off (epsilon-rf of an .mdp); 0 stands for infinity, as there."),
    ("switch behind the cut-off", nothing, (*put("forcefield.tail=force_switch"), *put("forcefield.switch=1.2")),
     "run.yaml: steps[1].forcefield.switch: 1.2 nm is not before the cut-off of 1 nm"),
    # moves
    ("temperature of next to nothing", *moving("temperature=1e-300"),
     "run.yaml: steps[4].hamiltonian.temperature: 1e-300 is below all sense: should be between 0.001 and 1e+06. K."),
    ("temperature beyond all", *moving("temperature=1e300"),
     "run.yaml: steps[4].hamiltonian.temperature: 1e+300 is beyond all sense: should be between 0.001 and 1e+06. "
     "K."),
    ("temperature that is no number", *moving("temperature=.nan"),
     "run.yaml: steps[4].hamiltonian.temperature: should be a finite number, not nan. K."),
    ("infinite temperature", *moving("temperature=.inf"),
     "run.yaml: steps[4].hamiltonian.temperature: should be a finite number, not inf. K."),
    ("temperature 0", *moving("temperature=0"),
     "run.yaml: steps[4].hamiltonian.temperature: should be greater than 0, not 0. K."),
    ("temperature that is true", *moving("temperature=true"),
     "run.yaml: steps[4].hamiltonian.temperature: should be a number, not true. K."),
    ("temperature in a list", *moving("temperature=[350]"),
     "run.yaml: steps[4].hamiltonian.temperature: should be a valid number, not [350]. K."),
    ("time step of next to nothing", *moving("timestep=1e-300"),
     "run.yaml: steps[4].hamiltonian.timestep: 1e-300 is below all sense: should be between 1e-12 and 1e+12. fs. "
     "Acceptance tells whether it is right: 0.6 to 0.95. auto: ..."),
    ("time step that is no number", *moving("timestep=.nan"),
     "run.yaml: steps[4].hamiltonian.timestep: should be a finite number or should be 'auto', not nan. fs. Acceptance "
     "tells whether it is right: 0.6 to 0.95. auto: ..."),
    ("time step of 20 fs", *moving("timestep=20"),
     "run.yaml: steps[4].hamiltonian.timestep: should be less than or equal to 10 or should be 'auto', not 20. fs. "
     "Acceptance tells whether it is right: 0.6 to 0.95. auto: ..."),
    ("tempering by a word", *moving("tempering=sometimes"),
     "run.yaml: steps[4].hamiltonian.tempering: should be a valid dictionary or should be 'auto', not 'sometimes'. "
     "Sweeps of tempered trajectories between the others: ..."),
    ("hydrogens heavier than lead", *moving("hydrogen_mass=300"),
     "run.yaml: steps[4].hamiltonian.hydrogen_mass: should be less than or equal to 100, not 300. Mass of "
     "hydrogens while they move, u, if that is more than their own. 4 allows time steps nearly twice as long; the "
     "distribution is the same."),
    ("sweeps beyond all", *moving("sweeps=10000000000000000000000"),
     "run.yaml: steps[4].hamiltonian.sweeps: 1e+22 is beyond all sense: should be between 1e-12 and 1e+12. Sweeps;"
     " in each, every atom takes part in a move. auto: ..."),
    ("two and a half sweeps", *moving("sweeps=2.5"),
     "run.yaml: steps[4].hamiltonian.sweeps: should be a valid integer, got a number with a fractional part or "
     "should be 'auto', not 2.5. Sweeps; in each, every atom takes part in a move. auto: ..."),
    ("steps without end", *moving("steps=10000000000000000000000"),
     "run.yaml: steps[4].hamiltonian.steps: 1e+22 is beyond all sense: should be between 1e-12 and 1e+12. Time "
     "steps of a move, on average: every move draws a number from half as many to half as many more, so that no "
     "vibration stays in step with it. auto: ..."),
    ("blocks larger than all", *moving("block_size=100000000000000000000"),
     "run.yaml: steps[4].hamiltonian.block_size: 1e+20 is beyond all sense: should be between 1e-12 and 1e+12. "
     "Beads whose atoms move together, those nearest to a central one along the molecule. Few leave a backbone no "
     "room; many are accepted less often."),
    ("soft beads of no width", *moving("beads={sigma: 1e-300}"),
     "run.yaml: steps[4].hamiltonian.beads: should be 'exact' or 'auto', not {'sigma': '1e-300'}. exact: beads stay in "
     "place. {sigma: ...}: they follow a Gaussian. auto: one as wide as a pilot on some frames finds beads to be off, "
     "by bead type, at most 0.1 nm. By default "
     "auto where the recipe says 'beads: model' or 'beads: auto' at its top, else exact."),
    ("soft beads wider than the box", *moving("beads={sigma: 10}"),
     "run.yaml: steps[4].hamiltonian.beads: should be 'exact' or 'auto', not {'sigma': 10}. exact: beads stay in "
     "place. {sigma: ...}: they follow a Gaussian. auto: one as wide as a pilot on some frames finds beads to be off, "
     "by bead type, at most 0.1 nm. By default "
     "auto where the recipe says 'beads: model' or 'beads: auto' at its top, else exact."),
    ("a trajectory that cools down first", *moving("tempering={peak: 0.5}"),
     "run.yaml: steps[4].hamiltonian.tempering.peak: should be greater than 1, not 0.5"),
    ("a tempered trajectory of no time", *moving("tempering={time: 1}"),
     "run.yaml: steps[4].hamiltonian.tempering.time: should be greater than or equal to 10, not 1"),
    ("tempered sweeps before every none", *moving("tempering={every: 0}"),
     "run.yaml: steps[4].hamiltonian.tempering.every: should be greater than or equal to 1, not 0"),
    ("cooling from below", MOVING, (*put("hamiltonian.annealing_sweeps=2"), *put("hamiltonian.hottest=10")),
     "run.yaml: steps[4].hamiltonian: 'hottest' is 10 K, below the temperature of 350 K"),
    # mappings
    ("empty mapping", content("octane.xml", b""), (),
     "run.yaml: steps[0].topology: octane.xml:1: is not XML (no element found)"),
    ("mapping of random bytes", content("octane.xml", bytes(range(256)) * 4), (),
     "run.yaml: steps[0].topology: octane.xml:1: is not XML (not well-formed (invalid token))"),
    ("mapping that is other XML", content("octane.xml", b"<a/>"), (),
     "run.yaml: steps[0].topology: octane.xml:1: <a> stands where <cg_molecule> should be"),
    ("compressed mapping", bytes_of("octane.xml", gzip.compress), (),
     "run.yaml: steps[0].topology: octane.xml:1: is not XML (not well-formed (invalid token))"),
    ("folder for a mapping", folder_at("octane.xml"), (),
     "run.yaml: steps[0].topology: octane.xml: cannot be read (Is a directory)"),
    ("weight that is no number", xml("<weights>12.011 ", "<weights>nan "), (),
     "run.yaml: steps[0].topology: octane.xml: the weights of bead 1 do not sum to a positive number. Use masses, "
     "or any positive weights."),
    ("infinite weight", xml("<weights>12.011 ", "<weights>inf "), (),
     "run.yaml: steps[0].topology: octane.xml: the weights of bead 1 do not sum to a positive number. Use masses, "
     "or any positive weights."),
    ("weight that is a word", xml("<weights>12.011 ", "<weights>heavy "), (),
     "run.yaml: steps[0].topology: octane.xml:60: <weights> holds something that is not a number"),
    ("two beads of one name", xml("<name>B2</name>", "<name>B1</name>"), (),
     "run.yaml: steps[0].topology: octane.xml:13: bead 'B1' is defined twice"),
    ("atom twice in a bead", xml("1:OCT:H1A", "1:OCT:C1"), (),
     "run.yaml: steps[0].topology: octane.xml:11: bead 'B1' lists '1:OCT:C1' twice"),
    ("bead without atoms", xml("1:OCT:C3 1:OCT:H3A 1:OCT:H3B 1:OCT:C4 1:OCT:H4A 1:OCT:H4B", ""), (),
     "run.yaml: steps[0].topology: octane.xml:13: bead 'B2' has no atoms"),
    ("map that is not there", xml("<mapping>end</mapping>", "<mapping>endd</mapping>"), (),
     "run.yaml: steps[0].topology: octane.xml:10: bead 'B1' uses map 'endd', which is not there. Did you mean "
     "'end'?"),
    ("residue that is no number", xml("1:OCT:C3", "one:OCT:C3"), (),
     "run.yaml: steps[0].topology: octane.xml:17: there is no atom 'one:OCT:C3' in molecule type 'OCT'. Did you "
     "mean '1:OCT:C3'? Write RESID:RESNAME:ATOM, RESID from 1 in the molecule."),
    ("bond of a bead that is not there", xml("B1 B2", "B1 B9"), (),
     "run.yaml: steps[0].topology: octane.xml:35: a bond names bead 'B9', which is not there. Known: B1, B2, B3, "
     "B4."),
    ("bond of a bead with itself", xml("B1 B2\n", "B1 B1\n"), (),
     "run.yaml: steps[0].topology: octane.xml:7: a bond joins bead 'B1' of 'OCT' to itself"),
    ("bond of one bead", xml("B1 B2\n", "B1\n"), (),
     "run.yaml: steps[0].topology: octane.xml:35: a <bond> lists 3 beads, which do not make pairs"),
    ("bead without a name", xml("<name>B1</name>", ""), (),
     "run.yaml: steps[0].topology: octane.xml:7: <cg_bead> has no <name>"),
    ("mapping given twice", nothing, put("topology.mapping={votca: [octane.xml, octane.xml]}"),
     "run.yaml: steps[0].topology: octane.xml:4: molecule type 'OCT' is mapped twice"),
    ("empty YAML mapping", content("octane.yaml", b""), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:1: should be a mapping"),
    ("YAML mapping that is a list", content("octane.yaml", b"- 1\n"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:1: should be a mapping"),
    ("YAML mapping of random bytes", content("octane.yaml", bytes(range(256))), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml: not valid YAML: it cannot be read"),
    ("YAML mapping that contains itself", content("octane.yaml", b"OCT: &a {beads: *a}\n"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:1: is nested too deep"),
    ("YAML weight that is no number", yaml("H4A, H4B]}", "H4A, H4B], weights: [.nan, 1, 1, 1, 1, 1]}"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: OCT.beads.B2.weights: should be 'mass' or 'geometry'"),
    ("negative YAML weight", yaml("H4A, H4B]}", "H4A, H4B], weights: [-1, 1, 1, 1, 1, 1]}"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: OCT.beads.B2.weights: should be 'mass' or 'geometry'"),
    ("YAML weights of 0", yaml("H4A, H4B]}", "H4A, H4B], weights: [0, 0, 0, 0, 0, 0]}"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: the weights of bead 'B2' do not make an average. Weights are "
     "numbers from 0 on, and one of them is positive."),
    ("YAML weights by a word that is none", yaml("weights: mass", "weights: heavy"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:2: OCT.weights: should be 'mass' or 'geometry'"),
    ("YAML bead of no atoms", yaml("[C3, H3A, H3B, C4, H4A, H4B]", "[]"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: OCT.beads.B2.atoms: is empty"),
    ("YAML atom twice", yaml("[C3, H3A", "[C3, C3"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: bead 'B2' lists atom 'C3' twice"),
    ("YAML atom that is a number", yaml("[C3,", "[3,"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: there is no atom '3' in molecule type 'OCT'. Did you mean 'C3'?"),
    ("YAML bead twice", yaml("B2:", "B1:"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:5: 'B1' comes twice"),
    ("YAML bond of one bead", yaml("  weights: mass", "  bonds: [[B1]]"), IN_YAML,
     "run.yaml: steps[0].topology: octane.yaml:2: OCT.bonds.0: '1' is missing. Keys are: beads, residues, weights,"
     " bonds, chiral, cis, trans, first, last; of a bead: atoms, type, weights."),
]

test_one_line = one_line(TABLE, INPUTS, RECIPE)
