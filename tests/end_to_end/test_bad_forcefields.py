"""Force fields of GROMACS, broken or contradictory, and the one line that is printed for each."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import DEMO, Break, check_one_line, replace, run

from .test_bad_input import INPUTS

#: A run of the demo that needs its force field.
RECIPE = """\
recipe: 1
seed: 7
output: runs/octane
steps:
  - topology: {atoms: {gromacs: octane.top}, mapping: {votca: octane.xml}}
  - forcefield: {gromacs: octane.top}
  - read: {beads: {gromacs: [cg.gro, cg.xtc]}}
  - forward: {generator: template}
  - write: {atoms: {gromacs: [atoms.gro, atoms.xtc]}}
"""


def top(old: str, new: str) -> Break:
    """The topology with a change of the first place."""
    return replace("octane.top", old, new, 1)


#: What is wrong, how to make it so, the printed line after "backmap: "; "..." is anything.
TABLE: list[tuple[str, Break, str]] = [
    # numbers
    ("charge of an atom type that is no number", top("12.011    0.00   A", "12.011    nan   A"),
     "run.yaml: steps[0].topology: octane.top:18: 'CT 6 12.011 nan A 0.350 0.276144' is not a line of [ atomtypes ]"),
    ("negative mass of an atom type", top("6       12.011 ", "6       -12.011 "),
     "run.yaml: steps[0].topology: octane.top:18: a mass of -12.011 u. Masses are positive, or 0 of virtual sites."),
    ("negative mass of an atom", top("C1     1   -0.18   12.011", "C1     1   -0.18   -12.011"),
     "run.yaml: steps[0].topology: octane.top:45: a mass of -12.011 u. Masses are positive, or 0 of virtual sites."),
    ("negative epsilon", top("0.350  0.276144", "0.350  -0.276144"),
     "run.yaml: steps[1].forcefield: octane.top:18: epsilon of CT is -0.276144. It is positive, or 0 for no "
     "interaction."),
    ("negative sigma", top("0.350  0.276144", "-0.350  0.276144"),
     "run.yaml: steps[1].forcefield: octane.top:18: sigma of CT is -0.35. It is positive, or 0 for no interaction."),
    ("infinite sigma", top("0.250  0.125520", "inf  0.125520"),
     "run.yaml: steps[1].forcefield: octane.top:19: 'HC 1 1.008 0.06 A inf 0.125520' is not a line of [ atomtypes ]"),
    ("kind of particle that is none", top("0.00   A      0.350", "0.00   Q      0.350"),
     "run.yaml: steps[0].topology: octane.top:18: 'Q' is no kind of particle. An atom is A, a virtual site V, a "
     "shell S."),
    ("force constant that is no number", top("0.1529  224262.4", "0.1529  nan"),
     "run.yaml: steps[1].forcefield: octane.top:23: '0.1529 nan' are not the parameters of a harmonic bond. Is a "
     "macro not defined?"),
    ("negative force constant", top("0.1529  224262.4", "0.1529  -224262.4"),
     "run.yaml: steps[1].forcefield: octane.top:23: '0.1529 -224262': a harmonic bond with the negative number "
     "-224262. Lengths and force constants are not."),
    ("negative length of a bond", top("0.1529  224262.4", "-0.1529  224262.4"),
     "run.yaml: steps[1].forcefield: octane.top:23: '-0.1529 224262': a harmonic bond with the negative number "
     "-0.1529. Lengths and force constants are not."),
    ("angle in radians", top("112.7  488.2728", "1.96699  488.2728"),
     "run.yaml: steps[1].forcefield: octane.top:28: '1.96699 488.273': an angle of 1.96699 degrees is that of "
     "radians. Write degrees."),
    ("angle that is none", top("112.7  488.2728", "212.7  488.2728"),
     "run.yaml: steps[1].forcefield: octane.top:28: '212.7 488.273': 212.7 degrees are no angle. It is 0 to 180."),
    ("phase in radians", top("  2   1   5   6  3", "  2   1   5   6  1  3.14159 0.6 3"),
     "run.yaml: steps[1].forcefield: octane.top:219: '3.14159 0.6 3': a phase of 3.14159 degrees is that of radians. "
     "Write degrees."),
    ("phase beyond a turn", top("  2   1   5   6  3", "  2   1   5   6  1  400 0.6 3"),
     "run.yaml: steps[1].forcefield: octane.top:219: '400 0.6 3': a phase of 400 degrees. It is -360 to 360."),
    ("multiplicity that is not whole", top("  2   1   5   6  3", "  2   1   5   6  1  180 0.6 1.5"),
     "run.yaml: steps[1].forcefield: octane.top:219: '180 0.6 1.5': a multiplicity of 1.5. It is a whole number."),
    ("too few parameters of a type", top("0.1529  224262.4", "0.1529"),
     "run.yaml: steps[1].forcefield: octane.top:23: 1 parameters where a harmonic bond takes 2"),
    ("too many parameters", top("  1   5  1\n", "  1   5  1  0.15 2e5 0.15 2e5 7\n"),
     "run.yaml: steps[1].forcefield: octane.top:77: 5 parameters where a harmonic bond takes 2, or 4 with those of a "
     "free-energy path"),
    ("macro that nothing defines", top("  1   5  1\n", "  1   5  1  gb_27\n"),
     "run.yaml: steps[1].forcefield: octane.top:77: 'gb_27' are not the parameters of a harmonic bond. Is a macro "
     "not defined?"),
    ("fudge factor that is no number", top("yes        0.5       0.5", "yes        nan       0.5"),
     "run.yaml: steps[1].forcefield: octane.top:14: '1 3 yes nan 0.5' is not a line of [ defaults ]"),
    # [ defaults ]
    ("no [ defaults ]", top("[ defaults ]\n", "[ system ]\n"),
     "run.yaml: steps[1].forcefield: octane.top: has no [ defaults ]. Give the .top that includes the force field, "
     "not an .itp alone."),
    ("[ defaults ] twice", top("[ atomtypes ]\n", "[ defaults ]\n1 3 yes 0.5 0.5\n[ atomtypes ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:17: [ defaults ] stand in octane.top:14 already. Include one force "
     "field."),
    ("Buckingham potentials", top("  1         3            yes ", "  2         3            yes "),
     "run.yaml: steps[1].forcefield: octane.top:14: non-bonded function 2 is not supported. Only 1, Lennard-Jones, "
     "is."),
    ("combination rule that is none", top("  1         3            yes ", "  1         4            yes "),
     "run.yaml: steps[1].forcefield: octane.top:14: there is no combination rule 4. Known: 1, 2, 3."),
    ("gen-pairs that is neither yes nor no", top("  1         3            yes ", "  1         3            maybe "),
     "run.yaml: steps[1].forcefield: octane.top:14: gen-pairs is 'maybe'. Write yes or no."),
    # types
    ("atom type twice with other values", top("[ bondtypes ]\n", "CT 6 12.011 0.0 A 0.34 0.3\n[ bondtypes ]\n"),
     "run.yaml: steps[0].topology: octane.top:21: atom type CT comes up a second time with other values, first in "
     "octane.top:18. Keep one of the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("bond type twice with other values", top("[ angletypes ]\n", "CT CT 1 0.153 2e5\n[ angletypes ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:26: CT CT in [ bondtypes ] comes up a second time with other values, "
     "first in octane.top:23. Keep one of the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("angle type twice with other values", top("[ dihedraltypes ]\n", "HC CT CT 1 109.5 300\n[ dihedraltypes ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:32: HC CT CT in [ angletypes ] comes up a second time with other "
     "values, first in octane.top:29. Keep one of the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("dihedral type twice with other values",
     top("[ moleculetype ]\n", "HC CT CT CT 3 1 0 0 0 0 0\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:38: HC CT CT CT in [ dihedraltypes ] comes up a second time with "
     "other values, first in octane.top:35. Keep one of the two; GROMACS asks for -maxwarn here and takes the later "
     "one."),
    ("terms of a torsion that are not adjacent",
     top("[ moleculetype ]\n", "X CT CT X 9 0 1 3\nX CT CT CT 9 0 1 3\nX CT CT X 9 0 1 2\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:40: types X CT CT X come up a second time with other values, not "
     "next to octane.top:38. Lines of one torsion must be adjacent."),
    ("pair type twice with other values",
     top("[ moleculetype ]\n", "[ pairtypes ]\nCT HC 1 0.3 0.1\nHC CT 1 0.3 0.2\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:40: HC CT in [ pairtypes ] comes up a second time with other values, "
     "first in octane.top:39. Keep one of the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("non-bonded parameters twice with other values",
     top("[ moleculetype ]\n", "[ nonbond_params ]\nCT HC 1 0.3 0.1\nHC CT 1 0.3 0.2\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:40: HC CT in [ nonbond_params ] comes up a second time with other "
     "values, first in octane.top:39. Keep one of the two; GROMACS asks for -maxwarn here and takes the later one."),
    ("types of atoms that are not there",
     top("[ moleculetype ]\n", "[ nonbond_params ]\nCT HX 1 0.3 0.1\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: atom type 'HX' is in no [ atomtypes ]"),
    ("bond of types that no atom has", top("[ angletypes ]\n", "CT CX 1 0.153 2e5\n[ angletypes ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:26: no atom type has the bonded type 'CX'. Is it spelt as in [ "
     "atomtypes ]?"),
    ("dihedral of too few types", top("[ moleculetype ]\n", "CT CT CT 3 1 0 0 0 0 0\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:38: no atom type has the bonded type '3'. Is it spelt as in [ "
     "atomtypes ]?"),
    ("non-bonded parameters of Buckingham",
     top("[ moleculetype ]\n", "[ nonbond_params ]\nCT HC 2 0.3 0.1 0.2\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: function 2 in [ nonbond_params ] is not supported. Known: 1."),
    ("negative sigma of a pair", top("  1   9  1\n", "  1   9  1  -0.3  0.1\n"),
     "run.yaml: steps[1].forcefield: octane.top:102: sigma of 1 9 is -0.3. It is positive, or 0 for no interaction."),
    # correction maps
    ("map of different numbers of nodes",
     top("[ moleculetype ]\n", "[ cmaptypes ]\nCT CT CT CT CT 1 4 6 0 0\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: a map of 4 x 6 nodes. Both dihedrals have the same, even, number "
     "of nodes."),
    ("map of too few energies",
     top("[ moleculetype ]\n", "[ cmaptypes ]\nCT CT CT CT CT 1 4 4\\\n0 1 2 3 4 5 6 7\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: 8 energies in a map of 4 x 4 nodes. Every line of it but the "
     "last ends with a backslash."),
    ("map with an energy that is no number",
     top("[ moleculetype ]\n",
         "[ cmaptypes ]\nCT CT CT CT CT 1 4 4\\\n0 1 2 3 4 5 6 7\\\n0 1 2 3 4 5 6 nan\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: 'nan' is no energy of a map"),
    ("map that is missing", top("[ system ]\nliq", "[ cmap ]\n1 5 8 11 14 1\n[ system ]\nliq"),
     "run.yaml: steps[1].forcefield: octane.top:284: no [ cmaptypes ] for CT CT CT CT CT. Add them, in this order of "
     "types, or take the line out."),
    # molecules
    ("exclusions of less than no bonds", top("  OCT   3\n", "  OCT   -1\n"),
     "run.yaml: steps[0].topology: octane.top:40: exclusions of 'OCT' reach -1 bonds far. Write 3, or what the force "
     "field says."),
    ("less than no molecules", top("OCT  64", "OCT  -64"),
     "run.yaml: steps[0].topology: octane.top:287: there are -64 molecules of 'OCT'"),
    ("molecule type twice", top("[ system ]\nliq", "[ moleculetype ]\nOCT 3\n[ system ]\nliq"),
     "run.yaml: steps[0].topology: octane.top:284: molecule type 'OCT' is defined twice, first in octane.top:40"),
    ("atoms out of order", top("   2  HC    1  OCT  H1A ", "   3  HC    1  OCT  H1A "),
     "run.yaml: steps[0].topology: octane.top:46: atom 3 should be number 2"),
    ("atom type that is not there", top("   2  HC    1  OCT  H1A ", "   2  HX    1  OCT  H1A "),
     "run.yaml: steps[1].forcefield: octane.top:46: atom type 'HX' is in no [ atomtypes ]"),
    ("bond of an atom that is not there", top("  1   5  1\n", "  1   27  1\n"),
     "run.yaml: steps[0].topology: octane.top:77: there is no atom 27 in this molecule type of 26 atoms"),
    ("bond of an atom with itself", top("  1   5  1\n", "  1   1  1\n"),
     "run.yaml: steps[0].topology: octane.top:77: '1 1 1' joins no two atoms"),
    ("angle that names an atom twice", top("  1   5   6  1\n", "  1   5   1  1\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: '1 5 1' names an atom twice"),
    ("dihedral that names an atom twice", top("  2   1   5   6  3", "  2   1   5   2  3"),
     "run.yaml: steps[1].forcefield: octane.top:219: '2 1 5 2' names an atom twice"),
    ("pair of an atom with itself", top("  1   9  1\n", "  1   1  1\n"),
     "run.yaml: steps[1].forcefield: octane.top:102: '1 1' names an atom twice"),
    ("exclusion of an atom that is not there", top("[ pairs ]\n", "[ exclusions ]\n1 30\n[ pairs ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:101: there is no atom 30 in this molecule type of 26 atoms"),
    ("bond without a type", top("  CT  HC  1         0.1090  284512.0\n", ""),
     "run.yaml: steps[1].forcefield: octane.top:73: no parameters in [ bondtypes ] for CT HC, function 1. Add them "
     "to the force field or to this line."),
    ("angle without a type", top("  HC  CT  HC  1         107.8  276.1440\n", ""),
     "run.yaml: steps[1].forcefield: octane.top:170: no parameters in [ angletypes ] for HC CT HC, function 1. Add "
     "them to the force field or to this line."),
    ("dihedral without a type",
     top("  HC  CT  CT  HC  3         0.665256   1.995768  0.000000  -2.661024  0.0  0.0\n", ""),
     "run.yaml: steps[1].forcefield: octane.top:218: no parameters in [ dihedraltypes ] for HC CT CT HC, function 3. "
     "Add them to the force field or to this line."),
    ("pair without a type", top("yes        0.5       0.5", "no        0.5       0.5"),
     "run.yaml: steps[1].forcefield: octane.top:102: no [ pairtypes ] for CT HC. Add them, or set gen-pairs to yes "
     "in [ defaults ] (octane.top:14). (3 more: see backmap check)"),
    # what is not supported
    ("Morse bonds", top("  1   5  1\n", "  1   5  3  0.15 300 20\n"),
     "run.yaml: steps[1].forcefield: octane.top:77: function 3 in [ bonds ], Morse, is not supported. Known: 1, 2, "
     "5, 6."),
    ("bonds from tables", top("  1   5  1\n", "  1   5  8  1 1000\n"),
     "run.yaml: steps[1].forcefield: octane.top:77: function 8 in [ bonds ], from a table, is not supported. Known: "
     "1, 2, 5, 6."),
    ("cross terms", top("  1   5   6  1\n", "  1   5   6  3  0.15 0.11 1000\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: function 3 in [ angles ], cross bond-bond, is not supported. "
     "Known: 1, 2, 5."),
    ("torsions from tables", top("  2   1   5   6  3", "  2   1   5   6  8 1 5"),
     "run.yaml: steps[1].forcefield: octane.top:219: function 8 in [ dihedrals ], from a table, is not supported. "
     "Known: 1, 2, 3, 4, 5, 9."),
    ("pairs of an unknown function", top("  1   9  1\n", "  1   9  3\n"),
     "run.yaml: steps[1].forcefield: octane.top:102: function 3 in [ pairs ] is not supported. Known: 1, 2."),
    ("Drude particles", top("[ system ]\nliq", "[ polarization ]\n1 2 1 0.001\n[ system ]\nliq"),
     "run.yaml: steps[1].forcefield: octane.top:284: [ polarization ]: particles that are polarised are not "
     "supported. Take a force field without polarisation."),
    ("Thole's interactions",
     top("[ system ]\nliq", "[ thole_polarization ]\n1 2 3 4 2 2.6 0.001 0.001\n[ system ]\nliq"),
     "run.yaml: steps[1].forcefield: octane.top:284: [ thole_polarization ]: particles that are polarised are not "
     "supported. Take a force field without polarisation."),
    ("interactions between molecules",
     top("[ molecules ]\n", "[ intermolecular_interactions ]\n[ bonds ]\n1 30 6 0.3 1000\n[ molecules ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:286: [ intermolecular_interactions ] is not supported. Molecules "
     "interact by non-bonded terms alone."),
    ("section that is none", top("[ pairs ]\n", "[ pears ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:102: [ pears ] is not supported in a force field. Energies would be "
     "wrong without it."),
    # the preprocessor
    ("file that includes itself", top("[ moleculetype ]\n", "#include \"octane.top\"\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:38: includes itself"),
    ("macro of itself", top("[ moleculetype ]\n", "#define CT CT\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:46: a macro expands to itself"),
    ("#error", top("[ moleculetype ]\n", "#error this force field is old\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:38: stops with #error this force field is old. The file itself says so."),
    ("condition that is not closed", top("[ moleculetype ]\n", "#ifdef FLEXIBLE\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:288: an #ifdef is not closed by the end of this file. Add the missing "
     "#endif."),
    ("section without a bracket", top("[ moleculetype ]\n", "[ moleculetype\n"),
     "run.yaml: steps[0].topology: octane.top:38: '[ moleculetype' is not a section. Write e.g. [ atoms ]."),
    # what a stranger breaks
    ("bond of no second atom", top("  1   5  1\n", "  1\n"),
     "run.yaml: steps[0].topology: octane.top:77: '1' are not the numbers of two atoms"),
    ("bond of atom 0", top("  1   5  1\n", "  0   5  1\n"),
     "run.yaml: steps[0].topology: octane.top:77: '0 5 1' joins no two atoms"),
    ("bond of atoms that are not whole numbers", top("  1   5  1\n", "  1.0   5  1\n"),
     "run.yaml: steps[0].topology: octane.top:77: '1.0 5' are not the numbers of two atoms"),
    ("function that is a word", top("  1   5  1\n", "  1   5  x\n"),
     "run.yaml: steps[1].forcefield: octane.top:77: function x in [ bonds ] is not supported. Known: 1, 2, 5, 6."),
    ("angle of two atoms", top("  1   5   6  1\n", "  1   5\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: names 2 atoms, a line of [ angles ] 3"),
    ("infinite charge of an atom", top("C1     1   -0.18", "C1     1   inf"),
     "run.yaml: steps[0].topology: octane.top:45: '1 CT 1 OCT C1 1 inf 12.011' is not a line of [ atoms ]"),
    ("atoms twice", top("[ bonds ]\n", "[ atoms ]\n 1 CT 1 OCT C1 1 0 12.011\n[ bonds ]\n"),
     "run.yaml: steps[0].topology: octane.top:73: atom 1 should be number 27"),
    ("exclusions that are a word", top("  OCT   3\n", "  OCT   x\n"),
     "run.yaml: steps[0].topology: octane.top:40: 'OCT x' does not say how many bonds exclusions reach. Write both "
     "into [ moleculetype ], the name and the number that the force field says, as in 'OCT 3'."),
    ("half a molecule", top("OCT  64", "OCT  64.5"),
     "run.yaml: steps[0].topology: octane.top:287: 'OCT 64.5' is not a line of [ molecules ]"),
    ("Ryckaert-Bellemans of five numbers", top("-2.334672  0.0  0.0", "-2.334672  0.0"),
     "run.yaml: steps[1].forcefield: octane.top:34: 5 parameters where a ryckaert bellemans takes 6"),
    ("improper of a negative force constant", top("  2   1   5   6  3", "  2   1   5   6  2 0 -100"),
     "run.yaml: steps[1].forcefield: octane.top:219: '0 -100': a harmonic improper with the negative number -100. "
     "Lengths and force constants are not."),
    ("Urey-Bradley without its spring", top("  1   5   6  1\n", "  1   5   6  5 109 300\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: 2 parameters where a urey bradley takes 4"),
    ("Urey-Bradley of a negative length", top("  1   5   6  1\n", "  1   5   6  5 109 300 -0.2 100\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: '109 300 -0.2 100': a urey bradley with the negative number -0.2. "
     "Lengths and force constants are not."),
    ("restricted bending", top("  1   5   6  1\n", "  1   5   6  10 109 300\n"),
     "run.yaml: steps[1].forcefield: octane.top:168: function 10 in [ angles ], restricted bending, is not supported. "
     "Known: 1, 2, 5."),
    ("pair with a number missing", top("  1   9  1\n", "  1   9  2 0.5 0.1 0.1 0.3\n"),
     "run.yaml: steps[1].forcefield: octane.top:102: '1 9 2 0.5 0.1 0.1 0.3' is not a line of [ pairs ]"),
    ("pair twice with other values", top("  1   9  1\n", "  1   9  1\n  9   1  1  0.3  0.1\n"),
     "run.yaml: steps[1].forcefield: octane.top:103: pair 9 1 comes up a second time with other values, first in "
     "octane.top:102. Both would count. Keep one of the two."),
    ("pair type of an atom type that is not there",
     top("[ moleculetype ]\n", "[ pairtypes ]\nCT QQ 1 0.3 0.1\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:39: atom type 'QQ' is in no [ atomtypes ]"),
    ("restraint of an atom that is not there",
     top("[ system ]\nliq", "[ position_restraints ]\n99 1 1000 1000 1000\n[ system ]\nliq"),
     "run.yaml: steps[1].forcefield: octane.top:284: there is no atom 99 in this molecule type of 26 atoms"),
    ("fudge factor that is negative", top("yes        0.5       0.5", "yes        -0.5       0.5"),
     "run.yaml: steps[1].forcefield: octane.top:14: fudgeLJ is -0.5. It is the share of an interaction that acts three "
     "bonds apart: 0 to 1."),
    ("decimal comma", top("0.1529  224262.4", "0,1529  224262.4"),
     "run.yaml: steps[1].forcefield: octane.top:23: '0,1529 224262.4' are not the parameters of a harmonic bond. Is a "
     "macro not defined?"),
    ("number that is too large", top("0.1529  224262.4", "0.1529  1e400"),
     "run.yaml: steps[1].forcefield: octane.top:23: '0.1529 1e400' are not the parameters of a harmonic bond. Is a "
     "macro not defined?"),
    ("second #else", top("[ moleculetype ]\n", "#ifdef A\n#else\n#else\n#endif\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:40: a second #else of one condition, after that in octane.top:39"),
    ("macro without a name", top("[ moleculetype ]\n", "#define\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:38: #define without a name"),
    ("include that is not there", top("[ moleculetype ]\n", "#include \"ff.itp\"\n[ moleculetype ]\n"),
     "run.yaml: steps[0].topology: octane.top:38: includes 'ff.itp', which is not there. Give its folder in "
     "`include`."),
    ("bytes that are no text", top("[ moleculetype ]\n", "\0\0\n[ moleculetype ]\n"),
     "run.yaml: steps[1].forcefield: octane.top:38: '\\x00\\x00' is not a line of [ dihedraltypes ]"),
]


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, *changes: Break) -> None:
    """A folder with the demo, broken, in which commands run."""
    for name in INPUTS[:4]:
        (folder / name).write_bytes((DEMO / name).read_bytes())
    (folder / "run.yaml").write_text(RECIPE)
    for change in changes:
        change(folder)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(("change", "expected"), [pytest.param(*case, id=name) for name, *case in TABLE])
def test_one_line(change: Break, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, change)
    check_one_line(tmp_path, ["run", "run.yaml", "--output", "out"], expected, capsys)


#: Faults that do not hide each other, and what ``check`` says of them.
TOGETHER = [
    (top("6       12.011 ", "6       -12.011 "), ":18: a mass of -12.011 u"),
    (top("0.1529  224262.4", "0.1529  nan"), ":23: '0.1529 nan' are not the parameters of a harmonic bond"),
    (top("110.7  313.8000", "1.932  313.8000"), ":29: '1.932 313.8': an angle of 1.932 degrees is that of radians"),
    (top("C1     1   -0.18   12.011", "C1     1   nan   12.011"), ":45: '1 CT 1 OCT C1 1 nan 12.011' is not a line"),
    (top("  1   2  1\n", "  1   2  3  0.1 1 1\n"), ":74: function 3 in [ bonds ], Morse, is not supported"),
    (top("  1   9  1\n", "  1   99  1\n"), ":102: there is no atom 99 in this molecule type of 26 atoms"),
    (top("  1   5   6  1\n", "  1   5   1  1\n"), ":168: '1 5 1' names an atom twice"),
    (top("  2   1   5   6  3", "  2   1   5   6  8 1 5"), ":219: function 8 in [ dihedrals ], from a table, is not"),
    (top("OCT  64", "OCT  -64"), ":287: there are -64 molecules of 'OCT'"),
]


def test_check_lists_all_of_a_file_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, *(change for change, _ in TOGETHER))
    code, out, _ = run(tmp_path, "check", "run.yaml", capsys=capsys)
    errors = [line for line in out.splitlines() if line.startswith("error: ")]
    assert code == 2
    for _, expected in TOGETHER:
        assert sum(f"octane.top{expected}" in line for line in errors) == 1, (expected, errors)
    assert len(errors) == len(TOGETHER), errors


def test_run_tells_how_many_more_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    prepare(tmp_path, monkeypatch, TOGETHER[1][0], TOGETHER[2][0], TOGETHER[4][0])
    _, _, err = run(tmp_path, "run", "run.yaml", "--output", "out", capsys=capsys)
    (line,) = err.splitlines()[-1:]
    assert line.startswith("backmap: run.yaml: steps[1].forcefield: octane.top:23: '0.1529 nan'")
    assert line.endswith("(2 more: see backmap check)")
