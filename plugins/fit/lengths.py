"""Distances between beads of one molecule, and how likely they are in the free molecule."""
from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from backmap.model.mapping import Mapping
from backmap.model.molecule import MoleculeType

from .sampling import FreeMolecule

Array = NDArray[np.float64]
Index = NDArray[np.int64]

REACH = 3  #: bonds between beads whose distance counts
BIN = 0.002  #: of the logarithm of a length
SHORTEST, LONGEST = 0.002, 200.0  #: nm
EDGES = np.arange(np.log(SHORTEST), np.log(LONGEST) + BIN, BIN)
NOWHERE = 0.02  #: share that lies anywhere
ROUNDED = 0.0008  #: nm; files are rounded to 0.001


def pairs_of(kind: MoleculeType) -> tuple[Index, Index]:
    """Beads of a molecule up to ``REACH`` bonds apart, (P, 2), and the number of each pair's sort, (P,).

    Pairs are of a sort if the beads on the way from one to the other are alike: their types, atoms and bonds.
    """
    graph, atoms = kind.bead_graph, np.bincount(kind.mapping.owner, minlength=kind.n_beads)
    alike = [(kind.bead_types[b], kind.bead_residue_names[b], graph.degree[b], int(atoms[b])) for b in graph]
    sorts: dict[tuple, int] = {}
    rows, sort = [], []
    for i, paths in nx.all_pairs_shortest_path(graph, cutoff=REACH):
        for j, path in sorted(paths.items()):
            if j > i:
                way = tuple(alike[b] for b in path)
                rows.append((i, j))
                sort.append(sorts.setdefault(min(way, way[::-1]), len(sorts)))
    return np.array(rows, dtype=np.int64).reshape(-1, 2), np.array(sort, dtype=np.int64)


def lengths(beads: Array, pairs: Index) -> Array:
    """Distances of pairs (P, 2) of whole molecules (n, B, 3), (n, P), nm."""
    return np.linalg.norm(beads[:, pairs[:, 0]] - beads[:, pairs[:, 1]], axis=2)


@dataclass(frozen=True, eq=False)
class LengthTables:
    """How likely lengths are in the free molecule.

    Attributes:
        pairs: Beads, (P, 2).
        sort: Of each pair, (P,): one of S.
        mean: Mean of each length, nm, (P,).
        density: Logarithm of the density of the logarithm of lengths, by sort and bin, (S, n).
        usual: Mean of that over the free molecule itself, (S,).
        variance: Of the logarithm of lengths, by sort, (S,).
    """

    pairs: Index
    sort: Index
    mean: Array
    density: Array
    usual: Array
    variance: Array

    @classmethod
    def of(cls, free: FreeMolecule, mapping: Mapping, width: float) -> LengthTables:
        """Of samples.

        Args:
            free: The samples.
            mapping: Makes beads of them.
            width: By which lengths are smeared, relatively: as much as right beads may differ.
        """
        pairs, sort = pairs_of(free.kind)
        found = lengths(mapping.apply(free.atoms), pairs)
        counts, mean = _counts(found, sort), found.mean(axis=0)
        n = len(EDGES)
        density, usual = np.empty(counts.shape), np.empty(len(counts))
        for s, row in enumerate(counts):
            share = row / row.sum()
            smear = np.hypot(width, ROUNDED / mean[sort == s].mean()) / BIN
            density[s] = np.log((1 - NOWHERE) * _smeared(share, smear) / BIN + NOWHERE / (n * BIN))
            usual[s] = share @ density[s]
        return cls(pairs, sort, mean, density, usual, _variances(found, sort))

    def score(self, beads: Array) -> Array:
        """Mean logarithm of the density of molecules (n, B, 3), nm, less that of the free one, (P,): 0 if alike."""
        at = bins(lengths(beads, self.pairs))
        return self.density[self.sort, at].mean(axis=0) - self.usual[self.sort]

    def spread_ratio(self, beads: Array) -> float:
        """How many times as much lengths of molecules (n, B, 3) vary, in the median of all sorts."""
        own = _variances(lengths(beads, self.pairs), self.sort)
        rounding = np.array([(ROUNDED / self.mean[self.sort == s].mean()) ** 2 for s in range(len(own))])
        return float(np.sqrt(np.median(own / (self.variance + rounding)))) if len(own) else 1.0

    def best_scale(self, beads: Array) -> tuple[float, float]:
        """The factor to all lengths of molecules (n, B, 3) with which they are most likely, and the mean score there.

        A factor shifts all logarithms alike, so that the scores of all factors are correlations with the densities.
        """
        counts, size = _counts(lengths(beads, self.pairs), self.sort), 2 * len(EDGES)
        heights = self.density - self.density.min()
        scores = np.fft.irfft((np.conj(np.fft.rfft(counts, size)) * np.fft.rfft(heights, size)).sum(axis=0), size)
        best = int(scores.argmax())
        factor = float(np.exp((best - size if best > size // 2 else best) * BIN))
        return factor, float(self.score(beads * factor).mean())


def _variances(values: Array, sort: Index) -> Array:
    """Of the logarithms of lengths (n, P), by sort, (S,)."""
    logs = np.log(np.clip(values, SHORTEST, LONGEST))
    return np.array([logs[:, sort == s].var() for s in range(int(sort.max(initial=-1)) + 1)])


def _counts(values: Array, sort: Index) -> Array:
    """Lengths (n, P) counted by sort and bin, (S, n)."""
    at, n = bins(values), len(EDGES)
    sorts = int(sort.max(initial=-1)) + 1
    return np.bincount((sort * n + at).ravel(), minlength=sorts * n).reshape(sorts, n).astype(np.float64)


def bins(values: Array) -> Index:
    """Bins of lengths, nm; what is not finite is in the last."""
    logs = np.log(np.clip(np.nan_to_num(values, nan=LONGEST, posinf=LONGEST), SHORTEST, LONGEST))
    return np.clip(((logs - EDGES[0]) / BIN).astype(np.int64), 0, len(EDGES) - 1)


def _smeared(counts: Array, width: float) -> Array:
    """Counts (n,) convolved with a Gaussian of this width, in bins."""
    reach = int(np.ceil(5 * width)) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 0.5)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same")
