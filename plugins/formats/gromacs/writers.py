"""Writing GROMACS' formats: .gro, .xtc and .trr, as bytes that can be appended to a file."""
from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import Options, OutputPath, Writer
from backmap.model.system import System, Window

from ...files.reading import as_list
from ..writing import ending, expect_placed, residue_numbers
from ..xdr import opened

_SUFFIXES = (".gro", ".xtc", ".trr")
#: Residue and atom numbers have five columns.
_WRAP = 100_000


class Gromacs(Writer):
    """GROMACS .gro, .xtc or .trr of all atoms in the order of the topology, with whole molecules."""

    class Options(Options):
        files: Annotated[list[OutputPath], pydantic.BeforeValidator(as_list), ending(*_SUFFIXES), pydantic.Field(
            min_length=1, description="Files to write, .gro, .xtc or .trr, relative to the output folder. A .trr "
                                      "holds forces, where a step such as forces has computed them.")]
        precision: float = pydantic.Field(
            1000.0, gt=0, description="Steps per nm in .xtc: 1000 keeps three decimals.")
        decimals: int = pydantic.Field(3, ge=3, le=12, description="Decimals of positions in .gro, nm.")

    options: Options
    _labels: tuple[System, list[str]] | None = None

    def paths(self) -> Sequence[Path]:
        return self.options.files

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        expect_placed(window, ", ".join(map(str, self.paths())))
        for path in self.paths():
            if path.suffix == ".gro":
                yield self._gro(window, system)
            else:
                yield _binary(window, path.suffix, self.options.precision)

    def _gro(self, window: Window, system: System) -> bytes:
        if self._labels is None or self._labels[0] is not system:
            self._labels = system, atom_labels(system)
        labels, decimals = self._labels[1], self.options.decimals
        row = f"%s{f'%{decimals + 5}.{decimals}f' * 3}\n"
        text = []
        for k in range(window.size):
            text.append(f"backmap t= {window.time[k]:.5f} step= {window.frames[k]}\n{system.n_atoms}\n")
            text.extend(row % (label, *xyz) for label, xyz in zip(labels, window.atoms[k].tolist(), strict=True))
            text.append(box_line(window.boxes[k]))
        return "".join(text).encode()


def atom_labels(system: System) -> list[str]:
    """The first 20 columns of every atom's line."""
    names = {kind: [f"{residue_name[:5]:<5}{name[:5]:>5}"
                    for residue_name, name in zip(kind.residue_names, kind.atom_names, strict=True)]
             for kind in system.types}
    labels: list[str] = []
    for kind, numbers in residue_numbers(system):
        first = len(labels) + 1
        labels += [f"{number % _WRAP:5d}{name}{atom % _WRAP:5d}"
                   for atom, (number, name) in enumerate(zip(numbers, names[kind], strict=True), first)]
    return labels


def box_line(box: NDArray[np.float64]) -> str:
    """Three numbers for a rectangular box, nine for a triclinic one, nm."""
    numbers = list(np.diag(box))
    if (box - np.diag(np.diag(box))).any():
        numbers += [box[0, 1], box[0, 2], box[1, 0], box[1, 2], box[2, 0], box[2, 1]]
    return "".join(f"{number:10.5f}" for number in numbers) + "\n"


def _binary(window: Window, suffix: str, precision: float) -> bytes:
    """Frames of .xtc and .trr simply follow one another, so a file of one window can be appended."""
    with tempfile.TemporaryDirectory(prefix="backmap_") as folder:
        path = Path(folder) / f"window{suffix}"
        with opened(path, "w") as file:
            for k in range(window.size):
                positions, box = window.atoms[k].astype(np.float32), window.boxes[k].astype(np.float32)
                step, time = int(window.frames[k]), float(window.time[k])
                if suffix == ".xtc":
                    file.write(positions, box, step, time, precision)
                else:
                    forces = None if window.forces is None else window.forces[k].astype(np.float32)
                    file.write(positions, None, forces, box, step, time, 0.0, len(positions))
        return path.read_bytes()
