"""DeepBackmap's .map files: which bead each atom belongs to, without weights."""
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import AtomTopology, BeadModel, InputPath, MappingReader, Options
from backmap.errors import BackmapError
from backmap.model.mapping import Mapping

from ...files.dbm import read_map, read_owners
from ...files.reading import as_list
from .bead_model import known

__all__ = ["Dbm", "read_owners"]


def _by_name(value: Any) -> Any:
    """Files alone are for the molecule types that they are called by, as DeepBackmap has it."""
    return value if isinstance(value, dict) else {Path(path).stem: path for path in as_list(value)}


class Dbm(MappingReader):
    """DeepBackmap .map files, read as a mapping to centres of mass.

    A .map assigns every atom to one bead and has no weights. Where beads share atoms, write the mapping as VOTCA XML
    and give the .map as ``owners`` of the topology step.
    """

    class Options(Options):
        files: Annotated[dict[str, InputPath], pydantic.BeforeValidator(_by_name), pydantic.Field(
            min_length=1, description="Molecule type: its .map file; or files that are called by their molecule type.")]

    options: Options

    def read(self, topology: AtomTopology) -> dict[str, BeadModel]:
        for name, path in self.options.files.items():
            if name not in topology.types:
                raise BackmapError(f"'{name}' is no molecule type of {topology.where}", where=path,
                                   hint=known(name, topology.types))
        return {name: _model(path, topology, name) for name, path in self.options.files.items()}


def _model(path: Path, topology: AtomTopology, name: str) -> BeadModel:
    molecule = topology.types[name]
    table = read_map(path, len(molecule.atom_names))
    rows = [_row(table.owner, bead, molecule.mass) for bead in range(len(table.bead_types))]
    first = np.array([atoms[0] for atoms, _ in rows])
    mapping = Mapping.from_rows(rows, molecule.joined, molecule.element != 1, where=str(path))
    return BeadModel(
        bead_names=[f"{kind}{bead + 1}" for bead, kind in enumerate(table.bead_types)],
        bead_types=table.bead_types, bead_residue_names=[molecule.residue_names[a] for a in first],
        bead_residues=molecule.residues[first], bead_bonds=None, mapping=mapping)


def _row(owner: NDArray[np.int64], bead: int, mass: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    atoms = np.flatnonzero(owner == bead)
    return atoms.tolist(), mass[atoms].tolist()
