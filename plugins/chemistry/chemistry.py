"""Chemistry from the bonded topology: bond orders, charges, aromaticity, rings, stereocentres.

A force field knows which atoms are bonded, not how. Each atom lacks bonds to its usual valence; a
maximum-weight matching of atoms that lack some gives the double and triple bonds, and what is left
over gives the formal charges. RDKit takes it from there.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, RDLogger

from backmap.errors import BackmapError
from backmap.model.isomers import handedness
from backmap.model.molecule import Chemistry, graph_of

from .elements import mass_of
from .kekule import assign_bond_orders
from .networks import centres_of, of_sheets, opening, rings_of_sheets

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_HYDROGEN_MASS = 1.008
#: Copies that agree in the sign of a centre for it to count as known.
_AGREEMENT = 0.99


def perceive(element: Sequence[int] | Index, bonds: Index, mass: Array | None = None, where: str = "") -> Chemistry:
    """Chemistry of a molecule of which all bonds, but no bond orders, are known.

    Args:
        element: Atomic numbers, 0 for what is no element, (A,).
        bonds: Atom pairs, (n_bonds, 2).
        mass: u, (A,); tells how many hydrogens a united atom holds. None: all atoms are explicit.
        where: The topology, for messages.

    Returns:
        Chemistry with unknown signs. Where no bond orders fit, as for coarse or exotic atoms, all
        bonds are single and nothing is aromatic.

    Raises:
        BackmapError: If a bond joins an atom to itself, or names an atom that there is not.
    """
    element = np.asarray(element, dtype=np.int64)
    bonds = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    if bonds.size and (bonds.min() < 0 or bonds.max() >= len(element) or (bonds[:, 0] == bonds[:, 1]).any()):
        raise BackmapError("a bond joins an atom to itself or to one that is not there", where=where)
    room = 4 - np.bincount(bonds.ravel(), minlength=len(element))  # libraries have CH with four neighbours, too
    implicit = np.minimum(implicit_hydrogens(element, mass), np.maximum(room, 0))
    order, charge = assign_bond_orders(element, bonds, implicit)
    # More than a triple bond is what coarse beads without hydrogens come to.
    sensible = not len(order) or order.max() <= 3
    opened, grown = opening(len(element), bonds), np.zeros(len(bonds), dtype=bool)
    grown[~opened] = of_sheets(len(element), bonds[~opened])
    cut = opened | grown
    molecule = _sanitised(_molecule(element, bonds, order, charge, implicit, cut)) if sensible else None
    if molecule is None:
        order, charge = np.ones(len(bonds)), np.zeros(len(element))
        molecule = _molecule(element, bonds, order, charge, implicit, cut)
        Chem.GetSymmSSSR(molecule)
    if cut.any():
        centres = [atom for atom in centres_of(bonds, 100 * element + charge.astype(np.int64), implicit)
                   if not _resonant(molecule.GetAtomWithIdx(atom))]
    else:
        centres = stereocentres(molecule)
    found = _described(molecule, element, bonds, np.where(cut, order, 0), charge, centres)
    return _with_sheets(found, bonds, grown) if grown.any() else found


def implicit_hydrogens(element: Index, mass: Array | None) -> Index:
    """Hydrogens that a united atom carries in its mass, (A,)."""
    if mass is None:
        return np.zeros(len(element), dtype=np.int64)
    heavier = np.asarray(mass) - np.array([mass_of(int(z)) for z in element])
    count = np.round(heavier / _HYDROGEN_MASS)
    fits = (element == 6) & (count >= 1) & (count <= 4) & (np.abs(heavier - count * _HYDROGEN_MASS) < 0.05)
    return np.where(fits, count, 0).astype(np.int64)


def with_signs(chemistry: Chemistry, positions: Array) -> tuple[Chemistry, int]:
    """The chemistry with the signs of its centres as whole copies of the molecule show them.

    Args:
        chemistry: Of the molecule type.
        positions: Whole molecules, (n_copies, A, 3), nm.

    Returns:
        The new chemistry, and the number of centres whose copies disagree; their sign is 0.
    """
    if not len(chemistry.centres) or not len(positions):
        return chemistry, 0
    mean = handedness(positions, chemistry.centres).mean(axis=0)
    known = np.abs(mean) >= 2 * _AGREEMENT - 1
    sign = np.where(known, np.sign(mean), 0).astype(np.int64)
    return replace(chemistry, sign=sign), int((~known).sum())


def _molecule(element: Index, bonds: Index, order: Array, charge: Array, implicit: Index,
              cut: NDArray[np.bool_]) -> Chem.RWMol:
    """The molecule with hydrogens in the place of bonds that are cut."""
    implicit = implicit + np.bincount(bonds[cut].ravel(), np.repeat(order[cut], 2), len(element)).astype(np.int64)
    kinds = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    molecule = Chem.RWMol()
    for z, q, hydrogens in zip(element, charge, implicit, strict=True):
        atom = Chem.Atom(int(z))
        atom.SetFormalCharge(int(q))
        atom.SetNumExplicitHs(int(hydrogens))
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    for (i, j), multiplicity in zip(bonds[~cut].tolist(), order[~cut], strict=True):
        molecule.AddBond(i, j, kinds[int(multiplicity)])
    return molecule


def _sanitised(molecule: Chem.RWMol) -> Chem.RWMol | None:
    """The molecule with rings and aromaticity, or None if its valences make no sense to RDKit."""
    RDLogger.DisableLog("rdApp.*")
    try:
        Chem.SanitizeMol(molecule)
    except (Chem.MolSanitizeException, ValueError, RuntimeError):
        return None
    finally:
        RDLogger.EnableLog("rdApp.*")
    return molecule


def _described(molecule: Chem.RWMol, element: Index, bonds: Index, order: Array, charge: Array,
               centres: list[int]) -> Chemistry:
    """What RDKit knows; ``order`` of the bonds that it was not shown, 0 of others."""
    rings = molecule.GetRingInfo()
    n_atoms = len(element)
    return Chemistry(
        element=element,
        aromatic=np.array([atom.GetIsAromatic() for atom in molecule.GetAtoms()], dtype=bool),
        ring=np.array([rings.MinAtomRingSize(i) for i in range(n_atoms)], dtype=np.int64),
        charge=np.asarray(charge, dtype=np.float64),
        bond_order=np.array([of_cut or molecule.GetBondBetweenAtoms(i, j).GetBondTypeAsDouble()
                             for (i, j), of_cut in zip(bonds.tolist(), order.tolist(), strict=True)]),
        centres=_rows(centres, element, graph_of(n_atoms, bonds)),
        sign=np.zeros(len(centres), dtype=np.int64))


def _with_sheets(chemistry: Chemistry, bonds: Index, cut: NDArray[np.bool_]) -> Chemistry:
    """The chemistry with the rings of those bonds that are part of sheets, which RDKit was not shown."""
    ring, aromatic = rings_of_sheets(len(chemistry.element), bonds[cut], chemistry.bond_order[cut])
    fused = cut & aromatic[bonds].all(axis=1)
    return replace(chemistry, ring=np.where(ring > 0, ring, chemistry.ring), aromatic=chemistry.aromatic | aromatic,
                   bond_order=np.where(fused, 1.5, chemistry.bond_order))


def stereocentres(molecule: Chem.Mol) -> list[int]:
    """Tetrahedral atoms whose neighbours all differ and of which at least three are explicit.

    The two oxygens of a phosphate differ in a drawing, by a charge, and in nothing else.
    """
    try:
        found = Chem.FindPotentialStereo(molecule)
    except (RuntimeError, ValueError):
        return []
    tetrahedral = [int(info.centeredOn) for info in found if info.type == Chem.StereoType.Atom_Tetrahedral]
    return sorted(atom for atom in tetrahedral if molecule.GetAtomWithIdx(atom).GetDegree() >= 3
                  and not _resonant(molecule.GetAtomWithIdx(atom)))


def _resonant(atom: Chem.Atom) -> bool:
    """Whether two of an atom's neighbours are bare atoms of one element."""
    bare = [other.GetAtomicNum() for other in atom.GetNeighbors()
            if other.GetDegree() == 1 and other.GetAtomicNum() > 1 and not other.GetTotalNumHs()]
    return len({*bare}) < len(bare)


def _rows(centres: list[int], element: Index, graph: nx.Graph) -> Index:
    """Each centre with three of its neighbours, heavy ones first and then by index, (C, 4)."""
    rows = [[c, *sorted(graph[c], key=lambda a: (element[a] == 1, a))[:3]] for c in centres]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)
