"""The option ``stereo``: true atoms of every molecule, or what one molecule of a type is, as a file or as SMILES."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic

from backmap.api import InputPath
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System
from backmap.model.windows import expect_box

from ..chemistry.smiles import isomer_of
from ..files.gro import GroFile
from .contents import Contents
from .isomers import First, ShownIsomers, shown_by, told_by_atoms, told_by_types


def _smiles_or_file(value: Any, handler: Callable[[Any], Any]) -> Any:
    return handler(value) if not isinstance(value, str) or value.endswith(".gro") else value


OneMolecule = Annotated[InputPath, pydantic.WrapValidator(_smiles_or_file)]
Stereo = InputPath | dict[str, OneMolecule]


def told_by(system: System, stereo: Path | Mapping[str, str | Path], found: Contents, first: First | None,
            where: str) -> tuple[System, list[str]]:
    """The system with hands and sides as ``stereo`` shows them, and lines for the user.

    Args:
        system: What is there, and what the mapping tells.
        stereo: A .gro with the atoms of all molecules, of which the first frame counts; or by molecule type SMILES, or
            a .gro with the atoms of one molecule.
        found: What of the topology is in ``system``.
        first: What counts where mapping and ``stereo`` contradict each other.
        where: The option, for messages.

    Raises:
        BackmapError: If it is of other molecules, or contradicts the mapping and ``first`` does not say what counts.
    """
    if isinstance(stereo, Path):
        return _told_by_frame(system, stereo, found, first)
    types = {kind.name: kind for kind in system.types}
    unknown = next((name for name in stereo if name not in types), None)
    if unknown is not None:
        raise BackmapError(f"'{unknown}' is no molecule type that is backmapped", where=where,
                           hint=f"Known: {', '.join(types)}.")
    return told_by_types(system, {name: _of_one(types[name], said, f"{where}.{name}")
                                  for name, said in stereo.items()}, first)


def _of_one(kind: MoleculeType, said: str | Path, where: str) -> ShownIsomers:
    """What holds of all molecules of a type."""
    if isinstance(said, str):
        return ShownIsomers(np.concatenate(isomer_of(said, kind, where))[None], "SMILES")
    file = GroFile(said)
    if file.n_points != kind.n_atoms:
        raise BackmapError(f"holds {file.n_points} atoms, but a molecule of '{kind.name}' has {kind.n_atoms}",
                           where=said, hint="Under the name of a molecule type stands one molecule of it.")
    return ShownIsomers(shown_by(kind, file.frame(0).positions[None], str(said)), str(said))


def _told_by_frame(system: System, path: Path, found: Contents, first: First | None) -> tuple[System, list[str]]:
    file = GroFile(path)
    file.where = str(path)
    source = found.atoms(file)
    system.expect(source.n_points, "atoms", path)
    frame = source.frame(0)
    box = expect_box(frame, system, str(path)) if frame.box is not None and np.any(frame.box) else None
    return told_by_atoms(system, system.whole_atoms(frame.positions, box), str(path), first)
