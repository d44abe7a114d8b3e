"""What GROMACS' topologies say of rigid parts: SETTLE, constraints and virtual sites, as distances and dependences."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backmap.errors import BackmapError
from backmap.model.rigid import Dependence

from .gromacs import MoleculeRecord, finite
from .preprocessor import TopologyLine

#: Section -> number of parents of its sites; 0 for any. Old files call them dummies.
SITES = {f"{name}{suffix}": parents for name in ("virtual_sites", "dummies")
         for suffix, parents in (("1", 1), ("2", 2), ("3", 3), ("4", 4), ("n", 0))}
#: Sections of rigid parts.
RIGID = {"settles", "constraints", *SITES}

Weights = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Settle:
    """A line of [ settles ]: a rigid molecule of three atoms.

    Attributes:
        oxygen: Its first atom; the other two follow it.
        to_oxygen: Distance of each of the two from it, nm.
        between: Distance of the two, nm.
    """

    oxygen: int
    to_oxygen: float
    between: float

    @classmethod
    def of(cls, line: TopologyLine, record: MoleculeRecord) -> Settle:
        """Understand a line.

        Raises:
            BackmapError: For atoms that are not there, and lengths that make no triangle.
        """
        oxygen, to_oxygen, between = int(line.fields[0]) - 1, finite(line.fields[2]), finite(line.fields[3])
        if not 0 <= oxygen <= len(record.atoms) - 3:
            raise BackmapError(f"[ settles ] names atom {oxygen + 1} and the two behind it, but there are "
                               f"{len(record.atoms)}", where=line.where)
        if not 0 < between < 2 * to_oxygen:
            raise BackmapError(f"no triangle has the sides {to_oxygen:g}, {to_oxygen:g} and {between:g} nm",
                               where=line.where, hint="They are the distances O-H and H-H.")
        return cls(oxygen, to_oxygen, between)


def virtual_site(line: TopologyLine, record: MoleculeRecord) -> Dependence:
    """A line of [ virtual_sites2 ] and the like (GROMACS manual, virtual interaction sites).

    Raises:
        BackmapError: For atoms that are not there or have a mass, a site made of itself, and unknown functions.
    """
    n = SITES[line.section]
    words = line.fields
    if n:
        function, named = (words[n + 1] if len(words) > n + 1 else "1"), words[1:n + 1]
        parameters = [finite(word) for word in words[n + 2:]]
    else:
        function, named, parameters = words[1], words[2:], []
        if function == "3":
            named, parameters = words[2::2], [finite(word) for word in words[3::2]]
    site, *parents = (_atom(word, line, record) for word in (words[0], *named))
    if site in parents:
        raise BackmapError(f"virtual site {words[0]} is made of itself", where=line.where)
    if len(set(parents)) < len(parents) or not parents:
        raise BackmapError(f"virtual site {words[0]} needs parents that differ", where=line.where)
    if not n:
        return Dependence.average(site, parents, _shares(function, parameters, parents, line, record))
    known = _FUNCTIONS.get((n, function))
    if known is None:
        functions = ", ".join(number for parents_, number in _FUNCTIONS if parents_ == n)
        raise BackmapError(f"function {function} in [ {line.section} ] is not supported", where=line.where,
                           hint=f"Known: {functions}.")
    count, make = known
    if len(parameters) < count:
        raise BackmapError(f"{len(parameters)} parameters where a virtual site of this kind takes {count}",
                           where=line.where)
    weights, factors = make(*parameters[:count])
    return Dependence(site, tuple(parents), weights, factors)


def _atom(word: str, line: TopologyLine, record: MoleculeRecord) -> int:
    number = int(word)
    if not 1 <= number <= len(record.atoms):
        raise BackmapError(f"there is no atom {number} in this molecule type of {len(record.atoms)} atoms",
                           where=line.where)
    return number - 1


def _shares(function: str, given: Sequence[float], parents: Sequence[int], line: TopologyLine,
            record: MoleculeRecord) -> list[float]:
    """Weights of the centre of geometry, of mass, or of weights that the line gives."""
    if function == "2":
        masses = [record.atoms[parent].mass for parent in parents]
        if None in masses:
            raise BackmapError("a centre of mass of atoms whose masses [ atoms ] does not give", where=line.where,
                               hint="Write them there, or give weights: function 3.")
        shares = [float(mass) for mass in masses]
    elif function in ("1", "3"):
        shares = list(given) if function == "3" else [1.0] * len(parents)
    else:
        raise BackmapError(f"function {function} in [ {line.section} ] is not supported", where=line.where,
                           hint="Known: 1, 2, 3.")
    if len(shares) != len(parents) or not sum(shares):
        raise BackmapError("the weights of a virtual site do not sum to a positive number", where=line.where)
    return [share / sum(shares) for share in shares]


Made = tuple[Weights, tuple[float, float, float, float]]
_NONE = (0.0, 0.0, 0.0, 0.0)


def _rows(s: Sequence[float], u: Sequence[float] = (), v: Sequence[float] = ()) -> Weights:
    """Weights of each parent in s, u and v."""
    u, v = u or [0.0] * len(s), v or [0.0] * len(s)
    return tuple(zip(map(float, s), map(float, u), map(float, v), strict=True))


def _degrees_apart(angle: float, distance: float) -> Made:
    """3fad: at a distance from the first, under an angle to the second, in the plane of the three."""
    turn = math.radians(angle)
    return (_rows((1, 0, 0), (-1, 1, 0), (0, -1, 1)),
            (distance * math.cos(turn), 0.0, 0.0, distance * math.sin(turn)))


#: (number of parents, function) -> number of parameters, and what becomes of them: 1; 2, 2fd; 3, 3fd, 3fad, 3out; 4fdn.
_FUNCTIONS: dict[tuple[int, str], tuple[int, Callable[..., Made]]] = {
    (1, "1"): (0, lambda: (_rows((1,)), _NONE)),
    (2, "1"): (1, lambda a: (_rows((1 - a, a)), _NONE)),
    (2, "2"): (1, lambda a: (_rows((1, 0), (-1, 1)), (a, 0.0, 0.0, 0.0))),
    (3, "1"): (2, lambda a, b: (_rows((1 - a - b, a, b)), _NONE)),
    (3, "2"): (2, lambda a, b: (_rows((1, 0, 0), (-1, 1 - a, a)), (b, 0.0, 0.0, 0.0))),
    (3, "3"): (2, _degrees_apart),
    (3, "4"): (3, lambda a, b, c: (_rows((1 - a - b, a, b), (-1, 1, 0), (-1, 0, 1)), (0.0, c, 0.0, 0.0))),
    (4, "2"): (3, lambda a, b, c: (_rows((1, 0, 0, 0), (1 - a, -1, a, 0), (1 - b, -1, 0, b)), (0.0, 0.0, c, 0.0))),
}
