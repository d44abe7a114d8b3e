"""Kernels between molecules, made of the environments of their centres.

All begin with the covariance of two molecules, C_ij(a, b) = p(H_i^a) . p(H_j^b) (M. Stieffenhofer, PhD thesis, Mainz
2022, equation 5.1; nothing is centred), and are normalised: K(a, b) / sqrt(K(a, a) K(b, b)), 1 for a molecule with
itself. Regularised entropy match: S. De et al., Phys. Chem. Chem. Phys. 18, 13754 (2016).
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backmap.engine.compiling.compiled import compiled, part

Array = NDArray[np.float64]
Name = Literal["average", "rematch", "ordered", "environment"]

#: Row sums of the match are right to this share, and after so many rounds it is taken as it is.
TIGHT, ROUNDS = 1e-9, 10_000
#: Below this gamma, sums of exponentials are taken of logarithms.
SMALL = 0.01
#: Numbers in one block of covariances.
BLOCK = 4_000_000


@dataclass(frozen=True)
class MoleculeKernel:
    """A kernel between molecules of N centres each.

    Attributes:
        name: ``average``: the mean of C. ``rematch``: C where the environments match best, as far as ``gamma`` lets
            them; both are blind to the order of centres. ``ordered``: the mean of C_ii, along the molecule or against
            it, whichever is more. ``environment``: C^zeta of the one centre.
        gamma: Of the match: 0 is the best assignment, infinity the average.
        zeta: Exponent.
    """

    name: Name = "rematch"
    gamma: float = 0.1
    zeta: int = 2

    def of_itself(self, molecules: NDArray[np.float32]) -> Array:
        """Kernels before they are normalised, of each molecule (M, N, F) with itself, (M,)."""
        covariances = np.einsum("mif,mjf->mij", molecules, molecules, optimize=True).astype(np.float64)
        return _combined(self, covariances[None])[0]

    def between(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised kernels of molecules (M, N, F) and (L, N, F), (M, L)."""
        found = np.empty((len(first), len(second)), dtype=np.float32)
        for rows, covariances in _covariances(first, second):
            found[rows] = _combined(self, covariances)
        scale = np.sqrt(np.outer(self.of_itself(first), self.of_itself(second)))
        return (found / np.where(scale > 0, scale, 1.0)).astype(np.float32)


def distances(kernels: NDArray) -> Array:
    """D = sqrt(2 - 2 K) of normalised kernels."""
    return np.sqrt(np.maximum(2.0 - 2.0 * kernels.astype(np.float64), 0.0))


def _covariances(first: NDArray, second: NDArray) -> Iterator[tuple[slice, Array]]:
    """C of some molecules with all others, (m, L, N, N), and which these are."""
    count, n, features = first.shape
    others = second.reshape(-1, features).T
    step = max(1, BLOCK // max(1, n * others.shape[1]))
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        found = (first[rows].reshape(-1, features) @ others).reshape(-1, n, len(second), n)
        yield rows, found.transpose(0, 2, 1, 3).astype(np.float64)


def _combined(kernel: MoleculeKernel, covariances: Array) -> Array:
    """Kernels of covariances (m, L, N, N)."""
    if kernel.name == "environment":
        return covariances[..., 0, 0]**kernel.zeta
    if kernel.name == "average":
        return covariances.mean(axis=(2, 3))
    if kernel.name == "ordered":
        along = np.einsum("mlii->ml", covariances)
        return np.maximum(along, np.einsum("mlii->ml", covariances[..., ::-1])) / covariances.shape[2]
    flat = np.ascontiguousarray(covariances).reshape(-1, *covariances.shape[2:])
    return matched(flat, kernel.gamma).reshape(covariances.shape[:2])


def matched(covariances: Array, gamma: float) -> Array:
    """Tr(P^T C) of pairs of molecules (n, N, N), P the doubly stochastic match of least cost, (n,)."""
    if gamma < SMALL:
        return _matched_logarithms(np.ascontiguousarray(covariances), gamma)
    return _matched(np.ascontiguousarray(covariances), gamma)


@compiled(nogil=True)
def _matched(covariances: np.ndarray, gamma: float) -> np.ndarray:
    """Sinkhorn's iteration, u = (1/N) / (E v) and v = (1/N) / (E^T u), until row sums are 1/N."""
    count, n = covariances.shape[0], covariances.shape[1]
    found = np.empty(count)
    e, u, v, row, column = np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for k in range(count):
        for i in range(n):
            for j in range(n):
                e[i, j] = math.exp((covariances[k, i, j] - 1.0) / gamma)
        v[:] = 1.0
        u[:] = 0.0
        for _ in range(ROUNDS):
            off = 0.0
            column[:] = 0.0
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += e[i, j] * v[j]
                row[i] = total
                off = max(off, abs(u[i] * total * n - 1.0))
            if off < TIGHT:
                break
            for i in range(n):
                u[i] = 1.0 / (n * row[i])
                for j in range(n):
                    column[j] += e[i, j] * u[i]
            for j in range(n):
                v[j] = 1.0 / (n * column[j])
        total = 0.0
        for i in range(n):
            for j in range(n):
                total += u[i] * e[i, j] * v[j] * covariances[k, i, j]
        found[k] = total
    return found


@part(nogil=True)
def _log_sum(a, b):
    """log(exp(a) + exp(b)), -inf being nothing."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


@compiled(nogil=True)
def _matched_logarithms(covariances: np.ndarray, gamma: float) -> np.ndarray:
    """The same with log u and log v; gamma falls by steps to what it should be, each beginning where the last ended."""
    count, n = covariances.shape[0], covariances.shape[1]
    found, level = np.empty(count), -math.log(n)
    f, g, total = np.empty(n), np.empty(n), np.empty(n)
    for k in range(count):
        f[:] = 0.0
        g[:] = 0.0
        soft = SMALL
        while True:
            soft = max(soft, gamma)
            for _ in range(ROUNDS):
                off = 0.0
                for i in range(n):
                    s = -math.inf
                    for j in range(n):
                        s = _log_sum(s, (covariances[k, i, j] - 1.0 + g[j]) / soft)
                    off = max(off, abs(f[i] / soft + s - level))
                    f[i] = soft * (level - s)
                total[:] = -math.inf
                for i in range(n):
                    for j in range(n):
                        total[j] = _log_sum(total[j], (covariances[k, i, j] - 1.0 + f[i]) / soft)
                for j in range(n):
                    g[j] = soft * (level - total[j])
                if off < TIGHT:
                    break
            if soft <= gamma:
                break
            soft /= 2.0
        s = 0.0
        for i in range(n):
            for j in range(n):
                s += math.exp((covariances[k, i, j] - 1.0 + f[i] + g[j]) / gamma) * covariances[k, i, j]
        found[k] = s
    return found
