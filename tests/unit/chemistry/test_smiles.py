"""SMILES tell the hands and sides that conformers of the same molecule have, however its atoms are ordered."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.chemistry.smiles import isomer_of
from backmap_plugins.molecules.assemble import assemble
from rdkit import Chem

from backmap.api import AtomTopology
from backmap.errors import BackmapError
from backmap.model.isomers import EITHER, handedness, sides
from backmap.model.molecule import MoleculeType
from tests import builders
from tests.unit.molecules.test_isomers import CIS_BUTENE, LIPIDS, NUCLEOSIDES, TRANS_BUTENE, assembled

MOLECULES = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O", CIS_BUTENE,
             TRANS_BUTENE, "C[C@H](Cl)/C=C\\[C@@H](F)C", "F/C=C/[C@]1(C)CCO1", "C[P@](=O)(O)CC",
             *(smiles for smiles, _ in (*NUCLEOSIDES.values(), *LIPIDS.values()))]


def reordered(smiles: str, seed: int) -> str:
    """The same molecule, written in another order."""
    molecule = Chem.MolFromSmiles(smiles)
    order = np.random.default_rng(seed).permutation(molecule.GetNumAtoms()).tolist()
    return Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_hands_and_sides_are_those_of_a_conformer(smiles):
    system, shape = assembled(smiles)
    kind, = system.types
    centres = Chem.FindMolChiralCenters(Chem.MolFromSmiles(smiles), useLegacyImplementation=False)
    for seed in range(4):
        sign, side = isomer_of(reordered(smiles, seed), kind, "here")
        assert np.count_nonzero(sign) >= len(centres)
        np.testing.assert_array_equal(sign, np.where(sign, handedness(shape, kind.chemistry.centres), 0))
        np.testing.assert_array_equal(side, np.where(side, sides(shape, kind.planar.atoms), EITHER))
        assert np.count_nonzero(side) == smiles.count("/C=C")


def test_the_mirror_image_has_the_other_hands():
    kind, = assembled("C[C@H](N)C(=O)O")[0].types
    assert isomer_of("C[C@H](N)C(=O)O", kind, "")[0] == -isomer_of("C[C@@H](N)C(=O)O", kind, "")[0] != 0


def test_centres_that_the_string_leaves_open_stay_open():
    kind, = assembled("C[C@H](Cl)[C@@H](F)C")[0].types
    known = isomer_of("C[C@H](Cl)C(F)C", kind, "")[0]
    assert sorted(np.abs(known).tolist()) == [0, 1]


def united(smiles: str) -> tuple[MoleculeType, np.ndarray]:
    """A molecule whose hydrogens are in the masses of their carbons, and its positions, nm."""
    atoms, shape = builders.atoms_of(smiles, "MOL")
    gone = [k for k, (i, j) in enumerate(atoms.bonds.tolist()) if {atoms.element[i], atoms.element[j]} == {1, 6}]
    mass = atoms.mass.copy()
    np.add.at(mass, atoms.bonds[gone, 0], atoms.mass[atoms.bonds[gone, 1]])
    kept = np.setdiff1d(np.arange(len(shape)), atoms.bonds[gone, 1])
    place = np.full(len(shape), -1)
    place[kept] = np.arange(len(kept))
    rows = np.setdiff1d(np.arange(len(atoms.bonds)), gone)
    left = replace(
        atoms, **{name: [getattr(atoms, name)[k] for k in kept] for name in ("atom_types", "residue_names")},
        **{name: getattr(atoms, name)[kept] for name in ("residues", "element", "partial_charge")}, mass=mass[kept],
        bonds=place[atoms.bonds[rows]], bond_length=atoms.bond_length[rows], constrained=atoms.constrained[rows],
        atom_names=[str(k) for k in range(len(kept))])
    beads = builders.beads_of(left, {"M1": dict.fromkeys(left.atom_names, 1.0)})
    kind, = assemble(AtomTopology({"MOL": left}, [("MOL", 1)], "top.top"), {"MOL": beads}).types
    return kind, shape[kept]


def test_united_atoms_have_hands_too():
    kind, shape = united("C[C@H](O)C(=O)OC")
    assert kind.n_atoms == 8  # seven heavy ones and the hydroxyl's hydrogen
    sign, _ = isomer_of("COC([C@@H](O)C)=O", kind, "")
    assert sign.tolist() == handedness(shape, kind.chemistry.centres).tolist() != [0]


def test_cis_and_trans_on_a_ring_are_told_apart():
    """Both centres of such a ring may be counted either way round, but not one of them alone."""
    system, shape = assembled("C[C@@H]1CC[C@H](Cl)CC1")
    kind, = system.types
    true = handedness(shape, kind.chemistry.centres).prod()
    for seed in range(4):
        assert isomer_of(reordered("C[C@@H]1CC[C@H](Cl)CC1", seed), kind, "")[0].prod() == true
        assert isomer_of(reordered("C[C@H]1CC[C@H](Cl)CC1", seed), kind, "")[0].prod() == -true


@pytest.mark.parametrize(("smiles", "problem"), [
    ("C[C@H](N", "is no SMILES string"), ("", "is no SMILES string"),
    ("C[C@H](N)C(=O)OC", "the SMILES string is C4H9NO2, but molecule type 'MOL' is C3H7NO2"),
    ("NCCC(=O)O", "is C3H7NO2 with other bonds")])
def test_strings_of_other_molecules(smiles, problem):
    kind, = assembled("C[C@H](N)C(=O)O")[0].types
    with pytest.raises(BackmapError, match="here") as raised:
        isomer_of(smiles, kind, "here")
    assert problem in str(raised.value)
