"""Force fields from LAMMPS."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from backmap.api import ForceFieldReader, InputPath, Options
from backmap.errors import BackmapError
from backmap.model.molecule import MoleculeType
from backmap.model.pairs import bonds_apart
from backmap.model.parameters import FUNCTIONS, Bonded, ForceField, MoleculeParameters
from backmap.model.run_parameters import RunParameters
from backmap.model.system import System

from ...chemistry.elements import from_mass
from ...files.lammps.units import ANGSTROM, ENERGY
from ..matching import alike_in, molecules_in
from .contents import ScriptContents
from .pairs import PairStyle
from .run import run_parameters
from .styles import KINDS, converted

Index = NDArray[np.int64]

_ONE_OR_TWO = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class Lammps(ForceFieldReader):
    """LAMMPS input script, and the data file that it reads; coefficients may stand in both.

    Known are pair styles of Lennard-Jones, harmonic bonds and angles, those of CHARMM, OPLS and Ryckaert-Bellemans
    dihedrals and more; the script also says cut-offs, temperature and rigid bonds.
    """

    class Options(Options):
        script: Annotated[InputPath, pydantic.WithJsonSchema(_ONE_OR_TWO)] = pydantic.Field(
            description="The input script of a simulation, with units, styles and coefficients; with a data file, "
                        "[data.lmp, in.lmp].")
        data: InputPath | None = pydantic.Field(
            None, description="The data file; by default that which the script reads.")
        variables: dict[str, Any] = pydantic.Field(
            {}, description="Values of the script's variables, as after -var of lmp.")

        @pydantic.model_validator(mode="before")
        @classmethod
        def _with_data(cls, values: Any) -> Any:
            """[data file, script] as two options."""
            files = values.get("script") if isinstance(values, dict) else None
            if isinstance(files, list | tuple):
                if len(files) != 2 or "data" in values:
                    raise ValueError("a list is a data file and an input script, [data.lmp, in.lmp]")
                values = {**values, "script": files[1], "data": files[0]}
            return values

    options: Options

    def read(self, system: System) -> ForceField:
        contents = self._contents()
        contents.errors.expect_none()
        found, pairs = _Molecules(contents, _units(contents)), PairStyle.of(contents)
        molecules = molecules_in(found.element, found.bonds, system, contents.data.path)
        atoms = {kind.name: found.alike(kind, molecules[kind.name].atoms) for kind in system.types}
        types = sorted({found.type[a] for own in atoms.values() for a in own.tolist()})
        table, close = (pairs.table(contents, types, each) for each in (False, True))
        contents.errors.expect_none()
        parameters = {kind.name: found.parameters(kind, atoms[kind.name], types, pairs, close)
                      for kind in system.types}
        contents.errors.expect_none()
        c6, c12 = _powers(table, found.units)
        labels = {number: name for name, number in contents.data.numbers_of("Atom").items()}
        return ForceField(parameters, [labels[number] for number in types], c6, c12, where=contents.path.as_posix())

    def run_parameters(self) -> RunParameters | None:
        contents = self._contents()
        contents.errors.expect_none()
        length, _ = _units(contents)
        masses = contents.data.masses
        return run_parameters(contents, length, lambda kind: masses.get(str(kind), 0.0))

    def problems(self) -> Iterator[BackmapError]:
        """Of everything that is read, whether a molecule needs it or not."""
        errors = self._contents().errors
        if not errors.found:
            errors.attempt(self.run_parameters)
        yield from errors.found

    def _contents(self) -> ScriptContents:
        """What there is, with all that is wrong with units and coefficients."""
        options = self.options
        found = ScriptContents.read(Path(options.script), options.data and Path(options.data), options.variables)
        if found.data is not None:
            found.errors.attempt(_units, found)
        for kind in KINDS:
            for number in found.coefficients[kind]:
                found.errors.attempt(found.terms, kind, number)
        return found


def _units(contents: ScriptContents) -> tuple[float, float]:
    """nm and kJ/mol in the units of a script."""
    command = contents.settings.get("units")
    style = command.words[0] if command is not None else "lj"
    if style not in ENERGY:
        where = command.where if command is not None else str(contents.path)
        raise BackmapError(f"units are {style}" + ("" if command is not None else ", as nothing else is said"),
                           where=where, hint=f"Known for force fields: {', '.join(ENERGY)}.")
    return ANGSTROM, ENERGY[style]


def _powers(table: NDArray[np.float64], units: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """c6 and c12 of epsilon and sigma (..., 2)."""
    epsilon, sigma = table[..., 0] * units[1], table[..., 1] * units[0]
    return 4 * epsilon * sigma**6, 4 * epsilon * sigma**12


class _Molecules:
    """Atoms and terms of a data file, by molecules.

    Attributes:
        element: Atomic numbers as masses tell, 0 where they do not, (n,).
        bonds: Rows of bonded atoms, (m, 2).
        type: Number of each atom's type, (n,).
    """

    def __init__(self, contents: ScriptContents, units: tuple[float, float]) -> None:
        data = contents.data
        self.contents, self.data, self.units = contents, data, units
        known, masses = data.numbers_of("Atom"), data.masses
        unknown = [name for name in data.types if name not in known]
        if unknown:
            raise BackmapError(f"there is no atom type {unknown[0]}", where=data.path)
        self.type = np.array([known[name] for name in data.types], dtype=np.int64)
        self.element = np.array([from_mass(masses.get(name, 0.0)) if masses.get(name, 0.0) > 0 else 0
                                 for name in data.types], dtype=np.int64)
        self.terms = {kind: data.terms(f"{kind.capitalize()}s", n) for kind, n in KINDS.items()}
        self.bonds = np.sort(self.terms["bond"][0], axis=1)

    def parameters(self, kind: MoleculeType, atoms: Index, types: list[int], pairs: PairStyle,
                   close: NDArray[np.float64]) -> MoleculeParameters:
        """Of one molecule type, whose atoms are these rows of the file."""
        local = np.full(self.data.n_points, -1)
        local[atoms] = np.arange(len(atoms))
        bonded, own = self._bonded(local)
        rows = np.array([types.index(number) for number in self.type[atoms].tolist()], dtype=np.int64)
        charge = np.asarray(self.data.charges)[atoms]
        bonds = local[self.terms["bond"][0]]
        left_out, explicit, values = _special(len(atoms), bonds[(bonds >= 0).all(axis=1)], pairs, own)
        c6, c12 = _powers(close[rows[explicit[:, 0]], rows[explicit[:, 1]]], self.units)
        product = charge[explicit].prod(axis=1)
        parameters = np.column_stack([values[:, 0] * c6, values[:, 0] * c12, values[:, 1] * product])
        return MoleculeParameters(kind.name, bonded, rows, charge, left_out, explicit, parameters.reshape(-1, 3))

    def _bonded(self, local: Index) -> tuple[tuple[Bonded, ...], list[tuple[int, int, float]]]:
        """Terms of the atoms that are numbered, and pairs of dihedrals of style charmm with their weights."""
        found: dict[str, list[tuple[list[int], list[float]]]] = {}
        own = []
        for kind in KINDS:
            rows, names, _ = self.terms[kind]
            numbers = self.data.numbers_of(kind.capitalize())
            here = np.flatnonzero((local[rows] >= 0).all(axis=1)) if len(rows) else []
            known: dict[str, list] = {}
            for row in here:
                name = names[row]
                if name not in numbers:
                    raise BackmapError(f"there is no {kind} type {name}", where=self.data.path)
                if name not in known:
                    terms = self.contents.errors.attempt(self.contents.terms, kind, numbers[name]) or []
                    known[name] = [converted(term, *self.units) for term in terms]
                atoms = local[rows[row]].tolist()
                for function, values in known[name]:
                    found.setdefault(function, []).append((atoms, values))
                given = self.contents.coefficients[kind].get(numbers[name])
                if kind == "dihedral" and given is not None and given.style.startswith("charmm"):
                    weight = given.numbers()[3] if len(given.words) > 3 else 0.0
                    if weight:
                        own.append((min(atoms[0], atoms[3]), max(atoms[0], atoms[3]), weight))
        return tuple(Bonded(name, np.array([atoms for atoms, _ in found[name]], dtype=np.int64),
                            np.array([values for _, values in found[name]], dtype=np.float64))
                     for name in FUNCTIONS if name in found), own

    def alike(self, kind: MoleculeType, atoms: Index) -> Index:
        """Of molecules with the elements and bonds of that with these ``atoms`` one with the charges of ``kind``.

        Raises:
            BackmapError: If they differ, and those with these charges have other types or are not there.
        """
        charges = np.asarray(self.data.charges)
        others = [atoms, *alike_in(self.element, self.bonds, atoms)]
        fit = [other for other in others if np.allclose(charges[other], kind.partial_charge, atol=1e-6)]
        first, *rest = fit or others
        for other in rest:
            wrong = np.flatnonzero((self.type[other] != self.type[first])
                                   | (np.abs(charges[other] - charges[first]) > 1e-9))
            if len(wrong):
                ids = self.data.ids[[first[wrong[0]], other[wrong[0]]]].tolist()
                raise BackmapError(f"molecules of '{kind.name}' differ: atoms {ids[0]} and {ids[1]} have other types "
                                   "or charges", where=self.data.path,
                                   hint="A molecule type has one force field. Give the molecules other names.")
        return first


def _special(n_atoms: int, bonds: Index, pairs: PairStyle,
             own: Sequence[tuple[int, int, float]]) -> tuple[Index, Index, NDArray[np.float64]]:
    """PairStyle that are left out, explicit pairs, and the weights of these in Lennard-Jones and Coulomb."""
    near = bonds_apart(n_atoms, bonds, 3)
    once = (near.first < near.other) & (near.value > 0)
    weights = pairs.weights[:, near.value[once].astype(np.int64) - 1].T
    both = np.column_stack([near.first[once], near.other[once]])
    out, some = (weights != 1).any(axis=1), (weights != 1).any(axis=1) & (weights != 0).any(axis=1)
    more = np.array([(a, b) for a, b, _ in own], dtype=np.int64).reshape(-1, 2)
    share = np.array([[weight, weight] for *_, weight in own]).reshape(-1, 2)
    return both[out], np.concatenate([both[some], more]), np.concatenate([weights[some], share])
