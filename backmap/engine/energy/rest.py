"""Energies that torsions have at rest, which is not 0 in every force field: three hydrogens on a carboxylate sum up."""
from __future__ import annotations

from collections import defaultdict

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from ...model.molecule import MoleculeType
from ...model.parameters import Bonded, MoleculeParameters

Array = NDArray[np.float64]

_TURNS = np.radians(np.arange(0, 360, 5))


def resting(kind: MoleculeType, known: MoleculeParameters) -> Array:
    """Energies of proper torsions by atom, kJ/mol, (A,), where turning about each bond makes them least, at least 0.

    The neighbours of an atom are taken as evenly spread about the bond, in the order, right or left, that gives less:
    this is no more than what a molecule at rest has whose neighbours are spread so. Energies of terms are shared evenly
    by their atoms.

    Args:
        kind: The molecule type.
        known: Its bonded terms.
    """
    about: dict[tuple[int, int], list[tuple[Bonded, int]]] = defaultdict(list)
    for bonded in known.bonded:
        if bonded.term == "proper":
            for row, (_, b, c, _) in enumerate(bonded.atoms.tolist()):
                about[min(b, c), max(b, c)].append((bonded, row))
    total = np.zeros(kind.n_atoms)
    for (b, c), terms in about.items():
        if not kind.graph.has_edge(b, c):
            continue
        found = [_energies(terms, one, other) for one in _orders(kind.graph, b, c)
                 for other in _orders(kind.graph, c, b)]
        best = min(found, key=lambda values: values.sum(axis=0).min())
        for (bonded, row), values in zip(terms, best[:, best.sum(axis=0).argmin()], strict=True):
            np.add.at(total, bonded.atoms[row], values / 4)
    return np.maximum(total, 0.0)


def _orders(graph: nx.Graph, end: int, other: int) -> list[dict[int, float]]:
    """Angles about a bond of the neighbours of its end, radians: in their order, and the other way round."""
    arms = sorted(set(graph[end]) - {other})
    return [{arm: turn * 2 * np.pi * k / len(arms) for k, arm in enumerate(arms)}
            for turn in (1, -1)[:max(1, len(arms) - 1)]]


def _energies(terms: list[tuple[Bonded, int]], one: dict[int, float], other: dict[int, float]) -> Array:
    """Of each term in each turn, kJ/mol, (terms, turns)."""
    turned = []
    for bonded, row in terms:
        first, last = int(bonded.atoms[row, 0]), int(bonded.atoms[row, 3])
        near, far = (first, last) if first in one else (last, first)  # a torsion read backwards is the same
        angle = one.get(near, 0.0) - other.get(far, 0.0)
        turned.append(_energy(bonded.function, bonded.parameters[row], _TURNS + angle))
    return np.array(turned)


def _energy(function: str, parameters: Array, angle: Array) -> Array:
    if function == "ryckaert_bellemans":
        return np.polynomial.polynomial.polyval(np.cos(angle - np.pi), parameters)
    phase, k, n = parameters
    return k * (1 + np.cos(n * angle - phase))
