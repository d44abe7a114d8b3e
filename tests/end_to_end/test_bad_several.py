"""Beads that are several molecules: a run from files to files, and every way to get them wrong, with its one line."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.breaking import Break, Row, one_line, replace
from tests.command import call

from .test_bad_rigid import TOP

GRO = ("two kinds of water\n    3\n    1W        W    1   1.000   1.000   1.000\n"
       "    2W        W    2   1.500   1.000   1.000\n"
       "    3SW      SW    3   1.000   1.500   1.000\n   2.00000   2.00000   2.00000\n")
RUN = """\
recipe: 1
steps:
  - topology:
      atoms: {gromacs: water.top}
      several: {W: {molecules: SOL, count: 4}, SW: {molecules: SOL, count: 3}}
  - read: {beads: {gromacs: water.gro}}
  - forward: {generator: template}
  - write: {atoms: [{gromacs: atoms.gro}, {gromacs_topology: {file: out.top, of: water.top}}]}
"""
WHERE = "run.yaml: steps[0].topology"


def recipe(old: str, new: str) -> Break:
    return replace("run.yaml", old, new)


def top(old: str, new: str) -> Break:
    return replace("water.top", old, new)


def with_mapping(folder: Path) -> None:
    (folder / "water.yaml").write_text("SOL:\n  beads:\n    W: {atoms: [OW, HW1, HW2], weights: [16, 1, 1]}\n")
    recipe("      several", "      mapping: {yaml: water.yaml}\n      several")(folder)


#: What is wrong, how to make it so, further arguments, the printed line.
TABLE: list[Row] = [
    ("beads that are several molecules, of how many is not said", recipe("SOL, count: 3", "SOL"), (),
     f"{WHERE}.several.SW: the option 'count' is missing"),
    ("beads that are no molecules", recipe("SOL, count: 3", "SOL, count: 0"), (),
     f"{WHERE}.several.SW.count: should be greater than or equal to 1, not 0"),
    ("beads that are several of an unknown molecule", recipe("SW: {molecules: SOL", "SW: {molecules: WAT"), (),
     f"{WHERE}: 'WAT' under 'several' is no molecule type of water.top. Known: SOL."),
    ("beads that are more molecules than the topology has", top("SOL 11", "SOL 10"), (),
     "run.yaml: steps[1].read: water.gro: 2 W of 4 and 1 SW of 3 molecules each are 11 SOL, but the topology has 10. "
     "Write SOL 11 under [ molecules ], or all counts under 'molecules' of topology."),
    ("beads that are several molecules under another name", recipe(
        "{W: {molecules: SOL, count: 4}, SW: {molecules: SOL, count: 3}}", "{WAT: {molecules: SOL, count: 4}}"), (),
     "run.yaml: steps[1].read: water.gro: 0 WAT of 4 molecules each are 0 SOL, but the topology has 11. Say what these "
     "beads are called in the file, as in 'several: {NAME: {molecules: SOL, count: 4}}'."),
    ("beads that are several molecules, none of which is there", top("SOL 11", "SOL 0"), (),
     "run.yaml: steps[0].topology: water.top: does not say how many molecules there are. Give their number as "
     "`molecules: {SOL: 1}`."),
    ("beads that are molecules of two lines", recipe("SW: {", "\"S*\": {molecules: SOL, count: 3}, SW: {"), (),
     "run.yaml: steps[1].read: water.gro: bead 3 (SW) belongs to two molecule types under 'exclude' and 'several', one "
     "of them SOL. Give names that differ, as RESIDUE:BEAD."),
    ("molecule type with a mapping of which a bead is several", with_mapping, (),
     f"{WHERE}: molecule type 'SOL' has a mapping and stands under 'several'. Take it out of one of them: ..."),
    ("molecule type that is left out and of which a bead is several",
     recipe("      several", "      exclude: [SOL]\n      several"), (),
     f"{WHERE}: 'SOL' stands under 'exclude' and under 'several'"),
    ("molecule type that is drawn whole and of which a bead is several",
     recipe("      several", "      whole: [SOL]\n      several"), (),
     f"{WHERE}: 'SOL' stands under 'whole' and under 'several'"),
    ("beads left over beside those that are several molecules",
     lambda folder: (recipe(", SW: {molecules: SOL, count: 3}", "")(folder), top("SOL 11", "SOL 8")(folder)), (),
     "run.yaml: steps[1].read: water.gro: holds beads that no mapping names: 1 SW. Declare sites without atoms in "
     "topology as 'ignore: [SW]', and molecules that are not to be backmapped as 'exclude: {MOLECULE: SW}'. With "
     "init, sites "
     "without atoms are --ignore SW."),
    ("counts in a list, of an unknown molecule",
     recipe("      several", "      molecules: [{SOL: 8}, {WAT: 3}]\n      several"), (),
     f"{WHERE}: water.top: 'WAT' is no molecule type. Known: SOL."),
    ("counts in a list that are no counts", recipe("      several", "      molecules: [SOL, 11]\n      several"), (),
     f"{WHERE}.molecules: should be a valid dictionary, not ['SOL', 11]. Molecule type: how many, in order; ..."),
    ("topology to be written whose counts stand under a condition",
     top("[ molecules ]\nSOL 11\n", "#ifndef DRY\n[ molecules ]\nSOL 11\n#endif\n"), (),
     "run.yaml: steps[3].write.atoms[1].gromacs_topology: water.top:25: [ molecules ] stand under a condition, so that "
     "their counts cannot be written anew: take them out of #ifdef"),
]


def prepared(folder: Path) -> None:
    for name, text in (("water.top", TOP.replace("SOL 1\n", "SOL 11\n")), ("water.gro", GRO), ("run.yaml", RUN)):
        (folder / name).write_text(text)


test_one_line = one_line(TABLE, (), RUN, prepared)


def test_molecules_stand_about_their_beads_and_the_topology_has_their_number(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path)
    monkeypatch.chdir(tmp_path)
    # One water more than the topology says: the recipe knows better, and the file that is written has it.
    (tmp_path / "water.top").write_text(TOP.replace("SOL 1\n", "SOL 5 ; too few\n"))
    replace("run.yaml", "      several", "      molecules: {SOL: 11}\n      several")(tmp_path)
    said = call("run", "run.yaml", "--output", "out")
    assert said.code == 0
    assert "SOL: 11 molecules about 2 W of 4 and 1 SW of 3 each" in said.err
    rows = (tmp_path / "out" / "atoms.gro").read_text().splitlines()[2:-1]
    oxygen = np.array([[float(row[20 + 8 * k:28 + 8 * k]) for k in range(3)] for row in rows[::4]])
    assert len(oxygen) == 11
    for bead, own in (([1, 1, 1], oxygen[:4]), ([1.5, 1, 1], oxygen[4:8]), ([1, 1.5, 1], oxygen[8:])):
        assert np.linalg.norm(own.mean(axis=0) - bead) < 0.01
        apart = np.linalg.norm(own[:, None] - own, axis=-1)[np.triu_indices(len(own), 1)]
        assert (np.abs(apart - 0.28) < 0.03).all()
    written = (tmp_path / "out" / "out.top").read_text()
    assert written.count("SOL             11") == 1
    assert "too few" not in written
    assert written.startswith("[ defaults ]")
