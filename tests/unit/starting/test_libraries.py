"""Mappings that are found in libraries, and picked for a topology."""
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.recipe.registry import Registry
from backmap.starting import libraries, martini, picking
from tests import builders

BUTANE = """\
[ molecule ]
BUT
[ martini ]
A B
[ mapping ]
first other
[ atoms ]
1 C1 A
2 C2 A
3 C3 B
4 C4 B
"""
VERMOUTH = BUTANE.replace("[ martini ]", "[ to ]\nTARGET\n[ martini ]").replace(
    "[ mapping ]\nfirst other\n", "[ from ]\nown\n")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry().discover()


def topology() -> AtomTopology:
    atoms = builders.atoms_of("CCCC", "BUT")[0]
    return AtomTopology({"BUT": atoms}, [("BUT", 2)], "top.top")


def library(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def picked(model: str, registry: Registry, *folders: Path, **options: object) -> picking.Picked:
    return picking.pick(model, topology(), libraries.contents(libraries.places(folders), registry), registry, **options)


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user names comes first, then the variable; folders of one name are told apart."""
    one, two = library(tmp_path / "a" / "maps"), library(tmp_path / "b" / "maps")
    monkeypatch.setenv(libraries.VARIABLE, f"{two}{os.pathsep}{one}")
    monkeypatch.setattr(libraries, "PACKAGES", {})
    assert libraries.places([one]) == {"maps": one, "maps_2": two}
    with pytest.raises(BackmapError, match="is no folder"):
        libraries.places([tmp_path / "c"])


def test_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vermouth's mappings are found where it is installed, without importing it."""
    folder = library(tmp_path / "vermouth" / "data" / "mappings", a__map=BUTANE)
    (tmp_path / "vermouth" / "__init__.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(libraries.VARIABLE, raising=False)
    assert libraries.places() == {"vermouth": folder}


def test_broken_files_hide_no_others(tmp_path: Path, registry: Registry) -> None:
    folder = library(tmp_path / "maps", a__map=BUTANE.replace("4 C4 B", "4 C4 D"), b__map=BUTANE, c__txt="text",
                     groups__ndx="[ A ]\n1 2\n")
    (folder / "inside").mkdir()
    (folder / "inside" / "d.map").write_text(BUTANE)
    held = libraries.contents({"maps": folder}, registry)
    assert [(one.path.name, one.reader) for one in held.found] == [
        ("b.map", "backward"), ("groups.ndx", "ndx"), ("d.map", "backward")]
    assert held.files == {"maps": 4}
    assert [error.problem for error in held.errors] == ["bead 'D' is not among those listed"]
    assert held.found[0].entry.beads == {"A": ("C1", "C2"), "B": ("C3", "C4")}


def test_the_force_field_counts(tmp_path: Path, registry: Registry) -> None:
    folder = library(tmp_path / "maps", old__map=BUTANE, new__map=VERMOUTH.replace("TARGET", "martini3001"))
    assert picked("martini2", registry, folder).entries == [{"backward": {
        "files": [str(folder / "old.map")], "force_field": "first", "molecules": ["BUT"]}}]
    assert picked("martini3", registry, folder).entries == [{"vermouth": {
        "files": [str(folder / "new.map")], "source": "own", "target": "martini3001", "weights": "mass",
        "molecules": ["BUT"]}}]
    assert picked("votca", registry, folder).entries == []
    assert picked("martini3", registry, folder, mapped=["BUT"]).entries == []


def test_what_was_refined_by_hand_comes_first_and_then_what_has_more_atoms(tmp_path: Path, registry: Registry) -> None:
    few = VERMOUTH.replace("TARGET", "martini3001")
    more = few.replace("own", "other") + "5 H1 A\n"
    folder = library(tmp_path / "maps", few__map=few, more__map=more)
    entry, = picked("martini3", registry, folder, written=lambda path: path.name).entries
    assert entry["vermouth"]["files"] == ["more.map"]
    (folder / "BUT_refined.ndx").write_text("[ A ]\n1 2\n[ B ]\n3 4\n")
    entry, = picked("martini3", registry, folder, written=lambda path: path.name).entries
    assert entry == {"ndx": {"files": {"BUT": "BUT_refined.ndx"}}}


def test_beads_of_the_file_choose_among_mappings_that_fit(tmp_path: Path, registry: Registry) -> None:
    """Though another has more atoms in beads."""
    few = VERMOUTH.replace("TARGET", "martini3001")
    more = few.replace("own", "other").replace("A B", "A D").replace(" B\n", " D\n") + "5 H1 A\n"
    folder = library(tmp_path / "maps", few__map=few, more__map=more)
    for called, file in (((("BUT", "A"), ("BUT", "B")), "few.map"), ((("BUTA", "A"), ("BUTA", "B")), "few.map"),
                         ((("BUT", "A"), ("BUT", "D")), "more.map"), ((), "more.map")):
        entry, = picked("martini3", registry, folder, written=lambda path: path.name, called=called).entries
        assert entry["vermouth"]["files"] == [file], called


def test_the_older_model_instead(tmp_path: Path, registry: Registry) -> None:
    folder = library(tmp_path / "maps", old__map=BUTANE)
    found = picked("martini3", registry, folder)
    assert "backward" in found.entries[0]
    assert found.why[0] == ("BUT: no library has a mapping for martini3 of its residues, so that for martini2 is "
                            "taken: look at the names of its beads")


def test_the_older_model_fits_only_beads_that_it_has(tmp_path: Path, registry: Registry) -> None:
    """Tyrosine has a bead more in Martini 3: with the mapping of Martini 2, its atoms would be spread over others."""
    folder = library(tmp_path / "maps", old__map=BUTANE)
    found = picked("martini3", registry, folder, called=(("BUT", "A"), ("BUT", "B"), ("BUT", "SC4"), ("BUT", "VS")))
    error, = found.errors
    assert "and that for martini2 has other beads, without BUT SC4 of the file" in str(error)
    assert not picked("martini3", registry, tmp_path / "maps", called=(("BUT", "A"), ("BUT", "VS"), ("W", "W"))).errors


def test_misfits_are_all_told(tmp_path: Path, registry: Registry) -> None:
    folder = library(tmp_path / "maps", a__map=BUTANE.replace("1 C1", "1 C11").replace("4 C4", "4 C44"))
    assert [error.problem.split(" in ")[0] for error in picked("martini2", registry, folder).errors] == [
        "there is no atom 'C11'", "there is no atom 'C44'"]
    other = replace(topology(), types={"X": replace(topology().types["BUT"], name="X", residue_names=["XXX"] * 14)},
                    blocks=[("X", 1)])
    held = libraries.contents({"maps": folder}, registry)
    assert picking.pick("martini2", other, held, registry) == picking.Picked(
        [], ["X: no library has a mapping for martini2 of its residues"], [])


def test_solvent_and_ions_of_martini() -> None:
    names, residues = ["BB", "W", "W", "NA", "CL", "NA"], ["ALA", "W", "W", "ION", "ION", "ALA"]
    assert martini.solvent(names, residues, ["SOL", "CLA", "LIG"]) == ({"SOL": ["W"], "CLA": ["ION:CL"]}, ["ION:NA"])
    assert martini.solvent(["W", "NA+"], None, []) == ({}, ["W", "NA+"])
