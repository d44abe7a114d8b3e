"""What hangs on an atom: whether two of its neighbours begin the same branch."""
from __future__ import annotations

import networkx as nx

from backmap.model.molecule import MoleculeType

#: How far branches are compared, bonds.
_DEPTH = 4


def label(kind: MoleculeType, atom: int) -> tuple:
    """Element, aromaticity and ring of an atom."""
    chemistry = kind.chemistry
    return int(chemistry.element[atom]), bool(chemistry.aromatic[atom]), int(chemistry.ring[atom])


def branch_of(kind: MoleculeType, atom: int, centre: int) -> tuple:
    """What hangs on a centre, as far as the next few bonds: labels of atoms by distance."""
    graph = nx.restricted_view(kind.graph, [centre], [])
    reached = nx.single_source_shortest_path_length(graph, atom, cutoff=_DEPTH)
    return tuple(tuple(sorted(label(kind, a) for a, d in reached.items() if d == depth))
                 for depth in range(_DEPTH + 1))
