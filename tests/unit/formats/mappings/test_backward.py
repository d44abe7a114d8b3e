"""Backward's .map files: shares, residue by residue, and the handedness they tell."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backmap_plugins.formats.mappings.backward import Backward
from backmap_plugins.molecules.assemble import assemble, signed
from rdkit import Chem

from backmap.api import AtomMolecule, AtomTopology, BeadModel
from backmap.errors import BackmapError
from tests import builders
from tests.chain import polyethylene

#: L-alanine, as RDKit numbers it; C2 is the alpha carbon and H4 its hydrogen.
L_ALANINE, D_ALANINE = "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"
ALANINE = """\
; one residue, two beads
[ molecule ]
ALA ALAD

[ martini ]
BB SC1

[ mapping ]
charmm27 charmm36

[ atoms ]
    1    N1    BB
    2    C2    BB BB BB SC1 ; three to one
    3    H4
    4    C1    SC1
    5    C3    BB

[ chiral ]
H4 C2 N1 C1 C3 ; L-Ala

[ out ]
C1 C2 N1 C3
"""
ETHYLENE = """\
[ molecule ]
ETH
[ martini ]
E
[ mapping ]
own
[ atoms ]
1 CA E
2 HA1
3 HA2
4 CB E
5 HB1
6 HB2
"""


def _topology(*molecules: AtomMolecule) -> AtomTopology:
    return AtomTopology({molecule.name: molecule for molecule in molecules},
                        [(molecule.name, 1) for molecule in molecules], "top.top")


def _read(folder: Path, text: str, *molecules: AtomMolecule, **options: object) -> dict[str, BeadModel]:
    path = folder / "a.map"
    path.write_text(text)
    return Backward(Backward.Options(files=path, **options)).read(
        _topology(*(molecules or (builders.atoms_of(L_ALANINE, "ALA")[0],))))


def _renamed(atoms: AtomMolecule, atom: int, name: str) -> AtomMolecule:
    return replace(atoms, atom_names=[name if k == atom else old for k, old in enumerate(atoms.atom_names)])


def test_repeats_are_shares(tmp_path: Path) -> None:
    atoms, positions = builders.atoms_of(L_ALANINE, "ALA")
    model = _read(tmp_path, ALANINE)["ALA"]
    assert (model.bead_names, model.bead_types, model.bead_bonds) == (["BB", "SC1"], ["BB", "SC1"], None)
    n, ca, ha, cb, c = (positions[atoms.atom_names.index(name)] for name in ("N1", "C2", "H4", "C1", "C3"))
    centres = [(n + 0.75 * ca + 0.75 * ha + c) / 3.5, (0.25 * ca + 0.25 * ha + cb) / 1.5]
    np.testing.assert_allclose(model.mapping.apply(positions), centres)
    assert model.mapping.owner[[0, 1, 2, 3, 9]].tolist() == [1, 0, 0, 0, 0]


def test_shares_of_masses(tmp_path: Path) -> None:
    atoms, positions = builders.atoms_of(L_ALANINE, "ALA")
    model = _read(tmp_path, ALANINE, weights="mass")["ALA"]
    rows = [atoms.atom_names.index(name) for name in ("C2", "H4", "C1")]
    weight = atoms.mass[rows] * [0.25, 0.25, 1]
    np.testing.assert_allclose(model.mapping.apply(positions)[1], weight @ positions[rows] / weight.sum())


@pytest.mark.parametrize("smiles", [L_ALANINE, D_ALANINE])
@pytest.mark.parametrize("statement", ["H4 C2 N1 C1 C3", "H4 C2 N1 C1", "C1 C2 N1 C3", "HA C2 N1 C1 C3"])
def test_chiral_is_what_nature_has(tmp_path: Path, smiles: str, statement: str) -> None:
    """An L-amino acid, which is S, is what the files' `HA CA N CB C` says; a helper HA may stand for the hydrogen."""
    label = dict(Chem.FindMolChiralCenters(Chem.AddHs(Chem.MolFromSmiles(smiles))))[1]
    atoms, positions = builders.atoms_of(smiles, "ALA")
    topology = _topology(atoms)
    model = _read(tmp_path, ALANINE.replace("H4 C2 N1 C1 C3", statement), atoms)["ALA"]
    system = assemble(topology, {"ALA": model})
    truth = signed(system, positions[None]).types[0].chemistry.sign
    assert abs(truth).tolist() == [1]
    assert (system.types[0].chemistry.sign == truth).all() == (label == "S")


def test_what_is_not_used_is_said(tmp_path: Path) -> None:
    told = ALANINE.replace("[ out ]", "[ assign ]")
    assert _read(tmp_path, told)["ALA"].remarks == (f"ALA: not used of {tmp_path / 'a.map'}: 1 [ assign ]",)
    assert _read(tmp_path, ALANINE)["ALA"].remarks == ()


@pytest.mark.parametrize(("old", "new", "line", "remark"), [
    ("H4 C2 N1 C1 C3", "H4 C2 N1 C11", 19, "[ chiral ] names 'C11', which is no atom of ALA, and is passed over. Did "
                                           "you mean 'C1'?"),
    ("C2    BB BB BB SC1", "C2    BB SC2", 13, "bead 'SC2' is not among those listed, and passed over. Did you mean "
                                               "'SC1'?")])
def test_what_backward_warns_of_is_passed_over_and_said(tmp_path: Path, old: str, new: str, line: int,
                                                        remark: str) -> None:
    assert _read(tmp_path, ALANINE.replace(old, new))["ALA"].remarks[0] == f"{tmp_path / 'a.map'}:{line}: {remark}"


def test_points_that_assign_makes_of_beads(tmp_path: Path) -> None:
    """As TOCL2 has it: a point between two beads, and a point under the name of another bead."""
    text = ALANINE.replace("[ atoms ]", "[ assign ]\nX BB BB SC1\nBB SC1\n[ atoms ]").replace("C3    BB", "C3    X")
    model = _read(tmp_path, text)["ALA"]
    shares = dict(zip(zip(model.mapping.bead.tolist(), model.mapping.atom.tolist()), model.mapping.share.tolist()))
    atom = {name: k for k, name in enumerate(builders.atoms_of(L_ALANINE, "ALA")[0].atom_names)}
    assert shares[0, atom["C3"]] == pytest.approx(2 / 3)
    assert shares[1, atom["C3"]] == pytest.approx(1 / 3)
    assert (0, atom["N1"]) not in shares
    assert shares[1, atom["N1"]] == 1


def test_chiral_of_other_atoms_is_passed_over(tmp_path: Path) -> None:
    text = ALANINE.replace("H4 C2 N1 C1 C3", "C1 N1 C2 C3")
    assert _read(tmp_path, text)["ALA"].stereocentres is None


def test_a_chain_is_put_together_unit_by_unit(tmp_path: Path) -> None:
    atoms, positions = polyethylene(4)
    model = _read(tmp_path, ETHYLENE, atoms)["PE"]
    assert model.bead_names == ["E"] * 4
    assert model.bead_residues.tolist() == [1, 2, 3, 4]
    listed = np.array([name in ("CA", "HA1", "HA2", "CB", "HB1", "HB2") for name in atoms.atom_names])
    centres = [positions[(atoms.residues == k) & listed].mean(axis=0) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(model.mapping.apply(positions), centres)
    assert model.mapping.owner.tolist() == (atoms.residues - 1).tolist()  # a third hydrogen follows its carbon


def test_ends_may_lack_atoms_and_this_is_said(tmp_path: Path) -> None:
    atoms, _ = polyethylene(3)
    lacking = _renamed(atoms, atoms.atom_names.index("CA"), "CX")
    model = _read(tmp_path, ETHYLENE, lacking)["PE"]
    assert model.remarks == ("PE: residue 1 has no CA: their beads go without",)
    assert len(model.mapping.atom) == 17


def test_several_molecule_types_and_force_fields_in_a_file(tmp_path: Path) -> None:
    other = ETHYLENE[ETHYLENE.index("[ mapping ]"):].replace("own", "united").replace("2 HA1\n", "")
    chains = [polyethylene(3, "PE3")[0], polyethylene(5, "PE5")[0]]
    text = ALANINE + ETHYLENE + other
    with pytest.raises(BackmapError, match=r"ETH is described for several force fields. Say which .*: own, united"):
        _read(tmp_path, text, *chains)
    models = _read(tmp_path, text, *chains, force_field="united")
    assert {name: (len(model.bead_names), len(model.mapping.atom)) for name, model in models.items()} == {
        "PE3": (3, 15), "PE5": (5, 25)}
    assert list(_read(tmp_path, text, *chains, force_field="own", molecules=["PE3"])) == ["PE3"]


@pytest.mark.parametrize(("old", "new", "line", "problem"), [
    ("    5    C3    BB", "    5    C3    BB\n    6    O9    BB", 17,
     "there is no atom 'O9' in residue 1 of molecule type 'ALA', ALA. Atoms that no line names: O1, O2. "
     "Perhaps '6 O2 BB'."),
    ("    4    C1    SC1", "    4    N1    SC1", 15, "atom 'N1' comes twice"),
    ("    4    C1    SC1", "    4    C1    SC2", 15, "bead 'SC2' is not among those listed. Did you mean 'SC1'?"),
    ("    4    C1    SC1", "    x    C1    SC1", 15, "'x C1 SC1' is not a row of [ atoms ]"),
    ("    4    C1    SC1", "    4    C1    SC1 !SC1", 15, "atom 'C1' is in bead 'SC1' with and without a weight"),
    ("    1    N1    BB", "    1    N1", 12, "atom 'N1' has no bead, and no row is above it"),
    ("BB SC1\n\n", "BB SC1 SC2\n\n", 6, "bead 'SC2' of ALA has no atoms"),
    ("H4 C2 N1 C1 C3", "H4 C2 N1", 19, "[ chiral ] needs at least 4 atoms, not 3"),
    ("H4 C2 N1 C1 C3", "H4 C2 N1 C1 C3\nC1 C2 C3 N1", 20, "says the opposite of"),
    ("[ chiral ]", "[ chiral", 18, "'[ chiral' is no header of a section"),
    ("[ atoms ]", "[ atmos ]", 2, "ALA ALAD has no [ atoms ]"),
    ("[ molecule ]\nALA ALAD", "ALA", 2, "'ALA' stands before the first section"),
    ("ALA ALAD", "GLY", None, "describes GLY, but no molecule type of top.top has such a residue. Its residues: ALA.")])
def test_errors_name_file_and_line(tmp_path: Path, old: str, new: str, line: int | None, problem: str) -> None:
    assert old in ALANINE
    with pytest.raises(BackmapError) as caught:
        _read(tmp_path, ALANINE.replace(old, new))
    place = f"{tmp_path / 'a.map'}:{line}: " if line else f"{tmp_path / 'a.map'}: "
    assert str(caught.value).startswith(place)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_errors(tmp_path: Path) -> None:
    with pytest.raises(BackmapError, match=r"no \[ mapping \] is for 'gromos'. They are for: charmm27, charmm36"):
        _read(tmp_path, ALANINE, force_field="gromos")
    with pytest.raises(BackmapError, match="residue ALA is described twice"):
        _read(tmp_path, ALANINE + ALANINE)
    with pytest.raises(BackmapError, match="'GLY' is no molecule type"):
        _read(tmp_path, ALANINE, molecules=["GLY"])
    with pytest.raises(BackmapError, match=r"a\.map: has no \[ atoms \]"):
        _read(tmp_path, "")


def test_errors_inside_a_chain(tmp_path: Path) -> None:
    atoms, _ = polyethylene(3)
    mixed = replace(atoms, residue_names=["ETH" if k < 3 else "END" for k in atoms.residues])
    with pytest.raises(BackmapError, match="residue 3 of molecule type 'PE', END, is not described"):
        _read(tmp_path, ETHYLENE, mixed)
    middle = atoms.residues.tolist().index(2)
    with pytest.raises(BackmapError, match="there is no atom 'CA' in residue 2 of molecule type 'PE', ETH"):
        _read(tmp_path, ETHYLENE, _renamed(atoms, middle, "CX"))
    assert atoms.atom_names[middle:middle + 2] == ["CA", "CB"]
    with pytest.raises(BackmapError, match="'CA' is the name of two atoms of residue 2"):
        _read(tmp_path, ETHYLENE, _renamed(atoms, middle + 1, "CA"))
