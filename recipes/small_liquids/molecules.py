"""Molecules to learn from: ``python molecules.py [N]`` prints N names and SMILES, 270 by default, the same ones always,
and those of 30 oligomers.

Ends and links of common organic chemistry of C, H, N, O, F, S and Cl are put together in all ways; what would not last
is left out, stereocentres get hands. Of all these every second is taken to be unlike those before (RDKit's MaxMin
picker on Morgan fingerprints), and every second at random among the ones with everyday ends. With them go pieces of
polymers. The order is at random, so that the first of them are a smaller choice of the same kind. The oligomers have
five units of as many polymers, their hands at random. The molecules of ``liquids.csv`` are never among them, and
styrene is no unit of an oligomer.
"""
from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions
from rdkit.SimDivFilters.rdSimDivPickers import MaxMinPicker
from systems import rows

NUMBER, SEED = 270, 7
SMALLEST, LARGEST = 5, 13  #: heavy atoms
#: First atom joins the rest.
ENDS = ("C", "CC", "CCC", "C(C)C", "C(C)(C)C", "CC(C)C", "C=C", "C1CCCCC1", "C1CCCC1", "C1CC1", "c1ccccc1",
        "c1ccccc1C", "c1cccc(C)c1", "c1ccc(C)cc1", "c1ccc(F)cc1", "c1ccc(Cl)cc1", "c1ccccc1F", "c1ccccc1Cl",
        "c1cccc(Cl)c1", "c1ccc(OC)cc1", "c1ccc(O)cc1", "c1ccc(C#N)cc1", "c1ccc(N)cc1", "c1ccncc1", "c1cccnc1",
        "c1ccccn1", "c1cccs1", "c1ccsc1", "c1ccco1", "C1CCCO1", "C1CCOCC1", "N1CCCCC1", "N1CCOCC1", "N1CCCC1", "O",
        "N", "N(C)C", "NC", "C#N", "Cl", "F", "C(F)(F)F", "OC", "OCC", "SC", "SCC", "S", "C(=O)OC", "C(=O)OCC",
        "OC(C)=O", "C(N)=O", "C(=O)NC", "C(=O)N(C)C", "NC(C)=O", "N(C)C(C)=O", "C(C)=O", "C(=O)CC")
EVERYDAY = ("C", "CC", "CCC", "C(C)C", "CC(C)C", "c1ccccc1", "c1ccc(C)cc1", "C1CCCCC1", "O", "OC", "OCC", "C(=O)OC",
            "C(=O)OCC", "OC(C)=O", "Cl", "C#N", "NC(C)=O", "C(=O)NC", "C(C)=O", "N", "SC")
#: First and last atom join the rest.
LINKS = ("", "C", "CC", "CCC", "O", "S", "C(=O)O", "OC(=O)", "C(=O)N", "NC(=O)", "C(=O)", "N(C)", "C(C)", "C(O)",
         "C(Cl)", "C(F)", "C(C#N)", "C(OC)", "C(c1ccccc1)", "C(C)(C)", "COC", "CSC", "C(CC)", "CC(C)")
#: Two and three units of polymers, with every hand.
PIECES = ("CC(c1ccccc1)CC(C)c1ccccc1", "CC(C)CC(C)CC(C)C", "CC(C(=O)OC)CC(C)C(=O)OC",
          "CC(C)(C(=O)OC)CC(C)(C)C(=O)OC", "CC(Cl)CC(C)Cl", "CC(C#N)CC(C)C#N", "CC(OC(C)=O)CC(C)OC(C)=O",
          "COCCOCCOC", "CC(O)CC(C)O", "CC(F)(F)CC(C)(F)F", "CC(C(N)=O)CC(C)C(N)=O",
          "COC(=O)c1ccc(C(=O)OC)cc1", "CC(=O)OC(C)C(=O)OC", "CC(=O)NCC(=O)NC",
          "CC(=O)NC(C)C(=O)NC", "CC(=CCC)CCC=C(C)C", "CC(CCC)c1ccccc1", "CCC(C)(C)CC(C)(C)C", "CC(=O)OCCCOC(C)=O",
          "CC(C)OC(=O)CCC(=O)OC", "CCCCCCCC", "CCCCCCCCCC", "CC(=O)NCCCNC(C)=O")
#: Units of polymers; the first atom joins the last one of the unit before.
UNITS = ("CC(C)", "CC(C(=O)OC)", "CC(C)(C(=O)OC)", "CC(Cl)", "CC(C#N)", "CC(OC(C)=O)", "CC(O)", "CC(F)(F)", "CCO",
         "CC(C)=CC", "C(C)C(=O)O", "CCCCCC(=O)N", "CC(C1CCCCC1)", "CC(c1ccncc1)", "CC(c1cccs1)", "CC(OC)",
         "CC(C(N)=O)", "CC(Cc1ccccc1)", "CC(C(=O)OCCCC)", "CC(C)(C)", "CCS", "CC(CC)", "CC(C(=O)OCc1ccccc1)",
         "CC(N1CCCC1=O)", "CC(c1ccc(O)cc1)", "CC(c1ccccc1Cl)", "CCN(C(C)=O)", "CC(c1ccco1)", "CCC(C)(C)O",
         "CCCCOC(=O)")
LENGTH, OLIGOMERS_SEED = 5, 11  #: units of an oligomer
#: What reacts or falls apart, and what is no small piece of anything.
LEFT_OUT = tuple(map(Chem.MolFromSmarts, (
    "[#7,#8,#16,#9,#17]~[#7,#8,#16,#9,#17]", "[#7,#8,#16,Cl][CX4][#7,#8,#16,F,Cl]", "[CX3](=O)[F,Cl]", "C(=O)C(=O)",
    "[#7,#8,#16,F,Cl]C=C", "C=C[OH]", "[#7,#8,#16,F,Cl][CX3](=O)[#7,#8,#16]", "C(=O)[SX2]", "[CX4]([F])[CX4][F]",
    "[#7,#8,#16]C#N", "[#7,#8,#16][CX4]C#N", "[CH]=O", "[CX3](=O)[OH]", "C=CC=C", "C(=O)[OX2]C(=O)",
    "C(=O)[NX3]C(=O)", "[#6]=[#6][#6]#N", "[CX4]1[CX4][CX4]1[#7,#8,#16]")))


def molecules(number: int = NUMBER) -> list[str]:
    """SMILES, canonical and with every stereocentre told."""
    known = {Chem.CanonSmiles(row["smiles"]) for row in rows().values()}
    found = [one for one in dict.fromkeys(one for piece in PIECES for one in handed(piece)) if one not in known]
    possible = sorted(combined(ENDS, LINKS, ENDS) - known - set(found))
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(one)) for one in [*found, *possible]]
    count = len(found) + (number - len(found)) // 2
    found = [[*found, *possible][k] for k in MaxMinPicker().LazyBitVectorPick(
        prints, len(prints), count, firstPicks=list(range(len(found))), seed=SEED)]
    rng = np.random.default_rng(SEED)
    everyday = sorted(combined(EVERYDAY, LINKS, EVERYDAY) - known - set(found))
    found += [everyday[k] for k in rng.permutation(len(everyday))[:number - len(found)]]
    return [found[k] for k in rng.permutation(number)]


def oligomers() -> list[str]:
    """SMILES of an oligomer of each of ``UNITS`` between methyls, one of its stereoisomers."""
    rng, found = np.random.default_rng(OLIGOMERS_SEED), []
    for unit in UNITS:
        isomers = handed("C" + unit * LENGTH + "C") if "(" in unit else [Chem.CanonSmiles("C" + unit * LENGTH + "C")]
        found.append(isomers[rng.integers(len(isomers))])
    return [found[k] for k in rng.permutation(len(found))]


def combined(first: Iterable[str], links: Iterable[str], last: Iterable[str]) -> set[str]:
    """All that can be put together and is not left out."""
    return {one for parts in itertools.product(first, links, last) if (one := joined(*parts))}


def joined(a: str, link: str, b: str) -> str | None:
    """Two ends about a link, with one of the hands of its stereocentres; None for what is left out."""
    molecule = Chem.MolFromSmiles(f"{marked(a)}.{marked(link + b)}")
    if molecule is None or not SMALLEST <= molecule.GetNumHeavyAtoms() <= LARGEST:
        return None
    if any(molecule.HasSubstructMatch(pattern) for pattern in LEFT_OUT):
        return None
    return handed(Chem.MolToSmiles(molecule))[-1]


def marked(smiles: str) -> str:
    """SMILES whose first atom is bonded to that of another one, if both are written with a dot between them."""
    return re.sub("^(Cl|[A-Za-z])", r"\1%91", smiles)


def handed(smiles: str) -> list[str]:
    """All stereoisomers, canonical."""
    options = StereoEnumerationOptions(unique=True)
    return sorted(Chem.MolToSmiles(one) for one in EnumerateStereoisomers(Chem.MolFromSmiles(smiles), options=options))


def main() -> None:
    for number, smiles in enumerate(molecules(int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER)):
        print(f"M{number:03d} {smiles}")
    for number, smiles in enumerate(oligomers()):
        print(f"P{number:03d} {smiles}")


if __name__ == "__main__":
    main()
