"""Which element an atom is, from what a topology says about it."""
from __future__ import annotations

import re
from functools import cache

from rdkit import Chem

from backmap.errors import BackmapError

#: Masses in force fields are rounded, e.g. 12.0 for carbon; no two light elements are this close.
_MASS_TOLERANCE = 0.015
_HYDROGEN_MASS = 1.008
_CARBON = 6
_LIGHTEST = 100
HEAVIEST = 118  #: atomic number


@cache
def mass_of(element: int) -> float:
    """Standard atomic weight, u; 0 for element 0."""
    return Chem.GetPeriodicTable().GetAtomicWeight(element) if element else 0.0


@cache
def symbol_of(element: int) -> str:
    """Element symbol; ``X`` for element 0."""
    return Chem.GetPeriodicTable().GetElementSymbol(element) if element else "X"


@cache
def _numbers() -> dict[str, int]:
    return {symbol_of(z).upper(): z for z in range(1, _LIGHTEST + 1)}


@cache
def from_mass(mass: float) -> int:
    """Atomic number of the element of this mass, u; 0 if none has it.

    The masses of united atoms CH to CH4 are carbon's.
    """
    nearest = min(range(1, _LIGHTEST), key=lambda z: abs(mass_of(z) - mass))
    if abs(mass_of(nearest) - mass) < _MASS_TOLERANCE:
        return nearest
    hydrogens = round((mass - mass_of(_CARBON)) / _HYDROGEN_MASS)
    united = mass_of(_CARBON) + hydrogens * _HYDROGEN_MASS
    return _CARBON if 1 <= hydrogens <= 4 and abs(united - mass) < _MASS_TOLERANCE else 0


def from_name(name: str, residue_name: str = "") -> int:
    """Atomic number guessed from an atom name; 0 if its letters begin with no element.

    A two-letter symbol counts only for ions, whose residue has the same name (``CL`` in ``CL``), or
    where the name is written like a symbol (``Cl``), because ``CA`` is nearly always a carbon.
    """
    letters = re.sub(r"[^A-Za-z]", "", name)
    two = letters[:2].upper()
    residue = re.sub(r"[^A-Za-z]", "", residue_name).upper()
    written = len(letters) == 2 and letters[0].isupper() and letters[1].islower()
    if two in _numbers() and len(two) == 2 and (residue in (two, letters.upper()) or written):
        return _numbers()[two]
    return _numbers().get(letters[:1].upper(), 0)


def element_of(number: int | None, mass: float | None, name: str, residue_name: str = "") -> int:
    """Atomic number from the atom type's, else the mass, else the name; 0 if there is none.

    Args:
        number: Atomic number given by the atom type, None or 0 if it gives none.
        mass: u, None if unknown; 0 marks a virtual site.
        name: Atom name.
        residue_name: Residue name, for ions.
    """
    if number:
        if not 0 < number <= HEAVIEST:
            raise BackmapError(f"atom {name} has the atomic number {number}", hint=f"There are {HEAVIEST} elements.")
        return number
    if mass is not None:
        return 0 if mass == 0 else from_mass(mass) or from_name(name, residue_name)
    return from_name(name, residue_name)
