"""VOTCA's tables: x, U or F, and a flag: i in the range of data, o out of it, u undefined.

Distances are in nm, angles in radians, energies in kJ/mol.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.engine.tabulated.spline import with_forces
from backmap.errors import BackmapError
from backmap.model.tabulated import Kind, Potential

from ..reading import read_text
from .writing import replaced

Array = NDArray[np.float64]
_FLAGS = ("i", "o", "u")
_LINE = "Lines are: x, U and a flag (i, o or u)."


def write_votca(path: Path | str, potential: Potential) -> None:
    """Write energies; points that are not known are flagged o."""
    _write(path, potential, potential.energy)


def write_votca_force(path: Path | str, potential: Potential) -> None:
    """Write forces in the same way, as ``csg_fmatch`` does."""
    _write(path, potential, potential.force)


def encode_votca(potential: Potential, values: Array, errors: Array | None = None) -> str:
    """The text of a table with these values (n,), and their standard errors (n,), if these are known."""
    columns = [potential.grid, values] if errors is None else [potential.grid, values, errors]
    return "".join(" ".join(f"{number:.10e}" for number in row) + (" i\n" if known else " o\n")
                   for known, *row in zip(potential.known, *columns, strict=True))


def read_votca(path: Path | str, kind: Kind) -> Potential:
    """Read energies; forces are slopes of the cubic spline through them.

    Raises:
        BackmapError: If the file cannot be read, with the line of what is no point of a table; or as ``Potential``.
    """
    grid, energy, known = _read(path)
    return with_forces(kind, grid, energy, known, where=str(path))


def read_votca_force(path: Path | str) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Read a table of forces: grid, forces, and which of them are known, (n,) each.

    Raises:
        BackmapError: As ``read_votca``.
    """
    return _read(path)


def _write(path: Path | str, potential: Potential, values: Array) -> None:
    replaced(path, encode_votca(potential, values))


def _read(path: Path | str) -> tuple[Array, Array, NDArray[np.bool_]]:
    points: list[tuple[float, float, str, int]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words and not words[0].startswith("@"):
            points.append((*_point(words, f"{path}:{number}"), number))
    while points and points[0][2] == "u":
        del points[0]
    while points and points[-1][2] == "u":
        del points[-1]
    for _, _, flag, number in points:
        if flag == "u":
            raise BackmapError("the table is undefined (u) here, between points that are defined",
                               where=f"{path}:{number}", hint="Interpolate it, e.g. with csg_resample.")
    if not points:
        raise BackmapError("holds no points of a table", where=path, hint=_LINE)
    x, y, flags, _ = zip(*points, strict=True)
    return np.array(x), np.array(y), np.array([flag == "i" for flag in flags])


def _point(words: list[str], where: str) -> tuple[float, float, str]:
    """x, value and flag of a line, which may have an error before its flag."""
    numbers, flag = (words[:-1], words[-1]) if words[-1] in _FLAGS else (words, "i")
    try:
        values = [float(word) for word in numbers]
    except ValueError:
        values = []
    if len(values) not in (2, 3) or not (np.isfinite(values[0]) and (flag == "u" or np.isfinite(values[1]))):
        raise BackmapError(f"'{' '.join(words)[:60]}' is no point of a table", where=where, hint=_LINE)
    return values[0], values[1], flag
