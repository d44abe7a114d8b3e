"""Backward's .map files, which vermouth reads in a dialect of its own.

Wassenaar et al., J. Chem. Theory Comput. 10, 676 (2014). A row of [ atoms ] names the beads that an atom is made
from, as often as their weights say. Read the other way, the atom belongs to these beads in these shares.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from backmap.errors import BackmapError, Errors
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
        cg_force_fields: Names of the sections that list them.
        mapping: Force fields in [ mapping ].
        source: Force fields in [ from ].
        target: Force fields in [ to ].
        rows: Lines of [ atoms ]; a line without beads has those of the line before.
        modifiers: Tag and line.
    """

    names: list[str] = field(default_factory=list)
    where: str = ""
    cg: dict[str, str] = field(default_factory=dict)
    cg_force_fields: list[str] = field(default_factory=list)
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
    errors = Errors()
    blocks = [block for block in _split(path, errors) if block.rows or block.modifiers or errors.found]
    errors.expect_none()
    if not any(block.names for block in blocks):
        for block in blocks:  # as cgbuilder writes them: for the molecule that the file is called by
            block.names = [molecule_of(path)]
    for block in blocks:
        if not block.rows or not block.names:
            missing = "[ atoms ]" if not block.rows else "name under [ molecule ]"
            raise BackmapError(f"{'a block' if block.rows else ' '.join(block.names)} has no {missing}",
                               where=block.where or path)
    if not blocks:
        raise BackmapError("has no [ atoms ]", where=path, hint="Is it a .map file of Backward or vermouth?")
    return blocks


def molecule_of(path: Path) -> str:
    """The molecule that a file is called by: TOLU of TOLU_oplsaa.map."""
    return path.name.split(".")[0].split("_")[0]


def _split(path: Path, errors: Errors) -> Iterator[MoleculeBlock]:
    """The blocks of a file, without lines that cannot be read."""
    block = MoleculeBlock()
    for line in section_lines(path):
        tag = line.section
        if not line.words:
            if tag == "molecule" or (tag == "mapping" and block.rows):
                yield block
                # A second [ mapping ] is of the same molecule and beads.
                block = MoleculeBlock() if tag == "molecule" else MoleculeBlock(
                    block.names, cg=block.cg, cg_force_fields=block.cg_force_fields, source=block.source,
                    target=block.target)
                block.where = line.where
            elif tag not in {*_LISTS, *_MODIFIERS, "atoms", "extra"}:
                block.cg = {}  # any other name is that of the coarse-grained force field
                block.cg_force_fields = [tag]
        elif tag in _LISTS:
            getattr(block, _LISTS[tag]).extend(line.words)
        elif tag == "atoms":
            if len(line.words) < 2 or not line.words[0].isdigit():
                errors.add(line.error(f"'{line.text}' is not a row of [ atoms ]", "Write `number atom bead bead ...`."))
            else:
                block.rows.append(line)
        elif tag in _MODIFIERS:
            if len(line.words) < _MODIFIERS[tag]:
                errors.add(line.error(f"[ {tag} ] needs at least {_MODIFIERS[tag]} atoms, not {len(line.words)}"))
            else:
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

    A bead that is not listed is passed over, with a remark, if the atom is in others, as Backward does. One that is all
    that some atom has is taken for a listed bead without atoms, if the names are alike and it is the only one.

    Raises:
        BackmapError: For atoms that come twice, unknown beads or atoms, and beads without atoms; with all others.
    """
    rows = _Rows(block, inherit, {bead: [] for bead in block.cg}, _helpers(block))
    rows.meant = _meant(block, rows.helpers, rows.remarks)
    for row in block.rows:
        rows.errors.attempt(rows.take, row)
    if not rows.errors.found:
        for bead, found in rows.members.items():
            if not any(member.share for member in found):
                rows.errors.add(BackmapError(f"bead '{bead}' of {block.names[0]} has no atoms",
                                             where=block.cg.get(bead, block.where),
                                             hint="Give it atoms or remove it from the list."))
    stereocentres = tuple(_stereocentres(block, {*rows.atoms, *rows.members}, rows.remarks))
    rows.errors.expect_none()
    unused = tuple(line.section for line in block.modifiers
                   if line.section == "assign" and line.words[0] not in rows.helpers)
    listed = tuple(UnitBead(bead, bead, tuple(found), weights, found[0].where) for bead, found in rows.members.items())
    return [Unit((name,), listed, block.where or block.rows[0].where, stereocentres=stereocentres,
                 sides=_sides(block), unused=unused, remarks=tuple(rows.remarks)) for name in block.names]


@dataclass
class _Rows:
    """Rows of [ atoms ] while they are taken, one after the other."""

    block: MoleculeBlock
    inherit: bool
    members: dict[str, list[Member]]
    helpers: dict[str, dict[str, float]]
    meant: dict[str, str] = field(default_factory=dict)
    atoms: dict[str, str] = field(default_factory=dict)
    beads: list[str] = field(default_factory=list)
    errors: Errors = field(default_factory=Errors)
    remarks: list[str] = field(default_factory=list)

    def take(self, row: SectionLine) -> None:
        """Put an atom into its beads.

        Raises:
            BackmapError: If it comes twice, or no bead of it is known.
        """
        atom, named = row.words[1], row.words[2:]
        if atom in self.atoms:
            raise row.error(f"atom '{atom}' comes twice", f"It is at {self.atoms[atom]} already.")
        self.atoms[atom] = row.where
        self.beads = named or (self.beads if self.inherit else [])
        if self.inherit and not self.beads:
            raise row.error(f"atom '{atom}' has no bead, and no row is above it")
        shares = {self.meant.get(bead, bead): share for bead, share in _shares(row, self.beads).items()}
        if self.helpers.keys() & shares.keys():
            parts: Counter[str] = Counter()
            for bead, share in shares.items():
                for other, part in self.helpers.get(bead, {bead: 1.0}).items():
                    parts[other] += share * part
            shares = dict(parts)
        strange = [bead for bead in shares if self.block.cg and bead not in self.block.cg]
        if strange:
            if not named:  # told at the row that names it
                return
            if len(strange) == len(shares):
                raise row.error(f"bead '{strange[0]}' is not among those listed", known(strange[0], self.block.cg))
            self.remarks.append(f"{row.where}: bead '{strange[0]}' is not among those listed, and passed over. "
                                + known(strange[0], self.block.cg))
        left = sum(share for bead, share in shares.items() if bead not in strange)
        for bead, share in shares.items():
            if bead not in strange:
                self.members.setdefault(bead, []).append(
                    Member(atom, share / left if strange and left else share, row.where, text=row.text))


def _helpers(block: MoleculeBlock) -> dict[str, dict[str, float]]:
    """Points that [ assign ] makes of beads before atoms use them, as shares; one may take a bead's name."""
    found: dict[str, dict[str, float]] = {}
    atoms = {row.words[1] for row in block.rows}
    for line in block.modifiers:
        name, *beads = line.words
        if line.section == "assign" and name not in atoms and block.cg.keys() | found.keys() >= {*beads}:
            parts: Counter[str] = Counter()
            for bead in beads:
                for other, share in found.get(bead, {bead: 1.0}).items():
                    parts[other] += share / len(beads)
            found[name] = dict(parts)
    return found


def _meant(block: MoleculeBlock, helpers: Mapping[str, object], remarks: list[str]) -> dict[str, str]:
    """A misspelled bead, and the listed one that it must be."""
    named = {bead.lstrip("!") for row in block.rows for bead in row.words[2:]}
    alone = {row.words[2]: row.where for row in reversed(block.rows) if len({*row.words[2:]}) == 1}
    strange = [bead for bead in alone if block.cg and bead not in block.cg and bead not in helpers]
    free = [bead for bead in block.cg if bead not in named]
    if len(strange) != 1 or len(free) != 1 or not get_close_matches(strange[0], free):
        return {}
    remarks.append(f"{alone[strange[0]]}: bead '{strange[0]}' is not among those listed, and taken for '{free[0]}', "
                   "which has no atoms otherwise")
    return {strange[0]: free[0]}


def _shares(row: SectionLine, beads: Sequence[str]) -> dict[str, float]:
    """Share of an atom in each of its beads; ``!bead`` says that it belongs there without weight."""
    counts = Counter(bead for bead in beads if not bead.startswith("!"))
    shares = {bead: count / counts.total() for bead, count in counts.items()}
    for bead in (bead[1:] for bead in beads if bead.startswith("!")):
        if bead in shares:
            raise row.error(f"atom '{row.words[1]}' is in bead '{bead}' with and without a weight")
        shares[bead] = 0.0
    return shares


def _stereocentres(block: MoleculeBlock, names: set[str], remarks: list[str]) -> Iterator[Stereocentre]:
    """What [ chiral ] says; its names are atoms, beads, or helpers that were placed before. Others are remarked."""
    for line in block.modifiers:
        unknown = next((name for name in line.words[1:] if name not in names), None)
        names.add(line.words[0])
        if line.section == "assign":
            continue
        if unknown is not None:
            remarks.append(f"{line.where}: [ {line.section} ] names '{unknown}', which is no atom of {block.names[0]}, "
                           f"and is passed over. {known(unknown, sorted(names))}")
        elif line.section == "chiral":
            yield Stereocentre(tuple((0, name) for name in line.words[:5]), line.where)


def _sides(block: MoleculeBlock) -> tuple[SideOfBond, ...]:
    """What [ cis ], [ trans ] and [ out ] say of torsions.

    ``a b c d`` under [ out ] puts a on b, away from c and d. Where d is a neighbour of c, a and d are trans.
    """
    meaning = {"cis": CIS, "trans": TRANS, "out": TRANS}
    return tuple(SideOfBond(tuple((0, name) for name in line.words[:4]), meaning[line.section], line.where)
                 for line in block.modifiers if line.section in meaning and len(line.words) >= 4)
