"""VOTCA's mapping files, and its errors with file and line."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.votca import Votca

from backmap.api import AtomTopology, BeadModel
from backmap.errors import BackmapError
from tests import builders

BUTANE = builders.BUTANE_XML


def _topology() -> AtomTopology:
    atoms, _ = builders.atoms_of("CCCC", "BUT")
    return AtomTopology({"BUT": atoms}, [], "top.top")


def _read(folder: Path, text: str, topology: AtomTopology | None = None) -> BeadModel:
    path = folder / "but.xml"
    path.write_text(text)
    return Votca(Votca.Options(files=path)).read(topology or _topology())["BUT"]


def test_butane_with_shared_atoms(tmp_path: Path) -> None:
    model = _read(tmp_path, BUTANE)
    assert model.bead_names == ["E1", "E2"]
    assert model.bead_types == ["E", "E"]
    assert model.bead_residue_names == ["BUTCG"] * 2
    assert model.bead_residues.tolist() == [1, 1]
    assert model.bead_bonds.tolist() == [[0, 1]]
    assert model.mapping.atom.tolist() == [0, 1, 2, 3, 2, 1]
    np.testing.assert_allclose(model.mapping.weight, np.array([15, 14, 7, 15, 14, 7]) / 36)
    assert model.mapping.owner[:4].tolist() == [0, 0, 1, 1]


def test_bonds_may_be_missing(tmp_path: Path) -> None:
    start, end = BUTANE.index("<cg_bonded>"), BUTANE.index("</cg_bonded>") + len("</cg_bonded>")
    assert _read(tmp_path, BUTANE[:start] + BUTANE[end:]).bead_bonds is None


def test_residues_are_counted_inside_the_molecule(tmp_path: Path) -> None:
    atoms = _topology().types["BUT"]
    residues = np.where(np.isin(np.arange(14), [2, 3]), 8, 7)
    topology = AtomTopology({"BUT": replace(atoms, residues=residues)}, [], "top.top")
    text = BUTANE.replace("1:BUT:C3", "2:BUT:C3").replace("1:BUT:C4", "2:BUT:C4")
    model = _read(tmp_path, text, topology)
    assert model.bead_residues.tolist() == [7, 8]


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    ("1:BUT:C4", "1:BUT:C44", 10, "there is no atom '1:BUT:C44' in molecule type 'BUT'. Did you mean '1:BUT:C4'?"),
    ("15 14 7</weights>", "15 14</weights>", 17, "map 'end' has 2 weights, but bead 'E1' lists 3 atoms"),
    ("<d>15 14 7", "<d>15 14", 17, "map 'end' has 2 numbers in <d>"),
    ("<weights>15", "<weights>0", 17, "<d> of map 'end' is not zero where the weight is zero"),
    ("<weights>15", "<weights>x", 17, "<weights> holds something that is not a number"),
    ("<type>E</type><mapping>end", "<type>E</type><mapping>and", 9, "uses map 'and', which is not there. "
                                                                    "Did you mean 'end'?"),
    ("<ident>BUT</ident>", "<ident>BUTT</ident>", 3, "<ident> is 'BUTT', which is no molecule type of top.top. "
                                                     "Did you mean 'BUT'?"),
    ("<ident>BUT</ident>", "", 1, "<cg_molecule> has no <ident>"),
    ("<name>E2", "<name>E1", 9, "bead 'E1' is defined twice"),
    ("1:BUT:C4 1:BUT:C3", "1:BUT:C2 1:BUT:C3", 10, "bead 'E2' lists '1:BUT:C2' twice"),
    ("E2 E1", "E2 E3", 13, "a bond names bead 'E3', which is not there"),
    ("E2 E1", "E2 E1 E2", 13, "lists 3 beads, which do not make pairs"),
    ("cg_molecule", "molecule", 1, "<molecule> stands where <cg_molecule> should be"),
    ("</maps>", "</map>", 18, "is not XML (mismatched tag)")])
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    with pytest.raises(BackmapError) as caught:
        _read(tmp_path, BUTANE.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'but.xml'}:{line}: ")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_molecule_is_mapped_once(tmp_path: Path) -> None:
    paths = [tmp_path / "a.xml", tmp_path / "b.xml"]
    for path in paths:
        path.write_text(BUTANE)
    with pytest.raises(BackmapError, match=r"b\.xml:3: molecule type 'BUT' is mapped twice"):
        Votca(Votca.Options(files=paths)).read(_topology())


def test_names_that_are_not_unique_are_refused_only_if_used(tmp_path: Path) -> None:
    atoms = _topology().types["BUT"]
    hydrogens = replace(atoms, atom_names=atoms.atom_names[:4] + ["H"] * 10)
    assert _read(tmp_path, BUTANE, AtomTopology({"BUT": hydrogens}, [], "top.top"))
    carbons = replace(atoms, atom_names=["C1", "C2", "C3", "C3", *atoms.atom_names[4:]])
    with pytest.raises(BackmapError, match="is the name of two atoms"):
        _read(tmp_path, BUTANE, AtomTopology({"BUT": carbons}, [], "top.top"))


def test_files_may_be_separated_as_csg_map_has_it(tmp_path: Path) -> None:
    for name in ("BUT", "BUT2"):
        (tmp_path / f"{name}.xml").write_text(BUTANE.replace("<ident>BUT<", f"<ident>{name}<"))
    atoms = _topology().types["BUT"]
    topology = AtomTopology({"BUT": atoms, "BUT2": replace(atoms, name="BUT2")}, [], "top.top")
    files = f"{tmp_path / 'BUT.xml'}; {tmp_path / 'BUT2.xml'}"
    models = Votca(Votca.Options(files=files)).read(topology)
    assert list(models) == ["BUT", "BUT2"]
    np.testing.assert_array_equal(models["BUT"].mapping.weight, models["BUT2"].mapping.weight)
