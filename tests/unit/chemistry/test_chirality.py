"""Handedness as files state it."""
from __future__ import annotations

from itertools import permutations

import numpy as np
from backmap_plugins.chemistry.chirality import relative_sign, with_chirality
from backmap_plugins.chemistry.cip import stereocentres_of
from backmap_plugins.molecules.assemble import molecule_type
from rdkit import Chem

from backmap.model.isomers import handedness
from tests import builders

#: A tetrahedron around the origin; the triple product of its first three vectors is positive.
CORNERS = np.array([[1, 1, 1], [-1, 1, -1], [-1, -1, 1], [1, -1, -1]])


def test_signs_of_all_orders_of_three_of_four_neighbours() -> None:
    def product(corners: tuple[int, ...]) -> int:
        return int(np.sign(np.linalg.det(CORNERS[list(corners)].astype(float))))

    for reference in permutations(range(4), 3):
        for arms in permutations(range(4), 3):
            assert relative_sign(arms, reference) == product(arms) * product(reference)


def test_three_neighbours_are_needed() -> None:
    assert relative_sign([1, 1, 2], [0, 1, 2]) == 0
    assert relative_sign([4, 5, 2], [0, 1, 2]) == 0


def test_the_mapping_tells_signs() -> None:
    kind = builders.chiral()
    positions = builders.conformation(kind)
    atoms, _ = builders.atoms_of("F[C@H](Cl)Br", "CHI")
    chemistry = molecule_type(atoms, builders.beads_of(atoms, {"A": {"C1": 1}})).chemistry
    assert chemistry.sign.tolist() == [0]
    (centre, *arms), = chemistry.centres.tolist()
    for order in permutations(arms):
        hand = np.array([[centre, *order]])
        positive = handedness(positions, hand)[0] > 0
        assert (with_chirality(chemistry, hand).sign == kind.chemistry.sign).all() == positive
    assert with_chirality(chemistry, None) is chemistry
    assert with_chirality(chemistry, np.array([[0, 1, 2, 3]])).sign.tolist() == [0]


def test_labels_of_cahn_ingold_and_prelog() -> None:
    """Against RDKit's labels of embedded molecules."""
    for smiles in ("F[C@H](Cl)Br", "F[C@@H](Cl)Br", "C[C@H](N)C(=O)O", "C[C@H](O)[C@H](O)[C@@H](F)O"):
        atoms, positions = builders.atoms_of(smiles, "MOL")
        whole = Chem.AddHs(Chem.MolFromSmiles(smiles))
        labels = dict(Chem.FindMolChiralCenters(whole, useLegacyImplementation=False))
        found = list(stereocentres_of(atoms, labels))
        assert [centre for centre, _ in found] == list(labels)
        assert all(handedness(positions, np.array([[centre, *arms]]))[0] == 1 for centre, arms in found)
