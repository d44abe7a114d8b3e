"""Bond orders and formal charges from connectivity alone."""
from __future__ import annotations

from collections import defaultdict

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Usual valences of neutral atoms, smallest first.
_VALENCES = {1: (1,), 5: (3,), 6: (4,), 7: (3,), 8: (2,), 9: (1,), 14: (4,), 15: (3, 5), 16: (2, 4, 6), 17: (1, 7),
             33: (3, 5), 34: (2, 4, 6), 35: (1,), 53: (1,)}
#: How much it is worth to saturate an atom: what is left over had better be an oxygen than a carbon.
_WORTH = defaultdict(lambda: 6, {6: 10, 7: 9, 8: 8, 16: 7, 15: 7})
#: Cost of a double bond from a neutral nitrogen of three bonds, which becomes N+ (nitro, guanidinium).
_DONATION = -6
#: Charges of single atoms that are no molecule.
_IONS = {3: 1, 11: 1, 19: 1, 37: 1, 55: 1, 12: 2, 20: 2, 38: 2, 56: 2, 30: 2, 29: 2, 26: 2, 25: 2, 27: 2, 28: 2,
         9: -1, 17: -1, 35: -1, 53: -1}
#: Above this many atoms, conjugated parts that are bipartite use the faster matching.
_LARGE = 150


def assign_bond_orders(element: Index, bonds: Index, implicit: Index) -> tuple[Array, Array]:
    """Bond orders 1, 2 or 3 and formal charges.

    Args:
        element: Atomic numbers, (A,).
        bonds: Atom pairs, (n_bonds, 2).
        implicit: Hydrogens that are part of the atom, (A,).

    Returns:
        Orders (n_bonds,) and charges (A,), e.
    """
    degree = np.bincount(bonds.ravel(), minlength=len(element)) + implicit
    lacking = np.array([_lacking(int(z), int(d)) for z, d in zip(element, degree, strict=True)], dtype=np.int64)
    donor = (element == 7) & (degree == 3)
    order = np.ones(len(bonds))
    left, donated = lacking.copy(), np.zeros(len(element), dtype=np.int64)
    row = {frozenset(pair): k for k, pair in enumerate(bonds.tolist())}
    for i, j in _matched(element, bonds, lacking, donor):
        order[row[frozenset((i, j))]] += 1
        for atom in (i, j):
            if donor[atom]:
                donated[atom] += 1
            else:
                left[atom] -= 1
    return order, _charges(element, degree, left, donated)


def _lacking(element: int, degree: int) -> int:
    """Bonds an atom lacks to its next usual valence; 0 for elements without one."""
    # Sulfur with four neighbours is a sulfone or sulfate, never a sulfurane with four single bonds.
    least = 5 if element in (16, 34) and degree == 4 else degree
    return next((valence - degree for valence in _VALENCES.get(element, ()) if valence >= least), 0)


def _matched(element: Index, bonds: Index, lacking: Index, donor: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs of bonded atoms that share one more bond; a pair that comes twice is a triple bond."""
    graph = nx.Graph()
    for i, j in bonds.tolist():
        # Every lacking bond is a node of its own, so that sp carbons and sulfones can take two.
        for node_i in _nodes(i, lacking, donor):
            for node_j in _nodes(j, lacking, donor):
                worth = sum(_DONATION if donor[a] else _WORTH[int(element[a])] for a in (i, j))
                if worth > 0:
                    graph.add_edge(node_i, node_j, weight=worth)
    pairs = []
    for part in nx.connected_components(graph):
        pairs.extend((a, b) for (a, _), (b, _) in _match_part(graph.subgraph(part), donor))
    return pairs


def _nodes(atom: int, lacking: Index, donor: NDArray[np.bool_]) -> list[tuple[int, int]]:
    return [(atom, k) for k in range(max(int(lacking[atom]), int(donor[atom])))]


def _match_part(part: nx.Graph, donor: NDArray[np.bool_]) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    plain = part.subgraph([node for node in part if not donor[node[0]]])
    if len(part) > _LARGE and nx.is_bipartite(plain):
        pairs: set = set()
        for piece in nx.connected_components(plain):
            found = nx.bipartite.hopcroft_karp_matching(plain.subgraph(piece))
            pairs |= {tuple(sorted(pair)) for pair in found.items()}
        if 2 * len(pairs) == len(plain):
            return pairs
    # A fixed order of nodes gives the same Kekule structure in every run.
    ordered = nx.Graph()
    ordered.add_nodes_from(sorted(part))
    ordered.add_weighted_edges_from(sorted((*sorted((a, b)), w) for a, b, w in part.edges(data="weight")))
    return nx.max_weight_matching(ordered)


def _charges(element: Index, degree: Index, left: Index, donated: Index) -> Array:
    """Formal charges of atoms that have more or fewer bonds than a neutral one."""
    charge = donated.astype(np.float64)
    for atom, (z, d, missing) in enumerate(zip(element.tolist(), degree.tolist(), left.tolist(), strict=True)):
        if d == 0:
            charge[atom] = _IONS.get(z, 0)
        elif (z, d) in ((7, 4), (8, 3)):
            charge[atom] = 1
        elif (z, d) in ((5, 4), (15, 6)):
            charge[atom] = -1
        elif missing and ((z in (8, 16, 34) and d < 3) or (z == 7 and d < 3)):
            charge[atom] = -missing
        elif missing and ((z == 16 and d == 3) or (z == 15 and d == 4)):
            charge[atom] = 1
    return charge
