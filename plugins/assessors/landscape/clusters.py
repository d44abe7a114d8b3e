"""Clusters of points on a map, their populations, and how often a molecule lands where the true one is."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backmap.errors import BackmapError

from ...environments.extra import sklearn

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Numbers of clusters that are tried, and of points from which the silhouette is taken.
FEWEST, MOST, LOOKED_AT = 2, 8, 2000


def found(z: Array, wanted: int | None, seed: int) -> Array:
    """Centres of clusters, those with most points first, (k, 2), by k-means.

    Args:
        z: Points, (n, 2).
        wanted: How many there are; None for the number from 2 to 8 whose mean silhouette is the largest.
        seed: Of the starts.

    Raises:
        BackmapError: If there are fewer points than clusters.
    """
    cluster, metrics = sklearn("cluster", "metrics")
    distinct = len(np.unique(z, axis=0))
    if wanted is not None and distinct < wanted:
        raise BackmapError(f"{distinct} points make no {wanted} clusters", where="landscape.clusters")
    if wanted == 1 or distinct <= FEWEST:
        return z.mean(axis=0, keepdims=True)

    def of(k: int):
        return cluster.KMeans(k, n_init=10, random_state=seed % 2**32).fit(z)

    counts = [wanted] if wanted is not None else range(FEWEST, min(MOST, distinct - 1) + 1)
    fits = [of(k) for k in counts]
    best = 0
    if len(fits) > 1:
        best = int(np.argmax([metrics.silhouette_score(z, fit.labels_, sample_size=min(LOOKED_AT, len(z)),
                                                       random_state=seed % 2**32) for fit in fits]))
    fit = fits[best]
    order = np.argsort(-np.bincount(fit.labels_, minlength=fit.n_clusters), kind="stable")
    return fit.cluster_centers_[order]


def classes(z: Array, outlying: NDArray[np.bool_], centres: Array) -> Index:
    """Cluster of each point, from 0; outliers are a class of their own, the last, (n,)."""
    nearest = ((z[:, None] - centres[None])**2).sum(axis=-1).argmin(axis=1)
    return np.where(outlying, len(centres), nearest)


def shares(labels: Index, n_classes: int) -> Array:
    """Populations by frame, (n_frames, n_classes), of labels (n_frames, M)."""
    return np.stack([np.bincount(each, minlength=n_classes) / len(each) for each in labels])


def confusion(first: Index, second: Index, n_classes: int) -> Array:
    """Shares of molecules that are in class k here and in l there, by frame, (n_frames, n_classes, n_classes)."""
    return np.stack([np.bincount(a * n_classes + b, minlength=n_classes**2).reshape(n_classes, n_classes) / len(a)
                     for a, b in zip(first, second)])


def mean_and_error(values: Array) -> tuple[Array, Array]:
    """Mean over frames (first axis) and its standard error, NaN for a single frame."""
    mean = values.mean(axis=0)
    if len(values) < 2:
        return mean, np.full_like(mean, np.nan)
    return mean, values.std(axis=0, ddof=1) / np.sqrt(len(values))
