"""Bonded functions of GROMACS, what they are called here, and what their numbers may be."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backmap.errors import BackmapError

from ...files.gromacs import finite
from ...files.preprocessor import TopologyLine

#: Angles that stand in many force fields, in radians: who writes them has forgotten to convert.
_KNOWN_ANGLES = np.array([np.pi, np.pi / 2, np.pi / 3, 2 * np.pi / 3])


@dataclass(frozen=True)
class Function:
    """How to translate one function.

    Attributes:
        name: Ours, a key of ``model.parameters.FUNCTIONS``; "" for functions without energy.
        n_parameters: How many numbers a line has; those that may follow, ``n_other``, are of the other end of a
            free-energy path and are passed over.
        translate: What becomes of the numbers, angles still in degrees.
        angle: Place of an angle between 0 and 180 degrees.
        phase: Place of a phase, degrees.
        positive: Places of lengths and force constants.
    """

    name: str
    n_parameters: int = 0
    n_other: int = 0
    translate: Callable[[list[float]], list[float]] = list
    angle: int | None = None
    phase: int | None = None
    positive: tuple[int, ...] = ()


def _fourier(v: list[float]) -> list[float]:
    """F1..F4 as a Ryckaert-Bellemans series (GROMACS manual, proper dihedrals: Fourier function)."""
    f1, f2, f3, f4 = v
    return [f2 + (f1 + f3) / 2, (3 * f3 - f1) / 2, 4 * f4 - f2, -2 * f3, -4 * f4, 0.0]


def _first_in_degrees(v: list[float]) -> list[float]:
    return [float(np.radians(v[0])), *v[1:]]


def _periodic(v: list[float]) -> list[float]:
    """cos(n p - p0) of a negative n is that of -n with -p0."""
    phase, k, n = v
    sign = -1.0 if n < 0 else 1.0
    return [sign * float(np.radians(phase)), k, sign * n]


_PROPER = Function("periodic_proper", 3, 2, _periodic, phase=0)
_BONDS = {"1": Function("harmonic_bond", 2, 2, positive=(0, 1)), "2": Function("quartic_bond", 2, 2, positive=(0, 1)),
          "5": Function(""), "6": Function("harmonic_bond", 2, 2, positive=(0, 1))}
_ANGLES = {"1": Function("harmonic_angle", 2, 2, _first_in_degrees, angle=0, positive=(1,)),
           "2": Function("cosine_angle", 2, 2, _first_in_degrees, angle=0, positive=(1,)),
           "5": Function("urey_bradley", 4, 4, _first_in_degrees, angle=0, positive=(1, 2))}
_DIHEDRALS = {"1": _PROPER, "9": _PROPER, "4": Function("periodic_improper", 3, 2, _periodic, phase=0),
              "2": Function("harmonic_improper", 2, 2, _first_in_degrees, phase=0, positive=(1,)),
              "3": Function("ryckaert_bellemans", 6, 6), "5": Function("ryckaert_bellemans", 4, 4, _fourier)}

#: Section -> (section of its types, number of atoms, functions).
SECTIONS = {"bonds": ("bondtypes", 2, _BONDS), "angles": ("angletypes", 3, _ANGLES),
            "dihedrals": ("dihedraltypes", 4, _DIHEDRALS)}
#: The same by the section of the types.
TYPES = {types: (n, functions) for types, n, functions in SECTIONS.values()}
#: What functions are that are not supported.
_OTHERS = {("bonds", "3"): "Morse", ("bonds", "4"): "cubic", ("bonds", "7"): "FENE", ("bonds", "8"): "from a table",
           ("bonds", "9"): "from a table", ("bonds", "10"): "a restraint", ("angles", "3"): "cross bond-bond",
           ("angles", "4"): "cross bond-angle", ("angles", "6"): "quartic", ("angles", "8"): "from a table",
           ("angles", "9"): "linear", ("angles", "10"): "restricted bending", ("dihedrals", "8"): "from a table",
           ("dihedrals", "10"): "restricted", ("dihedrals", "11"): "combined bending and torsion"}


def function_in(section: str, number: str, line: TopologyLine) -> Function:
    """The function of this number in a section of ``SECTIONS``.

    Raises:
        BackmapError: If it is none that is supported.
    """
    functions = SECTIONS[section][2]
    if number not in functions:
        known = _OTHERS.get((section, number))
        raise BackmapError(f"function {number} in [ {section} ]{f', {known},' if known else ''} is not supported",
                           where=line.where, hint=f"Known: {', '.join(sorted(functions, key=int))}.")
    return functions[number]


def is_known(section: str, number: str) -> bool:
    """Whether a function is one of GROMACS' that is not supported, so that its types need not be read."""
    return (section, number) in _OTHERS


def numbers_of(function: Function, words: Sequence[str], line: TopologyLine) -> list[float]:
    """The numbers of a line, as they stand there.

    Raises:
        BackmapError: If they are too few, too many, or no numbers.
    """
    called = function.name.replace("_", " ")
    try:
        values = [finite(word) for word in words]
    except ValueError:
        raise BackmapError(f"'{' '.join(words)}' are not the parameters of a {called}", where=line.where,
                           hint="Is a macro not defined?") from None
    if len(values) < function.n_parameters:
        raise BackmapError(f"{len(values)} parameters where a {called} takes {function.n_parameters}", where=line.where)
    if len(values) not in (function.n_parameters, function.n_parameters + function.n_other):
        raise BackmapError(f"{len(values)} parameters where a {called} takes {function.n_parameters}, or "
                           f"{function.n_parameters + function.n_other} with those of a free-energy path",
                           where=line.where)
    return values[:function.n_parameters]


def parameters_of(function: Function, values: Sequence[float], line: TopologyLine) -> list[float]:
    """Numbers of a line in our order and units; force fields have unlikely ones of types that nobody uses.

    Raises:
        BackmapError: If the function cannot have them.
    """
    text, called = f"'{' '.join(f'{value:g}' for value in values)}'", function.name.replace("_", " ")
    for place in function.positive:
        if values[place] < 0:
            raise BackmapError(f"{text}: a {called} with the negative number {values[place]:g}", where=line.where,
                               hint="Lengths and force constants are not.")
    if function.angle is not None:
        angle = values[function.angle]
        if 0 < angle <= np.pi + 0.01:
            raise BackmapError(f"{text}: an angle of {angle:g} degrees is that of radians", where=line.where,
                               hint="Write degrees.")
        if not 0 <= angle <= 180:
            raise BackmapError(f"{text}: {angle:g} degrees are no angle", where=line.where, hint="It is 0 to 180.")
    if function.phase is not None:
        phase = abs(values[function.phase])
        if np.abs(_KNOWN_ANGLES - phase).min() < 2e-3:
            raise BackmapError(f"{text}: a phase of {values[function.phase]:g} degrees is that of radians",
                               where=line.where, hint="Write degrees.")
        if phase > 361:  # OL15 of Amber has 360.28
            raise BackmapError(f"{text}: a phase of {values[function.phase]:g} degrees", where=line.where,
                               hint="It is -360 to 360.")
    if function.translate is _periodic and values[2] != round(values[2]):  # grompp takes negative ones
        raise BackmapError(f"{text}: a multiplicity of {values[2]:g}", where=line.where, hint="It is a whole number.")
    return function.translate(values)
