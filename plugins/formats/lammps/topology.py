"""Molecule types from LAMMPS data files."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from backmap.api import AtomMolecule, AtomTopology, InputPath, Options, TopologyReader
from backmap.errors import BackmapError

from ...chemistry.coarse import looks_coarse
from ...chemistry.elements import from_mass
from ...files.lammps import units as lammps_units
from ...files.lammps.data import STYLES, WITH_LENGTH, DataFile
from ...files.lammps.script import commands_of, types_of
from ...files.lammps.units import units_of
from ..molecule_types import AtomTable, topology_of


class Lammps(TopologyReader):
    """LAMMPS data file with bonds; elements follow from masses, and atoms are named C1, C2, H1, ... in each molecule.

    Molecules of beads, as all in lj units, have no elements; their beads are named X1, X2, ...
    Atoms are in the order of their ids. Atoms that bonds join are a molecule; molecules with the same atoms and bonds
    are of one molecule type.
    """

    class Options(Options):
        data: InputPath = pydantic.Field(description="A data file with the sections Masses, Atoms and Bonds.")
        script: InputPath | None = pydantic.Field(
            None, description="The input script of the simulation, if lengths of bonds stand there (bond_coeff).")
        variables: dict[str, Any] = pydantic.Field(
            {}, description="Values of the script's variables, as after -var of lmp.")
        units: lammps_units.Style = pydantic.Field(description=lammps_units.DESCRIPTION)
        sigma: float | None = pydantic.Field(None, gt=0, description=lammps_units.SIGMA)
        atom_style: str | None = pydantic.Field(
            None, description="Atom style; by default what the file says after `Atoms #`, or full.")
        names: list[str] = pydantic.Field(
            [], description="Names of the molecule types in order of appearance, which are also those of their "
                            "residues; by default MOL, MOL_2, ...")

    options: Options

    def read(self) -> AtomTopology:
        path = Path(self.options.data)
        units = units_of(self.options.units, self.options.sigma)
        file = DataFile(path, self.options.atom_style)
        bonds, bond_types = file.bonds
        if not len(bonds) and file.n_points > 1:
            raise BackmapError("has no bonds, without which molecules cannot be told", where=path)
        lengths = file.bond_lengths | self._lengths(file)
        mass_of = {kind: self._mass(file, kind) for kind in set(file.types)}
        element_of = {kind: from_mass(mass) if mass and units.style != "lj" else 0 for kind, mass in mass_of.items()}
        table = AtomTable(
            names=None, types=[file.labels.get(kind, kind) for kind in file.types], residue_names=None,
            residues=np.ones(file.n_points, dtype=np.int64),
            element=np.array([element_of[kind] for kind in file.types], dtype=np.int64),
            mass=np.array([mass_of[kind] for kind in file.types]), charge=file.charges, bonds=bonds,
            bond_length=np.array([lengths.get(kind, np.nan) for kind in bond_types]) * units.length)
        found = topology_of(table, path, self.options.names)
        for molecule in found.types.values():
            if units.style != "lj" and not looks_coarse(molecule):
                _expect_elements(molecule, path)
        return found

    def _lengths(self, file: DataFile) -> dict[str, float]:
        """Equilibrium lengths of bonds by type, as the script gives them, in its units."""
        if self.options.script is None:
            return {}
        numbers, style, found = file.numbers_of("Bond"), ("harmonic",), {}
        variables = {name: str(value) for name, value in self.options.variables.items()}
        commands, errors = commands_of(Path(self.options.script), variables)
        errors.expect_none()
        labels = {number: [label for label, other in numbers.items() if other == number] for number in numbers.values()}
        for command in commands:
            if command.name == "bond_style":
                style = command.words
            if command.name != "bond_coeff" or len(command.words) < 2:
                continue
            first, *words = command.words
            name = words.pop(0) if style[0] == "hybrid" else style[0]
            if name not in WITH_LENGTH or len(words) != 2:
                continue
            for number in types_of(first, numbers, command, f"bond type of {file.path}"):
                found |= dict.fromkeys(labels[number], command.number(len(command.words) - 1, "a bond length"))
        return found

    def _mass(self, file: DataFile, kind: str) -> float:
        mass = file.masses.get(kind)
        if mass is None:
            raise BackmapError(f"atom type {kind} has no mass", where=file.path, hint="Masses tell the elements. "
                               f"Columns are read as those of style {file.style} ({STYLES[file.style]}): set "
                               "atom_style if they are others.")
        return mass


def _expect_elements(molecule: AtomMolecule, path: Path) -> None:
    """Raise BackmapError if an atom has a mass that is no element's."""
    unknown = np.flatnonzero((molecule.element == 0) & (molecule.mass > 0))
    if unknown.size:
        mass, kind = molecule.mass[unknown[0]], molecule.atom_types[unknown[0]]
        raise BackmapError(f"no element has the mass {mass:g} of atom type {kind}", where=path,
                           hint="Is this the atomistic topology? Masses tell the elements.")
