"""Two-sample tests: are frames of two trajectories drawn from one distribution?

Maximum mean discrepancy: A. Gretton et al., J. Mach. Learn. Res. 13, 723 (2012). Classifier: D. Lopez-Paz, M. Oquab,
ICLR 2017. Whole frames are exchanged, as what is in one frame is not independent. Where both sets have frames of the
same beads, these are pairs: neither are they independent, and true and drawn atoms are exchanged within each pair.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from backmap.engine.random import numpy_generator

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: No p-value is given where the smallest that there can be is above this.
COARSE = 0.05
#: Parts into which frames are cut for the classifier.
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Pairing:
    """Frames of a reference and of a candidate that are compared.

    Attributes:
        reference: The reference's frames, (n,).
        candidate: The candidate's frames, (m, K): K replicas of the same beads; m = n in pairs.
        paired: Whether row k of both has the same beads.
    """

    reference: Index
    candidate: Index
    paired: bool

    @property
    def finest(self) -> float:
        """The smallest p-value that exchanges of these frames can give."""
        n, k = self.candidate.shape
        if self.paired:
            return 1 / ((k + 1.0)**n / (2 if k == 1 else 1))
        return 1 / math.comb(len(self.reference) + n, n) * (2 if len(self.reference) == n else 1)


@dataclass(frozen=True)
class Discrepancy:
    """A squared maximum mean discrepancy, and how often exchanged frames show as much; None where these are too few."""

    value: float
    p: float | None


def discrepancy(kernel: Array, pairing: Pairing, n_permutations: int, seed: int) -> Discrepancy:
    """MMD^2 = <K>_ref,ref + <K>_cand,cand - 2 <K>_ref,cand, all pairs counted, and its p-value.

    Args:
        kernel: Mean kernels between frames of both, (n, n).
        pairing: Which are compared, as rows of the kernel.
        n_permutations: So many exchanges, unless all there can be are no more.
        seed: Of the exchanges.
    """
    weights = _weights(pairing, n_permutations, seed, len(kernel))
    found = np.einsum("pi,ij,pj->p", weights, kernel, weights, optimize=True)
    value = max(0.0, float(found[0]))
    if pairing.finest > COARSE:
        return Discrepancy(value, None)
    slack = 1e-12 + 1e-9 * abs(value)  # an exchange of all frames is none, but for rounding
    return Discrepancy(value, float((found >= value - slack).mean()))


def _weights(pairing: Pairing, n_permutations: int, seed: int, size: int) -> Array:
    """Signed weights of frames, the true ones first and then those of exchanges, (1 + P, R + C)."""
    make = _of_pairs if pairing.paired else _of_halves
    return np.array(make(pairing, n_permutations, numpy_generator(seed, "landscape", "permutations"), size))


def _of_pairs(pairing: Pairing, n_permutations: int, rng: np.random.Generator, size: int) -> list[Array]:
    """Of each group of draws for the same beads, one stands for the reference."""
    members = np.concatenate([pairing.reference[:, None], pairing.candidate], axis=1)
    n, k = pairing.candidate.shape
    if (k + 1)**n <= n_permutations:
        chosen = np.stack(np.meshgrid(*[np.arange(k + 1)] * n, indexing="ij"), axis=-1).reshape(-1, n)
    else:
        chosen = np.concatenate([np.zeros((1, n), dtype=np.int64), rng.integers(k + 1, size=(n_permutations, n))])
    found = []
    for which in chosen:
        weights = np.zeros(size)
        np.add.at(weights, members, -1 / (n * k))
        np.add.at(weights, members[np.arange(n), which], 1 / n + 1 / (n * k))
        found.append(weights)
    return found


def _of_halves(pairing: Pairing, n_permutations: int, rng: np.random.Generator, size: int) -> list[Array]:
    """Frames of beads, with all their replicas, are shared out anew."""
    n, (m, k) = len(pairing.reference), pairing.candidate.shape
    units = np.zeros((n + m, size))
    np.add.at(units, (np.arange(n), pairing.reference), 1.0)
    np.add.at(units, (n + np.arange(m)[:, None], pairing.candidate), 1 / k)
    if math.comb(n + m, n) <= n_permutations:
        chosen = [list(first) for first in combinations(range(n + m), n)]
    else:
        chosen = [list(range(n)), *(rng.permutation(n + m)[:n] for _ in range(n_permutations))]
    found = []
    for first in chosen:
        signs = np.full(n + m, -1 / m)
        signs[first] = 1 / n
        found.append(signs @ units)
    return found


def mean_kernels(frames: Sequence[NDArray[np.float32]], zeta: int) -> Array:
    """Means of (p . p')^zeta over all pairs of environments of two frames, (n, n).

    Args:
        frames: Environments of each frame, (P, F).
        zeta: Exponent.
    """
    n_features = frames[0].shape[1]
    if zeta == 1:
        return _products([each.mean(axis=0, dtype=np.float64) for each in frames])
    if zeta == 2 and n_features <= 512:  # (p . p')^2 is the product of two matrices p p^T
        return _products([_second_moment(each) for each in frames])
    found = np.empty((len(frames), len(frames)))
    for i, first in enumerate(frames):
        for j in range(i + 1):
            found[i, j] = found[j, i] = np.mean((first @ frames[j].T)**zeta, dtype=np.float64)
    return found


def _second_moment(environments: NDArray[np.float32]) -> Array:
    p = environments.astype(np.float64)
    upper = np.triu_indices(p.shape[1])
    moment = (p.T @ p / len(p))[upper]
    return moment * np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))


def _products(features: Sequence[Array]) -> Array:
    stacked = np.stack(features)
    return stacked @ stacked.T


@dataclass(frozen=True)
class Told:
    """How many environments a classifier tells right, and the standard error of that over frames."""

    accuracy: float
    error: float


def classified(reference: Sequence[NDArray[np.float32]], candidate: Sequence[NDArray[np.float32]],
               paired: bool, seed: int, fit: Callable[..., object] | None = None) -> Told | None:
    """Whether logistic regression tells environments of two sets of frames apart, tried on frames it has not seen.

    Args:
        reference: Environments of each frame, (P, F).
        candidate: The same.
        paired: Whether frame k of both has the same beads: then both are in one fold.
        seed: Of the folds.
        fit: Makes a classifier; by default logistic regression with scikit-learn's defaults.

    Returns:
        None where there are fewer frames than folds.

    Raises:
        BackmapError: If scikit-learn is not installed.
    """
    if min(len(reference), len(candidate)) < FOLDS:
        return None
    make = logistic if fit is None else fit
    rng = numpy_generator(seed, "landscape", "folds")
    first = rng.permutation(len(reference)) % FOLDS
    second = first if paired else rng.permutation(len(candidate)) % FOLDS
    right: list[list[float]] = [[0.0] * len(reference), [0.0] * len(candidate)]
    for fold in range(FOLDS):
        x = [np.concatenate([each for each, k in zip(frames, folds) if k != fold])
             for frames, folds in ((reference, first), (candidate, second))]
        model = make(np.concatenate(x), np.repeat([0, 1], [len(each) for each in x]))
        for label, (frames, folds) in enumerate(((reference, first), (candidate, second))):
            for k in np.flatnonzero(folds == fold):
                right[label][k] = float((model.predict(frames[k]) == label).mean())  # type: ignore[attr-defined]
    ours, theirs = (np.array(each) for each in right)
    if paired:
        each = (ours + theirs) / 2
        return Told(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))))
    variance = ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)
    return Told(float((ours.mean() + theirs.mean()) / 2), float(np.sqrt(variance) / 2))


def logistic(x: NDArray, y: NDArray) -> object:
    """Logistic regression of features with mean 0 and variance 1; both labels weigh the same."""
    from .extra import sklearn

    linear_model, pipeline, scaling = sklearn("linear_model", "pipeline", "preprocessing")
    model = pipeline.make_pipeline(scaling.StandardScaler(),
                                   linear_model.LogisticRegression(class_weight="balanced", max_iter=200, tol=1e-3))
    return model.fit(x, y)
