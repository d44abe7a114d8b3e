"""A molecule without its hydrogens, by which one that names no atoms is found in a topology."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.molecule import graph_of

from .chemistry import implicit_hydrogens
from .elements import symbol_of
from .graph_match import correspondence

HYDROGEN = 1


@dataclass(frozen=True)
class Skeleton:
    """A molecule without its hydrogens.

    Attributes:
        graph: Of the other atoms.
        hydrogens: Explicit ones of each of them.
        labels: Element and number of hydrogens, which may be implicit, of each.
    """

    graph: nx.Graph
    hydrogens: dict[int, list[int]]
    labels: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, graph: nx.Graph, element: dict[int, int], implicit: dict[int, int]) -> Skeleton:
        """The skeleton of a molecule; hydrogens that are bonded to a heavy atom alone are left out.

        Args:
            graph: All atoms.
            element: Atomic number of each.
            implicit: Number of hydrogens that each has beside those in the graph.
        """
        held = {node for node in graph if element[node] == HYDROGEN and len(graph[node]) == 1
                and element[next(iter(graph[node]))] != HYDROGEN}
        hydrogens = {node: sorted(held.intersection(graph[node])) for node in graph if node not in held}
        labels = {node: (element[node], len(own) + implicit.get(node, 0)) for node, own in hydrogens.items()}
        return cls(_bare(graph, hydrogens), hydrogens, labels)

    @classmethod
    def of_topology(cls, element: NDArray[np.int64], mass: NDArray[np.float64] | None,
                    bonds: NDArray[np.int64]) -> Skeleton:
        """The skeleton of a molecule type of (A,) atoms, whose masses, u, tell of hydrogens in united atoms."""
        implicit = implicit_hydrogens(element, mass).tolist()
        return cls.of(graph_of(len(element), bonds), dict(enumerate(element.tolist())), dict(enumerate(implicit)))

    @property
    def formula(self) -> str:
        """Sum formula, elements in alphabetical order."""
        counts: Counter[str] = Counter()
        for element, hydrogens in self.labels.values():
            counts.update({symbol_of(element): 1, "H": hydrogens})
        return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in sorted(counts.items()) if count)

    def found_in(self, other: Skeleton) -> dict[int, int] | None:
        """The atom of ``other`` that each of this one is; None if they are of different molecules."""
        return correspondence(self.graph, other.graph, self.labels, other.labels)

    def located_in(self, other: Skeleton) -> dict[int, int] | None:
        """As ``found_in``, with explicit hydrogens, as far as both have them."""
        found = self.found_in(other)
        if found is not None:
            for node, own in self.hydrogens.items():
                found.update(zip(own, other.hydrogens[found[node]], strict=False))
        return found

    def unlike(self, other: Skeleton, name: str) -> str:
        """The words in which this one is not ``other``, which is the molecule type ``name``."""
        same = self.formula == other.formula
        return (f"is {self.formula}, but molecule type '{name}' is {other.formula}"
                + (" with other bonds" if same else ""))


def _bare(graph: nx.Graph, nodes: dict[int, list[int]]) -> nx.Graph:
    """The subgraph of ``nodes`` in ascending order, without attributes."""
    bare = nx.Graph()
    bare.add_nodes_from(sorted(nodes))
    bare.add_edges_from(sorted(tuple(sorted(edge)) for edge in graph.edges if nodes.keys() >= set(edge)))
    return bare
