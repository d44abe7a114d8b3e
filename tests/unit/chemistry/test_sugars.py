"""Hands of sugars by the names of residues, beside R and S of their systematic names."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from backmap_plugins.chemistry.sugars import natural_pyranoses
from backmap_plugins.molecules.assemble import molecule_type
from rdkit import Chem
from rdkit.Chem import AllChem
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers

from backmap.model.isomers import handedness
from backmap.model.molecule import MoleculeType
from tests import builders

HEXOSE = "C1(O)C(O)C(O)C(O)C(O1)CO", "C1 O1 C2 O2 C3 O3 C4 O4 C5 O5 C6 O6"
DEOXY = "C1(O)C(O)C(O)C(O)C(O1)C", "C1 O1 C2 O2 C3 O3 C4 O4 C5 O5 C6"
ACETYL = "C1(O)C(NC(=O)C)C(O)C(O)C(O1)CO", "C1 O1 C2 N C7 O7 C8 C3 O3 C4 O4 C5 O5 C6 O6"
PENTOSE = "C1(O)C(O)C(O)C(O)CO1", "C1 O1 C2 O2 C3 O3 C4 O4 C5 O5"


def sugar(skeleton: tuple[str, str], labels: str, residue: str) -> tuple[MoleculeType, np.ndarray]:
    """The isomer with these labels of C1, C2, ... under the name of a residue, and positions of its atoms, nm."""
    smiles, names = skeleton
    for isomer in EnumerateStereoisomers(Chem.MolFromSmiles(smiles)):
        Chem.AssignStereochemistry(isomer, cleanIt=True, force=True)
        found = {name: atom.GetPropsAsDict().get("_CIPCode") for name, atom in zip(names.split(), isomer.GetAtoms())}
        if "".join(found[f"C{k}"] or "" for k in range(1, 6)) == labels:
            break
    else:
        raise AssertionError("there is no such isomer")
    whole = Chem.AddHs(isomer)
    AllChem.EmbedMolecule(whole, randomSeed=3)
    atoms, _ = builders.atoms_of(smiles, residue)
    count = len(names.split())
    atoms = replace(atoms, atom_names=[*names.split(), *(f"H{k}" for k in range(len(atoms.atom_names) - count))])
    bonds = np.array(sorted(tuple(sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))) for bond in whole.GetBonds()))
    assert (bonds == atoms.bonds).all()
    beads = builders.beads_of(atoms, {"M1": dict.fromkeys(atoms.atom_names, 1.0)})
    return molecule_type(atoms, beads), whole.GetConformer().GetPositions() * 0.1


@pytest.mark.parametrize(("residues", "skeleton", "labels"), [
    ("BGLC BGC 0GB 4GB ZGB", HEXOSE, "RRSSR"),  # beta-D-glucose: (2R,3R,4S,5S,6R) as an oxane
    ("AGLC GLC 4GA", HEXOSE, "SRSSR"),
    ("BGAL GAL 3LB", HEXOSE, "RRSRR"),
    ("AMAN MAN 2MA VMA", HEXOSE, "SSSSR"),
    ("BMAN BMA", HEXOSE, "RSSSR"),
    ("AFUC FUC 0fA", DEOXY, "RSRSS"),           # alpha-L-fucose: (2R,3S,4R,5S,6S)
    ("ARHM RAM 0hA", DEOXY, "RRRRS"),
    ("BGLCNA NAG 4YB", ACETYL, "RRRSR"),
    ("BGALNA NGA 0VB", ACETYL, "RRRRR"),
    ("BXYL XYP 0XB", PENTOSE, "RRSR"),
])
def test_sugars_are_what_their_names_say(residues: str, skeleton: tuple[str, str], labels: str) -> None:
    for residue in residues.split():
        kind, positions = sugar(skeleton, labels, residue)
        rows = natural_pyranoses(kind)
        assert sorted(kind.atom_names[centre] for centre in rows[:, 0]) == [f"C{k + 1}" for k in range(len(labels))]
        assert (handedness(positions[None], rows) > 0).all(), residue


def test_names_that_are_none_of_sugars_tell_nothing() -> None:
    for residue in ("GLY", "LIG", "0gX", "SDS", "CGLC"):
        assert not len(natural_pyranoses(sugar(HEXOSE, "RRSSR", residue)[0]))
