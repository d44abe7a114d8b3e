"""Writing LAMMPS data files and text dumps."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import Options, OutputPath, Writer
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.system import System, Window

from ...chemistry.elements import symbol_of
from ...files.lammps.units import ANGSTROM
from ..writing import expect_placed, upright

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Around atoms that are in no box, nm.
_MARGIN = 1.0
#: Steps in a ps: LAMMPS' own timestep of both styles of units is 1 fs.
_STEPS = 1000


class Lammps(Writer):
    """LAMMPS data file and dump, in Angstrom, of all atoms in the order of the topology, with whole molecules.

    The data file holds the first frame and the topology: atom types by name and mass, bonds, and the angles and
    dihedrals that bonds imply, with types by those of their atoms. Coefficients are left to the user.
    """

    class Options(Options):
        data: OutputPath | None = pydantic.Field(
            None, description="A data file (atom style full) of the first frame, with topology, without coefficients.")
        dump: OutputPath | None = pydantic.Field(
            None, description="A text dump of all frames, columns id mol type element xu yu zu; its steps count fs.")
        units: Literal["real", "metal"] = pydantic.Field(
            description="LAMMPS' units in which the files are to be read: real or metal.")

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if not self.paths():
            raise BackmapError("there is nothing to write", hint="Give data: or dump:, e.g. lammps: {data: atoms.data, "
                                                                 "units: real}.")
        self._tables: Numbering | None = None

    def paths(self) -> Sequence[Path]:
        return [path for path in (self.options.data, self.options.dump) if path is not None]

    def encode(self, window: Window, system: System, first: bool) -> Iterable[bytes]:
        expect_placed(window, ", ".join(map(str, self.paths())))
        if self._tables is None or self._tables.system is not system:
            self._tables = Numbering(system)
        if self.options.data is not None:
            if self.options.dump is None and (window.size > 1 or not first):
                raise BackmapError("a data file holds one frame, but the run has several", where=self.options.data,
                                   hint="Give dump: as well, or choose one with --frames.")
            yield self._data(window).encode() if first else b""
        if self.options.dump is not None:
            yield "".join(self._frame(window, k) for k in range(window.size)).encode()

    def _data(self, window: Window) -> str:
        """The first frame and the topology; see the manual's read_data."""
        tables, atoms = self._tables, window.atoms[0] / ANGSTROM
        terms = {"bonds": tables.bonds, "angles": tables.angles, "dihedrals": tables.dihedrals}
        low, high, tilt = corners(window.box(0), window.atoms[0], self.options.data)
        text = [f"LAMMPS data file by backmap, units {self.options.units}, step {window.frames[0]}\n",
                f"{len(atoms)} atoms", *(f"{len(rows)} {name}" for name, (rows, _) in terms.items()), "",
                f"{len(tables.types)} atom types",
                *(f"{len(labels)} {name[:-1]} types" for name, (_, labels) in terms.items()), "",
                *(f"{a:.8f} {b:.8f} {x}lo {x}hi" for a, b, x in zip(low, high, "xyz", strict=True))]
        if tilt.any():
            text.append(f"{tilt[0]:.8f} {tilt[1]:.8f} {tilt[2]:.8f} xy xz yz")
        text += ["", "Masses", "", *(f"{k} {mass:.6f} # {name}" for k, (name, mass) in enumerate(tables.types, 1)),
                 "", "Atoms # full", ""]
        rows = zip(tables.molecule.tolist(), tables.type_of.tolist(), tables.charge.tolist(), atoms.tolist(),
                   strict=True)
        text += [f"{k} {molecule} {kind} {charge:.6f} {x:.6f} {y:.6f} {z:.6f}"
                 for k, (molecule, kind, charge, (x, y, z)) in enumerate(rows, 1)]
        for name, (rows, _) in terms.items():
            if len(rows):
                text += ["", name.capitalize(), ""]
                text += [" ".join(map(str, (k, *row))) for k, row in enumerate(rows.tolist(), 1)]
        return "\n".join(text) + "\n"

    def _frame(self, window: Window, k: int) -> str:
        """One frame; a tilted box is written as the bounds of all its corners."""
        box = window.box(k)
        low, high, (xy, xz, yz) = corners(box, window.atoms[k], self.options.dump)
        flag, tilts = "ss" if box is None else "pp", ("", "", "")
        name = f"{flag} {flag} {flag}"
        if xy or xz or yz:
            low = low + np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
            high = high + np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
            name, tilts = f"xy xz yz {name}", (f" {xy:.8f}", f" {xz:.8f}", f" {yz:.8f}")
        bounds = "".join(f"{a:.8f} {b:.8f}{tilt}\n" for a, b, tilt in zip(low, high, tilts, strict=True))
        rows = "".join(f"{label}{x:.6f} {y:.6f} {z:.6f}\n" for label, (x, y, z) in
                       zip(self._tables.labels, (window.atoms[k] / ANGSTROM).tolist(), strict=True))
        # Items that LAMMPS writes only when asked to, such as UNITS, are more than most readers know.
        return (f"ITEM: TIMESTEP\n{round(float(window.time[k]) * _STEPS)}\nITEM: NUMBER OF ATOMS\n"
                f"{len(window.atoms[k])}\nITEM: BOX BOUNDS {name}\n{bounds}"
                f"ITEM: ATOMS id mol type element xu yu zu\n{rows}")


def corners(box: Array | None, atoms: Array, where: object) -> tuple[Array, Array, Array]:
    """Low and high corner and tilts xy, xz, yz, Angstrom. LAMMPS wants tilts of at most half an edge."""
    if box is None:
        return (atoms.min(axis=0) - _MARGIN) / ANGSTROM, (atoms.max(axis=0) + _MARGIN) / ANGSTROM, np.zeros(3)
    if not upright(box):
        raise BackmapError("the box does not stand with a along x and b in the plane of x and y, as LAMMPS needs it",
                           where=where, hint="Write .gro, .xtc or .trr.")
    a, b, c = box / ANGSTROM
    c = c - np.round(c[1] / b[1]) * b
    b, c = b - np.round(b[0] / a[0]) * a, c - np.round(c[0] / a[0]) * a
    return np.zeros(3), np.array([a[0], b[1], c[2]]), np.array([b[0], c[0], c[1]])


class Numbering:
    """What of a system LAMMPS numbers: atoms, types and molecules, all from 1."""

    def __init__(self, system: System) -> None:
        self.system = system
        numbers: dict[tuple[str, float], int] = {}
        kinds: dict[MoleculeType, Index] = {}
        for kind in system.types:
            keys = zip(kind.atom_types, np.round(kind.mass, 6).tolist(), strict=True)
            kinds[kind] = np.array([numbers.setdefault(key, len(numbers) + 1) for key in keys])
        self.types = list(numbers)
        self.type_of = self._by_atom(kinds)
        self.charge = self._by_atom({kind: np.asarray(kind.partial_charge) for kind in system.types})
        sizes = np.concatenate([np.full(count, kind.n_atoms) for kind, count in system.blocks])
        self.molecule = np.repeat(np.arange(1, len(sizes) + 1), sizes)

    def _by_atom(self, values: dict[MoleculeType, NDArray]) -> NDArray:
        return np.concatenate([np.tile(values[kind], count) for kind, count in self.system.blocks])

    @cached_property
    def labels(self) -> list[str]:
        """The columns before the positions of every atom in a dump."""
        symbols = [symbol_of(z) for z in self._by_atom({k: k.chemistry.element for k in self.system.types}).tolist()]
        rows = zip(self.molecule.tolist(), self.type_of.tolist(), symbols, strict=True)
        return [f"{k} {molecule} {kind} {symbol} " for k, (molecule, kind, symbol) in enumerate(rows, 1)]

    @cached_property
    def bonds(self) -> tuple[Index, list[tuple[int, ...]]]:
        """Bonds: rows of type and two atoms, numbers counted from 1, and the atom types of each type."""
        return self._terms({kind: kind.bonds for kind in self.system.types}, 2)

    @cached_property
    def angles(self) -> tuple[Index, list[tuple[int, ...]]]:
        """Angles that the bonds imply: rows of type and three atoms, and the atom types of each type."""
        return self._terms({kind: _angles(kind) for kind in self.system.types}, 3)

    @cached_property
    def dihedrals(self) -> tuple[Index, list[tuple[int, ...]]]:
        """Dihedrals that the bonds imply: rows of type and four atoms, and the atom types of each type."""
        return self._terms({kind: _dihedrals(kind) for kind in self.system.types}, 4)

    def _terms(self, local: dict[MoleculeType, Index], n: int) -> tuple[Index, list[tuple[int, ...]]]:
        found: dict[tuple[int, ...], int] = {}
        rows = []
        for group in self.system.groups:
            own = local[group.type].reshape(-1, n)
            atoms = (group.atom_offset[:, None, None] + own).reshape(-1, n)
            types = self.type_of[group.atom_offset[0] + own]
            keys = [min(tuple(row), tuple(row[::-1])) for row in types.tolist()]
            numbers = np.array([found.setdefault(key, len(found) + 1) for key in keys], dtype=np.int64)
            rows.append(np.column_stack([np.tile(numbers, len(group.atom_offset)), atoms + 1]))
        table = np.concatenate(rows)
        return table[np.argsort(table[:, 1], kind="stable")], list(found)


def _neighbours(kind: MoleculeType) -> list[list[int]]:
    near: list[list[int]] = [[] for _ in range(kind.n_atoms)]
    for i, j in kind.bonds.tolist():
        near[i].append(j)
        near[j].append(i)
    return near


def _angles(kind: MoleculeType) -> Index:
    """All pairs of bonds that share an atom, which stands in the middle, (n, 3)."""
    rows = [(i, j, k) for j, around in enumerate(_neighbours(kind)) for a, i in enumerate(around)
            for k in around[a + 1:]]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _dihedrals(kind: MoleculeType) -> Index:
    """All chains of three bonds of four different atoms, (n, 4)."""
    near = _neighbours(kind)
    rows = [(i, j, k, m) for j, k in kind.bonds.tolist() for i in near[j] if i != k for m in near[k]
            if m not in (j, i)]
    return np.array(rows, dtype=np.int64).reshape(-1, 4)
