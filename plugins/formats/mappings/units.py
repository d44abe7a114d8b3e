"""Beads of residues or repeat units, as mapping files describe them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backmap.api import MappingEntry

from .bead_model import Weights


@dataclass(frozen=True)
class Member:
    """An atom of a bead.

    Attributes:
        atom: Its name.
        share: How much of it the bead has.
        where: File and line.
        residue: Its residue, counted from the first of the unit.
        text: The line, if the atom has one of its own.
    """

    atom: str
    share: float
    where: str
    residue: int = 0
    text: str = ""


@dataclass(frozen=True)
class UnitBead:
    """A bead of a unit; ``weights`` says whether shares are of masses."""

    name: str
    kind: str
    members: tuple[Member, ...]
    weights: Weights
    where: str


@dataclass(frozen=True)
class Stereocentre:
    """``a b c d [e]``: atom a is on the side of (c - b) x (d - b) of centre b, and e on the other.

    Each is a residue, counted from the first of the unit, and a name.
    """

    atoms: tuple[tuple[int, str], ...]
    where: str


@dataclass(frozen=True)
class SideOfBond:
    """The torsion of four atoms is ``side``, ``isomers.CIS`` or ``isomers.TRANS``.

    Each is a residue, counted from the first of the unit, and a name.
    """

    atoms: tuple[tuple[int, str], ...]
    side: int
    where: str


@dataclass(frozen=True)
class Unit:
    """Beads of one residue, or of several that follow each other.

    Attributes:
        residues: Their names.
        beads: In order.
        where: File and line.
        stereocentres: Those the file speaks of.
        sides: Torsions that the file calls cis or trans.
        bonds: Pairs of beads, each as (residue the unit is followed by, bead name), or None for those that the
            bonds of the atoms imply.
        unused: What else the file says, and how often.
        remarks: What of the file is passed over, a line each.
        first: What takes its place at the first residue of a molecule of several, if something does.
        last: What takes its place at the last residue of a molecule of several, if something does.
    """

    residues: tuple[str, ...]
    beads: tuple[UnitBead, ...]
    where: str
    stereocentres: tuple[Stereocentre, ...] = ()
    sides: tuple[SideOfBond, ...] = ()
    bonds: tuple[tuple[tuple[int, str], tuple[int, str]], ...] | None = None
    unused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    first: Unit | None = None
    last: Unit | None = None


def entry_of(unit: Unit, source: Sequence[str] = (), target: Sequence[str] = ()) -> MappingEntry:
    """What ``backmap mappings`` shows of a unit."""
    beads = {bead.name: tuple(member.atom if member.share else f"({member.atom})" for member in bead.members)
             for bead in unit.beads}
    return MappingEntry(unit.residues, beads, unit.where, tuple(dict.fromkeys(source)), tuple(dict.fromkeys(target)),
                        unit.remarks)
