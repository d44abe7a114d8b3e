"""Mappings as PyCGTOOL reads them: a section for each residue, a row for each bead.

Graham, Essex and Khalid, J. Chem. Inf. Model. 57, 650 (2017).
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydantic

from backmap.api import AtomTopology, BeadModel, MappingEntry, MappingReader, Options
from backmap.errors import BackmapError, Errors

from ...files.reading import Files
from ...files.sections import SectionLine, section_lines
from .bead_model import Weights, file_list
from .composition import read_units
from .units import Member, Unit, UnitBead, entry_of

VIRTUAL = "@v"  #: begins the row of a virtual site, which is the mean of other beads


class Pycgtool(MappingReader):
    """PyCGTOOL .map files: `[ RESIDUE ]`, then `bead type [charge] atom atom ...`; an atom listed twice counts twice.

    Virtual sites (`@v`) have no atoms of their own: they are passed over, and a line says so.
    """

    class Options(Options):
        files: Files = pydantic.Field(min_length=1, description="Files, with one or several residues each.")
        weights: Weights = pydantic.Field(
            "geometry", description="As PyCGTOOL's map_center. geometry: all atoms count the same; mass: by their "
                                    "masses.")
        molecules: list[str] | None = pydantic.Field(
            None, description="Molecule types to map. By default all that have a residue of the files.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        units = [unit for path in self.options.files for unit in read_residues(path, self.options.weights)]
        return read_units(units, topology, file_list(self.options.files), self.options.molecules)

    def entries(self) -> Iterator[MappingEntry]:
        errors = Errors()
        for path in self.options.files:
            for unit in errors.attempt(read_residues, path, self.options.weights) or ():
                yield entry_of(unit)
        errors.expect_none()


def read_residues(path: Path, weights: Weights) -> list[Unit]:
    """The residues of a file.

    Raises:
        BackmapError: For rows that are none, beads that come twice, and residues without beads; with all others.
    """
    errors, found = Errors(), {}
    for line in section_lines(path, lower=False):
        if not line.section:
            errors.add(line.error(f"'{line.text}' stands before the first section", "It begins with [ RESIDUE ]."))
        elif line.words:
            unit = errors.attempt(_with_row, found[line.section], line, weights)
            found[line.section] = unit or found[line.section]
        elif line.section in found:
            errors.add(line.error(f"residue {line.section} is described twice",
                                  f"The other is at {found[line.section].where}."))
        else:
            found[line.section] = Unit((line.section,), (), line.where)
    if not errors.found:
        for unit in found.values():
            if not unit.beads:
                errors.add(BackmapError(f"residue {unit.residues[0]} has no beads", where=unit.where,
                                        hint="Write `bead type atom atom ...`."))
    if not found:
        errors.add(BackmapError("has no residues", where=path, hint="Is it a .map file of PyCGTOOL?"))
    errors.expect_none()
    return list(found.values())


def _with_row(unit: Unit, line: SectionLine, weights: Weights) -> Unit:
    """A unit with one bead more, or with a remark on a virtual site."""
    virtual = line.words[0] == VIRTUAL
    if line.words[0].startswith("@") and not virtual:
        raise line.error(f"'{line.words[0]}' begins no row", f"Known is {VIRTUAL}, for virtual sites.")
    words = line.words[virtual:]
    atoms = words[3:] if len(words) > 2 and _is_number(words[2]) else words[2:]
    if not atoms:
        raise line.error(f"'{line.text}' is not a row of a bead", "Write `bead type atom atom ...`.")
    name, kind = words[:2]
    names = [bead.name for bead in unit.beads]
    if name in names:
        raise line.error(f"bead '{name}' is there twice", "Give it another name.")
    if virtual:
        return replace(unit, remarks=(*unit.remarks, f"{line.where}: {name} is a virtual site of {' '.join(atoms)}, "
                                      f"without atoms: where files have it, write 'ignore: [\"{unit.residues[0]}:{name}"
                                      "\"]'"))
    members = tuple(Member(atom, float(count), line.where, text=line.text) for atom, count in Counter(atoms).items())
    return replace(unit, beads=(*unit.beads, UnitBead(name, kind, members, weights, line.where)))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
