"""Chains of equal stereocentres, seen along the chain, and the double bonds that can be cis or trans."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

Index = NDArray[np.int64]

#: Bonds between consecutive centres of a polymer chain, at most.
_STEP = 6
#: How far substituents are compared, bonds.
_DEPTH = 4


@dataclass(frozen=True, eq=False)
class Stereochain:
    """Equal stereocentres in a row.

    Attributes:
        centres: The centre, its neighbour towards the start of the chain, its side group, and its neighbour
            towards the end, (n, 4): two successive centres of the same sign are a meso dyad, of opposite signs a
            racemo dyad.
    """

    centres: Index


def chains_of(kind: MoleculeType) -> list[Stereochain]:
    """The rows of two or more equal stereocentres outside rings, as in a vinyl polymer.

    Centres are equal if their neighbours are the same elements. What is no side group at any other centre, such as
    the end of a chain, is taken for the chain.
    """
    found: dict[tuple, list[int]] = {}
    for centre in kind.chemistry.centres[:, 0].tolist():
        if kind.chemistry.ring[centre] == 0:
            found.setdefault(_surroundings(kind, centre), []).append(centre)
    chains = []
    for centres in found.values():
        for part in _rows(kind, centres):
            oriented = _oriented(kind, part)
            chains += [Stereochain(np.array(run)) for run in oriented if len(run) > 1]
    return chains


def _label(kind: MoleculeType, atom: int) -> tuple:
    chemistry = kind.chemistry
    return int(chemistry.element[atom]), bool(chemistry.aromatic[atom]), int(chemistry.ring[atom])


def _surroundings(kind: MoleculeType, centre: int) -> tuple:
    return _label(kind, centre), *sorted(_label(kind, a) for a in kind.graph[centre])


def _rows(kind: MoleculeType, centres: list[int]) -> list[list[list[int]]]:
    """Paths of atoms from each centre to the next, for every set of centres that lie in a row."""
    graph, chosen = kind.graph, set(centres)
    near = nx.Graph()
    for centre in centres:
        for other, path in nx.single_source_shortest_path(graph, centre, cutoff=_STEP).items():
            if other in chosen and other > centre and not chosen & set(path[1:-1]):
                near.add_edge(centre, other, path=path)
    rows = []
    for part in nx.connected_components(near):
        row = near.subgraph(part)
        ends = sorted(a for a in row if row.degree(a) == 1)
        if len(ends) != 2 or max(degree for _, degree in row.degree) > 2:
            continue  # a ring or a tree of centres has no direction
        order = nx.shortest_path(row, *ends)
        paths = [row.edges[a, b]["path"] for a, b in pairwise(order)]
        rows.append([path if path[0] == a else path[::-1] for path, a in zip(paths, order)])
    return rows


def _oriented(kind: MoleculeType, paths: list[list[int]]) -> list[list[list[int]]]:
    """Runs of centres of which chain neighbours and side group are known; see ``Stereochain.centres``."""
    graph = kind.graph
    order = [path[0] for path in paths] + [paths[-1][-1]]
    before = [None, *(path[-2] for path in paths)]
    after = [*(path[1] for path in paths), None]
    branches = [{a: _branch(kind, a, centre) for a in graph[centre] if kind.chemistry.heavy[a] and a not in sides}
                for centre, *sides in zip(order, before, after)]
    common = set.intersection(*(set(branch.values()) for branch in branches))
    runs: list[list[list[int]]] = [[]]
    for centre, start, end, branch in zip(order, before, after, branches):
        sides = sorted(a for a in branch if common and branch[a] == max(common))
        rest = [a for a in branch if branch[a] not in common] or [a for a in branch if a not in sides]
        start = rest[0] if start is None and len(rest) == 1 else start
        end = rest[0] if end is None and len(rest) == 1 else end
        if len(sides) == 1 and start is not None and end is not None:
            runs[-1].append([centre, start, sides[0], end])
        else:
            runs.append([])
    return runs


def _branch(kind: MoleculeType, atom: int, centre: int) -> tuple:
    """What hangs on a centre, as far as the next few bonds: labels of atoms by distance."""
    graph = nx.restricted_view(kind.graph, [centre], [])
    reached = nx.single_source_shortest_path_length(graph, atom, cutoff=_DEPTH)
    return tuple(tuple(sorted(_label(kind, a) for a, d in reached.items() if d == depth))
                 for depth in range(_DEPTH + 1))


def double_bonds(kind: MoleculeType) -> Index:
    """Double bonds outside rings whose ends both have two different sides: a neighbour, both ends, a neighbour.

    Returns:
        (D, 4); the neighbours are the heavy ones of lowest index.
    """
    chemistry, graph = kind.chemistry, kind.graph
    double = kind.bonds[chemistry.bond_order == 2].tolist()
    if not double:
        return np.empty((0, 4), dtype=np.int64)
    open_bonds = {frozenset(edge) for edge in nx.bridges(graph)}
    rows = []
    for b, c in double:
        sides = _side(kind, b, c), _side(kind, c, b)
        if frozenset((b, c)) in open_bonds and None not in sides:
            rows.append([sides[0], b, c, sides[1]])
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _side(kind: MoleculeType, end: int, other: int) -> int | None:
    """The heavy neighbour of a double bond's end that names its side, or None if its sides are alike."""
    arms = sorted(set(kind.graph[end]) - {other}, key=lambda a: (not kind.chemistry.heavy[a], a))
    if not arms or not kind.chemistry.heavy[arms[0]] or len(arms) > 2:
        return None
    if len(arms) == 2 and _branch(kind, arms[0], end) == _branch(kind, arms[1], end):
        return None
    return arms[0]
