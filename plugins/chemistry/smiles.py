"""What a SMILES string tells of the isomer that a molecule type is: hands of stereocentres, sides of double bonds."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from backmap.errors import BackmapError
from backmap.model.inputs import ToldSide
from backmap.model.isomers import CIS, EITHER, TRANS, PlanarSides
from backmap.model.molecule import MoleculeType, graph_of

from .chirality import relative_sign
from .cip import arms_of
from .sides import with_told
from .skeleton import Skeleton

Index = NDArray[np.int64]

_SIDES = {Chem.BondStereo.STEREOE: TRANS, Chem.BondStereo.STEREOTRANS: TRANS,
          Chem.BondStereo.STEREOZ: CIS, Chem.BondStereo.STEREOCIS: CIS}


def isomer_of(smiles: str, kind: MoleculeType, where: str) -> tuple[Index, Index]:
    """Signs of the stereocentres (C,) and sides of the planar bonds (P,) of a molecule type, 0 where nothing is told.

    Atoms are found by elements, hydrogens and bonds; orders of bonds and charges, which topologies do not have, do not
    count.

    Args:
        smiles: The string, with ``@`` and ``@@``, ``/`` and ``\\``.
        kind: Its atoms and bonds.
        where: The place in the recipe, for messages.

    Raises:
        BackmapError: If it is no SMILES string, or of another molecule.
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not molecule.GetNumAtoms():
        raise BackmapError(f"'{smiles}' is no SMILES string that RDKit reads, and no .gro file", where=where,
                           hint="Write it with the hands of its stereocentres: C[C@H](N)C(=O)O.")
    molecule = Chem.AddHs(molecule)
    found = _found(molecule, kind, where)
    told = dict(_centre(atom, found) for atom in molecule.GetAtoms() if _is_told(atom))
    sign = np.array([relative_sign(told[centre], arms) if centre in told else 0
                     for centre, *arms in kind.chemistry.centres.tolist()], dtype=np.int64)
    sides = [ToldSide(tuple(found[atom] for atom in quad), _SIDES[bond.GetStereo()], where)
             for bond in molecule.GetBonds() if bond.GetStereo() in _SIDES for quad in [_quad(bond)]]
    blank = PlanarSides.of(kind.planar.atoms, np.full(len(kind.planar.side), EITHER))
    return sign, with_told(blank, sides, kind.graph).side


def _found(molecule: Chem.Mol, kind: MoleculeType, where: str) -> dict[int, int]:
    """The atom of the molecule type that each of the string is; hydrogens as far as both have them."""
    element = {atom.GetIdx(): atom.GetAtomicNum() for atom in molecule.GetAtoms()}
    bonds = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()])
    ours = Skeleton.of(graph_of(len(element), bonds.reshape(-1, 2)), element, {})
    theirs = Skeleton.of_topology(kind.chemistry.element, kind.mass, kind.bonds)
    found = ours.located_in(theirs)
    if found is None:
        raise BackmapError(f"the SMILES string {ours.unlike(theirs, kind.name)}", where=where,
                           hint="Write the molecule as it is in the topology, with the same hydrogens.")
    return found


def _is_told(atom: Chem.Atom) -> bool:
    return atom.GetDegree() == 4 and atom.GetChiralTag() in (Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
                                                             Chem.ChiralType.CHI_TETRAHEDRAL_CW)


def _centre(atom: Chem.Atom, found: dict[int, int]) -> tuple[int, list[int]]:
    """A stereocentre, and three neighbours with a positive triple product; added hydrogens come last."""
    return found[atom.GetIdx()], [found[arm] for arm in arms_of(atom)]


def _quad(bond: Chem.Bond) -> tuple[int, ...]:
    """The neighbours that the side of a double bond is said of, about its ends."""
    near, far = bond.GetStereoAtoms()
    ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    return (near, *ends, far) if bond.GetOwningMol().GetBondBetweenAtoms(near, ends[0]) else (near, *ends[::-1], far)
