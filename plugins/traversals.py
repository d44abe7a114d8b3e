"""Orders in which the beads of a molecule are reconstructed."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from pydantic import Field

from backmap import api
from backmap.errors import BackmapError
from backmap.hookspecs import hookimpl
from backmap.model.molecule import MoleculeType

if TYPE_CHECKING:
    from backmap.engine.sites.contracts import Order


@hookimpl
def backmap_traversals() -> dict[str, type[api.Traversal]]:
    return {"depth_first": DepthFirst, "breadth_first": BreadthFirst, "random": Random}


class Rooted(api.Options):
    """Options of traversals that start somewhere."""

    root: str = Field("first", description="Name of the bead to start at, or 'first'.")


class _FromRoot(api.Traversal):
    """Walks each component of the bead graph from its root."""

    Options = Rooted
    options: Rooted

    def order(self, molecule: MoleculeType, rng: np.random.Generator) -> Order:
        from backmap.engine.sites.contracts import Order  # late: torch, which looking for plugins must not load

        ranks = np.empty(molecule.n_beads, dtype=np.int64)
        parents = np.full(molecule.n_beads, -1, dtype=np.int64)
        for position, (bead, parent, rank) in enumerate(self._walk(molecule, rng)):
            ranks[bead], parents[bead] = (position if rank is None else rank), parent
        return Order(ranks, parents)

    def _walk(self, molecule: MoleculeType, rng: np.random.Generator) -> Iterator[tuple[int, int, int | None]]:
        """Every bead once: the bead, its parent (-1 for a root), and its rank if not its position."""
        for root in roots(molecule, self.options.root):
            yield root, -1, self._rank(0)
            depth = {root: 0}
            for parent, bead in self._edges(molecule.bead_graph, root, rng):
                depth[bead] = depth[parent] + 1
                yield bead, parent, self._rank(depth[bead])

    @abstractmethod
    def _edges(self, graph: nx.Graph, root: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Edges (parent, bead) that reach every bead of the root's component once, parents first."""

    def _rank(self, depth: int) -> int | None:
        return None


class DepthFirst(_FromRoot):
    """Depth-first: one bead after the other along the chain, each branch to its end before the next."""

    def _edges(self, graph: nx.Graph, root: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        return nx.dfs_edges(graph, root, sort_neighbors=sorted)


class BreadthFirst(_FromRoot):
    """Breadth-first: all beads at one distance from the root together, then those one bond farther."""

    def _edges(self, graph: nx.Graph, root: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        return nx.bfs_edges(graph, root, sort_neighbors=sorted)

    def _rank(self, depth: int) -> int | None:
        return depth


class Random(_FromRoot):
    """Grows the molecule at a random bond each time."""

    def _edges(self, graph: nx.Graph, root: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        reached, frontier = {root}, [(root, bead) for bead in sorted(graph[root])]
        while frontier:
            parent, bead = frontier.pop(int(rng.integers(len(frontier))))
            if bead not in reached:
                reached.add(bead)
                yield parent, bead
                frontier.extend((bead, further) for further in sorted(graph[bead]) if further not in reached)


def roots(molecule: MoleculeType, name: str) -> list[int]:
    """One bead of each component of the bead graph: the named one, else the first.

    Raises:
        BackmapError: If no bead has the name.
    """
    if name != "first" and name not in molecule.bead_names:
        raise BackmapError(f"molecule type {molecule.name} has no bead '{name}' to start at",
                           hint=f"Known: first, {', '.join(dict.fromkeys(molecule.bead_names))}")
    chosen = []
    for component in sorted(nx.connected_components(molecule.bead_graph), key=min):
        named = [bead for bead in sorted(component) if molecule.bead_names[bead] == name]
        chosen.append(named[0] if named else min(component))
    return chosen
