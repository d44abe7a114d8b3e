"""The bonded terms that lines of a molecule type stand for."""
from __future__ import annotations

from collections.abc import Sequence

from backmap.errors import BackmapError

from ...files.gromacs import function_of
from ...files.preprocessor import TopologyLine
from .functions import SECTIONS, function_in, numbers_of, parameters_of
from .types import Types


def terms_of(line: TopologyLine, bonded_types: Sequence[str], types: Types) -> list[tuple[str, list[float]]]:
    """The terms that a line of [ bonds ], [ angles ], [ dihedrals ] or [ cmap ] stands for.

    Args:
        line: The line, macros expanded.
        bonded_types: Of its atoms.
        types: Where parameters come from that the line does not give.

    Returns:
        (function, parameters) as in ``backmap.model.parameters.FUNCTIONS``; several for a multiple torsion.

    Raises:
        BackmapError: With the place, for unknown functions and missing parameters.
    """
    if line.section == "cmap":
        return [("cmap", [float(types.correction_map(line, bonded_types))])]
    section, n, functions = SECTIONS[line.section]
    number, given = function_of(line, n), line.fields[n + 1:]
    known = function_in(line.section, number, line)
    if not known.name:
        return []
    if given:
        return [(known.name, parameters_of(known, numbers_of(known, given, line), line))]
    if n == 4:
        found = types.dihedrals(number, bonded_types)
        if found:
            return [(functions[entry.function].name,
                     parameters_of(functions[entry.function], entry.numbers, entry.line)) for entry in found]
    elif (entry := types.bonded(section, number, bonded_types)) is not None:
        return [(known.name, parameters_of(known, entry.numbers, entry.line))]
    if types.lacks(bonded_types):
        return []
    raise BackmapError(f"no parameters in [ {section} ] for {' '.join(bonded_types)}, function {number}",
                       where=line.where, hint="Add them to the force field or to this line.")
