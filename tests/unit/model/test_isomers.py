"""Signs that tell isomers apart, on shapes that are known."""
from __future__ import annotations

import numpy as np
import pytest
from backmap_plugins.molecules.assemble import molecule_type

from backmap.model.isomers import (
    CIS,
    EITHER,
    TRANS,
    IsomerTerms,
    PlanarSides,
    flatness,
    handedness,
    sides,
    signs,
    triples,
)
from backmap.model.molecule import graph_of
from backmap.model.system import System
from tests import builders

QUAD = np.array([[0, 1, 2, 3]])


def dihedral(degrees: float) -> np.ndarray:
    """Four atoms with that torsion, (4, 3)."""
    angle = np.radians(degrees)
    return np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]) * [1, 0, 1] + np.array(
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [np.cos(angle), np.sin(angle), 0.5]])


@pytest.mark.parametrize(("degrees", "side"), [(0, CIS), (80, CIS), (-80, CIS), (100, TRANS), (180, TRANS),
                                               (-100, TRANS)])
def test_sides_by_torsion(degrees: float, side: int) -> None:
    assert sides(dihedral(degrees), QUAD).tolist() == [side]
    assert sides(dihedral(degrees)[::-1], QUAD).tolist() == [side]
    assert sides(dihedral(degrees) * [1, 1, -1], QUAD).tolist() == [side]


@pytest.mark.parametrize("degrees", [0, 50, 75, -75, 100, 170])
def test_flatness_by_torsion(degrees: float) -> None:
    cosine = np.cos(np.radians(degrees))
    assert flatness(dihedral(degrees), QUAD, np.array([CIS])) == pytest.approx([cosine])
    assert flatness(dihedral(degrees), QUAD, np.array([TRANS])) == pytest.approx([-cosine])


def test_terms_leave_out_what_is_not_known() -> None:
    centres = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
    planar = PlanarSides.of([[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]], [CIS, EITHER, TRANS])
    terms = IsomerTerms.of(centres, np.array([0, -1]), planar, graph_of(7, np.array([[1, 2], [1, 3], [1, 4]])))
    assert terms.code.tolist() == [0, 1, 1]
    assert terms.atoms.tolist() == [[1, 2, 3, 4], [0, 1, 2, 3], [3, 4, 5, 6]]
    assert terms.sign.tolist() == [-1, CIS, TRANS]
    positions = np.random.default_rng(1).normal(size=(5, 7, 3))
    np.testing.assert_array_equal(signs(positions, terms), np.hstack([
        handedness(positions, centres[1:]), sides(positions, planar.atoms[[0, 2]])]))


def test_all_triples_of_a_centre_have_their_sign() -> None:
    kind, shape = builders.chiral(), builders.conformation(builders.chiral())
    (centre,), (sign,) = kind.chemistry.centres.tolist(), kind.chemistry.sign.tolist()
    listed = list(triples(kind.graph, centre, sign))
    assert len(listed) == 4
    for atoms, expected in listed:
        assert handedness(shape, np.array([atoms])).tolist() == [expected]


@pytest.mark.parametrize(("smiles", "side"), [("C/C=C\\C", CIS), ("C/C=C/C", TRANS)])
def test_butenes_on_the_wrong_side_are_found(smiles: str, side: int) -> None:
    atoms, shape = builders.atoms_of(smiles, "BUE")
    kind = molecule_type(atoms, builders.beads_of(atoms, {"M1": dict.fromkeys(atoms.atom_names, 1.0)}))
    assert kind.planar.atoms.tolist() == [[0, 1, 2, 3]]
    assert kind.planar.side.tolist() == [EITHER]
    for told, wrong in ((EITHER, 0), (side, 0), (-side, 1)):
        system = System(((kind.with_signs(kind.chemistry.sign, np.array([told])), 2),))
        both = np.concatenate([shape, shape + 1.0])
        assert system.wrong_sides(both[None]).tolist() == [[0, 0, 1, 2, 3], [0, 12, 13, 14, 15]] * wrong
