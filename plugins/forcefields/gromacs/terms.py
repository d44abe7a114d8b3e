"""Bonded functions of GROMACS, and what they are called here."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from backmap.errors import BackmapError

from ...files.gromacs import finite, function_of
from ...files.preprocessor import TopologyLine
from .types import Types


@dataclass(frozen=True)
class _Function:
    """How to translate one function: our name, how many numbers its line has, and what becomes of them.

    ``name`` is "" for functions without energy.
    """

    name: str
    n_parameters: int = 0
    translate: Callable[[list[float]], list[float]] = list


def _fourier(v: list[float]) -> list[float]:
    """F1..F4 as a Ryckaert-Bellemans series (GROMACS manual, proper dihedrals: Fourier function)."""
    f1, f2, f3, f4 = v
    return [f2 + (f1 + f3) / 2, (3 * f3 - f1) / 2, 4 * f4 - f2, -2 * f3, -4 * f4, 0.0]


def _degrees(*places: int) -> Callable[[list[float]], list[float]]:
    return lambda v: [float(np.radians(x)) if k in places else x for k, x in enumerate(v)]


_BONDS = {"1": _Function("harmonic_bond", 2), "2": _Function("quartic_bond", 2), "5": _Function(""),
          "6": _Function("harmonic_bond", 2)}
_ANGLES = {"1": _Function("harmonic_angle", 2, _degrees(0)), "2": _Function("cosine_angle", 2, _degrees(0)),
           "5": _Function("urey_bradley", 4, _degrees(0))}
_DIHEDRALS = {"1": _Function("periodic_proper", 3, _degrees(0)), "2": _Function("harmonic_improper", 2, _degrees(0)),
              "3": _Function("ryckaert_bellemans", 6), "4": _Function("periodic_improper", 3, _degrees(0)),
              "5": _Function("ryckaert_bellemans", 4, _fourier), "9": _Function("periodic_proper", 3, _degrees(0))}

#: Section -> (section of its types, number of atoms, functions).
SECTIONS = {"bonds": ("bondtypes", 2, _BONDS), "angles": ("angletypes", 3, _ANGLES),
            "dihedrals": ("dihedraltypes", 4, _DIHEDRALS)}


def terms_of(line: TopologyLine, bonded_types: Sequence[str], types: Types) -> list[tuple[str, list[float]]]:
    """The terms that a line of [ bonds ], [ angles ] or [ dihedrals ] stands for.

    Args:
        line: The line, macros expanded.
        bonded_types: Of its atoms.
        types: Where parameters come from that the line does not give.

    Returns:
        (function, parameters) as in ``backmap.model.parameters.FUNCTIONS``; several for a multiple torsion.

    Raises:
        BackmapError: With the place, for unknown functions and missing parameters.
    """
    section, n, functions = SECTIONS[line.section]
    number, given = function_of(line, n), line.fields[n + 1:]
    known = functions.get(number)
    if known is None:
        raise BackmapError(f"function {number} in [ {line.section} ] is not supported", where=line.where,
                           hint=f"Known: {', '.join(functions)}.")
    if not known.name:
        return []
    if given:
        return [_translated(known, given, line)]
    if n == 4:
        found = types.dihedrals(number, bonded_types)
        if found:
            return [_translated(functions[entry[0]], entry[1:], line) for entry in found]
    elif (entry := types.bonded(section, number, bonded_types)) is not None:
        return [_translated(known, entry, line)]
    raise BackmapError(f"no parameters in [ {section} ] for {' '.join(bonded_types)}, function {number}",
                       where=line.where, hint="Add them to the force field or to this line.")


def _translated(known: _Function, words: Sequence[str], line: TopologyLine) -> tuple[str, list[float]]:
    """Numbers of a line; those of the other end of a free-energy path are passed over."""
    try:
        values = [finite(word) for word in words[:known.n_parameters]]
    except ValueError:
        raise BackmapError(f"'{' '.join(words)}' are not the parameters of a {known.name.replace('_', ' ')}",
                           where=line.where, hint="Is a macro not defined?") from None
    if len(values) < known.n_parameters:
        raise BackmapError(f"{len(values)} parameters where a {known.name.replace('_', ' ')} takes "
                           f"{known.n_parameters}", where=line.where)
    return known.name, known.translate(values)
