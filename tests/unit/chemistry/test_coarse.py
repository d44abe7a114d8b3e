"""Beads in place of atoms: what tells them, and what is known of them."""
from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from backmap_plugins.chemistry.coarse import as_beads, chemistry_of_beads, looks_coarse
from backmap_plugins.chemistry.elements import element_of, mass_of
from backmap_plugins.formats.lammps.topology import Lammps

from backmap.api import AtomMolecule
from tests import builders


def _chain(names: list[str], masses: list[float | None], bonds: list[tuple[int, int]] | None = None) -> AtomMolecule:
    """As readers make it: elements from masses and names."""
    element = [element_of(None, mass, name) for name, mass in zip(names, masses, strict=True)]
    mass = [mass_of(z) if m is None else m for z, m in zip(element, masses, strict=True)]
    pairs = [(k, k + 1) for k in range(len(names) - 1)] if bonds is None else bonds
    return AtomMolecule("M", names, names, ["M"] * len(names), np.ones(len(names), int), np.array(element),
                        np.array(mass), np.zeros(len(names)), np.array(pairs, dtype=int).reshape(-1, 2),
                        np.full(len(pairs), np.nan), np.zeros(len(pairs), bool))


@pytest.mark.parametrize(("names", "masses"), [
    (["BB", "SC1", "SC2"], [72.0, 54.0, 54.0]), (["NC3", "PO4", "GL1", "C1A"], [72.0] * 4), (["W"], [72.0]),
    (["P1", "P2", "P3"], [1.0] * 3), (["A1", "B1", "A2", "B2"], [None] * 4), (["B01", "B02", "B03"], [None] * 3),
    (["A1", "B1"], [27.05, 77.11])])
def test_beads_are_told_by_masses_and_names(names: list[str], masses: list[float | None]) -> None:
    molecule = _chain(names, masses)
    assert looks_coarse(molecule)
    beads = as_beads(molecule)
    assert not beads.element.any()
    np.testing.assert_array_equal(beads.mass, [1.0 if mass is None else mass for mass in masses])


@pytest.mark.parametrize(("names", "masses"), [
    (["C1", "C2", "C3"], [None] * 3), (["C1", "C2"], [15.035, 15.035]), (["CL"], [35.453]), (["NA"], [22.99]),
    (["C1", "C2", "C3", "H1", "H2"], [12.011, 9.995, 5.963, 3.024, 3.024]), (["H1", "H2"], [1.008, 1.008]),
    (["OW", "HW1", "HW2", "MW"], [15.999, 1.008, 1.008, 0.0]), (["MW"], [None])])
def test_atoms_stay_atoms(names: list[str], masses: list[float | None]) -> None:
    """United atoms, hydrogens that were made heavier, ions, virtual sites."""
    assert not looks_coarse(_chain(names, masses))


@pytest.mark.parametrize("smiles", ["CCO", "c1ccccc1", "CC(=O)O", "C[C@H](N)O", "ClC(Cl)(Cl)Cl"])
def test_molecules_are_no_beads(smiles: str) -> None:
    assert not looks_coarse(builders.atoms_of(smiles, "M")[0])


def test_rings_of_beads_are_found_by_the_graph_alone() -> None:
    """A triangle on a five-ring with a tail, and a ring of twelve, which is a chain to its beads."""
    bonds = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (4, 5), (5, 6), (4, 6), (6, 7)]
                     + [(8 + k, 8 + (k + 1) % 12) for k in range(12)])
    found = chemistry_of_beads(20, bonds)
    shortest = {node: min((len(c) for c in nx.minimum_cycle_basis(nx.Graph(bonds.tolist())) if node in c), default=0)
                for node in range(20)}
    expected = [0 if shortest[node] > 8 else shortest[node] for node in range(20)]
    assert found.ring.tolist() == expected
    assert sorted(set(expected)) == [0, 3, 5]
    assert not found.element.any()
    assert len(found.centres) == 0


def test_lammps_in_reduced_units_has_beads(tmp_path: Path) -> None:
    (tmp_path / "a.data").write_text(
        "melt\n\n4 atoms\n2 bonds\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n1 1.0\n\nAtoms\n\n"
        "1 1 1 0 0 0 0\n2 1 1 0 1 1 1\n3 2 1 0 0 0 0\n4 2 1 0 1 1 1\n\nBonds\n\n1 1 1 2\n2 1 3 4\n")
    topology = Lammps(Lammps.Options(data=tmp_path / "a.data", units="lj", sigma=0.75)).read()
    assert topology.blocks == [("MOL", 2)]
    assert topology.types["MOL"].element.tolist() == [0, 0]
    assert topology.types["MOL"].atom_names == ["X1", "X2"]
