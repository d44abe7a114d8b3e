"""The GROMACS reader against GROMACS itself, on a topology that uses every rule, and its errors."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.forcefields.gromacs.reader import Gromacs
from backmap_plugins.openmm_bridge.system import energies

from backmap import testing
from backmap.errors import BackmapError
from backmap.model.parameters import ForceField
from backmap.model.system import System
from tests import forcefields, gmx

BOX = np.array([[2.6, 0.0, 0.0], [0.5, 2.5, 0.0], [-0.6, 0.7, 2.4]])

#: Sigma and epsilon of rules 2 and 3; rule 1 reads them as c6 and c12, so it has its own.
SIGMAS = {"A": (0.35, 0.3), "B": (0.25, 0.12), "C": (0.30, 0.6), "D": (0.2, 0.05)}
SIXTHS = {"A": (0.0022, 2.7e-6), "B": (1.2e-4, 3e-8), "C": (0.0017, 1.2e-6), "D": (0.0, 1e-8)}

TOPOLOGY = """\
[ defaults ]
1 {rule} {generate} 0.5 0.8333
#define strange 25.0 3.0 2
[ atomtypes ]
; name [bonded] [number] mass charge particle, then two numbers
A  CX 6 12.011 0.0 A {A[0]} {A[1]}
B  1  1.008  0.1 A {B[0]} {B[1]}
C  CZ 15.999 -0.3 A {C[0]} {C[1]}
D  14.0  0.2 A {D[0]} {D[1]}
CX 6 12.011 0.0 A {A[0]} {A[1]}    ; GROMACS wants a type of this name for [ cmaptypes ]
[ nonbond_params ]
B A 1 {special[0]} {special[1]}
[ pairtypes ]
A A 1 {special[0]} {special[1]}
{pairtypes}
[ bondtypes ]
CX B  1 0.105 200000
CX CX 1 0.153 150000
CX CX 1 0.1530 1.5e5    ; the same once more
CZ CX 2 0.140 5e6
CX D  6 0.2 5000
[ angletypes ]
CX CX CX 1 112 400
B CX CX 2 109 300
CX CX CZ 5 110 350 0.24 12000
[ dihedraltypes ]
X CX CX X 1 0 2.0 3
CX CX CX CX 9 10 1.5 1
CX CX CX CX 9 180 0.5 2
CX CX CX CX 9 180 0.50 2    ; the same once more adds nothing
CZ CX CX CX 9 0 1.1 2
CX CX CX B 9 0 0.7 -3
CX CX CX CZ 9 0 1.1 2       ; not next to its like, but the same
B CX CX CX 3 0.6 1.7 0.1 -2.3 0.0 0.05
CZ CX CX B 5 1.2 -0.7 0.4 0.3
CX CX 2 30 60
X X CX CX 4 180 4.0 2
[ cmaptypes ]
B CX CX CX CX 1 24 24\\
{maps}
[ moleculetype ]
MOL 3
[ atoms ]
1 A 1 MOL A1 1 -0.2 12.011
2 A 1 MOL A2 1 0.15 12.011
3 A 1 MOL A3 1 0.05 12.011
4 A 1 MOL A4 1 -0.05 12.011
5 B 1 MOL B1 1
6 C 1 MOL C1 1
7 D 1 MOL D1 1 0.25 14.0
[ bonds ]
1 2 1
2 3
3 4 1 0.155 120000
1 5 1
4 6 2
4 7 6
[ angles ]
1 2 3 1
2 3 4 1 113 410
5 1 2 2
3 4 6 5
[ dihedrals ]
1 2 3 4 9
5 1 2 3 3
2 3 4 6 1 strange
7 4 3 2 5 0.5 0.4 0.3 0.2
1 3 2 4 2
2 1 3 4 4
5 2 3 4 2 12.0 45.0
7 1 2 3 1 0 1.5 3
6 4 3 2 9
5 1 2 3 9
[ cmap ]
5 1 2 3 4 1
[ pairs ]
1 4 1
5 3 1 {special[0]} {special[1]}
2 6 2 0.7 0.3 -0.4 {special[0]} {special[1]}
{pairs}
[ exclusions ]
5 6 7
[ constraints ]
1 3 2 0.25
[ moleculetype ]
SOL 2
[ atoms ]
1 C 1 SOL OW 1 -0.8 15.999
2 B 1 SOL H1 1 0.4 1.008
3 B 1 SOL H2 1 0.4 1.008
#ifndef FLEXIBLE
[ settles ]
1 1 0.1 0.16
[ exclusions ]
1 2 3
2 3
#else
[ bonds ]
1 2 1 0.1 300000
1 3 1 0.1 300000
[ angles ]
2 1 3 1 109 400
#endif
[ system ]
every rule
[ molecules ]
MOL 6
SOL 9
"""

MOL = testing.molecule_type("MOL", [6, 6, 6, 6, 1, 8, 7], [(0, 1), (1, 2), (2, 3), (0, 4), (3, 5), (3, 6)],
                            [[0, 1, 4], [2, 3, 5, 6]])
SOL = testing.molecule_type("SOL", [8, 1, 1], [(0, 1), (0, 2)], [[0, 1, 2]])
SYSTEM = System(((MOL, 6), (SOL, 9)))


def text(rule: int, generate: str) -> str:
    """The topology with this combination rule; without gen-pairs all pair types must be listed."""
    values = SIXTHS if rule == 1 else SIGMAS
    extra = "3 7 1\n2 5 1" if generate == "yes" else "3 7 1"
    more = "" if generate == "yes" else f"D A 1 {values['C'][0]} {values['C'][1]}"
    maps = "\\\n".join(" ".join(f"{value:.6f}" for value in row) for row in forcefields.maps(24)[0])
    return TOPOLOGY.format(maps=maps, rule=rule, generate=generate, special=values["B"], pairs=extra, pairtypes=more,
                           **values)


def positions(seed: int = 3) -> np.ndarray:
    """A bent chain in each molecule, on a lattice so that nothing overlaps, broken over the boundary, (A, 3)."""
    rng = np.random.default_rng(seed)
    chain = np.array([[0, 0, 0], [0.12, 0.09, 0], [0.25, 0.01, 0.05], [0.37, 0.1, 0.03], [-0.05, 0.03, 0.09],
                      [0.38, 0.22, 0.1], [0.48, 0.03, -0.05]])
    water = np.array([[0, 0, 0], [0.1, 0, 0], [-0.03, 0.095, 0]])
    sites = np.stack(np.meshgrid(*[np.arange(3) / 3] * 3, indexing="ij"), -1).reshape(-1, 3) @ BOX
    shapes = [chain] * 6 + [water] * 9
    rows = [shape + sites[k] + rng.normal(0, 0.01, shape.shape) for k, shape in enumerate(shapes)]
    atoms = np.concatenate(rows)
    return atoms + rng.integers(-1, 2, (len(atoms), 1)) @ BOX[:1]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ForceField]:
    """Reads text as the force field of ``SYSTEM``."""

    def read(topology: str, system: System = SYSTEM, **options: object) -> ForceField:
        (tmp_path / "topol.top").write_text(topology)
        return Gromacs(Gromacs.Options(file=tmp_path / "topol.top", **options)).read(system)

    return read


@pytest.mark.parametrize("define", ["", "FLEXIBLE"])
@pytest.mark.parametrize(("rule", "generate"), [(1, "no"), (2, "yes"), (3, "yes"), (3, "no")])
def test_every_rule_is_as_in_gromacs(read: Callable, tmp_path: Path, rule: int, generate: str, define: str) -> None:
    field = replace(read(text(rule, generate), define={define: ""} if define else {}), epsilon_rf=2.5)
    atoms = positions()
    # In the straight box all is in double precision.
    for box, allowed in ((BOX, 2e-6), (np.diag(np.diag(BOX)), 1e-7)):
        expected = gmx.by_term(gmx.rerun(tmp_path / "topol.top", atoms[None], box[None], tmp_path / "gmx",
                                         defines=f"-D{define}" if define else ""))
        found = energies(field, SYSTEM, atoms, box)
        for term, value in expected.items():
            assert found.get(term, 0.0) == pytest.approx(value[0], rel=allowed, abs=50 * allowed), term


def test_exclusions_follow_bonds_and_are_extended(read: Callable) -> None:
    field = read(text(2, "yes"))
    excluded = {tuple(pair) for pair in field.molecules["MOL"].excluded.tolist()}
    assert (4, 3) not in excluded  # four bonds: 5-1-2-3-4
    assert {(0, 3), (4, 5), (4, 6), (2, 5), (1, 5)} <= excluded
    assert (2, 6) not in excluded  # bond function 6 is no chemical bond


def test_what_deepbackmap_turns_molecules_by_has_no_energy(read: Callable) -> None:
    plain, told = read(text(2, "yes")), read(text(2, "yes").replace("[ exclusions ]\n5 6 7", "[ align ]\n1 4\n"
                                                                     "[ exclusions ]\n5 6 7"))
    atoms = positions()
    assert energies(told, SYSTEM, atoms, BOX) == energies(plain, SYSTEM, atoms, BOX)


def test_settles_exclude_nothing_by_themselves(read: Callable, tmp_path: Path) -> None:
    """As in GROMACS, whose own water models add [ exclusions ]."""
    bare = text(2, "yes").replace("[ exclusions ]\n1 2 3\n2 3\n", "")
    field = replace(read(bare), epsilon_rf=2.5)
    assert not len(field.molecules["SOL"].excluded)
    atoms = positions()
    expected = gmx.by_term(gmx.rerun(tmp_path / "topol.top", atoms[None], BOX[None], tmp_path / "gmx"))["lj"][0]
    assert energies(field, SYSTEM, atoms, BOX)["lj"] == pytest.approx(expected, rel=2e-6)
    bonded = read(text(2, "yes"), define={"FLEXIBLE": None})
    assert bonded.molecules["SOL"].excluded.tolist() == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize(("old", "new", "at", "problem"), [
    ("2 3\n", "2 3 3 0.1 2 3\n", "2 3 3", "function 3 in [ bonds ], Morse, is not supported. Known: 1, 2, 5, 6."),
    ("CZ CX 2 0.140 5e6\n", "\n", "4 6 2", "no parameters in [ bondtypes ] for CX CZ, function 2"),
    ("X X CX CX 4 180 4.0 2\n", "\n", "2 1 3 4 4", "no parameters in [ dihedraltypes ] for CX CX CX CX, function 4"),
    ("6 1 strange\n", "6 1 stranger\n", "2 3 4 6 1 stranger",
     "'stranger' are not the parameters of a periodic proper. Is a macro not defined?"),
    ("3 4 1 0.155 120000\n", "3 4 1 0.155\n", "3 4 1 0.155", "1 parameters where a harmonic bond takes 2"),
    ("1 5 1\n", "1 15 1\n", "1 15 1", "there is no atom 15 in this molecule type of 7 atoms"),
    ("7 D 1 MOL D1", "7 E 1 MOL D1", "7 E", "atom type 'E' is in no [ atomtypes ]"),
    ("1 3 2 0.25\n", "[ cmap ]\n1 2 3 4 5 1\n", "1 2 3 4 5 1", "no [ cmaptypes ] for CX CX CX CX B"),
    ("1 2 no", "2 2 no", "2 2 no", "non-bonded function 2 is not supported"),
    ("1 2 no", "1 4 no", "1 4 no", "there is no combination rule 4"),
    ("1 2 3 1\n", "1 2 three 1\n", "1 2 three 1", "'1 2 three 1' is not a line of [ angles ]"),
    ("D A 1 0.3", "D B 1 0.3", "3 7 1", "no [ pairtypes ] for A D. Add them, or set gen-pairs to yes"),
    ("CX CX 2 30 60", "B CX CX B 9 0 1 1\nCX CX CX CX 9 0 1 1", "CX CX CX CX 9 0 1 1",
     "come up a second time with other values, not next to")])
def test_errors_name_file_and_line(read: Callable, tmp_path: Path, old: str, new: str, at: str, problem: str) -> None:
    assert old in text(2, "no")
    given = text(2, "no").replace(old, new, 1)
    number = next(k for k, line in enumerate(given.splitlines(), 1) if line.startswith(at))
    with pytest.raises(BackmapError) as caught:
        read(given)
    assert str(caught.value).startswith(f"{tmp_path / 'topol.top'}:{number}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_include_names_the_line(read: Callable, tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"topol.top:1: includes 'gone.itp', which is not there"):
        read('#include "gone.itp"\n' + text(2, "yes"))


def test_an_unknown_molecule_is_one_line(read: Callable) -> None:
    other = System(((testing.molecule_type("URE", [6], [], [[0]]), 1),))
    with pytest.raises(BackmapError, match=r"has no parameters for molecule type 'URE'\. Known: MOL, SOL\."):
        read(text(2, "yes"), other)


def test_an_itp_alone_is_no_force_field(read: Callable) -> None:
    with pytest.raises(BackmapError, match=r"has no \[ defaults \]"):
        read("[ moleculetype ]\nMOL 3\n")


def test_other_atoms_are_refused(read: Callable) -> None:
    other = System(((testing.molecule_type("SOL", [1, 8, 1], [(0, 1), (1, 2)], [[0, 1, 2]]), 1),))
    with pytest.raises(BackmapError, match=r"atom 1 of 'SOL' is O, but H in the topology \(.*\)"):
        read(text(2, "yes"), other)
