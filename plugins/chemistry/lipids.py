"""The isomers of natural lipids, by the names of residues and atoms."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from backmap.model.isomers import CIS, EITHER, TRANS
from backmap.model.molecule import MoleculeType

from .residues import by_residue, centres_named

Index = NDArray[np.int64]
Named = tuple[Sequence[str], Mapping[str, int]]  #: a centre and three neighbours by name, and the atoms of a residue

#: Cholesterol of CHARMM, Amber, Slipids and of the Protein Data Bank.
_STEROL = re.compile(r"CHL1|CHL|CHOL|CLR")
#: Two letters for both chains, or three for two alike (DLI), and a head; numbers of phosphates behind PI.
_HEAD = r"(PC|PE|PG|PS|PA|PI(?:\d\w?)?)"
_PHOSPHOLIPID = re.compile(rf"(?:[A-Z]{{2}}|DLI){_HEAD}")
#: Natural ones, whose double bonds are cis: chains (P, S, O, L, ... or two of them) and head.
_UNSATURATED = re.compile(rf"(?:PO|DO|SO|OO|YO|DY|PL|SL|OL|DLI|PA|SA|DA|PD|SD)(?:{_HEAD}|GL)|TOG|TOCL[012]")
#: Sphingomyelins and ceramides, a letter or a number for the acid.
_SPHINGOLIPID = re.compile(r"[A-Z]SM|CER\d{3}")

#: Carbons of cholesterol with three neighbours whose triple product is positive: 3S 8S 9S 10R 13R 14S 17R 20R.
_STEROL_CENTRES = (("C3", "C2", "O3", "C4"), ("C8", "C7", "C9", "C14"), ("C9", "C10", "C8", "C11"),
                   ("C10", "C5", "C1", "C9"), ("C13", "C14", "C12", "C17"), ("C14", "C13", "C8", "C15"),
                   ("C17", "C13", "C16", "C20"), ("C20", "C17", "C21", "C22"))
#: Glycerol of phospholipids, 2R, by the names of CHARMM and Slipids: C1 leads to the phosphate.
_GLYCEROL = ("C2", "C1", "O21", "C3")
#: L-serine at the phosphate, 2S.
_SERINE = ("C12", "N", "C13", "C11")
#: D-erythro-sphingosine, 2S 3R; its double bond is 4E.
_SPHINGOSINE = (("C2S", "C1S", "NF", "C3S"), ("C3S", "C2S", "O3", "C4S"))
_TRANS = {"C4S", "C5S"}
#: 1D-myo-inositol with the phosphate at C11, cis-1,2,3,5-trans-4,6: counted from 1 to 6 its ring is gone around
#: counterclockwise, seen from where 1, 2, 3 and 5 point (Agranoff, Trends Biochem. Sci. 3, N283, 1978).
_INOSITOL = ("C11", "C12", "C13", "C14", "C15", "C16")
_DOWN = (4, 6)


def natural_lipids(kind: MoleculeType) -> Index:
    """Stereocentres of natural lipids with three neighbours each, whose triple product is positive, (n, 4)."""
    return centres_named(kind, (one for (_, residue), row in by_residue(kind).items()
                                for one in _centres(kind, residue.upper(), row)))


def natural_side(kind: MoleculeType, first: int, second: int) -> int:
    """The side of a double bond between two atoms: cis in natural lipids, but in the backbone of sphingolipids."""
    residue = kind.residue_names[first].upper()
    if _UNSATURATED.fullmatch(residue):
        return CIS
    if _SPHINGOLIPID.fullmatch(residue):
        return TRANS if {kind.atom_names[first], kind.atom_names[second]} == _TRANS else CIS
    return EITHER


def _centres(kind: MoleculeType, residue: str, row: Mapping[str, int]) -> Iterator[Named]:
    """What is natural of a residue, as far as it has these atoms."""
    if _STEROL.fullmatch(residue):
        yield from ((names, row) for names in _STEROL_CENTRES)
    if _SPHINGOLIPID.fullmatch(residue):
        yield from ((names, row) for names in _SPHINGOSINE)
    found = _PHOSPHOLIPID.fullmatch(residue)
    if found and _to_phosphate(kind, row):
        yield _GLYCEROL, row
        if found[1] == "PS":
            yield _SERINE, row
        if found[1].startswith("PI"):
            yield from _inositol(kind, row)


def _to_phosphate(kind: MoleculeType, row: Mapping[str, int]) -> bool:
    """Whether C1 of a residue is bonded to an oxygen of its phosphorus."""
    return {"P", "C1"} <= row.keys() and any(kind.graph.has_edge(atom, row["P"]) for atom in kind.graph[row["C1"]])


def _inositol(kind: MoleculeType, row: Mapping[str, int]) -> Iterator[Named]:
    """The centres of an inositol ring, each with its neighbours in the ring and the oxygen."""
    if not row.keys() >= {*_INOSITOL}:
        return
    ring, called = {row[name] for name in _INOSITOL}, {atom: name for name, atom in row.items()}
    for place, centre in enumerate(_INOSITOL):
        outside = [called[atom] for atom in kind.graph[row[centre]]
                   if kind.chemistry.heavy[atom] and atom not in ring and atom in called]
        before, behind = _INOSITOL[place - 1], _INOSITOL[(place + 1) % 6]
        for oxygen in outside:
            yield (centre, *((before, behind) if place + 1 in _DOWN else (behind, before)), oxygen), row
