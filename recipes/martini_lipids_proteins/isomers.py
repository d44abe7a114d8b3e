"""Counts isomers in a .gro by the names of atoms alone, without backmap: POPC, POPE and cholesterol
(CHARMM36), and proteins.

    python isomers.py atoms.gro after_em.gro
"""
from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

AMINO_ACIDS = frozenset(("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "HID", "HIE", "HIP", "HISD",
                         "HISE", "HISH", "HSD", "HSE", "HSP", "ILE", "LEU", "LYS", "MET", "PHE", "PRO",
                         "SER", "THR", "TRP", "TYR", "VAL"))
ESTERS = (("C22", "C21", "O21", "C2"), ("C32", "C31", "O31", "C3"))
#: Carbons of natural cholesterol with three neighbours whose triple product is positive: 3S 8S 9S 10R 13R 14S 17R 20R.
STEROL = (("C3", "C2", "O3", "C4"), ("C8", "C7", "C9", "C14"), ("C9", "C10", "C8", "C11"), ("C10", "C5", "C1", "C9"),
          ("C13", "C14", "C12", "C17"), ("C14", "C13", "C8", "C15"), ("C17", "C13", "C16", "C20"),
          ("C20", "C17", "C21", "C22"))
OLEATE = ("C28", "C29", "C210", "C211")
FLAT = 150.0  #: degrees; peptide bonds below are counted


class Molecules:
    """Residues of a .gro in order: number, name, positions by atom name, nm; and the edges of a rectangular box."""

    def __init__(self, path: Path) -> None:
        rows = path.read_text().splitlines()
        count = int(rows[1])
        self.box = np.array(rows[2 + count].split()[:3], dtype=float)
        self.residues: list[tuple[int, str, dict[str, np.ndarray]]] = []
        for row in rows[2:2 + count]:
            number, name, atom = int(row[:5]), row[5:10].strip(), row[10:15].strip()
            last = self.residues[-1] if self.residues else None
            if last is None or last[:2] != (number, name) or atom in last[2]:
                self.residues.append((number, name, {}))
            self.residues[-1][2][atom] = np.array([row[20:28], row[28:36], row[36:44]], dtype=float)

    def step(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """From a to the nearest image of b."""
        return b - a - self.box * np.round((b - a) / self.box)

    def torsion(self, *points: np.ndarray) -> float:
        """Degrees, without its sign."""
        first, axis, last = (self.step(a, b) for a, b in pairwise(points))
        m, n = np.cross(first, axis), np.cross(axis, last)
        return float(np.degrees(np.arccos(np.clip(m @ n / np.linalg.norm(m) / np.linalg.norm(n), -1, 1))))

    def hand(self, atoms: dict[str, np.ndarray], centre: str, *arms: str) -> float:
        """Triple product of three neighbours."""
        return float(np.linalg.det([self.step(atoms[centre], atoms[arm]) for arm in arms]))


def lipids(found: Molecules, lipid: str) -> str:
    """POPC or POPE: C2 is R if O21, C1 and C3 go round with the clock, seen with the hydrogen behind."""
    here = [atoms for _, name, atoms in found.residues if name == lipid]
    right = sum(found.hand(atoms, "C2", "O21", "C1", "C3") < 0 for atoms in here)
    astray = sum(found.hand(atoms, "C2", "HS", "C1", "C3") < 0 for atoms in here)
    cis = sum(found.torsion(*(atoms[name] for name in OLEATE)) < 90 for atoms in here)
    wrong = sum(found.torsion(*(atoms[name] for name in ester)) < 90 for atoms in here for ester in ESTERS)
    return (f"{len(here)} {lipid}: C2 is R in {right}, its hydrogen astray in {astray}; oleate cis in {cis}; "
            f"esters cis {wrong} of {2 * len(here)}")


def sterols(found: Molecules, sterol: str) -> str:
    """Stereocentres of cholesterol as they are in nature."""
    here = [atoms for _, name, atoms in found.residues if name == sterol]
    right = [[found.hand(atoms, *names) > 0 for names in STEROL] for atoms in here]
    return (f"{len(here)} {sterol}: natural {sum(map(all, right))}; stereocentres {sum(map(sum, right))} of "
            f"{8 * len(here)}")


def protein(found: Molecules) -> str:
    """Hands of alpha carbons and peptide bonds; residues follow each other if their atoms are bonded."""
    here = [residue for residue in found.residues if residue[1] in AMINO_ACIDS]
    hands = [found.hand(atoms, "CA", "N", "C", "CB") > 0 for _, _, atoms in here if "CB" in atoms]
    omega = [(found.torsion(one["CA"], one["C"], other["N"], other["CA"]), f"{name}{number}")
             for (_, _, one), (number, name, other) in pairwise(here)
             if np.linalg.norm(found.step(one["C"], other["N"])) < 0.3]
    cis = [name for angle, name in omega if angle < 90]
    bent = sum(angle < FLAT for angle, _ in omega)
    return (f"{len(here)} residues: L {sum(hands)} of {len(hands)}; cis peptide bonds {len(cis)} of {len(omega)} "
            f"({', '.join(cis) or 'none'}); |omega| below {FLAT:g} degrees in {bent}")


def main() -> None:
    for argument in sys.argv[1:]:
        found = Molecules(Path(argument))
        names = {name for _, name, _ in found.residues}
        told = [*(lipids(found, name) for name in sorted(names & {"POPC", "POPE"})),
                *(sterols(found, name) for name in sorted(names & {"CHL1"})),
                *([protein(found)] if names & AMINO_ACIDS else [])]
        for line in told:
            print(f"{argument}: {line}")


if __name__ == "__main__":
    main()
