"""Bonds about which nothing turns: cis or trans, and whether they are flat."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from backmap.engine.sites.snapshot import Snapshot
from backmap.model.assessment import CARE, GOOD, UNUSABLE, Aspect, Assessment, Figure, VerdictRule
from backmap.model.isomers import CIS, EITHER, TRANS
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.tally import Tally

from ..chemistry.planar_bonds import PlanarBonds, planar_bonds
from . import kernels
from .part import Array, Flags, Measurement, beads_of, counts_of, share
from .stereo import tell, told

Side = Literal["cis", "trans", "either"]
SIDES: dict[Side, int] = {"cis": CIS, "trans": TRANS, "either": EITHER}

TWISTED = 45.0  #: degrees; a bond that is farther from flat is broken chemistry, which heat does not do
PEPTIDE = 30.0  #: the same of peptide bonds, of which some are so far from flat
FEW, MANY = 0.001, 0.01  #: shares above which a fault must be known, and is too much
WOUND = 0.02  #: share of peptide bonds that may be twisted
RULES = (VerdictRule("double bonds", care="on the wrong side, or cis here and trans there and nothing says which",
                     unusable=f"{MANY:.0%} on the wrong side"),
         VerdictRule("amides and esters", care="cis, but before proline", unusable=f"{5 * MANY:.0%}"),
         VerdictRule("planar bonds", care=f"twisted by more than {TWISTED:g} degrees (peptides {PEPTIDE:g})",
                     unusable=f"{10 * MANY:.0%} more than allowed"))
DOUBLE = "double bond"
_SECTION = "stereochemistry"


class Sides(Measurement):
    """Double bonds, esters, amides and peptide bonds: on which side their neighbours are, and how flat they are.

    What the true atoms of a frame show is right where there are any; else what is known of natural lipids, esters and
    secondary amides, or what the user says. Double bonds of which nothing is known must be the same in all molecules.

    Args:
        system: What is there.
        said: Side of the double bonds, by molecule type.
    """

    def __init__(self, system: System, said: Mapping[str, Side]) -> None:
        found = [(group, bonds) for group in system.groups if not group.type.coarse
                 for bonds in planar_bonds(group.type)]
        self.parts = [(group, bonds, _expected(group.type, bonds, said)) for group, bonds in found]
        sources = dict.fromkeys((group.type.name, "; ".join(group.type.isomer_sources)) for group in system.groups)
        self.told = [f"Which isomer {name} is, is known: {told}." for name, told in sources if told]

    def measure(self, frame: Snapshot, tally: Tally) -> Flags:
        flagged = np.zeros(frame.system.n_beads, dtype=bool)
        for group, bonds, expected in self.parts:
            quads = group.atom_offset[:, None, None] + bonds.atoms
            angle = _angles(frame.atoms, quads)
            trans = angle > 90
            wrong = (expected != EITHER) & (trans != (expected == TRANS))
            tally.count(_key(group.type, bonds), frame.index, np.stack(
                [trans.sum(axis=0), np.full(len(expected), len(trans)), wrong.sum(axis=0),
                 (np.minimum(angle, 180 - angle) > _limit(bonds)).sum(axis=0)]))
            if bonds.sort == DOUBLE:
                tell(tally, f"double trans {group.type.name}", frame.index, trans.sum(), trans.size)
                if frame.reference is not None:
                    wrong = trans != (_angles(frame.reference.atoms, quads) > 90)
                    tell(tally, f"double frame {group.type.name}", frame.index, wrong.size - wrong.sum(), wrong.size)
            if bonds.sort == DOUBLE or frame.reference is None:
                flagged |= beads_of(frame, quads[wrong][:, 1:3].ravel())
        return {"cis_trans": flagged} if self.parts else {}

    def conclude(self, tally: Tally, reference: Tally | None) -> Assessment:
        figures, findings = [], [Aspect(GOOD, "isomers", line) for line in self.told]
        for group, bonds, expected in self.parts:
            kind, name = group.type, f"{bonds.sort}s of {group.type.name}"
            counts = counts_of(tally, _key(kind, bonds), 4, len(expected))
            trans, total, _, twisted = counts
            if not total.any():
                continue
            if bonds.sort == DOUBLE:
                figures += told(tally, f"double frame {kind.name}", name, "share as in reference frame", 1.0)
                figures += told(tally, f"double trans {kind.name}", name, "trans share")
            else:
                figures.append(Figure(_SECTION, name, "trans share", share(trans.sum(), total.sum())))
            figures.append(Figure(_SECTION, name, "twisted share", share(twisted.sum(), total.sum()), ideal=0.0))
            own = counts_of(reference, _key(kind, bonds), 4, len(expected))
            findings += _twisted(name, bonds, twisted.sum(), total.sum(), own)
            if reference is None or bonds.sort != DOUBLE:
                findings += _sides(name, bonds, expected, counts, own)
        return Assessment(figures, findings=findings)


def _key(kind: MoleculeType, bonds: PlanarBonds) -> str:
    return f"planar {bonds.sort} {kind.name}"


def _expected(kind: MoleculeType, bonds: PlanarBonds, said: Mapping[str, Side]) -> np.ndarray:
    """Side of each bond, (K,): the user's word counts."""
    if bonds.sort != DOUBLE or kind.name not in said:
        return bonds.expected
    return np.full(len(bonds.atoms), SIDES[said[kind.name]])


def _limit(bonds: PlanarBonds) -> float:
    return PEPTIDE if bonds.sort == "peptide bond" else TWISTED


def _angles(atoms: Array, quads: np.ndarray) -> Array:
    """Torsions without their sign, degrees, (m, K)."""
    return np.abs(kernels.dihedrals(atoms, quads.reshape(-1, 4))).reshape(quads.shape[:2])


def _twisted(name: str, bonds: PlanarBonds, twisted: int, total: int, own: np.ndarray) -> Iterator[Aspect]:
    """Bonds that are not flat, more of them than in the reference."""
    allowed = (WOUND if bonds.sort == "peptide bond" else FEW) + 1.5 * _part(own[3].sum(), own[1].sum())
    part = twisted / total
    if part > allowed:
        yield Aspect(UNUSABLE if part > allowed + 10 * MANY else CARE, "planar bonds",
                     f"{twisted} of {total} {name} are twisted by more than {_limit(bonds):g} degrees.")


def _sides(name: str, bonds: PlanarBonds, expected: np.ndarray, counts: np.ndarray,
           own: np.ndarray) -> Iterator[Aspect]:
    """Bonds whose neighbours are on the wrong side, or on either side where nothing says which is right."""
    trans, total, wrong, _ = counts
    known = expected != EITHER
    if known.any():
        part, whole = int(wrong.sum()), int(total[known].sum())
        topic = "double bonds" if bonds.sort == DOUBLE else "amides and esters"
        should = "cis" if (expected[known] == CIS).all() else "trans" if (expected[known] == TRANS).all() else "others"
        if part / whole > 1.5 * _part(own[2].sum(), own[1][known].sum()):
            gross = MANY if bonds.sort == DOUBLE else 5 * MANY
            yield Aspect(UNUSABLE if part / whole >= gross else CARE, topic,
                         f"{part} of {whole} {name} are {'trans' if should == 'cis' else 'cis'} where they should be "
                         f"{should}. No relaxation will mend them.")
        else:
            yield Aspect(GOOD, topic, f"All {whole} {name} of which it is known are {should}." if not part else
                         f"{whole - part} of {whole} {name} are {should}, as in the reference.")
    mixed = ~known & (trans > 0) & (trans < total) if bonds.sort == DOUBLE else np.zeros(len(known), dtype=bool)
    if mixed.any():
        yield Aspect(CARE, "double bonds", f"The same double bond is trans in {int(trans[mixed].sum())} and cis in "
                     f"{int((total - trans)[mixed].sum())} places ({name}), and nothing says which is right.")


def _part(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
