"""Cycles of bonds: which are short, how a network is opened so that no long one is left, and those of a sheet."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import networkx as nx

Bond = tuple[int, int]

#: Fused cycles beyond which a part of a molecule is a sheet.
FUSED = 100


def in_short_cycles(graph: nx.Graph, longest: int) -> set[Bond]:
    """Bonds that are part of a cycle of at most ``longest`` atoms, as pairs of which the first is the smaller.

    The time grows with the number of bonds, whatever cycles there are: each is looked at from both ends, no farther
    than half a cycle.
    """
    near = _without_ends({atom: list(others) for atom, others in graph.adjacency()})
    return {(i, j) for i, others in near.items() for j in others if i < j and _closes(near, i, j, longest)}


def sheets(graph: nx.Graph) -> set[Bond]:
    """Bonds of parts of more than ``FUSED`` fused cycles, as of graphene, a tube or a crystal, the smaller atom first.

    Looking for a basis of cycles, or for which of them are aromatic together, takes hours in such parts, above all
    where they go around a box.
    """
    found: set[Bond] = set()
    if graph.number_of_edges() - graph.number_of_nodes() >= FUSED:
        for part in nx.biconnected_component_edges(graph):
            edges = {(min(edge), max(edge)) for edge in part}
            if len(edges) - len({atom for edge in edges for atom in edge}) >= FUSED:
                found |= edges
    return found


def shortest(graph: nx.Graph) -> list[list[int]]:
    """The shortest cycles of each bond, each cycle once, its atoms in order: all rings of a sheet.

    The time grows with the number of bonds, and with the atoms in reach of half a cycle.
    """
    found: dict[frozenset[int], list[int]] = {}
    for i, j in list(graph.edges):
        graph.remove_edge(i, j)
        with suppress(nx.NetworkXNoPath):
            half = len(nx.bidirectional_shortest_path(graph, i, j)) // 2
            near = {atom for end in (i, j) for atom in nx.single_source_shortest_path_length(graph, end, half)}
            cycles = nx.all_shortest_paths(graph.subgraph(near), i, j)
            found.update((frozenset(cycle), cycle) for cycle in cycles)
        graph.add_edge(i, j)
    return list(found.values())


def _without_ends(near: dict[int, list[int]]) -> dict[int, list[int]]:
    """The neighbours of each atom, without atoms that have one or none, as often as there are such: the 2-core."""
    degree = {atom: len(others) for atom, others in near.items()}
    ends = [atom for atom, count in degree.items() if count < 2]
    while ends:
        for other in near[ends.pop()]:
            degree[other] -= 1
            if degree[other] == 1:
                ends.append(other)
    return {atom: [other for other in near[atom] if degree[other] > 1] for atom in near if degree[atom] > 1}


def closing(n_atoms: int, first: Iterable[Bond], bonds: Sequence[Bond]) -> list[Bond]:
    """Those of ``bonds`` that close a cycle, if bonds are made one after the other, ``first`` before all others."""
    root = list(range(n_atoms))

    def top(atom: int) -> int:
        while root[atom] != atom:
            root[atom] = atom = root[root[atom]]
        return atom

    found, made = [], {(min(bond), max(bond)) for bond in first}
    for i, j in made:
        root[top(i)] = top(j)
    for i, j in bonds:
        if (min(i, j), max(i, j)) in made:
            continue
        if (one := top(i)) == (other := top(j)):
            found.append((i, j))
        root[one] = other
    return found


def _closes(near: dict[int, list[int]], i: int, j: int, longest: int) -> bool:
    """Whether a bond is part of a cycle of at most ``longest`` atoms: two fronts, from its ends, that meet."""
    seen, fronts, atoms = [{i}, {j}], [[i], [j]], 2
    while fronts[0] and fronts[1] and atoms <= longest:
        side = len(fronts[0]) > len(fronts[1])
        grown = []
        for atom in fronts[side]:
            for other in near[atom]:
                if other in seen[side] or {atom, other} == {i, j}:
                    continue
                if other in seen[not side]:
                    return True
                seen[side].add(other)
                grown.append(other)
        fronts[side] = grown
        atoms += 1
    return False
