"""The checker ``plausibility``: parameters of a force field that its elements do not have elsewhere."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from backmap.api import Checker
from backmap.model.listing import listed
from backmap.model.molecule import MoleculeType
from backmap.model.parameters import ForceField, MoleculeParameters
from backmap.model.survey import Finding, Survey

Array = NDArray[np.float64]

#: By element: sigma (nm) and epsilon (kJ/mol) from and to, and the largest charge (e) of an atom in a molecule. AMBER,
#: CHARMM, OPLS-AA and GROMOS lie inside, with united atoms.
USUAL = {"H": (0.0, 0.33, 0.0, 0.6, 0.7), "C": (0.29, 0.52, 0.03, 1.4, 1.3), "N": (0.26, 0.4, 0.1, 1.3, 1.35),
         "O": (0.24, 0.38, 0.1, 1.9, 1.4), "F": (0.22, 0.38, 0.05, 0.9, 0.6), "P": (0.3, 0.42, 0.2, 2.7, 2.0),
         "S": (0.3, 0.42, 0.5, 2.6, 2.2), "Cl": (0.3, 0.47, 0.4, 1.6, 0.5)}
#: Force constants of harmonic angles, kJ/mol/rad^2; heights of torsions, kJ/mol.
ANGLE, TORSION = (80.0, 2500.0), 160.0


class PlausibilityChecker(Checker):
    """Notes parameters that are unusual for their element: charges, sigma, epsilon, stiffness of angles and torsions.

    A force field may be wrong and nothing that follows from it shows it; this finds slips of units and of digits.
    ``parameters`` warns of what no atom can have.
    """

    def check(self, survey: Survey) -> Iterator[Finding]:
        if survey.forcefield is None or survey.system is None:
            return
        for kind, parameters in zip(survey.system.types, survey.forcefield.of(survey.system)):
            if kind.given or kind.coarse or kind.n_atoms < 2:  # ions are unlike anything bonded
                continue
            for what, atoms in (*_of_atoms(kind, parameters, survey.forcefield), *_of_terms(kind, parameters)):
                yield Finding("note", survey.forcefield.where, f"{kind.name}: {what}: {listed(atoms)}",
                              "Look whether these are what you mean; nothing that follows from them can tell.")


def _of_atoms(kind: MoleculeType, parameters: MoleculeParameters, field: ForceField) -> Iterator[tuple[str, list[str]]]:
    """What is unusual of atoms, and which."""
    own = np.arange(len(field.kinds))
    c6, c12 = field.c6[own, own], field.c12[own, own]
    there = (c6 > 0) & (c12 > 0)
    sigma = np.where(there, (c12 / np.where(there, c6, 1.0)) ** (1 / 6), 0.0)
    epsilon = np.where(there, c6**2 / (4 * np.where(there, c12, 1.0)), 0.0)
    unusual: dict[str, list[str]] = {}
    for atom, symbol in enumerate(_symbols(kind)):
        if symbol not in USUAL:
            continue
        least, most, low, high, charge = USUAL[symbol]
        lj = parameters.kind[atom]
        for what, value, bottom, top, unit in (
                ("sigma", sigma[lj], least, most, " nm"), ("epsilon", epsilon[lj], low, high, " kJ/mol"),
                ("charges", abs(parameters.charge[atom]), 0.0, charge, " e")):
            if not bottom <= value <= top and not (value == 0 and what in ("sigma", "epsilon")):
                unusual.setdefault(f"unusual {what} for {symbol} (usual are {bottom:g} to {top:g}{unit})", []).append(
                    f"{kind.atom_names[atom]} {value:.4g}")
    yield from unusual.items()


def _of_terms(kind: MoleculeType, parameters: MoleculeParameters) -> Iterator[tuple[str, list[str]]]:
    """What is unusual of bonded terms, and which."""
    for bonded in parameters.bonded:
        values = bonded.parameters
        if bonded.function == "harmonic_angle":
            told = values[:, 1]
            off = (told < ANGLE[0]) | (told > ANGLE[1])
            what = f"unusual stiffness of angles (usual are {ANGLE[0]:g} to {ANGLE[1]:g} kJ/mol/rad²)"
        elif bonded.term == "proper":
            told = _heights(bonded.function, values)
            off, what = told > TORSION, f"torsions higher than {TORSION:g} kJ/mol"
        else:
            continue
        names = ["-".join(kind.atom_names[atom] for atom in row) for row in bonded.atoms[off]]
        if names:
            yield what, [f"{name} {value:.4g}" for name, value in zip(names, told[off])]


def _heights(function: str, values: Array) -> Array:
    """From the lowest to the highest energy of torsions, kJ/mol, (n,)."""
    number: dict[tuple[float, ...], int] = {}
    place = [number.setdefault(tuple(row), len(number)) for row in values.tolist()]  # most are alike
    values = np.array([*number], dtype=np.float64).reshape(-1, values.shape[1])
    angle = np.linspace(-np.pi, np.pi, 73)
    if function == "ryckaert_bellemans":
        energy = sum(values[:, [power]] * np.cos(angle - np.pi) ** power for power in range(6))
    else:
        energy = values[:, [1]] * (1 + np.cos(values[:, [2]] * angle - values[:, [0]]))
    return np.ptp(energy, axis=1)[place]


def _symbols(kind: MoleculeType) -> list[str]:
    """Of the elements; "" where there is none, as in virtual sites."""
    table = Chem.GetPeriodicTable()
    return [table.GetElementSymbol(int(number)) if number else "" for number in kind.chemistry.element]
