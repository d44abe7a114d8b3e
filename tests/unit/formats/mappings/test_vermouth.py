"""vermouth's .mapping files and its dialect of .map."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.vermouth import Vermouth

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError
from tests import builders
from tests.chain import in_residues, polyethylene

MAPPING = """\
[ macros ]
tail B
[ block ]
[ from ]
own
[ to ]
coarse
[ from blocks ]
BUT
[ to blocks ]
CBUT
[ mapping ]
C1 A
H1 A 0
C2 A 3
C3 $tail
C4 $tail
C2 $tail ; shared
"""
DIALECT = """\
[ molecule ]
BUT
[ from ]
own
[ to ]
coarse
[ martini ]
A B
[ atoms ]
1 C1 A
2 C2 A A A B
3 C3 !B
4 C4 B
5 H1
[ chiral ]
C1 C2 C3 C4
"""
PAIRS = """\
[ block ]
[ from blocks ]
ETH#1 ETH#2
[ to blocks ]
one {"resname": "PE", "resid": 1}
[ mapping ]
ETH#1:CA P
CB P
ETH#2:CA P
CB P 2
"""


def _read(folder: Path, text: str, name: str = "a.mapping", molecule: AtomMolecule | None = None,
          **options: object) -> BeadModel:
    path = folder / name
    path.write_text(text)
    molecule = molecule or builders.atoms_of("CCCC", "BUT")[0]
    return Vermouth(Vermouth.Options(files=path, **options)).read(
        AtomTopology({molecule.name: molecule}, [], "top.top"))[molecule.name]


def test_weights_are_as_they_stand(tmp_path: Path) -> None:
    _, positions = builders.atoms_of("CCCC", "BUT")
    model = _read(tmp_path, MAPPING)
    assert model.bead_names == ["A", "B"]
    c1, c2, c3, c4 = positions[:4]
    np.testing.assert_allclose(model.mapping.apply(positions), [(c1 + 3 * c2) / 4, (c2 + c3 + c4) / 3])
    assert model.mapping.owner[:4].tolist() == [0, 0, 1, 1]


def test_the_dialect_of_map(tmp_path: Path) -> None:
    """Shares are of the atom; `!B` belongs without weight; a row without beads is in none."""
    _, positions = builders.atoms_of("CCCC", "BUT")
    model = _read(tmp_path, DIALECT, "a.map")
    c1, c2, _, c4 = positions[:4]
    np.testing.assert_allclose(model.mapping.apply(positions), [(c1 + 0.75 * c2) / 1.75, (0.25 * c2 + c4) / 1.25])
    assert model.mapping.owner[:4].tolist() == [0, 0, 1, 1]
    assert 4 not in model.mapping.atom


def test_blocks_of_several_residues(tmp_path: Path) -> None:
    atoms, positions = polyethylene(4)
    model = _read(tmp_path, PAIRS, molecule=atoms)
    carbons = positions[atoms.element == 6].reshape(2, 4, 3)
    np.testing.assert_allclose(model.mapping.apply(positions), np.einsum("pcx,c->px", carbons, [0.2, 0.2, 0.2, 0.4]))
    assert model.bead_names == ["P", "P"]
    assert model.bead_residues.tolist() == [1, 3]
    odd, _ = polyethylene(3)
    with pytest.raises(BackmapError, match="residue 3 of molecule type 'PE', ETH, is not described"):
        _read(tmp_path, PAIRS, molecule=odd)


def test_caps_follow_what_they_are_bonded_to(tmp_path: Path) -> None:
    """Models have no bead for the amide at the end of a peptide, and libraries do not describe it."""
    atoms, _ = polyethylene(3)
    capped = replace(atoms, residue_names=["NHE" if k == 3 else "ETH" for k in atoms.residues])
    model = _read(tmp_path, PAIRS, molecule=capped)
    assert model.bead_names == ["P"]
    assert {*model.mapping.owner.tolist()} == {0}
    assert any("caps that the mapping does not describe" in line and "NHE (1)" in line for line in model.remarks)
    inner = replace(atoms, residue_names=["NHE" if k == 2 else "ETH" for k in atoms.residues])
    with pytest.raises(BackmapError, match="residue 1 of molecule type 'PE', ETH, is not described"):
        _read(tmp_path, PAIRS, molecule=inner)


@pytest.mark.parametrize(("carbons", "told"), [("CCCCC", "END (1)"), ("CCCCCC", "")])
def test_ends_of_one_heavy_atom_follow_what_they_are_bonded_to(tmp_path: Path, carbons: str, told: str) -> None:
    """Polymer builders give a methyl at an end a residue of its own; larger ones want beads."""
    atoms, _ = builders.atoms_of(carbons, "BUT")
    end = np.isin(np.arange(len(atoms.element)), range(4, len(carbons)))
    for i, j in atoms.bonds.tolist():
        end[j] |= end[i] and atoms.element[j] == 1
    ended, order = in_residues(atoms, 1 + end.astype(np.int64))
    end = end[order]
    ended = replace(ended, residue_names=["END" if there else "BUT" for there in end])
    if told:
        model = _read(tmp_path, DIALECT, "a.map", ended)
        assert any("caps that the mapping does not describe" in line and told in line for line in model.remarks)
        assert {*model.mapping.owner[end].tolist()} == {1}
    else:
        with pytest.raises(BackmapError, match="residue 2 of molecule type 'BUT', END, is not described"):
            _read(tmp_path, DIALECT, "a.map", ended)


def test_beads_none_of_whose_atoms_is_there_say_what_is(tmp_path: Path) -> None:
    """At the ends of chains atoms may be missing, but not all of a bead."""
    atoms, _ = polyethylene(3)
    text = PAIRS.replace("ETH#1 ETH#2", "ETH#1").replace("ETH#1:CA P\nCB P\nETH#2:CA P\nCB P 2", "ETH#1:CX P\nCY P")
    with pytest.raises(BackmapError) as caught:
        _read(tmp_path, text, molecule=atoms)
    assert "bead 'P' has none of its atoms (CX, CY) in residue 1 of molecule type 'PE', ETH" in str(caught.value)
    assert "Its atoms: CA, CB, HA1" in str(caught.value)


def test_modifications_are_left_out(tmp_path: Path) -> None:
    text = "[ modification ]\n[ from blocks ]\nEND\n[ mapping ]\nX Y\n" + MAPPING
    assert _read(tmp_path, text).bead_names == ["A", "B"]


def test_order_of_beads_by_nodes(tmp_path: Path) -> None:
    text = MAPPING.replace("[ mapping ]", "[ to nodes ]\nB\nA {\"charge\": 0}\n[ mapping ]")
    assert _read(tmp_path, text).bead_names == ["B", "A"]


def test_force_fields_are_chosen(tmp_path: Path) -> None:
    other = MAPPING[MAPPING.index("[ block ]"):].replace("own", "theirs").replace("C1 A", "C1 Z")
    with pytest.raises(BackmapError, match=r"residue BUT is described for several force fields"):
        _read(tmp_path, MAPPING + other)
    assert _read(tmp_path, MAPPING + other, source="theirs").bead_names == ["Z", "A", "B"]
    with pytest.raises(BackmapError, match=r"nothing maps from any force field to fine\. There is: own to coarse"):
        _read(tmp_path, MAPPING, target="fine")
    with pytest.raises(BackmapError, match=r"nothing maps from own to fine\. There is: own to coarse"):
        _read(tmp_path, DIALECT, "a.map", source="own", target="fine")


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    ("C1 A\n", "C9 A\n", 13, "there is no atom 'C9' in residue 1 of molecule type 'BUT', BUT"),
    ("C1 A\n", "C1 A\nC1 A 2\n", 14, "atom 'C1' is in bead 'A' twice"),
    ("C1 A\n", "C1\n", 13, "'C1' is not a row of [ mapping ]"),
    ("C1 A\n", "C1 A x\n", 13, "'C1 A x' is not a row of [ mapping ]"),
    ("C1 A\n", "BUX:C1 A\n", 13, "'BUX:C1' is in no residue that the blocks name. Did you mean 'BUT'?"),
    ("[ mapping ]\n", "[ mappin ]\n", 13, "[ mappin ] is no section of a .mapping file. Did you mean 'mapping'?"),
    ("H1 A 0", "H1 H 0", 3, "bead 'H' has no atoms"),
    ("BUT\n", "BUT#x\n", 9, "'BUT#x' is no residue"),
    ("[ from blocks ]\nBUT\n", "[ from blocks ]\nA#1 B#3\n", 13, "'C1' is in no residue that the blocks name"),
    ("CBUT", "CBUT {1}", 11, "'{1}' is no list of attributes"),
    ("[ macros ]\ntail B\n[ block ]\n", "", 2, "'own' stands before [ block ]")])
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    assert old in MAPPING
    with pytest.raises(BackmapError) as caught:
        _read(tmp_path, MAPPING.replace(old, new, 1))
    assert str(caught.value).startswith(f"{tmp_path / 'a.mapping'}:{line}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_but_modifications(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match="There is: nothing but modifications"):
        _read(tmp_path, "[ modification ]\n[ mapping ]\nX Y\n")
    atoms = replace(builders.atoms_of("CCCC", "BUT")[0], residue_names=["XXX"] * 14)
    with pytest.raises(BackmapError, match=r"describes BUT, but no molecule type of top\.top has such a residue"):
        _read(tmp_path, MAPPING, molecule=atoms)
