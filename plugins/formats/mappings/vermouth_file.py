"""vermouth's .mapping files (Kroon et al., eLife 12, RP90627, 2024)."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backmap.errors import BackmapError, Errors

from ...files.sections import SectionLine, section_lines
from .bead_model import Weights, known
from .units import Member, Unit, UnitBead

_TOPS = {"block", "molecule", "modification", "macros"}
#: Sections that say which atom is in which bead, and others.
_READ = ["from", "to", "from blocks", "to blocks", "to nodes", "mapping"]
_PASSED = ["from nodes", "from edges", "to edges", "reference atoms"]

Entry = tuple[list[str], list[str], Unit]


@dataclass
class _Blocks:
    """Residues of one side by the identifier that atoms are named with: name and number."""

    residues: dict[str, tuple[str, int]] = field(default_factory=dict)
    current: str = ""

    def add(self, line: SectionLine) -> None:
        """Take a line of [ from blocks ] or [ to blocks ].

        Raises:
            BackmapError: If it names no residues.
        """
        identifier, _, attributes = line.text.partition(" ")
        if attributes.startswith("{"):
            self._add_long(line, identifier.lstrip("!"), attributes)
            return
        for word in line.words:
            word = word.lstrip("!")
            name, _, number = word.partition("#")
            if number and not number.isdigit():
                raise line.error(f"'{word}' is no residue", "Write NAME or NAME#NUMBER.")
            self.residues[word] = name, int(number) if number else len(self.residues) + 1

    def _add_long(self, line: SectionLine, identifier: str, text: str) -> None:
        try:
            attributes = json.loads(text)
            self.residues[identifier] = (str(attributes.get("resname", identifier)),
                                         int(attributes.get("resid", len(self.residues) + 1)))
        except (ValueError, TypeError, AttributeError):
            raise line.error(f"'{text}' is no list of attributes", 'Write {"resname": "ALA", "resid": 1}.') from None

    def find(self, line: SectionLine, word: str) -> tuple[str, str]:
        """Identifier and atom of ``[identifier:]atom``; without one it is the last used, or the only one."""
        identifier, colon, atom = word.rpartition(":")
        if not colon:
            identifier = next(iter(self.residues)) if len(self.residues) == 1 else self.current
        if identifier not in self.residues:
            raise line.error(f"'{word}' is in no residue that the blocks name", known(identifier, self.residues))
        self.current = identifier
        return identifier, atom


@dataclass
class _Mapping:
    """One [ block ] while it is read."""

    where: str
    skipped: bool
    broken: bool = False
    ours: _Blocks = field(default_factory=_Blocks)
    theirs: _Blocks = field(default_factory=_Blocks)
    source: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    #: Atoms of each bead: line and share, by (identifier, atom).
    beads: dict[tuple[str, str], dict[tuple[str, str], tuple[SectionLine, float]]] = field(default_factory=dict)

    def take(self, line: SectionLine) -> None:
        """Take a line of the block.

        Raises:
            BackmapError: If its section is unknown, or the line cannot be read.
        """
        section = line.section
        if section == "from":
            self.source.append(line.text)
        elif section == "to":
            self.target.append(line.text)
        elif section == "from blocks":
            self.ours.add(line)
        elif section == "to blocks":
            self.theirs.add(line)
        elif section == "to nodes":
            self.beads.setdefault(self.theirs.find(line, line.words[0]), {})
        elif section == "mapping":
            self._row(line)
        elif section not in _PASSED:
            raise line.error(f"[ {section} ] is no section of a .mapping file",
                             known(section, [*_READ, *_PASSED]))

    def _row(self, line: SectionLine) -> None:
        try:
            atom, bead, share = line.words if len(line.words) > 2 else (*line.words, "1")
            weight = float(share)
        except ValueError:
            raise line.error(f"'{line.text}' is not a row of [ mapping ]", "Write `atom bead` or `atom bead weight`.") \
                from None
        atoms = self.beads.setdefault(self.theirs.find(line, bead), {})
        found = self.ours.find(line, atom)
        if found in atoms:
            raise line.error(f"atom '{atom}' is in bead '{bead}' twice", f"It is at {atoms[found][0].where} already.")
        atoms[found] = line, weight

    def entry(self, weights: Weights) -> Entry:
        """Force fields it maps from, those it maps to, and the unit.

        Raises:
            BackmapError: If its residues do not follow each other, or there are no beads, or one has no atoms.
        """
        residues = sorted(self.ours.residues.items(), key=lambda item: item[1][1])
        numbers = [number for _, (_, number) in residues]
        if not residues or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise BackmapError("[ from blocks ] names no residues" if not residues else
                               "the residues of [ from blocks ] do not follow each other", where=self.where)
        place = {identifier: k for k, (identifier, _) in enumerate(residues)}
        beads = []
        for (_, name), atoms in self.beads.items():
            if not any(share for _, share in atoms.values()):
                raise BackmapError(f"bead '{name}' has no atoms", where=self.where, hint="Add them to [ mapping ].")
            members = tuple(Member(atom, share, line.where, place[identifier], line.text)
                            for (identifier, atom), (line, share) in atoms.items())
            beads.append(UnitBead(name, name, members, weights, members[0].where))
        if not beads:
            raise BackmapError("has no [ mapping ]", where=self.where)
        unit = Unit(tuple(name for _, (name, _) in residues), tuple(beads), self.where)
        return self.source, self.target, unit


def read_mappings(path: Path, weights: Weights) -> Iterator[Entry]:
    """Force fields from and to, and unit, of each block of a file; modifications are left out.

    Raises:
        BackmapError: With file and line, for what is no line of such a file, unknown residues, atoms twice in a
            bead and beads without atoms; at the end, with all others.
    """
    macros: dict[str, str] = {}
    current: _Mapping | None = None
    macro = False
    errors = Errors()
    for line in section_lines(path):
        if not line.words:
            if line.section in _TOPS:
                yield from _ended(current, weights, errors)
                macro = line.section == "macros"
                current = None if macro else _Mapping(line.where, line.section == "modification")
            continue
        if macro:
            macros[line.words[0]] = " ".join(line.words[1:]).strip("\"'")
        elif current is None:
            raise line.error(f"'{line.text}' stands before [ block ]", "Is it a .mapping file of vermouth?")
        elif not current.skipped:
            known_before = len(errors.found)
            errors.attempt(current.take, SectionLine(line.section, _expanded(line, macros), line.where))
            current.broken |= len(errors.found) > known_before
    yield from _ended(current, weights, errors)
    errors.expect_none()


def _ended(current: _Mapping | None, weights: Weights, errors: Errors) -> Iterator[Entry]:
    """What a block is once all its lines are taken, unless one of them was wrong."""
    if current is not None and not current.skipped and not current.broken:
        entry = errors.attempt(current.entry, weights)
        if entry is not None:
            yield entry


def _expanded(line: SectionLine, macros: dict[str, str]) -> list[str]:
    text = line.text
    for name in sorted(macros, key=len, reverse=True):
        text = text.replace(f"${name}", macros[name])
    return text.split()
