"""Chains of equal stereocentres, seen along the chain."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import MoleculeType

from .branches import branch_of, label

Index = NDArray[np.int64]

#: Bonds between consecutive centres of a polymer chain, at most.
_STEP = 6


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


def along(kind: MoleculeType, chains: list[Stereochain]) -> set[int]:
    """Stereocentres of chains, and those outside rings that are as near to one as the next of a chain: its ends."""
    centres = [atom for atom in kind.chemistry.centres[:, 0].tolist() if kind.chemistry.ring[atom] == 0]
    found = {atom for chain in chains for atom in chain.centres[:, 0].tolist()}
    near = {atom for centre in found for atom in nx.single_source_shortest_path_length(kind.graph, centre, _STEP)}
    return found | near.intersection(centres)


def _surroundings(kind: MoleculeType, centre: int) -> tuple:
    return label(kind, centre), *sorted(label(kind, a) for a in kind.graph[centre])


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
    branches = [{a: branch_of(kind, a, centre) for a in graph[centre] if kind.chemistry.heavy[a] and a not in sides}
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
