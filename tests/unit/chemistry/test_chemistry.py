"""Bond orders, charges, rings and stereocentres from connectivity alone."""
from __future__ import annotations

import time

import numpy as np
import pytest
from backmap_plugins.chemistry.chemistry import perceive, with_signs
from rdkit import Chem

from backmap.errors import BackmapError
from tests import builders


def _stripped(smiles: str) -> tuple[Chem.Mol, list[int], np.ndarray]:
    """A molecule, its elements, and its bonds without their orders."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    return molecule, [atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.array(bonds, dtype=int).reshape(-1, 2)


@pytest.mark.parametrize("smiles", [
    "CCCCCCCC", "CC(C)c1ccccc1", "c1ccc2ccccc2c1", "C#CC", "C=C=C", "C#N", "O=C=O", "CC(=O)[O-]", "C[NH3+]",
    "C[N+](C)(C)CC", "C[N+](=O)[O-]", "c1c[nH]c[nH+]1", "C[n+]1ccccc1", "CS(=O)(=O)C", "CS(C)=O", "CS(=O)(=O)[O-]",
    "C[S+](C)C", "COP(=O)([O-])OC", "OP(=O)(O)O", "CC(=O)NC(C)C(=O)NC", "O=c1[nH]c(N)nc2c1ncn2C", "c1ccsc1", "CC=CC",
    "C[Si](C)(C)O", "F[B-](F)(F)F", "F[P-](F)(F)(F)(F)F", "[Na+]", "[Cl-]", "[Ca+2]", "O"])
def test_connectivity_is_enough(smiles: str) -> None:
    molecule, element, bonds = _stripped(smiles)
    found = perceive(element, bonds)
    assert found.charge.sum() == Chem.GetFormalCharge(molecule)
    assert found.aromatic.tolist() == [atom.GetIsAromatic() for atom in molecule.GetAtoms()]
    expected = sorted(bond.GetBondTypeAsDouble() for bond in molecule.GetBonds())
    assert sorted(found.bond_order.tolist()) == expected


def test_a_guanidinium_has_one_charge() -> None:
    _, element, bonds = _stripped("NC(=[NH2+])NC")
    assert perceive(element, bonds).charge.sum() == 1


def test_rings_are_counted_by_the_smallest() -> None:
    _, element, bonds = _stripped("C1CC2CCCC2C1")
    assert perceive(element, bonds).ring[:8].tolist() == [5] * 8
    _, element, bonds = _stripped("c1ccc2c(c1)CCC2")
    ring = perceive(element, bonds).ring
    assert sorted(ring[:9].tolist()) == [5] * 3 + [6] * 6 or sorted(ring[:9].tolist()) == [5] * 5 + [6] * 4


@pytest.mark.parametrize(("smiles", "count"), [
    ("CCCCCCCC", 0), ("CC(C)c1ccccc1", 0), ("CC(N)C(=O)O", 1), ("C" + "C(c1ccccc1)C" * 9 + "Cc1ccccc1", 9),
    ("CC(F)CC(F)C", 2)])
def test_stereocentres(smiles: str, count: int) -> None:
    _, element, bonds = _stripped(smiles)
    found = perceive(element, bonds)
    assert len(found.centres) == len(found.sign) == count
    for centre, *others in found.centres.tolist():
        neighbours = {a + b - centre for a, b in bonds.tolist() if centre in (a, b)}
        assert set(others) <= neighbours
        heavy = [element[a] != 1 for a in others]
        assert heavy == sorted(heavy, reverse=True)


def test_united_atoms_carry_their_hydrogens_in_their_mass() -> None:
    bonds = np.array([[0, 1], [1, 2], [2, 3]])
    butane = perceive([6] * 4, bonds, np.array([15.035, 14.027, 14.027, 15.035]))
    butene = perceive([6] * 4, bonds, np.array([15.035, 13.019, 13.019, 15.035]))
    assert butane.bond_order.tolist() == [1, 1, 1]
    assert butene.bond_order.tolist() == [1, 2, 1]


def test_a_carbon_of_four_neighbours_carries_no_hydrogens() -> None:
    """Whatever it weighs: libraries of united atoms have CH of methacrylates there."""
    bonds = np.array([[0, 1], [1, 2], [1, 3], [3, 4], [1, 5], [3, 6], [6, 7]])
    element, ester = [6, 6, 6, 6, 8, 6, 8, 6], [15.999, 15.035]
    found = perceive(element, bonds, np.array([15.035, 13.019, 15.035, 12.011, 15.999, 15.035, *ester]))
    assert found.bond_order.tolist() == [1, 1, 1, 2, 1, 1, 1]
    assert not len(found.centres)  # three methyls
    chains = np.concatenate([bonds, [[0, 8], [5, 9], [9, 10]]])
    mass = np.array([14.027, 13.019, 15.035, 12.011, 15.999, 14.027, *ester, 15.035, 14.027, 15.035])
    assert perceive([*element, 6, 6, 6], chains, mass).centres[:, 0].tolist() == [1]


def test_heavy_hydrogens_change_nothing() -> None:
    _, element, bonds = _stripped("CC")
    mass = np.array([12.011 - 3 * 2.016] * 2 + [3.024] * 6)
    assert perceive(element, bonds, mass).bond_order.tolist() == [1] * 7


@pytest.mark.parametrize(("element", "bonds"), [
    ([0, 0, 0], [[0, 1], [1, 2]]), ([6, 6], [[0, 1]]), ([8, 1, 1], [[0, 1], [0, 2], [1, 2]]),
    ([6] * 6, [[0, k] for k in range(1, 6)]), ([6], [])])
def test_what_is_no_chemistry_is_plain(element: list[int], bonds: list) -> None:
    found = perceive(element, np.array(bonds, dtype=int).reshape(-1, 2))
    assert len(found.bond_order) == len(bonds)
    assert not found.aromatic.any()


def test_impossible_bonds_are_refused() -> None:
    with pytest.raises(BackmapError, match="joins an atom to itself"):
        perceive([6, 6], np.array([[1, 1]]))
    with pytest.raises(BackmapError, match="not there"):
        perceive([6, 6], np.array([[0, 2]]))


def test_a_chain_of_thousands_of_atoms_takes_seconds() -> None:
    _, element, bonds = _stripped("C" + "C(c1ccccc1)C" * 200 + "c1ccccc1")
    start = time.perf_counter()
    found = perceive(element, bonds)
    assert time.perf_counter() - start < 10
    assert len(element) > 3000
    assert int(found.aromatic.sum()) == 201 * 6
    assert len(found.centres) == 200


def test_signs_come_from_copies_that_agree() -> None:
    kind = builders.chiral()
    positions = builders.conformation(kind)
    mirrored = positions * [1, 1, -1]
    chemistry, unknown = with_signs(kind.chemistry, np.stack([positions, positions]))
    assert (chemistry.sign.tolist(), unknown) == (kind.chemistry.sign.tolist(), 0)
    assert abs(kind.chemistry.sign[0]) == 1
    chemistry, unknown = with_signs(kind.chemistry, np.stack([positions, mirrored]))
    assert (chemistry.sign.tolist(), unknown) == ([0], 1)
    chemistry, unknown = with_signs(kind.chemistry, mirrored[None])
    assert chemistry.sign.tolist() == (-kind.chemistry.sign).tolist()
