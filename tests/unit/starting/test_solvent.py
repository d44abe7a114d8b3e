"""Beads that no mapping names: which molecules of the topology they are, as Martini calls them."""
from __future__ import annotations

from types import SimpleNamespace

import pytest

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.starting.solvent import Declared, SolventBeads, declared, repeats, sites
from tests import builders

TYPES = {name: builders.atoms_of(smiles, name)[0]
         for name, smiles in (("BUT", "CCCC"), ("SOL", "O"), ("NA", "[Na+]"), ("UREA", "NC(=O)N"))}


def said(blocks: dict[str, int] | list[tuple[str, int]], beads: dict[str, int], martinis: bool = False,
         told: tuple[str, ...] = ()) -> Declared:
    """What is declared of a file with so many beads RESIDUE:NAME, and butane that is mapped."""
    pairs = [(*(name.split(":") if ":" in name else (name, name)),) for name, count in beads.items()
             for _ in range(count)]
    residues, names = zip(*pairs, strict=True)
    source = SimpleNamespace(names=list(names), residue_names=list(residues), where="cg.gro")
    listed = list(blocks.items()) if isinstance(blocks, dict) else blocks
    return declared(AtomTopology(TYPES, listed, "top.top"), listed, {"BUT"}, source, martinis,
                    SolventBeads.all_of(told))


def test_four_waters_at_a_bead() -> None:
    found = said({"BUT": 2, "SOL": 12}, {"BUT:E": 4, "W": 3})
    assert found.options == {"several": {"W": {"molecules": "SOL", "count": 4}}}
    assert found.why == ["3 beads W of 4 waters each are the 12 SOL of the topology"]


def test_what_the_user_tells_counts_first() -> None:
    """Beads of other models, and W of Martini that is one water: neither has names that say it."""
    beads = {"BUT:E": 4, "5": 3, "4": 2}
    found = said({"BUT": 2, "SOL": 9, "NA": 2}, beads, told=("SOL=5:3", "NA=4"))
    assert found.options == {"several": {"5": {"molecules": "SOL", "count": 3}}, "exclude": {"NA": ["4"]}}
    assert found.why == ["3 beads 5 of 3 each are the 9 SOL of the topology", "NA: put at their beads"]
    assert said({"BUT": 2}, beads, told=("SOL=5:3", "NA=4")).options["molecules"] == {"BUT": 2, "SOL": 9, "NA": 2}
    assert said({"SOL": 3}, {"BUT:E": 4, "W": 3}, told=("SOL=W:1",)).options == {
        "several": {"W": {"molecules": "SOL", "count": 1}}}
    assert said({"BUT": 2, "UREA": 3}, beads, told=("UREA=5",)).options == {"exclude": {"UREA": ["5"]}}


@pytest.mark.parametrize(("told", "problem"), [
    (("SOL",), "--solvent: 'SOL' is neither NAME=BEAD nor NAME=BEAD:COUNT"),
    (("SOL=W:0",), "'SOL=W:0' is neither"), (("SOL=W:4", "SOL=W:3"), "'SOL' is named twice"),
    (("WAT=W:4",), "'WAT' is no molecule type of top.top. Known: BUT, SOL, NA, UREA"),
    (("SOL=P4:4",), "no bead of cg.gro is called 'P4'. They are called E, W")])
def test_what_the_user_tells_may_be_wrong(told: tuple[str, ...], problem: str) -> None:
    with pytest.raises(BackmapError, match=problem):
        said({"BUT": 2, "SOL": 12}, {"BUT:E": 4, "W": 3}, told=told)


def test_molecules_whose_atoms_are_among_the_beads_stay() -> None:
    atoms = {f"SUR:{name}": 1 for name in TYPES["UREA"].atom_names}
    found = said({"BUT": 2, "UREA": 1, "SOL": 4}, {"BUT:E": 4, "W": 1} | atoms)
    assert found.options["fixed"] == ["UREA"]
    assert "exclude" not in found.options
    assert found.why[0].startswith("UREA: no mapping is given, but the file of beads holds their atoms")
    assert said({"BUT": 2, "UREA": 2}, {"BUT:E": 4} | atoms).options == {"exclude": ["UREA"]}  # one is missing


def test_molecules_of_which_an_atom_is_missing_among_the_beads() -> None:
    atoms = {f"SUR:{name}": 1 for name in TYPES["UREA"].atom_names[:-1]}
    found = said({"BUT": 2, "UREA": 1}, {"BUT:E": 4} | atoms)
    assert found.options == {"exclude": ["UREA"]}
    assert found.why[0].startswith("UREA: no mapping is given, and the file of beads has 7 atoms that are called as")


def test_beads_of_several_sizes() -> None:
    found = said({"SOL": 13}, {"W": 1, "WF": 1, "SW": 1, "TW": 1})
    assert {name: one["count"] for name, one in found.options["several"].items()} == {"W": 4, "WF": 4, "SW": 3, "TW": 2}


@pytest.mark.parametrize("blocks", [{"BUT": 2, "SOL": 9}, {"BUT": 2}])
def test_another_number_in_the_topology_or_none(blocks: dict[str, int]) -> None:
    found = said(blocks, {"BUT:E": 4, "W": 3})
    assert found.options["molecules"] == {"BUT": 2, "SOL": 12}
    assert found.options["several"] == {"W": {"molecules": "SOL", "count": 4}}
    assert f"the topology has {blocks.get('SOL', 'none')}: 12 are made" in found.why[0]


def test_counts_of_water_that_stands_between_others_are_left_to_the_user() -> None:
    found = said([("SOL", 4), ("BUT", 1), ("SOL", 9), ("BUT", 1)], {"BUT:E": 4, "W": 3})
    assert found.options == {"exclude": ["SOL"]}
    assert "change that under [ molecules ]" in found.why[0]


def test_charges_of_polarisable_water_are_no_atoms() -> None:
    found = said({"SOL": 8}, {"PW:W": 2, "PW:WP": 2, "PW:WM": 2})
    assert found.options == {"several": {"PW:W": {"molecules": "SOL", "count": 4}}, "ignore": ["PW:WP", "PW:WM"]}


def test_beads_of_unknown_size_are_left_out_and_said() -> None:
    found = said({"SOL": 8}, {"BW": 2})
    assert found.options == {"exclude": ["SOL"]}
    assert found.why[0].startswith("BW: how many SOL such a bead is, is not known: write 'several:")


def test_molecules_without_beads_of_their_own_and_ions_are_passed_over() -> None:
    found = said({"BUT": 2, "UREA": 3, "SOL": 4, "NA": 1}, {"BUT:E": 4, "W": 1, "ION:NA+": 1}, martinis=True)
    assert found.options["exclude"] == {"UREA": [], "NA": ["ION:NA+"]}
    assert "SOL" not in found.options["exclude"]


def test_ions_are_counted_as_their_beads() -> None:
    """Beside several waters at a bead: the topology describes NA, but counts none, or others."""
    for blocks in ({"BUT": 2}, {"BUT": 2, "SOL": 8, "NA": 5}):
        found = said(blocks, {"BUT:E": 4, "W": 3, "ION:NA": 2, "NA+": 1}, martinis=True)
        assert found.options["molecules"] == {"BUT": 2, "SOL": 12, "NA": 3}
        assert found.options["exclude"] == {"NA": ["ION:NA", "NA+"]}
        assert f"NA: there are 3 beads, but the topology has {blocks.get('NA', 'none')}: as many are" in found.why[1]
    same = said({"BUT": 2, "SOL": 12, "NA": 3}, {"BUT:E": 4, "W": 3, "NA+": 3}, martinis=True)
    assert (same.options.keys(), same.why[-1]) == ({"several", "exclude"}, "NA: put at their beads")


def test_ions_beside_waters_of_martini_are_known_without_its_name() -> None:
    found = said({"BUT": 2, "SOL": 12}, {"BUT:E": 4, "W": 3, "ION:NA": 2, "ION:CL": 1})
    assert (found.options["exclude"], found.options["molecules"]["NA"]) == ({"NA": ["ION:NA"]}, 2)
    assert found.options["ignore"] == ["ION:CL"]  # the topology describes none
    alone = said({"BUT": 2}, {"BUT:E": 4, "ION:NA": 2})  # nothing says that these are Martini's
    assert not alone.options


def test_ions_that_stand_between_others_are_left_to_the_user() -> None:
    found = said([("NA", 1), ("BUT", 1), ("NA", 1)], {"BUT:E": 4, "NA+": 3}, martinis=True)
    assert "molecules" not in found.options
    assert "NA: there are 3 beads, but the topology has 2: change that under [ molecules ]" in found.why


def test_counts_of_topologies_in_which_molecules_alternate() -> None:
    """As bilayers do, leaflet by leaflet."""
    found = said([("BUT", 1), ("BUT", 1), ("UREA", 1), ("BUT", 2)], {"BUT:E": 8, "UREA": 1, "W": 3, "NA+": 3},
                 martinis=True)
    assert found.options["molecules"] == [{"BUT": 2}, {"UREA": 1}, {"BUT": 2}, {"SOL": 12}, {"NA": 3}]


def test_go_sites_are_left_out_unless_a_mapping_names_them() -> None:
    source = SimpleNamespace(names=["BB", "SC1", "CA", "CA", "X"], residue_names=["ALA"] * 2 + ["ALA", "CA", "ALA"])
    for beads, patterns in ((["BB", "SC1"], {"ignore": ["W", "*:CA"]}), (["BB", "CA"], {})):
        model = SimpleNamespace(bead_names=beads, bead_residue_names=["ALA", "ALA"])
        found = sites({"P": model}, source, {"ignore": ["W"]})
        assert found.options == patterns
        assert [line[:26] for line in found.why] == (["1 CA: virtual sites, as of"] if patterns else [])


def test_solvent_of_martini_that_the_topology_does_not_have() -> None:
    for martinis in (True, False):
        found = declared(AtomTopology({"BUT": TYPES["BUT"]}, [("BUT", 1)], "top.top"), [("BUT", 1)], {"BUT"},
                         SimpleNamespace(names=["W", "NA+"], residue_names=["W", "ION"]), martinis)
        assert found.options == ({"ignore": ["W", "ION:NA+"]} if martinis else {})


def repeated(names: list[str], blocks: list[tuple[str, int]], **options) -> Declared:
    """What is counted of beads ``names`` with butane (E, F) and urea (U) mapped."""
    models = {"BUT": SimpleNamespace(bead_names=["E", "F"]), "UREA": SimpleNamespace(bead_names=["U"])}
    return repeats(models, blocks, SimpleNamespace(names=names, residue_names=None), options)


def test_molecules_are_counted_by_their_beads() -> None:
    found = repeated(["E", "F"] * 3 + ["U"] * 2 + ["W"], [("BUT", 1), ("UREA", 2), ("SOL", 4)],
                     several={"W": {"molecules": "SOL", "count": 4}})
    assert found.options == {"molecules": {"BUT": 3, "UREA": 2, "SOL": 4}}
    assert found.why == ["BUT: the beads are those of 3 molecules, but the topology has 1: 3 are made, and stand in "
                         "the topology that is written"]


@pytest.mark.parametrize(("names", "blocks"), [
    (["E", "F", "U"], [("BUT", 1), ("UREA", 1)]),                 # as the topology has them
    (["E", "F", "E", "U"], [("BUT", 1), ("UREA", 1)]),            # half a molecule
    (["E", "F", "X", "E", "F"], [("BUT", 1)]),                    # beads that nothing names
    (["U", "E", "F", "E", "F"], [("BUT", 1), ("UREA", 1)]),       # another order
    (["E", "F", "E", "F"], [("BUT", 1), ("UREA", 1)]),            # a type without any beads
    (["E", "F", "E", "F", "U"], [("BUT", 1), ("UREA", 1), ("BUT", 2)]),  # in two places
    (["E", "F", "E", "F"], [("BUT", 3)]),                         # a contradiction
])
def test_molecules_are_not_counted_by_beads_that_tell_nothing(names: list[str], blocks: list[tuple[str, int]]) -> None:
    assert repeated(names, blocks) == Declared()
