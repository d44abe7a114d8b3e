"""Mappings as vermouth and martinize2 read them: .mapping files, and .map files in its dialect."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydantic

from backmap.api import AtomTopology, BeadModel, MappingEntry, MappingReader, Options
from backmap.errors import BackmapError, Errors

from ...files.reading import Files
from .backward_file import read_blocks, units_of
from .bead_model import Weights, file_list
from .composition import read_units
from .units import Unit, entry_of
from .vermouth_file import read_mappings

#: Where a .map does not say from and to which force field it maps.
_SOURCE, _TARGET = ["universal"], ["martini22"]


class Vermouth(MappingReader):
    """vermouth .mapping files, and .map files in its dialect, where an atom in `!BEAD` belongs to it without weight.

    A molecule of several residues is composed of its residues. Modifications are not used: the atoms of end groups
    go to the beads of the atoms they are bonded to.
    """

    class Options(Options):
        files: Files = pydantic.Field(min_length=1, description=".mapping and .map files.")
        source: str | None = pydantic.Field(
            None, description="The atomistic force field ([ from ]); needed where a residue is described for several.")
        target: str | None = pydantic.Field(
            None, description="The coarse-grained force field ([ to ]); needed where a residue is described for "
                              "several.")
        weights: Weights = pydantic.Field(
            "geometry", description="geometry: the numbers that the files give are the weights, 1 for an atom in one "
                                    "bead; mass: they are shares of the atom's mass.")
        molecules: list[str] | None = pydantic.Field(
            None, description="Molecule types to map. By default all that have a residue of the files.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        options = self.options
        found = [entry for path in options.files for entry in self._entries(path)]
        chosen = [entry for entry in found if options.source in (None, *entry[0])
                  and options.target in (None, *entry[1])]
        where = file_list(options.files)
        if not chosen:
            listed = dict.fromkeys(f"{' '.join(source)} to {' '.join(target)}" for source, target, _ in found)
            raise BackmapError(f"nothing maps from {options.source or 'any force field'} to "
                               f"{options.target or 'any'}", where=where,
                               hint=f"There is: {'; '.join(listed) or 'nothing but modifications'}.")
        seen: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
        for source, target, unit in chosen:
            other = seen.setdefault(unit.residues, (source, target))
            if other != (source, target):
                raise BackmapError(f"residue {' '.join(unit.residues)} is described for several force fields",
                                   where=unit.where, hint="Say which with `source` and `target`.")
        return read_units([unit for *_, unit in chosen], topology, where, options.molecules)

    def entries(self) -> Iterator[MappingEntry]:
        errors = Errors()
        for path in self.options.files:
            for source, target, unit in errors.attempt(lambda path=path: list(self._entries(path))) or ():
                yield entry_of(unit, source, target)
        errors.expect_none()

    def _entries(self, path: Path) -> Iterator[tuple[list[str], list[str], Unit]]:
        """Force fields from and to, and unit, of everything in a file."""
        if path.suffix == ".mapping":
            yield from read_mappings(path, self.options.weights)
            return
        for block in read_blocks(path):
            for unit in units_of(block, self.options.weights, inherit=False):
                yield [*block.source, *block.mapping] or _SOURCE, block.target or _TARGET, unit
