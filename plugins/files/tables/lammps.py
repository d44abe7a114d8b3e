"""LAMMPS' tables for the styles ``table`` of pairs, bonds, angles and dihedrals, in units real.

Angstrom, kcal/mol, degrees; forces are -dU/dx per Angstrom or degree. Sections have names; one file may hold several of
one kind. LAMMPS wants angles from 0 to 180 degrees, and dihedrals once round without the last point.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backmap.engine.tabulated.spline import resampled, spline_of, with_forces
from backmap.errors import BackmapError
from backmap.model.tabulated import Kind, Potential, even_grid

from ..reading import read_text
from .writing import replaced

Array = NDArray[np.float64]

KCAL = 4.184  #: kJ
#: Units of the coordinate in nm or radians.
SCALE = {"pair": 0.1, "bond": 0.1, "angle": np.pi / 180, "dihedral": np.pi / 180}


def write_lammps(path: Path | str, sections: Mapping[str, Potential], kind: Kind) -> None:
    """Write potentials of one kind into one file, each as a section with its name."""
    replaced(path, encode_lammps(sections, kind))


def encode_lammps(sections: Mapping[str, Potential], kind: Kind) -> str:
    """The text of such a file.

    Raises:
        BackmapError: If a name has blanks, or a potential is of another kind.
    """
    lines = [f"# {kind} tables for LAMMPS, units real: {'Angstrom' if SCALE[kind] == 0.1 else 'degrees'}, kcal/mol"]
    for name, potential in sections.items():
        if len(name.split()) != 1 or potential.kind != kind:
            raise BackmapError(f"'{name}' ({potential.kind}) cannot be a section of a file of {kind} tables",
                               hint="Names are one word, and a file has one kind.")
        lines += ["", name, *_section(potential)]
    return "\n".join(lines) + "\n"


def _section(potential: Potential) -> Iterator[str]:
    kind, scale = potential.kind, SCALE[potential.kind]
    slopes = -spline_of(potential)(potential.grid[[0, -1]], 2) * scale**2 / KCAL
    if kind == "angle" and not np.allclose(potential.grid[[0, -1]], [0, np.pi], rtol=0, atol=1e-6):
        potential, slopes = resampled(potential, even_grid("angle", 0, 0, len(potential.grid))), np.zeros(2)
    grid = np.linspace(potential.grid[0], potential.grid[-1], len(potential.grid)) / scale
    energy, force = potential.energy / KCAL, potential.force * scale / KCAL
    use = slice(1 if kind == "pair" and grid[0] <= 0 else 0, -1 if kind == "dihedral" else None)
    grid, energy, force = grid[use], energy[use], force[use]
    if kind == "angle":
        grid[0], grid[-1] = 0.0, 180.0
    ends = {"pair": "FPRIME", "bond": "FP", "angle": "FP"}
    yield f"N {len(grid)} " + ("DEGREES" if kind == "dihedral" else f"{ends[kind]} {slopes[0]:.10g} {slopes[1]:.10g}")
    yield ""
    for number, row in enumerate(zip(grid, energy, force), start=1):
        yield f"{number} " + " ".join(f"{value:.12g}" for value in row)


@dataclass(frozen=True)
class _Line:
    words: list[str]
    where: str

    def error(self, problem: str, hint: str = "") -> BackmapError:
        return BackmapError(problem, where=self.where, hint=hint)


def read_lammps(path: Path | str, section: str, kind: Kind) -> Potential:
    """Read a section of a file of tables of one kind, in units real.

    Raises:
        BackmapError: If the file cannot be read, has no such section, or a line is not what LAMMPS reads.
    """
    lines = _lines(path)
    names = []
    for line in lines:
        names.append(line.words[0])
        head = next(lines, None)
        if head is None or head.words[0] != "N" or len(head.words) < 2 or not head.words[1].isdigit():
            raise (head or line).error(f"section '{names[-1]}' does not start with N and the number of its points")
        points = [next(lines, None) for _ in range(int(head.words[1]))]
        if line.words[0] == section:
            if None in points:
                raise line.error(f"section '{section}' has fewer than {head.words[1]} points")
            return _potential(points, head.words[2:], kind, f"{path}: {section}")
    raise BackmapError(f"has no section '{section}'", where=path, hint=f"Sections: {', '.join(names) or 'none'}.")


def _lines(path: Path | str) -> Iterator[_Line]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if words:
            yield _Line(words, f"{path}:{number}")


def _potential(points: list[_Line], options: list[str], kind: Kind, where: str) -> Potential:
    n_columns = 3 if "NOF" in options else 4
    rows = []
    for line in points:
        try:
            rows.append([float(word) for word in line.words])
        except ValueError:
            rows.append([])
        if len(rows[-1]) != n_columns or not np.isfinite(rows[-1]).all():
            raise line.error(f"'{' '.join(line.words)[:60]}' is no point of a table",
                             "Lines are: number, x, energy, force." if n_columns == 4 else "Lines are: number, x, U.")
    table = np.array(rows)
    scale = 1.0 if "RADIANS" in options else SCALE[kind]
    grid, energy = table[:, 1] * scale, table[:, 2] * KCAL
    if kind == "dihedral":
        grid, energy = np.append(grid, grid[0] + 2 * np.pi), np.append(energy, energy[0])
    if n_columns == 3:
        return with_forces(kind, grid, energy, where=where)
    force = table[:, 3] * KCAL / scale
    return Potential(kind, grid, energy, np.append(force, force[0]) if kind == "dihedral" else force, where=where)
