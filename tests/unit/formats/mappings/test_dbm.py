"""DeepBackmap's .map files."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.dbm import Dbm, read_owners

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from tests import builders

WATER = "[map]\n1 O 1 W\n2 H\t1  W ; a comment\n3 H 1 W\n[/map]\n\n[align]\n;bead fixpoint\n1 1\n[/align]\n"


def _write(folder: Path, text: str) -> Path:
    path = folder / "a.map"
    path.write_text(text)
    return path


def test_beads_are_centres_of_mass(tmp_path: Path) -> None:
    atoms, positions = builders.atoms_of("O", "SOL", True)
    path = _write(tmp_path, WATER)
    model = Dbm(Dbm.Options(files={"SOL": path})).read(AtomTopology({"SOL": atoms}, [], "top.top"))["SOL"]
    assert (model.bead_names, model.bead_types, model.bead_bonds) == (["W1"], ["W"], None)
    np.testing.assert_allclose(model.mapping.apply(positions)[0], atoms.mass @ positions / atoms.mass.sum())


def test_two_columns_are_enough(tmp_path: Path) -> None:
    assert read_owners(_write(tmp_path, "[map]\n 1 1\n 2 2\n 3 1\n[/map]\n"), 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(("text", "problem"), [
    (WATER.replace("3 H", "4 H"), "a.map:4: there is no atom 4 in a molecule of 3"),
    (WATER.replace("3 H", "2 H"), "a.map:4: atom 2 is given to two beads"),
    (WATER.replace("3 H 1 W", "3 H 1 V"), "a.map:4: bead 1 is of type 'V' here and 'W' above"),
    (WATER.replace("3 H 1 W", "3 H 3 W"), "a.map: bead 2 is missing"),
    (WATER.replace("3 H 1 W", "3 H 99999999999999999999 W"), "a.map:4: there is no bead 99999999999999999999"),
    (WATER.replace("3 H 1 W", "three"), "a.map:4: 'three' is not a row of [map]"),
    (WATER.replace("3 H 1 W\n", ""), "a.map: atom 3 is given to no bead"),
    ("", "a.map: has no rows in [map]")])
def test_errors(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BackmapError) as caught:
        read_owners(_write(tmp_path, text), 3)
    assert problem in str(caught.value)


def test_an_unknown_molecule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"'SOL' is no molecule type of top\.top"):
        Dbm(Dbm.Options(files={"SOL": _write(tmp_path, WATER)})).read(AtomTopology({}, [], "top.top"))


def test_files_are_called_by_their_molecule_type(tmp_path: Path) -> None:
    atoms, _ = builders.atoms_of("O", "SOL", True)
    path = tmp_path / "SOL.map"
    path.write_text(WATER)
    assert list(Dbm(Dbm.Options(files=path)).read(AtomTopology({"SOL": atoms}, [], "top.top"))) == ["SOL"]
    with pytest.raises(BackmapError, match=r"a\.map: 'a' is no molecule type of top\.top"):
        Dbm(Dbm.Options(files=[_write(tmp_path, WATER)])).read(AtomTopology({"SOL": atoms}, [], "top.top"))
