"""The interactions of a coarse-grained force field: which beads each of its potentials acts on.

Bonded ones are those that a mapping file names. Where it names none they follow from the graph of the beads, and are
called by the types of their beads: bond-E-M, E-M-M, E-M-M-E. Pairs of types are E-M.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ..errors import BackmapError
from .molecule import MoleculeType
from .system import System
from .tabulated import KINDS, MEMBERS, Interaction, Kind

Index = NDArray[np.int64]

#: Pairs that are so many bonds apart, or fewer, do not interact.
EXCLUDED = 3
_KIND_OF: dict[int, Kind] = {MEMBERS[kind]: kind for kind in KINDS if kind != "pair"}


def interactions_of(system: System) -> dict[str, Interaction]:
    """Interactions by name, bonded ones before pairs.

    Raises:
        BackmapError: If two of different kinds have the same name.
    """
    found: dict[str, Interaction] = {}
    for molecule in {kind.name: kind for kind in system.types}.values():
        for name, kind, beads in bonded_of(molecule):
            known = found.setdefault(name, Interaction(name, kind))
            if known.kind != kind:
                raise BackmapError(f"'{name}' is the name of a {known.kind} and of another kind, {kind}",
                                   hint="Give each its own name in the mapping.")
            before = known.members.get(molecule.name)
            known.members[molecule.name] = beads if before is None else np.concatenate([before, beads])
    types = sorted({name for molecule in system.types for name in molecule.bead_types})
    for number, first in enumerate(types):
        for second in types[number:]:
            name = f"{first}-{second}"
            if name in found:
                raise BackmapError(f"'{name}' is the name of a {found[name].kind}, and of the pair of bead types",
                                   hint="Give the bonded interaction another name in the mapping.")
            found[name] = Interaction(name, "pair", types=(first, second))
    return found


def bonded_of(molecule: MoleculeType) -> Iterator[tuple[str, Kind, Index]]:
    """Name, kind and beads (n, 2 to 4) of bonded interactions, as named or by types of beads."""
    if molecule.bead_terms:
        for term in molecule.bead_terms:
            yield term.name, _KIND_OF[term.beads.shape[1]], term.beads
        return
    graph = molecule.bead_graph
    alike: dict[str, list[tuple[int, ...]]] = {}
    for path in (*_paths(graph, 2), *_paths(graph, 3), *_paths(graph, 4)):
        types = tuple(molecule.bead_types[bead] for bead in path)
        if types[::-1] < types:
            types, path = types[::-1], path[::-1]
        alike.setdefault("-".join(("bond", *types) if len(path) == 2 else types), []).append(path)
    for name, paths in alike.items():
        yield name, _KIND_OF[len(paths[0])], np.array(paths, dtype=np.int64)


def _paths(graph: nx.Graph, n: int) -> list[tuple[int, ...]]:
    """All paths of n beads, each once, from the end with the lower number."""
    paths: Iterable[tuple[int, ...]] = [(bead,) for bead in sorted(graph)]
    for _ in range(n - 1):
        paths = [(*path, new) for path in paths for new in sorted(graph[path[-1]]) if new not in path]
    return [path for path in paths if path[0] < path[-1]]


def excluded_pairs(molecule: MoleculeType, bonds: int = EXCLUDED) -> NDArray[np.bool_]:
    """Whether two beads of a molecule are ``bonds`` bonds apart or fewer, (B, B); the diagonal is True."""
    table = np.eye(molecule.n_beads, dtype=bool)
    for bead, reached in nx.all_pairs_shortest_path_length(molecule.bead_graph, cutoff=bonds):
        table[bead, list(reached)] = True
    return table
