"""A user's files as entries of a recipe: what LAMMPS' input script says, and what tells isomers."""
from __future__ import annotations

from pathlib import Path

import pytest

from backmap import session
from backmap.errors import BackmapError
from backmap.starting.files import UserFiles, stereo_entry, topology_entry


@pytest.mark.parametrize(("script", "given", "units"), [
    ("# a run\nunits   metal\natom_style full\n", None, "metal"), ("units metal", "real", "real"),
    ("units ${style}\n", None, None), ("atom_style full\n", None, None)])
def test_units_are_those_of_the_input_script(tmp_path: Path, script: str, given: str | None,
                                             units: str | None) -> None:
    (tmp_path / "data.lmp").write_text("LAMMPS\n\n1 atoms\n")
    (tmp_path / "in.lmp").write_text(script)
    files = UserFiles([str(tmp_path / "data.lmp")], [], [], [], given, run=str(tmp_path / "in.lmp"))
    if units is None:
        with pytest.raises(BackmapError, match="does not say its units"):
            topology_entry(files, session.registry_of(()))
    else:
        assert topology_entry(files, session.registry_of(()))["lammps"]["units"] == units


@pytest.mark.parametrize(("given", "entry"), [
    ((), None), (("aa.gro",), "aa.gro"), (("ALA=C[C@H](N)C(=O)O",), {"ALA": "C[C@H](N)C(=O)O"}),
    (("ALA=C/C=C/C", "CHOL=sub/chol.gro"), {"ALA": "C/C=C/C", "CHOL": "sub/chol.gro"})])
def test_isomers_are_told_by_a_file_or_by_molecule_types(given: tuple[str, ...], entry: object) -> None:
    assert stereo_entry(UserFiles([], [], [], stereo=given)) == entry


@pytest.mark.parametrize("given", [("aa.gro", "b.gro"), ("ALA=CC", "aa.gro")])
def test_a_file_of_all_molecules_stands_alone(given: tuple[str, ...]) -> None:
    with pytest.raises(BackmapError, match=r"--stereo: '\w+.gro' speaks of all molecules, and something else is given"):
        stereo_entry(UserFiles([], [], [], stereo=given))


def test_a_molecule_type_is_told_once() -> None:
    with pytest.raises(BackmapError, match="--stereo: a molecule type is named twice"):
        stereo_entry(UserFiles([], [], [], stereo=("ALA=CC", "ALA=CCC")))
