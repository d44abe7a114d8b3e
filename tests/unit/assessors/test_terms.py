"""Terms are named as the topology names them, and each comes once."""
from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.assessors.terms import small_rings, terms_of, torsions_along_bonds

from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.system import System

from .scene import molecule


def forcefield(kind, **terms: list) -> ForceField:
    bonded = tuple(Bonded(name, np.array(atoms), np.zeros((len(atoms), len(FUNCTIONS[name][2]))))
                   for name, atoms in terms.items())
    none = np.zeros(kind.n_atoms)
    parameters = MoleculeParameters(kind.name, bonded, none.astype(int), none, np.empty((0, 2), dtype=int),
                                    np.empty((0, 2), dtype=int), np.empty((0, 3)))
    return ForceField({kind.name: parameters}, ["X"], np.zeros((1, 1)), np.zeros((1, 1)))


def test_without_a_force_field_the_bonds_imply_everything() -> None:
    kind, _ = molecule("CCCC")
    terms = terms_of(System(((kind, 3),)), None)
    assert list(terms) == ["bonds", "angles", "propers"]
    assert {name: int(n) for name, n in zip(terms["bonds"].names, terms["bonds"].number)} == {"C-C": 9, "C-H": 30}
    assert terms["angles"].names == ["C-C-C", "C-C-H", "H-C-H"]
    assert terms["angles"].number.tolist() == [2 * 3, (3 + 4 + 4 + 3) * 3, (3 + 1 + 1 + 3) * 3]
    assert terms["propers"].names == ["C-C-C-C", "C-C-C-H", "H-C-C-H"]
    assert terms["propers"].number.tolist() == [3, 10 * 3, 16 * 3]
    assert terms["propers"].chain.tolist() == [True, False, False]


def test_a_force_field_says_which_terms_there_are() -> None:
    kind, _ = molecule("CCCCC")
    field = forcefield(kind, harmonic_angle=[[0, 1, 2]], periodic_proper=[[3, 2, 1, 0], [0, 1, 2, 3]])
    terms = terms_of(System(((kind, 2),)), field)
    assert terms["angles"].number.tolist() == [2]
    assert terms["propers"].names == ["C-C-C-C", "C-C-C-C (no term)"]
    assert terms["propers"].number.tolist() == [2, 2]  # two terms of one torsion count once


def test_impropers_are_in_a_ring_or_out_of_a_plane() -> None:
    kind, _ = molecule("Cc1ccccc1")
    ring = small_rings(kind)[0]
    hydrogen = next(a for a in kind.graph[ring[1]] if kind.chemistry.element[a] == 1)
    methyl = next(a for a in kind.graph[ring[0]] if a not in ring)
    assert methyl == 0
    field = forcefield(kind, harmonic_improper=[ring[:4], [ring[1], ring[0], ring[2], hydrogen],
                                                [ring[0], ring[1], ring[5], methyl]])
    terms = terms_of(System(((kind, 1),)), field)
    assert terms["impropers"].names == ["out-of-plane C", "out-of-plane H", "ring C4"]
    assert "C-C-C-C (no term)" in terms["propers"].names


def test_types_of_the_same_name_in_two_molecules_are_one_distribution() -> None:
    one, other = molecule("CC", "ETH")[0], molecule("CCC", "PRO")[0]
    terms = terms_of(System(((one, 2), (other, 1), (one, 1))), None)
    assert terms["bonds"].number.tolist() == [3 + 2, 3 * 6 + 8]
    assert terms["bonds"].atoms.max() < 3 * 8 + 11


@pytest.mark.parametrize(("smiles", "sizes"), [("C1CC1", [3]), ("c1ccc2ccccc2c1", [6, 6]), ("C1CC2CCC1C2", [5, 5]),
                                               ("C1CCCCCCCCC1", []), ("C1CC11CC1", [3, 3]), ("CCC", [])])
def test_rings_are_in_order(smiles: str, sizes: list[int]) -> None:
    kind, _ = molecule(smiles)
    rings = small_rings(kind)
    assert sorted(map(len, rings)) == sizes
    for ring in rings:
        assert all(kind.graph.has_edge(a, b) for a, b in zip(ring, [*ring[1:], ring[0]]))


def test_torsions_of_a_triangle_do_not_bite_their_tail() -> None:
    assert list(torsions_along_bonds(nx.cycle_graph(3))) == []
    assert len(set(torsions_along_bonds(nx.cycle_graph(4)))) == 4
