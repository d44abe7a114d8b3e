"""Names of beads tell whether a file holds them in the order of the topology."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.molecules.bead_names import Beads, _order

from backmap.errors import BackmapError
from tests import builders

BLOCKS = ((builders.butane(), 2), (builders.chiral(), 2))
NAMES = ["E1", "E2"] * 2 + ["A1", "B1"] * 2
RESIDUES = ["BUT"] * 4 + ["CHI"] * 4


def expect(names: list[str] | None, residues: list[str] | None = None, rows: list[int] | None = None) -> None:
    n = len(names) if names is not None else len(NAMES)
    Beads("cg.gro", np.arange(n) if rows is None else np.array(rows), names, residues).expect(
        BLOCKS, "2 BUT, 2 CHI")


def test_order_inside_residues_of_chains_that_count_anew() -> None:
    """Residue 1 of one chain is not that of the other."""
    kind = replace(builders.chiral(), bead_residues=np.array([1, 1, 2, 1, 1]), bead_residue_names=["TYR"] * 2 + ["GLY"]
                   + ["TYR"] * 2, bead_names=["SC3", "SC4", "BB", "SC3", "SC4"])
    assert _order(kind, ["SC4", "SC3", "BB", "SC3", "SC4"]) == (1, 0, 2, 3, 4)
    assert _order(kind, ["SC4", "SC4", "BB", "SC3", "SC3"]) is None


@pytest.mark.parametrize("names", [
    None, NAMES,
    ["E", "E"] * 2 + ["A", "B"] * 2,  # types
    ["X", "Y"] * 2 + ["U", "V"] * 2,  # another scheme
    ["E2", "S2"] * 2 + ["A1", "B1"] * 2])  # another scheme that shares a name
def test_fitting_names(names: list[str] | None) -> None:
    expect(names, RESIDUES)


@pytest.mark.parametrize(("names", "message"), [
    (["E1", "E2", "E2", "E1", *NAMES[4:]], "bead 3 is called E2, but BUT has E1 there"),
    ([*NAMES[4:], *NAMES[:4]], "bead 1 is called A1, but BUT has E1 there.*A1 is a bead of .*another order"),
    (["E2", "E1"] * 2 + NAMES[4:], "bead 1 is called E2, but BUT has E1 there"),
    ([*NAMES[:2], "E1", "VS", *NAMES[4:]], "bead 4 is called VS, but BUT has E2 there.*'ignore: .VS.'"),
    (["X", "Y", "Y", "X", *NAMES[4:]], "bead 3 is called Y, but BUT has X there")])
def test_another_order(names: list[str], message: str) -> None:
    with pytest.raises(BackmapError, match=message):
        expect(names)


def test_copies_may_be_of_other_types() -> None:
    """LAMMPS tells groups of molecules by types; names of the mapping in another order stay an error."""
    def of_types(*names: str) -> None:
        Beads("cg.data", np.arange(8), list(names), by_type=True).expect(BLOCKS, "2 BUT, 2 CHI")

    of_types("1", "2", "3", "4", "5", "6", "7", "8")
    of_types("E1", "E2", "3", "4", *NAMES[4:])
    of_types("1", "2", "E1", "E2", *NAMES[4:])
    with pytest.raises(BackmapError, match="bead 3 is called E2, but BUT has E1 there"):
        of_types("1", "2", "E2", "E1", *NAMES[4:])


def test_residues_that_are_called_otherwise_do_not_hide_beads_that_are_too_few() -> None:
    with pytest.raises(BackmapError, match=r"holds 7 beads, .* has 8: BUT E2 1 instead of 2\. "):
        expect([*NAMES[:3], *NAMES[4:]], ["BUT"] * 3 + ["CHOL"] * 4)


def test_another_order_of_residues() -> None:
    with pytest.raises(BackmapError, match="bead 1 is in residue CHI, but BUT has BUT there"):
        expect(["X", "Y"] * 4, RESIDUES[::-1])


def test_beads_that_no_mapping_names() -> None:
    with pytest.raises(BackmapError, match=r"cg\.gro: holds beads that no mapping names: 2 VS, 1 GO1\. Declare .*"
                                           r"'ignore: \[VS\]'.*'exclude: \{MOLECULE: VS\}'"):
        expect([*NAMES, "VS", "GO1", "VS"])


def test_a_bead_in_a_residue_that_the_mapping_knows_without_it() -> None:
    """A map for another version of Martini: to declare SC4 as a site without atoms would lose the end of a ring."""
    with pytest.raises(BackmapError, match=r"names: 2 E3, 2 E4\. E3 is in residue BUT, of which the mapping has E1, "
                                           r"E2: is it for the model that these beads are of .*\? Declare"):
        expect(["E1", "E3", "E4"] * 2 + NAMES[4:], ["BUT"] * 6 + RESIDUES[4:])


def test_a_site_in_a_residue_that_has_all_of_its_beads_is_of_no_other_model() -> None:
    with pytest.raises(BackmapError, match=r"names: 1 VS\. Declare"):
        expect(["E1", "E2", "VS", *NAMES[2:]], ["BUT", *RESIDUES])


def test_a_wrong_number_under_known_or_wholly_foreign_names() -> None:
    for names in (NAMES[:-1], ["X"] * 7):
        with pytest.raises(BackmapError, match=r"holds 7 beads, but the topology \(2 BUT, 2 CHI\) has 8"):
            expect(names)


def test_numbers_are_those_of_the_file() -> None:
    with pytest.raises(BackmapError, match="bead 4 is called E2, but BUT has E1 there"):
        expect(["W", *NAMES[:2], "E2", "E1", *NAMES[4:]], rows=list(range(1, 9)))


def arranged(names: list[str]) -> tuple[list[int], list[str]]:
    beads, lines = Beads("cg.gro", np.arange(len(names)), names).arranged(BLOCKS)
    return beads.rows.tolist(), lines


def test_names_tell_the_order_where_all_copies_have_the_same() -> None:
    rows, lines = arranged(["E2", "E1"] * 2 + NAMES[4:])
    assert rows == [1, 0, 3, 2, 4, 5, 6, 7]
    assert lines == ["BUT: beads of 1 residue stand in cg.gro in another order than in the mapping, such as BUT E2, "
                     "E1; their names tell which is which"]


@pytest.mark.parametrize("names", [
    NAMES, NAMES[:-1],
    ["E2", "E1", *NAMES[2:]],  # one copy alone
    ["E2", "E2"] * 2 + NAMES[4:], ["X", "Y"] * 2 + NAMES[4:], [*NAMES[4:], *NAMES[:4]]])
def test_otherwise_the_order_is_that_of_the_file(names: list[str]) -> None:
    assert arranged(names) == (list(range(len(names))), [])
