"""Writes alanine_dipeptide.pdb: built by RDKit, with the names and the order that Amber force fields know."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from openmm import Vec3, app, unit
from openmm.app import element
from rdkit import Chem
from rdkit.Chem import AllChem

HERE = Path(__file__).resolve().parent
SMILES = "CC(=O)N[C@@H](C)C(=O)NC"  # L-alanine between acetyl and N-methyl
RESIDUES = {"ACE": ("CH3", "C", "O"), "ALA": ("N", "CA", "CB", "C", "O"), "NME": ("N", "C")}  # as in SMILES
ORDER = {"ACE": "H1 CH3 H2 H3 C O", "ALA": "N H CA HA CB HB1 HB2 HB3 C O", "NME": "N H C H1 H2 H3"}
HYDROGENS = {("ACE", "CH3"): ("H1", "H2", "H3"), ("ALA", "N"): ("H",), ("ALA", "CA"): ("HA",),
             ("ALA", "CB"): ("HB1", "HB2", "HB3"), ("NME", "N"): ("H",), ("NME", "C"): ("H1", "H2", "H3")}


def main() -> None:
    molecule = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMolecule(molecule, randomSeed=2)
    AllChem.MMFFOptimizeMolecule(molecule)
    places, labels = molecule.GetConformer().GetPositions() / 10, {}
    names = [(residue, name) for residue, atoms in RESIDUES.items() for name in atoms]
    for atom, key in zip(molecule.GetAtoms(), names):
        labels[key] = atom.GetIdx()
        light = [other.GetIdx() for other in atom.GetNeighbors() if other.GetAtomicNum() == 1]
        if len(light) == 3 and np.linalg.det(places[light] - places[atom.GetIdx()]) < 0:
            light[1:] = light[:0:-1]  # the three turn the same way in all methyl groups, and in the training data
        labels |= {(key[0], name): index for name, index in zip(HYDROGENS.get(key, ()), light)}
    topology, positions = app.Topology(), []
    chain = topology.addChain("A")
    for residue_name, listed in ORDER.items():
        residue = topology.addResidue(residue_name, chain)
        for name in listed.split():
            index = labels[residue_name, name]
            symbol = molecule.GetAtomWithIdx(index).GetSymbol()
            topology.addAtom(name, element.get_by_symbol(symbol), residue)
            positions.append(Vec3(*places[index]))
    topology.createStandardBonds()
    with (HERE / "alanine_dipeptide.pdb").open("w") as file:
        app.PDBFile.writeFile(topology, positions * unit.nanometer, file)


if __name__ == "__main__":
    main()
