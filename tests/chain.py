"""A polymer in memory: polyethylene whose repeat units are residues, for tests of mappings."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backmap.api import AtomMolecule
from tests import builders


def polyethylene(n_units: int, name: str = "PE") -> tuple[AtomMolecule, NDArray[np.float64]]:
    """A chain of residues ETH with carbons CA and CB, hydrogens HA1, HA2, HB1, ... (and a third at the ends)."""
    atoms, positions = builders.atoms_of("CC" * n_units, name)
    names, residue, count = [], [], {}
    for atom, element in enumerate(atoms.element.tolist()):
        carbon = atom if element == 6 else next(int(i + j - atom) for i, j in atoms.bonds.tolist() if atom in (i, j))
        label = "AB"[carbon % 2]
        count[carbon] = count.get(carbon, 0) + (element == 1)
        names.append(f"C{label}" if element == 6 else f"H{label}{count[carbon]}")
        residue.append(carbon // 2)
    atoms, order = in_residues(replace(atoms, atom_names=names), 1 + np.array(residue))
    return replace(atoms, residue_names=["ETH"] * len(order)), positions[order]


def in_residues(atoms: AtomMolecule, residues: NDArray[np.int64]) -> tuple[AtomMolecule, NDArray[np.int64]]:
    """The molecule with these residue numbers (A,), its atoms in their order; and where each of them was, (A,)."""
    order = np.argsort(residues, kind="stable")
    place = np.argsort(order)
    bonds = np.sort(place[atoms.bonds], axis=1)
    rows = np.lexsort(bonds.T[::-1])
    return replace(
        atoms, atom_names=[atoms.atom_names[k] for k in order], atom_types=[atoms.atom_types[k] for k in order],
        residue_names=[atoms.residue_names[k] for k in order], residues=residues[order], element=atoms.element[order],
        mass=atoms.mass[order], bonds=bonds[rows], bond_length=atoms.bond_length[rows],
        constrained=atoms.constrained[rows]), order
