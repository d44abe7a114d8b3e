"""Small Amber and CHARMM files of one branched molecule of five atoms, C-C-C(-O)-H, written by hand."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_TYPES = ["CT", "CT", "CT", "OH", "H1"]
_MASS = [12.011, 12.011, 12.011, 15.999, 1.008]
_CHARGE = [-0.2, 0.1, 0.15, -0.3, 0.25]

_PSF = """\
PSF

       1 !NTITLE
 REMARKS a molecule for tests

       5 !NATOM
{atoms}

       4 !NBOND: bonds
       1       2       2       3       3       4       3       5

       4 !NTHETA: angles
       1       2       3       2       3       4       2       3       5
       4       3       5

       2 !NPHI: dihedrals
       1       2       3       4       1       2       3       5

       1 !NIMPHI: impropers
       3       2       4       5

       0 !NDON: donors

       0 !NACC: acceptors

       0 !NNB

       0       0       0       0       0

       1       0 !NGRP
       0       0       0

"""

_PRM = """\
* parameters for tests
*

ATOMS
MASS  -1 CT 12.011
MASS  -1 OH 15.999
MASS  -1 H1  1.008

BONDS
CT   CT   300.0  1.50
CT   OH   350.0  1.40
CT   H1   340.0  1.10

ANGLES
CT   CT   CT   45.0  111.0   11.0  2.56
CT   CT   OH   50.0  109.0
CT   CT   H1   35.0  110.0   22.5  2.18
OH   CT   H1   46.0  108.9

DIHEDRALS
X    CT   CT   X    0.16  3    0.0
CT   CT   CT   OH   0.20  1  180.0
CT   CT   CT   OH   0.10  2    0.0

IMPROPERS
CT   CT   OH   H1   20.0  0    35.0

NONBONDED nbxmod  5 atom cdiel fshift vatom vdistance vfswitch -
cutnb 14.0 ctofnb 12.0 ctonnb 10.0 eps 1.0 e14fac 1.0 wmin 1.5
CT   0.0  -0.11   2.00   0.0  -0.01  1.9
OH   0.0  -0.15   1.77
H1   0.0  -0.03   1.32

NBFIX
CT   OH   -0.2  3.6

END
"""


def charmm(folder: Path) -> tuple[Path, Path]:
    """A .psf and a .prm."""
    atoms = "\n".join(f"{k:8d} SEG  1    BRA  {name:<4s} {name:<4s} {charge:10.6f}     {mass:9.4f}           0"
                      for k, (name, charge, mass) in enumerate(zip(_TYPES, _CHARGE, _MASS), 1))
    (folder / "bra.psf").write_text(_PSF.format(atoms=atoms))
    (folder / "bra.prm").write_text(_PRM)
    return folder / "bra.psf", folder / "bra.prm"


def prmtop(folder: Path) -> Path:
    """A .prmtop: types CT, OH and H1, two torsions with 1-4 pairs, and one improper."""
    c12 = [[1.0e6, 7.0e5, 7.0e4], [7.0e5, 5.8e5, 6.0e4], [7.0e4, 6.0e4, 7.0e3]]
    c6 = [[6.8e2, 6.0e2, 1.2e2], [6.0e2, 5.5e2, 1.0e2], [1.2e2, 1.0e2, 2.1e1]]
    c12, c6 = _combined(c12, c6)
    lower = [(i, j) for i in range(3) for j in range(i + 1)]
    index = [max(i, j) * (max(i, j) + 1) // 2 + min(i, j) + 1 for i in range(3) for j in range(3)]
    pointers = [5, 3, 1, 3, 2, 2, 2, 1, 0, 0, 11, 1, 3, 2, 1, 3, 2, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0]
    sections: list[tuple[str, str, Sequence]] = [
        ("TITLE", "20a4", ["BRA"]),
        ("POINTERS", "10I8", pointers),
        ("ATOM_NAME", "20a4", ["C1", "C2", "C3", "O1", "H1"]),
        ("CHARGE", "5E16.8", [q * 18.2223 for q in _CHARGE]),
        ("ATOMIC_NUMBER", "10I8", [6, 6, 6, 8, 1]),
        ("MASS", "5E16.8", _MASS),
        ("ATOM_TYPE_INDEX", "10I8", [1, 1, 1, 2, 3]),
        ("NUMBER_EXCLUDED_ATOMS", "10I8", [4, 3, 2, 1, 1]),
        ("NONBONDED_PARM_INDEX", "10I8", index),
        ("RESIDUE_LABEL", "20a4", ["BRA"]),
        ("RESIDUE_POINTER", "10I8", [1]),
        ("BOND_FORCE_CONSTANT", "5E16.8", [300.0, 350.0, 340.0]),
        ("BOND_EQUIL_VALUE", "5E16.8", [1.5, 1.4, 1.1]),
        ("ANGLE_FORCE_CONSTANT", "5E16.8", [45.0, 50.0]),
        ("ANGLE_EQUIL_VALUE", "5E16.8", [1.93, 1.9]),
        ("DIHEDRAL_FORCE_CONSTANT", "5E16.8", [0.16, 0.3, 1.1]),
        ("DIHEDRAL_PERIODICITY", "5E16.8", [3.0, 1.0, 2.0]),
        ("DIHEDRAL_PHASE", "5E16.8", [0.0, 0.0, 3.14159265]),
        ("SCEE_SCALE_FACTOR", "5E16.8", [1.2, 1.2, 0.0]),
        ("SCNB_SCALE_FACTOR", "5E16.8", [2.0, 2.0, 0.0]),
        ("SOLTY", "5E16.8", [0.0, 0.0, 0.0]),
        ("LENNARD_JONES_ACOEF", "5E16.8", [c12[i][j] for i, j in lower]),
        ("LENNARD_JONES_BCOEF", "5E16.8", [c6[i][j] for i, j in lower]),
        ("BONDS_INC_HYDROGEN", "10I8", [6, 12, 3]),
        ("BONDS_WITHOUT_HYDROGEN", "10I8", [0, 3, 1, 3, 6, 1, 6, 9, 2]),
        ("ANGLES_INC_HYDROGEN", "10I8", [3, 6, 12, 2, 9, 6, 12, 2]),
        ("ANGLES_WITHOUT_HYDROGEN", "10I8", [0, 3, 6, 1, 3, 6, 9, 1]),
        ("DIHEDRALS_INC_HYDROGEN", "10I8", [0, 3, 6, 12, 1, 3, 9, -6, -12, 3]),
        ("DIHEDRALS_WITHOUT_HYDROGEN", "10I8", [0, 3, 6, 9, 2]),
        ("EXCLUDED_ATOMS_LIST", "10I8", [2, 3, 4, 5, 3, 4, 5, 4, 5, 5, 0]),
        ("HBOND_ACOEF", "5E16.8", []), ("HBOND_BCOEF", "5E16.8", []), ("HBCUT", "5E16.8", []),
        ("AMBER_ATOM_TYPE", "20a4", _TYPES),
        ("TREE_CHAIN_CLASSIFICATION", "20a4", ["M"] * 5),
        ("JOIN_ARRAY", "10I8", [0] * 5), ("IROTAT", "10I8", [0] * 5),
        ("RADIUS_SET", "1a80", ["none"]),
        ("RADII", "5E16.8", [1.5] * 5), ("SCREEN", "5E16.8", [0.8] * 5)]
    text = "%VERSION  VERSION_STAMP = V0001.000  DATE = 01/01/01  00:00:00\n"
    text += "".join(_section(*section) for section in sections)
    (folder / "bra.prmtop").write_text(text)
    return folder / "bra.prmtop"


def _combined(c12: list, c6: list) -> tuple[list, list]:
    """Off-diagonal entries by Lorentz and Berthelot, which OpenMM expects."""
    sigma = [(c12[k][k] / c6[k][k])**(1 / 6) for k in range(3)]
    epsilon = [c6[k][k]**2 / (4 * c12[k][k]) for k in range(3)]
    for i in range(3):
        for j in range(3):
            depth, mean = (epsilon[i] * epsilon[j])**0.5, (sigma[i] + sigma[j]) / 2
            c12[i][j], c6[i][j] = 4 * depth * mean**12, 4 * depth * mean**6
    return c12, c6


def _section(name: str, form: str, values: Sequence) -> str:
    width, per_line = {"20a4": (4, 20), "10I8": (8, 10), "5E16.8": (16, 5), "1a80": (80, 1)}[form]
    words = [f"{v:<{width}s}" if isinstance(v, str) else f"{v:{width}d}" if isinstance(v, int) else f"{v:16.8E}"
             for v in values]
    lines = ["".join(words[k:k + per_line]) for k in range(0, len(words), per_line)] or [""]
    return f"%FLAG {name}\n%FORMAT({form})\n" + "\n".join(lines) + "\n"
