"""Cycles of bonds: which are short, and how a network is opened so that no long one is left."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx as nx

Bond = tuple[int, int]


def in_short_cycles(graph: nx.Graph, longest: int) -> set[Bond]:
    """Bonds that are part of a cycle of at most ``longest`` atoms, as pairs of which the first is the smaller.

    The time grows with the number of bonds, whatever cycles there are: each is looked at from both ends, no farther
    than half a cycle.
    """
    core = nx.k_core(nx.Graph(graph.edges), 2) if graph.number_of_edges() else nx.Graph()
    near = {atom: list(core[atom]) for atom in core}
    return {(min(bond), max(bond)) for bond in core.edges if _closes(near, *bond, longest)}


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
