"""Mappings as index groups (.ndx), as cgbuilder writes them: a group for each bead, with the numbers of its atoms."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pydantic

from backmap.api import AtomMolecule, AtomTopology, BeadModel, InputPath, MappingEntry, MappingReader, Options
from backmap.errors import BackmapError, Errors

from ...files.reading import as_list
from ..index_groups import groups_of
from .backward_file import molecule_of
from .bead_model import Bead, Weights, bead_model, known, weighted


def _by_name(value: Any) -> Any:
    """Files alone are for the molecules that they are called by: TOLU_oplsaa.ndx is for TOLU."""
    return value if isinstance(value, dict) else {molecule_of(Path(path)): path for path in as_list(value)}


class IndexGroups(MappingReader):
    """Index groups (.ndx) of cgbuilder: beads in order, each with the numbers of its atoms in the molecule.

    An atom that a group lists twice counts twice.
    """

    class Options(Options):
        files: Annotated[dict[str, InputPath], pydantic.BeforeValidator(_by_name), pydantic.Field(
            min_length=1, description="Molecule type: its .ndx file; or files that are called by their molecule type, "
                                      "up to the first _.")]
        weights: Weights = pydantic.Field(
            "geometry", description="geometry: an atom counts as often as its group lists it; mass: times its mass.")

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        models: dict[str, BeadModel] = {}
        errors = Errors()
        for name, path in self.options.files.items():
            molecule = errors.attempt(_molecule, name, path, topology)
            if molecule is not None:
                models[molecule.name] = errors.attempt(self._model, path, molecule)
        errors.expect_none()
        return models

    def entries(self) -> Iterator[MappingEntry]:
        for name, path in self.options.files.items():
            beads = {bead: tuple(f"{word}" for word, _ in words) for bead, _, words in groups_of(path)}
            if not beads:
                raise BackmapError("has no groups", where=path, hint="Is it an index file?")
            yield MappingEntry((name,), beads, str(path))

    def _model(self, path: Path, molecule: AtomMolecule) -> BeadModel:
        errors = Errors()
        beads = [errors.attempt(self._bead, name, where, words, molecule) for name, where, words in groups_of(path)]
        twice = [name for name, count in Counter(name for name, *_ in groups_of(path)).items() if count > 1]
        for name in twice:
            errors.add(BackmapError(f"bead '{name}' is there twice", where=path, hint="Give it another name."))
        if not beads:
            errors.add(BackmapError("has no groups", where=path, hint="Is it an index file?"))
        errors.expect_none()
        return bead_model(molecule, beads)

    def _bead(self, name: str, where: str, words: list[tuple[str, str]], molecule: AtomMolecule) -> Bead:
        n_atoms, errors = len(molecule.atom_names), Errors()
        for word, place in words:
            if not word.isdecimal():
                errors.add(BackmapError(f"'{word}' is no number of an atom", where=place, hint="Is it an index file?"))
            elif not 1 <= int(word) <= n_atoms:
                errors.add(BackmapError(f"there is no atom {word}", where=place,
                                        hint=f"'{molecule.name}' has {n_atoms}, counted from 1 in the molecule."))
        if not words:
            errors.add(BackmapError(f"bead '{name}' has no atoms", where=where, hint="Give it atoms or remove it."))
        errors.expect_none()
        count = Counter(int(word) - 1 for word, _ in words)
        return Bead(name, name, [*count], weighted(molecule, [*count], [*count.values()], self.options.weights), where)


def _molecule(name: str, path: Path, topology: AtomTopology) -> AtomMolecule:
    """The molecule type of a name, or the only one with residues of this name."""
    if name in topology.types:
        return topology.types[name]
    fitting = [molecule for molecule in topology.types.values() if {*molecule.residue_names} == {name}]
    if len(fitting) != 1:
        raise BackmapError(f"'{name}' is no molecule type of {topology.where}", where=path,
                           hint=f"{known(name, topology.types)} Say which as 'ndx: {{MOLECULE: {path.name}}}'.")
    return fitting[0]
