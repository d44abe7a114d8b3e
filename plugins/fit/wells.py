"""Conformers of the free molecule, as far as a distance between beads depends on them: wells of torsions."""
from __future__ import annotations

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.engine.tabulated.coordinates import values_and_gradients
from backmap.model.molecule import MoleculeType

from .sampling import turning

Array = NDArray[np.float64]
Index = NDArray[np.int64]

N = 48  #: bins of a full turn
SMOOTH = 2.0  #: bins
LOW = 0.01  #: share of the highest peak of a histogram, below which one is no well
PASS = 0.6  #: share of a peak, to which what lies between it and a higher one must fall


def wells(kind: MoleculeType, atoms: Array, pair: tuple[int, int]) -> Index:
    """Number of the conformer of every sample, (n,), by the bonds that turn between two beads.

    Args:
        kind: The molecule type.
        atoms: Samples, (n, A, 3), nm.
        pair: Two beads.
    """
    found, several = np.zeros(len(atoms), dtype=np.int64), 1
    for corners in _torsions(kind, pair):
        of, count = _numbered(values_and_gradients(atoms[:, corners], "dihedral", None)[0])
        found, several = found * count + of, several * count
    return found


def _torsions(kind: MoleculeType, pair: tuple[int, int]) -> list[list[int]]:
    """Four atoms of each bond that turns and so moves heavy atoms of one bead against those of the other."""
    heavy, graph, owner = kind.chemistry.heavy, kind.joined, kind.mapping.owner
    ends = [[atom for atom in np.flatnonzero(owner == bead).tolist() if heavy[atom]] for bead in pair]
    way = {frozenset(bond) for a in ends[0] for b in ends[1] if nx.has_path(graph, a, b)
           for bond in nx.utils.pairwise(nx.shortest_path(graph, a, b)[1:-1])}
    found = []
    for i, j, _ in turning(kind):
        if frozenset((i, j)) in way:
            before = next(atom for atom in graph[i] if atom != j and heavy[atom])
            after = next(atom for atom in graph[j] if atom != i and heavy[atom])
            found.append([before, i, j, after])
    return found


def _numbered(angles: Array) -> tuple[Index, int]:
    """The well of every angle, and how many there are: peaks of a smoothed histogram, parted at its minima."""
    counts = np.histogram(angles, bins=N, range=(-np.pi, np.pi))[0].astype(np.float64)
    around = np.minimum(np.arange(N), N - np.arange(N))
    kernel = np.exp(-0.5 * (around / SMOOTH) ** 2)
    height = np.fft.irfft(np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum()), N)
    tops: list[int] = []
    for top in np.argsort(-height, kind="stable").tolist():
        is_top = height[top] >= max(height[top - 1], height[(top + 1) % N], LOW * height.max())
        if is_top and all(_pass(height, top, other) <= PASS * height[top] for other in tops):
            tops.append(top)
    if len(tops) < 2:
        return np.zeros(len(angles), dtype=np.int64), 1
    tops.sort()
    ways = [np.arange(a, b + 1) % N for a, b in zip(tops, [*tops[1:], tops[0] + N], strict=True)]
    edges = np.sort([way[height[way].argmin()] for way in ways])
    at = np.clip(((angles + np.pi) / (2 * np.pi) * N).astype(np.int64), 0, N - 1)
    return np.searchsorted(edges, at) % len(edges), len(edges)


def _pass(height: Array, one: int, other: int) -> float:
    """The lowest that one must go down between two bins of a circle, by the higher of both ways."""
    low, high = sorted((one, other))
    return float(max(height[low:high + 1].min(), min(height[high:].min(), height[:low + 1].min())))
