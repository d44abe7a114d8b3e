"""Molecule types from Amber's and CHARMM's topologies."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydantic
from numpy.typing import NDArray
from openmm import app, unit

from backmap.api import AtomTopology, InputPath, Options, TopologyReader
from backmap.errors import BackmapError

from ...chemistry.elements import element_of
from ...files.foreign import read_by
from ..molecule_types import AtomTable, topology_of
from .files import ANGSTROM, NamesFile

Array = NDArray[np.float64]

TypeNames = pydantic.Field(
    [], description="Names of the molecule types in order of appearance; by default those of their residues.")


class Amber(TopologyReader):
    """Amber .prmtop, with its equilibrium bond lengths.

    Atoms that bonds join are a molecule; molecules with the same atoms and bonds are of one molecule type.
    """

    class Options(Options):
        file: InputPath = pydantic.Field(description="A .prmtop (.parm7).")
        names: list[str] = TypeNames

    options: Options

    def read(self) -> AtomTopology:
        path = Path(self.options.file)
        named = NamesFile(path, topology_format="PRMTOP")
        prmtop = read_by("OpenMM", lambda: app.AmberPrmtopFile(str(path)), path)
        made = read_by("OpenMM", lambda: prmtop.createSystem(constraints=None, rigidWater=False), path)
        lengths: dict[tuple[int, int], float] = {}
        for force in made.getForces():
            if force.getName() == "HarmonicBondForce":
                for row in range(force.getNumBonds()):
                    i, j, length, _ = force.getBondParameters(row)
                    lengths[min(i, j), max(i, j)] = length.value_in_unit(unit.nanometer)
        bonds = _bonds(named)
        length = np.array([lengths.get((i, j), np.nan) for i, j in bonds.tolist()])
        return topology_of(_table(named, bonds, length), path, self.options.names)


class Charmm(TopologyReader):
    """CHARMM .psf, with equilibrium bond lengths if parameter files are given.

    Atoms that bonds join are a molecule; molecules with the same atoms and bonds are of one molecule type.
    """

    class Options(Options):
        psf: InputPath = pydantic.Field(description="A .psf with the bonds of all molecules.")
        parameters: list[InputPath] = pydantic.Field(
            [], description="Topology, parameter and stream files (.rtf, .prm, .str) of the force field, for the "
                            "lengths of bonds; needed where `constraints` is h-bonds or all-bonds.")
        names: list[str] = TypeNames

    options: Options

    def read(self) -> AtomTopology:
        path, files = Path(self.options.psf), [str(file) for file in self.options.parameters]
        named = NamesFile(path, topology_format="PSF")
        bonds = _bonds(named)
        length = np.full(len(bonds), np.nan)
        if files:
            values = read_by("OpenMM", lambda: app.CharmmParameterSet(*files), ", ".join(files))
            types = _of(named, "types")
            for row, (i, j) in enumerate(bonds.tolist()):
                found = values.bond_types.get((types[i], types[j]), values.bond_types.get((types[j], types[i])))
                length[row] = found.req * ANGSTROM if found is not None else np.nan
        return topology_of(_table(named, bonds, length), path, self.options.names)


def _bonds(named: NamesFile) -> NDArray[np.int64]:
    """Bonded pairs, smaller index first, (m, 2)."""
    found = getattr(named.universe, "bonds", None)
    if found is None or (not len(found) and named.n_points > 1):
        raise BackmapError("has no bonds, without which molecules cannot be told", where=named.path)
    return np.sort(np.asarray(found.indices, dtype=np.int64).reshape(-1, 2), axis=1)


def _of(named: NamesFile, attribute: str) -> list:
    values = getattr(named.universe.atoms, attribute, None)
    if values is None:
        raise BackmapError(f"has no {attribute} of atoms", where=named.path, hint="The file may be truncated.")
    return np.asarray(values).tolist()


def _table(named: NamesFile, bonds: NDArray[np.int64], length: Array) -> AtomTable:
    atoms = named.universe.atoms
    names, mass, residue_names = _of(named, "names"), _of(named, "masses"), _of(named, "resnames")
    numbers = getattr(atoms, "elements", None)
    symbols = [""] * len(names) if numbers is None else list(numbers)
    element = [element_of(None, m, name, residue) if not symbol else element_of(_number(symbol), m, name, residue)
               for symbol, m, name, residue in zip(symbols, mass, names, residue_names, strict=True)]
    return AtomTable(names=names, types=_of(named, "types"), residue_names=residue_names,
                     residues=np.asarray(atoms.resindices, dtype=np.int64), element=np.array(element, dtype=np.int64),
                     mass=np.array(mass), charge=np.array(_of(named, "charges")), bonds=bonds, bond_length=length)


def _number(symbol: str) -> int | None:
    """Atomic number of a symbol; None for virtual sites and unknown ones."""
    try:
        return app.Element.getBySymbol(symbol.capitalize()).atomic_number
    except KeyError:
        return None
