"""The labels R and S of stereocentres, by the rules of Cahn, Ingold and Prelog."""
from __future__ import annotations

from collections.abc import Iterable

from rdkit import Chem
from rdkit.Chem import rdCIPLabeler

from backmap.api import AtomMolecule

from .chemistry import perceive


def stereocentres_of(molecule: AtomMolecule, labels: dict[int, str]) -> Iterable[tuple[int, list[int]]]:
    """Three neighbours, whose vectors have a positive triple product, of each centre that is labelled R or S.

    Centres without four explicit neighbours, and those whose neighbours do not all differ, are left out.
    """
    chemistry = perceive(molecule.element, molecule.bonds, molecule.mass)
    kinds = {1.0: Chem.BondType.SINGLE, 1.5: Chem.BondType.AROMATIC, 2.0: Chem.BondType.DOUBLE,
             3.0: Chem.BondType.TRIPLE}
    whole = Chem.RWMol()
    for element, charge, aromatic in zip(molecule.element, chemistry.charge, chemistry.aromatic, strict=True):
        atom = Chem.Atom(int(element))
        atom.SetFormalCharge(int(charge))
        atom.SetIsAromatic(bool(aromatic))
        atom.SetNoImplicit(True)
        whole.AddAtom(atom)
    for (i, j), order in zip(molecule.bonds.tolist(), chemistry.bond_order, strict=True):
        whole.AddBond(i, j, kinds[float(order)])
    Chem.FastFindRings(whole)
    # The label of a centre may depend on the chirality of others: all are turned once, then those that came out wrong.
    centres = [centre for centre in labels if whole.GetAtomWithIdx(centre).GetDegree() == 4]
    for centre in centres:
        whole.GetAtomWithIdx(centre).SetChiralTag(Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
    for _ in centres:
        wrong = [centre for centre, found in _labelled(whole, centres).items() if found not in ("", labels[centre])]
        if not wrong:
            break
        whole.GetAtomWithIdx(wrong[0]).InvertChirality()
    for centre, found in _labelled(whole, centres).items():
        if found == labels[centre]:
            yield centre, arms_of(whole.GetAtomWithIdx(centre))


def arms_of(atom: Chem.Atom) -> list[int]:
    """The first three neighbours of a centre with a chiral tag, in an order of which the triple product is positive."""
    # Seen from the first neighbour the others go round against the clock.
    arms = [bond.GetOtherAtomIdx(atom.GetIdx()) for bond in atom.GetBonds()][:3]
    return arms if atom.GetChiralTag() == Chem.ChiralType.CHI_TETRAHEDRAL_CCW else arms[::-1]


def _labelled(whole: Chem.RWMol, centres: list[int]) -> dict[int, str]:
    """Labels of the centres as they are; "" where there is none."""
    rdCIPLabeler.AssignCIPLabels(whole)
    return {centre: whole.GetAtomWithIdx(centre).GetProp("_CIPCode")
            if whole.GetAtomWithIdx(centre).HasProp("_CIPCode") else "" for centre in centres}
