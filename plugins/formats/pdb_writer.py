"""Writing .pdb, one MODEL a frame, as bytes that can be appended to a file."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
from MDAnalysis.lib.mdamath import triclinic_box
from numpy.typing import NDArray

from backmap.api import Options, OutputPath, Writer
from backmap.errors import BackmapError
from backmap.model.system import System, Window

from ..chemistry.elements import symbol_of
from .writing import ending, expect_placed, residue_numbers, upright

_ANGSTROM = 10.0  #: in a nm
#: Numbers have five and four columns.
_WRAP_ATOMS, _WRAP_RESIDUES = 100_000, 10_000
#: Coordinates have eight columns, Angstrom.
_LARGEST = 9999.999
_SMALLEST = -999.999


class Pdb(Writer):
    """PDB file of all atoms in the order of the topology, with whole molecules and without CONECT records."""

    class Options(Options):
        file: Annotated[OutputPath, ending(".pdb")] = pydantic.Field(
            description="A .pdb, relative to the output folder; every frame is a MODEL.")

    options: Options
    _rows: tuple[System, list[tuple[str, str]]] | None = None

    def paths(self) -> Sequence[Path]:
        return [self.options.file]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        expect_placed(window, self.options.file)
        if self._rows is None or self._rows[0] is not system:
            self._rows = system, _columns(system)
        text = []
        for k in range(window.size):
            text.append(f"TITLE     backmap t= {window.time[k]:.5f} step= {window.frames[k]}\n")
            text.append(self._box(window.box(k)))
            text.append(f"MODEL     {window.frames[k] + 1:4d}\n")
            text.extend(self._atoms(window.atoms[k] * _ANGSTROM))
            text.append("ENDMDL\n")
        yield "".join(text).encode()

    def _atoms(self, positions: NDArray[np.float64]) -> Iterable[str]:
        if positions.size and not (positions.min() > _SMALLEST and positions.max() < _LARGEST):
            raise BackmapError("a coordinate has no room in the columns of .pdb", where=self.options.file,
                               hint="Write .gro, or a trajectory.")
        for (head, tail), (x, y, z) in zip(self._rows[1], positions.tolist(), strict=True):
            yield f"{head}{x:8.3f}{y:8.3f}{z:8.3f}{tail}"

    def _box(self, box: NDArray[np.float64] | None) -> str:
        if box is None:
            return ""
        if not upright(box):
            raise BackmapError("the box does not stand with a along x and b in the plane of x and y, which .pdb cannot "
                               "hold", where=self.options.file, hint="Write .gro, .xtc or .trr.")
        edges = triclinic_box(*box * _ANGSTROM)
        return "CRYST1" + "".join(f"{x:9.3f}" for x in edges[:3]) + "".join(f"{x:7.2f}" for x in edges[3:]) + \
            " P 1           1\n"


def _columns(system: System) -> list[tuple[str, str]]:
    """What stands before and after the coordinates of every atom."""
    columns = []
    atom = 0
    for kind, numbers in residue_numbers(system):
        symbols = [symbol_of(z) for z in kind.chemistry.element.tolist()]
        for name, residue, number, symbol in zip(kind.atom_names, kind.residue_names, numbers, symbols, strict=True):
            atom += 1
            # A symbol of one letter stands in the second column of the name, unless the name fills all four.
            named = f" {name:<3}" if len(symbol) == 1 and len(name) < 4 else f"{name[:4]:<4}"
            head = f"ATOM  {atom % _WRAP_ATOMS:5d} {named} {residue[:4]:<4} {number % _WRAP_RESIDUES:4d}    "
            columns.append((head, f"  1.00  0.00          {symbol.upper():>2}\n"))
    return columns
