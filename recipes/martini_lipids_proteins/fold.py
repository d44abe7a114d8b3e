"""Backbone and contacts of a protein beside its crystal: ``python fold.py crystal.gro atoms.gro after_em.gro ...``.

Printed are residues, glycines left out, whose phi and psi lie outside of what 99 % of those of crystals have, by the
map of MDAnalysis, outside of 90 %, and those with both within 40 degrees of the crystal's; pairs of heavy atoms of
residues three or more apart that are nearer than hydrogen bonds are; contacts, and which share of the crystal's.
"""
from __future__ import annotations

import sys
import warnings

import MDAnalysis
import numpy as np
from MDAnalysis.analysis.data.filenames import Rama_ref
from MDAnalysis.lib.distances import self_capped_distance

warnings.filterwarnings("ignore")
RARE, UNUSUAL = 1, 17  #: of the map: below are 1 and 10 % of the residues of crystals
CELL = 4  #: degrees
NEAR = 40.0  #: degrees, from the crystal
CONTACT, TOO_NEAR = 4.5, 2.7  #: Angstrom
APART = 3  #: residues


class Fold:
    """A protein in one frame.

    Attributes:
        names: Residues with phi and psi, glycines left out.
        torsions: Their phi and psi, degrees, (n, 2).
        contacts: Pairs of heavy atoms of residues that are apart, numbers among the protein's, to their distance.
    """

    def __init__(self, path: str) -> None:
        universe = MDAnalysis.Universe(path)
        protein = universe.select_atoms("protein")
        protein.atoms.positions = whole(protein.positions, universe.dimensions[:3])
        residues = protein.residues  # chains in a file count from 1 each, so that places tell residues and not numbers
        chosen = [residue for before, residue, after in zip(residues, residues[1:], residues[2:])
                  if residue.resname != "GLY" and before.resid + 2 == residue.resid + 1 == after.resid]
        self.names = [f"{residue.resname.capitalize()}{residue.resid}" for residue in chosen]
        atoms = {(atom.resindex, atom.name): atom.position for atom in protein}
        self.torsions = np.array([[torsion(*(atoms[residue.resindex + shift, name] for shift, name in four))
                                   for four in (((-1, "C"), (0, "N"), (0, "CA"), (0, "C")),
                                                ((0, "N"), (0, "CA"), (0, "C"), (1, "N")))] for residue in chosen])
        heavy = protein.select_atoms("not name H* and not name [123]H*")
        pairs, distance = self_capped_distance(heavy.positions, CONTACT)
        apart = abs(heavy.resindices[pairs[:, 0]] - heavy.resindices[pairs[:, 1]]) >= APART
        name = [f"{atom.resindex} {atom.name}" for atom in heavy]
        self.contacts = {(name[i], name[j]): d for (i, j), d in zip(pairs[apart], distance[apart])}

    def commonness(self) -> np.ndarray:
        """How common each residue's phi and psi are, as the map counts it."""
        phi, psi = (((self.torsions + 180) % 360) // CELL).astype(int).T
        return np.load(Rama_ref)[psi, phi]


def whole(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Each atom at the image next to the one before, for chains that may be broken over the boundary."""
    steps = np.diff(positions, axis=0)
    return positions[0] + np.concatenate([[np.zeros(3)], np.cumsum(steps - box * np.round(steps / box), axis=0)])


def torsion(*points: np.ndarray) -> float:
    """Degrees."""
    a, b, c = np.diff(points, axis=0)
    return float(np.degrees(np.arctan2(np.linalg.norm(b) * a @ np.cross(b, c), np.cross(a, b) @ np.cross(b, c))))


def main(crystal: str, *paths: str) -> None:
    true = Fold(crystal)
    for path in (crystal, *paths):
        found = Fold(path)
        common = found.commonness()
        rare = [name for name, each in zip(found.names, common) if each < RARE]
        off = abs((found.torsions - true.torsions + 180) % 360 - 180).max(axis=1)
        kept = len(true.contacts.keys() & found.contacts.keys())
        print(f"{path}: {len(rare)} of {len(common)} outside of 99 % ({', '.join(rare) or 'none'}), "
              f"{(common < UNUSUAL).sum()} outside of 90 %; phi and psi as in the crystal {(off < NEAR).sum()}; "
              f"pairs below {TOO_NEAR / 10:g} nm {sum(d < TOO_NEAR for d in found.contacts.values())}; "
              f"contacts {len(found.contacts)}, of the crystal's {kept / len(true.contacts):.0%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
