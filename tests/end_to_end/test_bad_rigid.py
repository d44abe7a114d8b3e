"""Every way to break rigid parts and virtual sites of a topology, and the one line that is printed for each."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import Break, Row, one_line, replace
from tests.command import call

TOP = """\
[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
OW 8 15.9994 0.0 A 0.3166 0.650
HW 1 1.008 0.0 A 0.0 0.0
V 0 0.0 0.0 V 0.0 0.0
[ moleculetype ]
SOL 2
[ atoms ]
1 OW 1 SOL OW 1 0.0
2 HW 1 SOL HW1 1 0.52
3 HW 1 SOL HW2 1 0.52
4 V 1 SOL MW 1 -1.04
[ settles ]
1 1 0.09572 0.15139
[ virtual_sites3 ]
4 1 2 3 1 0.128 0.128
[ exclusions ]
1 2 3 4
2 3 4
3 4
[ system ]
water
[ molecules ]
SOL 1
"""
MAPPING = """\
SOL:
  beads:
    W: {atoms: [OW, HW1, HW2], weights: [16, 1, 1]}
"""
GRO = "one\n    1\n    1SOL      W    1   1.000   1.000   1.000\n   3.00000   3.00000   3.00000\n"
RUN = """\
recipe: 1
steps:
  - topology: {atoms: {gromacs: water.top}, mapping: {yaml: water.yaml}}
  - read: {beads: {gromacs: water.gro}}
  - forward: {generator: template}
  - write: {atoms: {gromacs: atoms.gro}}
"""
WHERE = "run.yaml: steps[0].topology: water.top"


def top(old: str, new: str) -> Break:
    return replace("water.top", old, new)


WITH_SITE = replace("water.yaml", "HW2], weights: [16, 1, 1]", "HW2, MW], weights: [16, 1, 1, 1]")
SETTLE = "[ settles ]\n1 1 0.09572 0.15139\n"
#: What is wrong, how to make it so, further arguments, the printed line.
TABLE: list[Row] = [
    ("rigid water that is no triangle", top("0.15139", "0.25139"), (),
     f"{WHERE}:15: no triangle has the sides 0.09572, 0.09572 and 0.25139 nm. They are the distances O-H and H-H."),
    ("rigid water of atoms that are not there", top("1 1 0.09572", "3 1 0.09572"), (),
     f"{WHERE}:15: [ settles ] names atom 3 and the two behind it, but there are 4"),
    ("rigid water without a distance", top("1 1 0.09572 0.15139", "1 1 0.09572"), (),
     f"{WHERE}:15: '1 1 0.09572' is not a line of [ settles ]"),
    ("constraint of no length", top(SETTLE, "[ constraints ]\n1 2 1 0.1\n1 3 1 -0.1\n"), (),
     f"{WHERE}:16: a constraint of -0.1 nm"),
    ("constraint whose length nothing gives", top(SETTLE, "[ constraints ]\n1 2 1 0.1\n1 3 1 0.1\n2 3 2\n"), (),
     f"{WHERE}:8: the length of the constraint of atoms 2 and 3 is not given. Give it in [ constraints ] or "
     "[ constrainttypes ]."),
    ("constraints that contradict each other",
     top(SETTLE, "[ constraints ]\n1 2 1 0.1\n1 3 1 0.1\n2 3 2 0.35\n"), (),
     "run.yaml: steps[0].topology: water.top: the fixed distances of HW2 of 'SOL' contradict each other. No place has "
     "all of them."),
    ("bead of virtual sites alone, weighted by mass",
     replace("water.yaml", "[OW, HW1, HW2], weights: [16, 1, 1]", "[MW], weights: mass"), (),
     "run.yaml: steps[0].topology: water.yaml:3: the atoms of bead 'W' have no mass, as virtual sites. Write those "
     "that carry their mass (OW, HW1, HW2), all of them, beside them, or 'weights: geometry'."),
    ("virtual site of itself", top("4 1 2 3 1", "4 1 2 4 1"), (), f"{WHERE}:17: virtual site 4 is made of itself"),
    ("virtual site of one parent twice", top("4 1 2 3 1", "4 1 2 2 1"), (),
     f"{WHERE}:17: virtual site 4 needs parents that differ"),
    ("virtual site of an atom that is not there", top("4 1 2 3 1", "4 1 2 9 1"), (),
     f"{WHERE}:17: there is no atom 9 in this molecule type of 4 atoms"),
    ("virtual site of an unknown kind", top("4 1 2 3 1", "4 1 2 3 7"), (),
     f"{WHERE}:17: function 7 in [ virtual_sites3 ] is not supported. Known: 1, 2, 3, 4."),
    ("virtual site with a number missing", top("4 1 2 3 1 0.128 0.128", "4 1 2 3 1 0.128"), (),
     f"{WHERE}:17: 1 parameters where a virtual site of this kind takes 2"),
    ("virtual site of NaN", top("1 0.128 0.128", "1 0.128 nan"), (),
     f"{WHERE}:17: '4 1 2 3 1 0.128 nan' is not a line of [ virtual_sites3 ]"),
    ("virtual site twice", top("4 1 2 3 1 0.128 0.128\n", "4 1 2 3 1 0.128 0.128\n4 1 2 3 1 0.1 0.1\n"), (),
     f"{WHERE}:18: virtual site 4 is defined twice"),
    ("virtual site with a mass", top("4 V 1 SOL MW 1 -1.04", "4 V 1 SOL MW 1 -1.04 2.0"), (),
     f"{WHERE}:13: virtual site 4 has a mass of 2 u. A virtual site has none: write 0, or leave it out of the virtual "
     "sites."),
    ("virtual site that is held", top(SETTLE, f"{SETTLE}[ constraints ]\n1 4 2 0.02\n"), (),
     f"{WHERE}:13: virtual site 4 is held by a constraint. Its parents determine where it is."),
    ("virtual site of a virtual site", lambda folder: (
        top("4 V 1 SOL MW 1 -1.04\n", "4 V 1 SOL MW 1 -1.04\n5 V 1 SOL X 1 0.0\n")(folder),
        top("4 1 2 3 1 0.128 0.128\n", "4 1 2 3 1 0.128 0.128\n[ virtual_sites2 ]\n5 1 4 1 0.5\n")(folder)), (),
     f"{WHERE}:14: virtual site 5 is made of the virtual site 4. Make it of atoms."),
    ("weights of a virtual site that sum to zero",
     top("[ virtual_sites3 ]\n4 1 2 3 1 0.128 0.128", "[ virtual_sitesn ]\n4 3 1 0.5 2 -0.5"), (),
     f"{WHERE}:17: the weights of a virtual site do not sum to a positive number"),
    ("atom without mass that nothing places",
     lambda folder: (top("[ virtual_sites3 ]\n4 1 2 3 1 0.128 0.128\n", "")(folder), WITH_SITE(folder)), (),
     f"{WHERE}: MW of 'SOL' has no mass, and is no virtual site. Give its mass, or say in [ virtual_sites ] where it "
     "is."),
    ("bead that counts a virtual site",
     lambda folder: (top("4 1 2 3 1 0.128 0.128", "4 1 2 3 2 0.5 0.015")(folder), WITH_SITE(folder)), (),
     "run.yaml: steps[0].topology: water.top: bead W of 'SOL' gives weight to the virtual site MW. Give it the weight "
     "0: it has no mass."),
]


def prepared(folder: Path) -> None:
    for name, text in (("water.top", TOP), ("water.yaml", MAPPING), ("water.gro", GRO), ("run.yaml", RUN)):
        (folder / name).write_text(text)


test_one_line = one_line(TABLE, (), RUN, prepared)


def test_nothing_is_wrong_with_the_files_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert call("run", "run.yaml", "--output", "out").code == 0
