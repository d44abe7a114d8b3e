"""How long chains of Y are in X's bottleneck: bonds of Y, weighted by how often X has the mass centres around them.

The weight is the ratio of both densities of all distances between the centres of successive groups, by a quadratic
logistic regression that has not seen the frame. In brackets the standard error over frames of Y.

    python length.py kg.trr fritz_kg.trr
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from yardstick import Melt, bonds


def around(melt: Melt, size: int, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of successive groups: distances of centres, the mean bond from one middle group to the next, nm, and frames."""
    n_frames, n_chains, n_beads, _ = melt.chains.shape
    n = n_beads // size
    centres = melt.chains[:, :, :n * size].reshape(n_frames, n_chains, n, size, 3).mean(axis=3)
    length = bonds(melt).reshape(n_frames, n_chains, -1)
    distances, means = [], []
    for first in range(n - groups + 1):
        points = centres[:, :, first:first + groups]
        distances.append(np.stack([np.linalg.norm(points[:, :, i] - points[:, :, j], axis=-1)
                                   for i in range(groups) for j in range(i)], axis=-1))
        start = (first + (groups - 2) // 2) * size
        means.append(length[:, :, start:start + size].mean(axis=-1))
    frame = np.broadcast_to(np.arange(n_frames)[:, None], (n_frames, n_chains))
    return (np.concatenate([each.reshape(-1, each.shape[-1]) for each in distances]),
            np.concatenate([each.ravel() for each in means]), np.tile(frame.ravel(), len(means)))


def main() -> None:
    """Read both files and print a line for each size of groups, and how many of them are seen."""
    x, y = (Melt.read(name, Path(path), 32) for name, path in zip("XY", sys.argv[1:3], strict=True))
    for size in (2, 4, 6):
        for groups in (2, 3, 4):
            (ours, _, frame_x), (theirs, length, frame_y) = around(x, size, groups), around(y, size, groups)
            model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(max_iter=300))
            of_x = np.arange(len(ours) + len(theirs)) < len(ours)
            share = cross_val_predict(model, np.concatenate([ours, theirs]), of_x, cv=GroupKFold(5),
                                      groups=np.concatenate([frame_x, len(x.time) + frame_y]),
                                      method="predict_proba")[~of_x, 1]
            weight = share / (1 - share)
            single = [np.average(length[frame_y == k], weights=weight[frame_y == k]) for k in np.unique(frame_y)]
            error = np.std(single, ddof=1) / np.sqrt(len(single)) / length.mean()
            change = np.average(length, weights=weight) / length.mean() - 1
            print(f"s = {size}, {groups} groups: {change:+.4f} ({error:.4f})")


if __name__ == "__main__":
    main()
