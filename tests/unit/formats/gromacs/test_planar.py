"""Restraints that hold planar bonds while GROMACS minimises: where they stand, what they say."""
from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.gromacs import planar

from backmap.model.isomers import CIS, EITHER, TRANS, PlanarSides
from tests import builders

LINES = {"ACE": ["#ifdef HELD", "[ dihedral_restraints ]", "#endif"]}
HEAD = """\
[ moleculetype ]
; name
ACE 3
[ atoms ]
1 C 1 ACE C 1 0 12
#ifdef HEAVY
2 H 1 ACE H 1 0 4
#else
2 H 1 ACE H 1 0 1
#endif
"""


@pytest.mark.parametrize("behind", ["[ bonds ]\n1 2 1\n", '#include "bonds.itp"\n', "[ moleculetype ]\nSOL 2\n", ""])
def test_stands_behind_the_atoms_under_no_other_condition(behind: str) -> None:
    """Whatever comes next; conditions among the atoms are passed over."""
    found = planar.held(HEAD + behind, LINES).splitlines()
    at = found.index("[ dihedral_restraints ]")
    assert found[:at - 1] == HEAD.splitlines()
    assert [line for line in found[at + 2:] if line] == behind.splitlines()
    late = planar.held(HEAD + "#ifdef SOFT\n[ bonds ]\n1 2 6\n#endif\n", LINES).splitlines()
    assert late[-4:-1] == LINES["ACE"]


def test_other_molecule_types_are_left_alone() -> None:
    text = HEAD.replace("ACE 3", "SOL 2") + "[ bonds ]\n"
    assert planar.held(text, LINES) == text
    both = planar.held(text + HEAD, LINES)
    assert both.count("dihedral_restraints") == 1
    assert both.startswith(text)


def test_bonds_of_any_side_are_free() -> None:
    kind = builders.water()
    assert planar.sections([kind]) == {}
    sides = PlanarSides.of([[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]], [TRANS, EITHER, CIS])
    lines = planar.sections([replace(kind, planar=sides)])[kind.name]
    assert [row.split()[:6] for row in lines[3:-1]] == [[*"12341", "180"], [*"34561", "0"]]


BUTENE = """\
[ defaults ]
1 2 no 1 1
[ atomtypes ]
C 6 12 0 A 0.35 0.3
[ moleculetype ]
CIS 3
[ atoms ]
1 C 1 CIS A 1 0 12
2 C 1 CIS B 1 0 12
3 C 1 CIS C 1 0 12
4 C 1 CIS D 1 0 12
[ bonds ]
1 2 1 0.15 1e5
2 3 1 0.15 1e5
3 4 1 0.15 1e5
[ system ]
one
[ molecules ]
CIS 1
"""


@pytest.mark.skipif(shutil.which("gmx") is None, reason="gmx is not installed")
def test_gromacs_turns_a_bond_to_its_side(tmp_path: Path) -> None:
    """Four atoms in a trans zigzag that belong cis, without a torsion of their own, come within some 15 degrees."""
    kind = replace(builders.water(), name="CIS", planar=PlanarSides.of([[0, 1, 2, 3]], [CIS]))
    (tmp_path / "topol.top").write_text(planar.held(BUTENE, planar.sections([kind])))
    (tmp_path / "em.mdp").write_text(f"integrator = steep\nnsteps = 200\nemtol = 10\ndefine = -D{planar.MACRO}\n")
    places = np.array([[1, 1.0, 1.02], [1.1, 1.1, 1], [1.2, 1.0, 1], [1.3, 1.1, 1]])
    rows = [f"    1CIS  {name:>5}{place + 1:5d}" + "".join(f"{x:8.3f}" for x in at)
            for place, (name, at) in enumerate(zip("ABCD", places, strict=True))]
    (tmp_path / "conf.gro").write_text("\n".join(["one", "    4", *rows, "   3.0   3.0   3.0", ""]))
    for command in ("grompp -f em.mdp -c conf.gro -p topol.top -o em.tpr", "mdrun -deffnm em -nt 1"):
        done = subprocess.run(["gmx", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-1500:]
    lines = (tmp_path / "em.gro").read_text().splitlines()[2:6]
    ends = np.array([[float(line[first:first + 8]) for first in (20, 28, 36)] for line in lines])
    first, middle, last = np.diff(ends, axis=0)
    one, two = np.cross(first, middle), np.cross(middle, last)
    assert np.degrees(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two))) < planar.FREE + 5
