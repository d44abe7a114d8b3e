"""How warm beads look: by how widely their distances vary within conformers of the free molecule.

How often each conformer comes, neighbours decide: these shares are fitted. Within one, what holds a molecule together
is stiffer than what surrounds it, and widths go as the root of the temperature.
"""
from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from .lengths import LONGEST, ROUNDED, SHORTEST, lengths, pairs_of
from .sampling import FreeMolecule
from .wells import wells

Array = NDArray[np.float64]
Index = NDArray[np.int64]

APART = 2  #: bonds between beads whose distance counts: farther apart, wells are too many
FACTORS = 2.0 ** np.arange(-3, 3.01, 0.25)  #: to the temperature that beads are said to have, which are tried
BIN = 0.004  #: of the logarithm of a length
ROOM = 0.3  #: of logarithms, beyond all lengths
FEWEST = 20  #: samples of a well that counts
KNOWN = 0.8  #: share of samples that such wells must have
SAMPLES = 500  #: of the free molecule, at least: large ones have fewer, which do not tell how wide a well is
SMEARED = 0.5  #: of a well's own width, by which its samples are smeared
CORRELATED = 1.6  #: samples of the free molecule that tell as much of widths as one that is independent
SHIFTS = np.arange(-6, 7, 2)  #: bins by which all lengths may be off: where they are, others look at
PAIRS = 4  #: alike in a molecule, of which wells are taken
ROUNDS = 100  #: of fitting shares
ELSEWHERE = 0.01  #: share of lengths that lie anywhere, at least


@dataclass(frozen=True)
class Warmth:
    """What distances between beads tell of their temperature.

    Attributes:
        factor: To the temperature that they are said to have, with which they are most likely.
        gain: Logarithm of the likelihood there, less that with 1, and less what is due to there being so few samples.
    """

    factor: float
    gain: float


def warmth(free: FreeMolecule, beads: Array, temperature: float) -> Warmth | None:
    """The temperature at which distances of bonded beads, and of next neighbours, are most likely.

    Args:
        free: Samples of the molecule alone.
        beads: Whole molecules, (n, B, 3), nm.
        temperature: That they are said to have, K.

    Returns:
        None where no distance can tell, as of large molecules, of which there are too few samples.
    """
    if len(free.atoms) < SAMPLES:
        return None
    pairs, sort = pairs_of(free.kind)
    graph, total = free.kind.bead_graph, np.zeros((len(SHIFTS), len(FACTORS)))
    own = free.kind.mapping.apply(free.atoms)
    for number in range(int(sort.max(initial=-1)) + 1):
        alike = pairs[sort == number]
        if nx.shortest_path_length(graph, *alike[0].tolist()) <= APART:
            samples = [np.log(lengths(own, row[None])[:, 0]) for row in alike[:PAIRS]]
            labels = [wells(free.kind, free.atoms, (int(i), int(j))) for i, j in alike[:PAIRS]]
            given = np.log(np.clip(lengths(beads, alike), SHORTEST, LONGEST)).ravel()
            total += _likelihoods(samples, labels, given, FACTORS * temperature / free.temperature)
    if not total.any():
        return None
    likely = total.max(axis=0)
    best = int(likely.argmax())
    gain = float(likely[best] - likely[int(np.abs(FACTORS - 1).argmin())])
    # Widths of both have errors; the likelihood knows those of the beads alone.
    samples = len(free.atoms) / CORRELATED
    return Warmth(float(FACTORS[best]), gain * samples / (samples + len(beads)))


def _likelihoods(samples: list[Array], labels: list[Index], given: Array, factors: Array) -> Array:
    """Logarithm of the likelihood of ``given``, logarithms of lengths, with each of ``SHIFTS`` and factor, (s, f).

    Zeros where too few samples are in wells that are known.

    Args:
        samples: Logarithms of lengths of the free molecule, (n,) of each pair of beads.
        labels: The number of the well of each.
        given: (m,).
        factors: To the temperature of the samples.
    """
    low = min(given.min(), min(each.min() for each in samples)) - ROOM
    high = max(given.max(), max(each.max() for each in samples)) + ROOM
    edges = np.arange(low, high + BIN, BIN)
    apart = [each[of == well] for each, of in zip(samples, labels, strict=True) for well in np.unique(of)]
    apart = [each for each in apart if len(each) >= FEWEST]
    counts = np.histogram(given, bins=edges)[0].astype(np.float64)
    if sum(map(len, apart)) < KNOWN * sum(map(len, samples)):
        return np.zeros((len(SHIFTS), len(factors)))
    wide = [np.array([_density(each, factor, edges) for each in apart]) for factor in factors]
    return np.array([[_fitted(densities, np.roll(counts, shift)) for densities in wide] for shift in SHIFTS])


def _density(well: Array, factor: float, edges: Array) -> Array:
    """Of the logarithms of lengths in one well (n,), as wide as at ``factor`` times their temperature, by bins."""
    middle = well.mean()
    # Less what smearing adds to their variance.
    spread = middle + (well - middle) * np.sqrt(factor / (1 + SMEARED**2))
    counts = np.histogram(spread, bins=edges)[0] / len(well)
    width = np.hypot(ROUNDED / np.exp(middle), SMEARED * well.std() * np.sqrt(factor)) / BIN
    reach = min(int(np.ceil(5 * width)) + 1, len(counts) // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 0.3)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same") / BIN


def _fitted(densities: Array, counts: Array) -> float:
    """Logarithm of the likelihood of counts (n,) with the best shares of wells (w, n), and of what lies anywhere."""
    n = len(counts)
    densities = np.vstack([densities, np.full(n, 1 / (n * BIN))])
    share = np.full(len(densities), 1 / len(densities))
    for _ in range(ROUNDS):
        share *= densities @ (counts / (share @ densities)) / counts.sum()
        share[-1] = max(share[-1], ELSEWHERE)
        share /= share.sum()
    return float(counts @ np.log(share @ densities))
