"""Mappings as Backward reads them: .map files of residues."""
from __future__ import annotations

from collections.abc import Iterator

import pydantic

from backmap.api import AtomTopology, BeadModel, MappingEntry, MappingReader, Options
from backmap.errors import BackmapError, Errors

from ...files.reading import Files
from .backward_file import MoleculeBlock, read_blocks, units_of
from .bead_model import Weights, file_list
from .composition import read_units
from .units import entry_of


class Backward(MappingReader):
    """Backward .map files; a molecule of several residues is composed of its residues.

    [ chiral ] tells the handedness of stereocentres; [ cis ], [ trans ] and [ out ] tell the sides of double bonds,
    esters and amides, where they speak of such. [ assign ], which places atoms initially, is not used.
    """

    class Options(Options):
        files: Files = pydantic.Field(min_length=1, description="Files, with one or several [ molecule ] each.")
        force_field: str | None = pydantic.Field(
            None, description="The atomistic force field whose [ mapping ] counts; needed where a residue has several.")
        weights: Weights = pydantic.Field(
            "geometry", description="geometry: the numbers that the files give are the weights, so that an atom listed "
                                    "under one bead counts 1; mass: they are shares of the atom's mass.")
        molecules: list[str] | None = pydantic.Field(
            None, description="Molecule types to map. By default all that have a residue of the files.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        options = self.options
        blocks = [block for path in options.files for block in read_blocks(path)]
        chosen = [block for block in blocks if options.force_field in (None, *block.mapping)]
        where = file_list(options.files)
        if not chosen:
            listed = dict.fromkeys(name for block in blocks for name in block.mapping)
            raise BackmapError(f"no [ mapping ] is for '{options.force_field}'", where=where,
                               hint=f"They are for: {', '.join(listed) or 'none'}.")
        _check_single(chosen)
        units = [unit for block in chosen for unit in units_of(block, options.weights, inherit=True)]
        return read_units(units, topology, where, options.molecules)

    def entries(self) -> Iterator[MappingEntry]:
        errors = Errors()
        for path in self.options.files:
            for block in errors.attempt(read_blocks, path) or ():
                for unit in errors.attempt(units_of, block, self.options.weights, True) or ():
                    yield entry_of(unit, block.mapping, block.cg_force_fields)
        errors.expect_none()


def _check_single(blocks: list[MoleculeBlock]) -> None:
    """Of several blocks for one residue, the user has to say which."""
    seen: dict[str, MoleculeBlock] = {}
    for block in blocks:
        for name in block.names:
            other = seen.setdefault(name, block)
            if other is not block and set(other.mapping) != set(block.mapping):
                raise BackmapError(f"residue {name} is described for several force fields", where=block.where,
                                   hint="Say which with `force_field`: "
                                        + ", ".join(dict.fromkeys([*other.mapping, *block.mapping])) + ".")
