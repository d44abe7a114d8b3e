"""On which side of a planar bond atoms are: statements about different neighbours of the same bond, compared."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx
import numpy as np

from backmap.errors import BackmapError
from backmap.model.inputs import ToldSide
from backmap.model.isomers import EITHER, PlanarSides


def relative_side(quad: Sequence[int], reference: Sequence[int], graph: nx.Graph) -> int:
    """Side of the torsion ``reference`` about a planar bond where that of ``quad`` is trans.

    Each end of a planar bond has at most two other neighbours, on opposite sides: one put in place of the other turns
    the side.

    Returns:
        +1 or -1; 0 if they are not two torsions about one such bond.
    """
    a, b, c, d = quad if quad[1] == reference[1] else reversed(quad)
    p, q, r, s = reference
    if (b, c) != (q, r) or not graph.has_edge(b, c):
        return 0
    side = 1
    for arm, other, end, far in ((a, p, b, c), (d, s, c, b)):
        others = {*graph[end]} - {far}
        if not {arm, other} <= others or len(others) > 2:
            return 0
        side = side if arm == other else -side
    return side


def with_told(planar: PlanarSides, told: Iterable[ToldSide], graph: nx.Graph) -> PlanarSides:
    """The sides that a mapping tells, of bonds that are planar; ``EITHER`` of others.

    Raises:
        BackmapError: If two statements contradict each other.
    """
    side, places = np.full(len(planar.side), EITHER), [""] * len(planar.side)
    rows = {frozenset(row[1:3]): number for number, row in enumerate(planar.atoms.tolist())}
    for each in told:
        row = rows.get(frozenset(each.atoms[1:3]))
        found = 0 if row is None else each.side * relative_side(each.atoms, planar.atoms[row].tolist(), graph)
        if not found:
            continue
        if side[row] == -found:
            raise BackmapError(f"says the opposite of {places[row]} about the side of a bond", where=each.where,
                               hint="Keep the one that is true.")
        side[row], places[row] = found, each.where
    return PlanarSides.of(planar.atoms, side)
