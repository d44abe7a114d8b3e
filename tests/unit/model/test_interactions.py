"""Interactions of beads: those that a mapping names, and those that follow from the graph of the beads."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backmap.errors import BackmapError
from backmap.model.interactions import bonded_of, excluded_pairs, interactions_of
from backmap.model.molecule import BeadTerm, MoleculeType
from backmap.model.system import System
from backmap.testing import examples
from tests import scenes, tabulated


def beads(types: str, bonds: list[tuple[int, int]], name: str = "MOL") -> MoleculeType:
    """A molecule whose beads are single atoms of these types."""
    kind = examples.molecule_type(name, [6] * len(types), bonds, [[k] for k in range(len(types))])
    return replace(kind, bead_types=list(types))


def test_octane_as_its_mapping_names_them() -> None:
    found = interactions_of(scenes.octane_system())
    assert list(found) == ["end-middle", "middle-middle", "bend", "twist", "E-E", "E-M", "M-M"]
    assert found["end-middle"].kind == "bond"
    assert found["end-middle"].members["OCT"].tolist() == [[0, 1], [2, 3]]
    assert found["twist"].members["OCT"].tolist() == [[0, 1, 2, 3]]
    assert found["E-M"].types == ("E", "M")


def test_a_chain_by_its_types() -> None:
    found = interactions_of(tabulated.system(2))
    assert {name: one.kind for name, one in found.items()} == {
        "bond-E-M": "bond", "bond-M-M": "bond", "E-M-M": "angle", "E-M-M-E": "dihedral", "E-E": "pair", "E-M": "pair",
        "M-M": "pair"}
    assert found["E-M-M"].members["CHN"].tolist() == [[0, 1, 2], [3, 2, 1]]  # both from E


def test_rings_and_branches() -> None:
    """A ring of four with a tail: five bonds, six angles, and dihedrals of four different beads each."""
    kind = beads("AAAAB", [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)])
    members = {name: rows for name, _, rows in bonded_of(kind)}
    assert {name: len(rows) for name, rows in members.items()} == {
        "bond-A-A": 4, "bond-A-B": 1, "A-A-A": 4, "A-A-B": 2, "A-A-A-A": 4, "A-A-A-B": 2}
    assert all(len(set(row)) == len(row) for rows in members.values() for row in rows.tolist())
    assert not excluded_pairs(kind, 1)[1, 3]
    assert excluded_pairs(kind, 2)[1, 3]
    assert excluded_pairs(kind, 0).tolist() == np.eye(5, dtype=bool).tolist()


def test_molecules_share_names() -> None:
    chain, other = beads("AA", [(0, 1)], "ONE"), beads("AAA", [(0, 1), (1, 2)], "TWO")
    found = interactions_of(System(((chain, 1), (other, 2))))
    assert {name: rows.tolist() for name, rows in found["bond-A-A"].members.items()} == {
        "ONE": [[0, 1]], "TWO": [[0, 1], [1, 2]]}
    named = replace(other, bead_terms=(BeadTerm("stiff", np.array([[0, 1], [1, 2]])),))
    assert list(interactions_of(System(((named, 1),)))) == ["stiff", "A-A"]


@pytest.mark.parametrize(("terms", "said"), [
    ((BeadTerm("x", np.array([[0, 1]])), BeadTerm("x", np.array([[0, 1, 2]]))),
     "'x' is the name of a bond and of another kind, angle"),
    ((BeadTerm("A-A", np.array([[0, 1]])),), "'A-A' is the name of a bond, and of the pair of bead types"),
])
def test_names_that_mean_two_things(terms: tuple[BeadTerm, ...], said: str) -> None:
    kind = replace(beads("AAA", [(0, 1), (1, 2)]), bead_terms=terms)
    with pytest.raises(BackmapError) as caught:
        interactions_of(System(((kind, 1),)))
    assert said in str(caught.value)
