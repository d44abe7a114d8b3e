"""Which atom of one molecular graph is which of another."""
from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping

import networkx as nx

Labels = Mapping[int, Hashable]


def refined(graphs: list[nx.Graph], labels: list[Labels]) -> list[dict[int, int]]:
    """Labels of nodes that tell their neighbours, and those of these, and so on; the same numbers in all graphs.

    Nodes of different labels are different; in molecules those of the same label are alike by symmetry, but for
    rare cases.
    """
    current, n_classes = [dict(one) for one in labels], 0
    while True:
        numbers: dict[Hashable, int] = {}
        current = [{node: numbers.setdefault((one[node], tuple(sorted(Counter(one[k] for k in graph[node]).items()))),
                                             len(numbers)) for node in graph}
                   for graph, one in zip(graphs, _numbered(current), strict=True)]
        if len(numbers) == n_classes:
            return current
        n_classes = len(numbers)


def _numbered(labels: list[dict[int, Hashable]]) -> list[dict[int, int]]:
    numbers: dict[Hashable, int] = {}
    return [{node: numbers.setdefault(label, len(numbers)) for node, label in one.items()} for one in labels]


def correspondence(pattern: nx.Graph, target: nx.Graph, pattern_labels: Labels, target_labels: Labels) -> \
        dict[int, int] | None:
    """Node of ``target`` that each node of ``pattern`` is, with the same label and bonds; None if they differ.

    Of several ways by symmetry it is one in which the first node of the target, among those that are like it, is the
    first of the pattern; so that beads are counted along a symmetric chain as its atoms are.
    """
    if Counter(pattern_labels.values()) != Counter(target_labels.values()):
        return None
    ours, theirs = refined([pattern, target], [pattern_labels, target_labels])
    if Counter(ours.values()) != Counter(theirs.values()):
        return None
    first = min(target)
    alike = min(node for node in pattern if ours[node] == theirs[first])
    marked = refined([pattern, target], [{node: (label, node == alike) for node, label in ours.items()},
                                         {node: (label, node == first) for node, label in theirs.items()}])
    for pair in (marked, [ours, theirs]):
        for graph, labels in zip((pattern, target), pair, strict=True):
            nx.set_node_attributes(graph, labels, "alike")
        found = nx.vf2pp_isomorphism(pattern, target, node_label="alike")
        if found is not None:
            return {int(node): int(other) for node, other in found.items()}
    return None
