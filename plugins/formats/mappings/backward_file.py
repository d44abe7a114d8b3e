"""Backward's .map files, which vermouth reads in a dialect of its own.

Wassenaar et al., J. Chem. Theory Comput. 10, 676 (2014). A row of [ atoms ] names the beads that an atom is made
from, as often as their weights say. Read the other way, the atom belongs to these beads in these shares.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backmap.errors import BackmapError
from backmap.model.isomers import CIS, TRANS

from ...files.sections import SectionLine, section_lines
from .bead_model import Weights, known
from .units import Member, SideOfBond, Stereocentre, Unit, UnitBead

#: Statements of where an atom begins: tag and the fewest names.
_MODIFIERS = {"chiral": 4, "cis": 4, "trans": 3, "out": 3, "assign": 2}
_LISTS = {"molecule": "names", "mapping": "mapping", "from": "source", "to": "target"}


@dataclass
class MoleculeBlock:
    """One [ molecule ] for one [ mapping ].

    Attributes:
        names: Residues it describes.
        where: File and line of its atoms.
        cg: Beads in order, and where they are listed; empty if they are not.
        mapping: Force fields in [ mapping ].
        source: Force fields in [ from ].
        target: Force fields in [ to ].
        rows: Lines of [ atoms ]; a line without beads has those of the line before.
        modifiers: Tag and line.
    """

    names: list[str] = field(default_factory=list)
    where: str = ""
    cg: dict[str, str] = field(default_factory=dict)
    mapping: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    rows: list[SectionLine] = field(default_factory=list)
    modifiers: list[SectionLine] = field(default_factory=list)


def read_blocks(path: Path) -> list[MoleculeBlock]:
    """The blocks of a file.

    Raises:
        BackmapError: For lines that are none, and blocks without names or atoms.
    """
    blocks = [block for block in _split(path) if block.rows or block.modifiers]
    for block in blocks:
        if not block.rows or not block.names:
            missing = "[ atoms ]" if not block.rows else "name under [ molecule ]"
            raise BackmapError(f"{'a block' if block.rows else ' '.join(block.names)} has no {missing}",
                               where=block.where or path)
    if not blocks:
        raise BackmapError("has no [ atoms ]", where=path, hint="Is it a .map file of Backward or vermouth?")
    return blocks


def _split(path: Path) -> Iterator[MoleculeBlock]:
    block = MoleculeBlock()
    for line in section_lines(path):
        tag = line.section
        if not line.words:
            if tag == "molecule" or (tag == "mapping" and block.rows):
                yield block
                # A second [ mapping ] is of the same molecule and beads.
                block = MoleculeBlock() if tag == "molecule" else MoleculeBlock(
                    block.names, cg=block.cg, source=block.source, target=block.target)
                block.where = line.where
            elif tag not in {*_LISTS, *_MODIFIERS, "atoms", "extra"}:
                block.cg = {}  # any other name is that of the coarse-grained force field
        elif tag in _LISTS:
            getattr(block, _LISTS[tag]).extend(line.words)
        elif tag == "atoms":
            if len(line.words) < 2 or not line.words[0].isdigit():
                raise line.error(f"'{line.text}' is not a row of [ atoms ]", "Write `number atom bead bead ...`.")
            block.rows.append(line)
        elif tag in _MODIFIERS:
            if len(line.words) < _MODIFIERS[tag]:
                raise line.error(f"[ {tag} ] needs at least {_MODIFIERS[tag]} atoms, not {len(line.words)}")
            block.modifiers.append(line)
        elif not tag:
            raise line.error(f"'{line.text}' stands before the first section", "It begins with [ molecule ].")
        elif tag != "extra":
            block.cg.update(dict.fromkeys(line.words, line.where))
    yield block


def units_of(block: MoleculeBlock, weights: Weights, inherit: bool) -> list[Unit]:
    """What a block says of each residue that it names.

    Args:
        block: Of a file.
        weights: What shares are of.
        inherit: A row without beads has those of the row above (Backward); otherwise its atom is in none (vermouth).

    Raises:
        BackmapError: For atoms that come twice, unknown beads or atoms, and beads without atoms.
    """
    members: dict[str, list[Member]] = {bead: [] for bead in block.cg}
    atoms: dict[str, str] = {}
    beads: list[str] = []
    for row in block.rows:
        atom, named = row.words[1], row.words[2:]
        if atom in atoms:
            raise row.error(f"atom '{atom}' comes twice", f"It is at {atoms[atom]} already.")
        atoms[atom] = row.where
        beads = named or (beads if inherit else [])
        if inherit and not beads:
            raise row.error(f"atom '{atom}' has no bead, and no row is above it")
        for bead, share in _shares(row, beads).items():
            if block.cg and bead not in block.cg:
                raise row.error(f"bead '{bead}' is not among those listed", known(bead, block.cg))
            members.setdefault(bead, []).append(Member(atom, share, row.where))
    for bead, found in members.items():
        if not any(member.share for member in found):
            raise BackmapError(f"bead '{bead}' of {block.names[0]} has no atoms", where=block.cg.get(bead, block.where),
                               hint="Give it atoms or remove it from the list.")
    stereocentres = _stereocentres(block, {*atoms, *members})
    unused = tuple(line.section for line in block.modifiers if line.section == "assign")
    listed = tuple(UnitBead(bead, bead, tuple(found), weights, found[0].where) for bead, found in members.items())
    return [Unit((name,), listed, block.where or block.rows[0].where, stereocentres=stereocentres,
                 sides=_sides(block), unused=unused)
            for name in block.names]


def _shares(row: SectionLine, beads: Sequence[str]) -> dict[str, float]:
    """Share of an atom in each of its beads; ``!bead`` says that it belongs there without weight."""
    counts = Counter(bead for bead in beads if not bead.startswith("!"))
    shares = {bead: count / counts.total() for bead, count in counts.items()}
    for bead in (bead[1:] for bead in beads if bead.startswith("!")):
        if bead in shares:
            raise row.error(f"atom '{row.words[1]}' is in bead '{bead}' with and without a weight")
        shares[bead] = 0.0
    return shares


def _stereocentres(block: MoleculeBlock, names: set[str]) -> tuple[Stereocentre, ...]:
    """What [ chiral ] says; its names are atoms, beads, or helpers that were placed before."""
    stereocentres = []
    for line in block.modifiers:
        unknown = next((name for name in line.words[1:] if name not in names), None)
        if unknown is not None:
            raise line.error(f"[ {line.section} ] names '{unknown}', which is no atom of {block.names[0]}",
                             known(unknown, sorted(names)))
        names.add(line.words[0])
        if line.section == "chiral":
            stereocentres.append(Stereocentre(tuple((0, name) for name in line.words[:5]), line.where))
    return tuple(stereocentres)


def _sides(block: MoleculeBlock) -> tuple[SideOfBond, ...]:
    """What [ cis ], [ trans ] and [ out ] say of torsions.

    ``a b c d`` under [ out ] puts a on b, away from c and d. Where d is a neighbour of c, a and d are trans.
    """
    meaning = {"cis": CIS, "trans": TRANS, "out": TRANS}
    return tuple(SideOfBond(tuple((0, name) for name in line.words[:4]), meaning[line.section], line.where)
                 for line in block.modifiers if line.section in meaning and len(line.words) >= 4)
