"""Bonded styles of LAMMPS: how many numbers they take, and which of our functions they are.

Energies are those of the manual's pages of each style; k of ours are twice theirs where they leave out the 1/2.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backmap.errors import BackmapError

#: Function of ours and its parameters, in the units of the file and in degrees where it has an angle first.
Term = tuple[str, list[float]]

#: Commands and sections of each kind of term, and the atoms of one.
KINDS = {"bond": 2, "angle": 3, "dihedral": 4, "improper": 4}


@dataclass(frozen=True)
class BondedStyle:
    """One style.

    Attributes:
        names: What its numbers are. Where the last is ``...``, the first counts how often those between come; if it
            is alone, any numbers are passed over.
        terms: What becomes of them.
        integers: Places of numbers that have to be integers.
        positive: Places of numbers that must not be negative.
    """

    names: tuple[str, ...]
    terms: Callable[[Sequence[float]], list[Term]]
    integers: tuple[int, ...] = ()
    positive: tuple[int, ...] = ()

    def read(self, numbers: Sequence[float], where: str) -> list[Term]:
        """The terms of one type.

        Raises:
            BackmapError: If there are too few or too many numbers, or one that makes no sense.
        """
        if self.names == ("...",):
            return []
        count = len(self.names)
        if self.names[-1] == "...":
            count = _counted(numbers, self.names, where)
        if len(numbers) != count:
            raise BackmapError(f"{len(numbers)} numbers stand where {count} should be: {' '.join(self.names)}",
                               where=where)
        for place in self.integers:
            if numbers[place] != round(numbers[place]):
                raise BackmapError(f"{self.names[place]} is {numbers[place]:g}, but has to be an integer", where=where)
        for place in self.positive:
            if numbers[place] < 0:
                raise BackmapError(f"{self.names[place]} is negative, {numbers[place]:g}", where=where)
        return self.terms(numbers)


def _counted(numbers: Sequence[float], names: Sequence[str], where: str) -> int:
    """How many numbers there should be where the first one counts."""
    most = 6 if names == ("n", "A", "...") else 100
    if not numbers or numbers[0] != round(numbers[0]) or not 1 <= numbers[0] <= most:
        raise BackmapError(f"the first number should say how many follow: {' '.join(names)}", where=where)
    return 1 + int(numbers[0]) * (len(names) - 2)


def _signed(v: Sequence[float], function: str) -> list[Term]:
    """K (1 + d cos(n p)), d = 1 or -1."""
    return [(function, [0.0 if v[1] > 0 else 180.0, v[0], v[2]])]


def _series(powers: Sequence[float]) -> list[Term]:
    """Sum of A_n cos(p)^(n - 1); ours has cos(p - pi)."""
    signed = [(-1)**n * value for n, value in enumerate(powers)]
    return [("ryckaert_bellemans", [*signed, *[0.0] * (6 - len(signed))])]


def _opls(v: Sequence[float]) -> list[Term]:
    f1, f2, f3, f4 = v
    return [("ryckaert_bellemans", [f2 + (f1 + f3) / 2, (3 * f3 - f1) / 2, 4 * f4 - f2, -2 * f3, -4 * f4, 0.0])]


def _fourier(v: Sequence[float]) -> list[Term]:
    return [("periodic_proper", [v[n + 2], v[n], v[n + 1]]) for n in range(1, len(v), 3)]


def _nharmonic(v: Sequence[float]) -> list[Term]:
    return _series(v[1:])


STYLES: dict[str, dict[str, BondedStyle]] = {
    "bond": {
        "harmonic": BondedStyle(("K", "r0"), lambda v: [("harmonic_bond", [v[1], 2 * v[0]])], positive=(0, 1)),
        "gromos": BondedStyle(("K", "r0"), lambda v: [("quartic_bond", [v[1], 4 * v[0]])], positive=(0, 1)),
        "zero": BondedStyle(("...",), lambda v: [])},
    "angle": {
        "harmonic": BondedStyle(("K", "theta0"), lambda v: [("harmonic_angle", [v[1], 2 * v[0]])], positive=(0, 1)),
        "cosine/squared": BondedStyle(("K", "theta0"), lambda v: [("cosine_angle", [v[1], 2 * v[0]])], positive=(0, 1)),
        "charmm": BondedStyle(("K", "theta0", "K_ub", "r_ub"),
                        lambda v: [("urey_bradley", [v[1], 2 * v[0], v[3], 2 * v[2]])], positive=(0, 1, 3)),
        "zero": BondedStyle(("...",), lambda v: [])},
    "dihedral": {
        "charmm": BondedStyle(("K", "n", "d", "weight"), lambda v: [("periodic_proper", [v[2], v[0], v[1]])],
                        integers=(1, 2), positive=(1, 3)),
        "harmonic": BondedStyle(("K", "d", "n"), lambda v: _signed(v, "periodic_proper"), integers=(1, 2),
                                positive=(2,)),
        "opls": BondedStyle(("K1", "K2", "K3", "K4"), _opls),
        "multi/harmonic": BondedStyle(("A1", "A2", "A3", "A4", "A5"), _series),
        "nharmonic": BondedStyle(("n", "A", "..."), _nharmonic),
        "fourier": BondedStyle(("m", "K", "n", "d", "..."), _fourier),
        "helix": BondedStyle(("A", "B", "C"), lambda v: [("periodic_proper", [180.0, v[0], 1.0]), (
            "periodic_proper", [0.0, v[1], 3.0]), ("periodic_proper", [-45.0, v[2], 1.0])]),
        "quadratic": BondedStyle(("K", "phi0"), lambda v: [("harmonic_improper", [v[1], 2 * v[0]])], positive=(0,)),
        "zero": BondedStyle(("...",), lambda v: [])},
    "improper": {
        "harmonic": BondedStyle(("K", "X0"), lambda v: [("harmonic_improper", [v[1], 2 * v[0]])], positive=(0, 1)),
        "cvff": BondedStyle(("K", "d", "n"), lambda v: _signed(v, "periodic_improper"), integers=(1, 2), positive=(2,)),
        "zero": BondedStyle(("...",), lambda v: [])},
}
STYLES["dihedral"]["charmmfsw"] = STYLES["dihedral"]["charmm"]
#: Powers of length in the unit of each parameter of ours, and which of them have the unit of energy.
_UNITS: dict[str, tuple[tuple[int, bool], ...]] = {
    "harmonic_bond": ((1, False), (-2, True)), "quartic_bond": ((1, False), (-4, True)),
    "harmonic_angle": ((0, False), (0, True)), "cosine_angle": ((0, False), (0, True)),
    "urey_bradley": ((0, False), (0, True), (1, False), (-2, True)),
    "periodic_proper": ((0, False), (0, True), (0, False)), "periodic_improper": ((0, False), (0, True), (0, False)),
    "ryckaert_bellemans": ((0, True),) * 6, "harmonic_improper": ((0, False), (0, True))}
_ANGLE_FIRST = ("harmonic_angle", "cosine_angle", "urey_bradley", "periodic_proper", "periodic_improper",
                "harmonic_improper")


def converted(term: Term, length: float, energy: float) -> Term:
    """A term in nm, kJ/mol and radians, from units of ``length`` nm and ``energy`` kJ/mol."""
    function, values = term
    found = [value * length**power * (energy if is_energy else 1.0)
             for value, (power, is_energy) in zip(values, _UNITS[function], strict=True)]
    if function in _ANGLE_FIRST:
        found[0] = float(np.radians(found[0]))
    return function, found
