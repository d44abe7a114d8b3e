"""Slow processes of molecules: TICA and Markov models of their torsions, by the library deeptime.

Torsions enter as cosine and sine, so that nothing is cut where the circle begins. Both trajectories are sorted into the
same states: those of the reference, where there is one.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...environments.extra import imported
from .courses import PIECES, Estimate

Array = NDArray[np.float64]
Index = NDArray[np.int64]

PROCESSES = 3  #: that are told
STATES, PER_STATE = 100, 20  #: of a Markov model at most, and frames that each has on average at least
COMPONENTS = 4  #: of TICA, in which states are told apart
SAMPLE = 20_000  #: frames at most from which states are made
RESAMPLES = 50  #: of the pieces, for errors
LEAST = 1e-9  #: of variances and probabilities


@dataclass(frozen=True, eq=False)
class MarkovModel:
    """A Markov model.

    Attributes:
        states: Those that it is of, (s,).
        stationary: Probability of each, (s,).
        values: Eigenvalues after the first, the largest first, (k,).
        vectors: Right eigenvectors of these, (s, k).
    """

    states: Index
    stationary: Array
    values: Array
    vectors: Array


@dataclass(frozen=True)
class Process:
    """One of the slowest processes.

    Attributes:
        time: -lag / ln(eigenvalue), ps.
        component: The same of TICA's component of this number, ps.
        alike: Cosine of its eigenvector and the reference's, by the reference's stationary law; NaN without one.
    """

    time: Estimate
    component: float
    alike: float


class States:
    """States of molecules, made from courses of their torsions.

    Args:
        angles: Courses of single molecules, (n, t) each, radians.
        lag: Of TICA, in frames.
        seed: Of the centres.
    """

    def __init__(self, angles: Sequence[Array], lag: int, seed: int = 0) -> None:
        self.lag = lag
        clustering, decomposition = _deeptime("clustering", "decomposition")
        points = [_features(each) for each in angles]
        self._tica = decomposition.TICA(lagtime=lag, dim=None, var_cutoff=None, epsilon=LEAST, scaling=None)
        self._projection = self._tica.fit_fetch(points)
        seen = np.concatenate([self._projected(each) for each in points])
        count = int(np.clip(len(seen) // PER_STATE, 2, STATES))
        made = clustering.KMeans(count, fixed_seed=seed, n_jobs=1, max_iter=100)
        self._centres = made.fit_fetch(seen[::-(-len(seen) // SAMPLE)])
        self.count = count

    def of(self, angles: Array) -> Index:
        """The state in each frame of a course (n, t), (n,)."""
        return self._centres.transform(self._projected(_features(angles)), n_jobs=1).astype(np.int64)

    def components(self, angles: Sequence[Array], interval: float) -> Array:
        """Time scales of TICA's slowest components of these courses, ps, (PROCESSES,); NaN where there are none."""
        singular = type(self._tica)(lagtime=self.lag, epsilon=LEAST).fit_fetch([_features(x) for x in angles])
        return _times(singular.singular_values, self.lag * interval)

    def _projected(self, points: Array) -> Array:
        return np.ascontiguousarray(self._projection.transform(points)[:, :COMPONENTS])


def expect_installed() -> None:
    """Raise BackmapError if deeptime is not installed."""
    _deeptime("markov")


def _deeptime(*parts: str) -> list[ModuleType]:
    return imported("deeptime", *(f"deeptime.{name}" for name in parts), who="Markov models", extra="dynamics")


def _features(angles: Array) -> Array:
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def counted(course: Index, count: int, lag: int) -> Array:
    """Transitions of each piece of a course of states (n,) after a lag, (PIECES, count, count)."""
    found = np.zeros((PIECES, count, count))
    pairs = np.stack([course[:-lag], course[lag:]], axis=1)
    for piece, part in zip(found, np.array_split(pairs, PIECES), strict=True):
        np.add.at(piece, tuple(part.T), 1.0)
    return found


def modelled(counts: Array) -> MarkovModel | None:
    """The reversible Markov model of largest likelihood of transitions (s, s); None where fewer than two states go over
    into one another."""
    tools, msm = _deeptime("markov", "markov.msm")
    connected = tools.TransitionCountModel(counts).submodel_largest(connectivity_threshold=0.0, directed=True)
    if connected.n_states < 2:
        return None
    model: Any = msm.MaximumLikelihoodMSM(reversible=True).fit_from_counts(connected).fetch_model()
    k = min(PROCESSES, model.n_states - 1)
    return MarkovModel(np.asarray(connected.state_symbols), model.stationary_distribution,
                       model.eigenvalues(k + 1)[1:].real, model.eigenvectors_right(k + 1)[:, 1:].real)


def processes(states: States, angles: Sequence[Array], interval: float,
              reference: Sequence[Array] | None = None) -> list[Process]:
    """The slowest processes of molecules, in the order of their time scales.

    Args:
        states: That they are told by.
        angles: Courses of single molecules, (n, t) each, radians.
        interval: Between frames, ps.
        reference: The same of the reference.
    """
    pieces = np.concatenate([counted(states.of(each), states.count, states.lag) for each in angles])
    model = modelled(pieces.sum(axis=0))
    if model is None:
        return []
    known = None if reference is None else modelled(
        sum(counted(states.of(each), states.count, states.lag).sum(axis=0) for each in reference))
    lag, rng, resampled = states.lag * interval, np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        again = modelled(pieces[rng.integers(len(pieces), size=len(pieces))].sum(axis=0))
        resampled.append(np.full(PROCESSES, np.nan) if again is None else _times(again.values, lag))
    with np.errstate(invalid="ignore"):
        errors = np.array([np.std(each[np.isfinite(each)], ddof=1) if np.isfinite(each).sum() > RESAMPLES // 2
                           else np.nan for each in np.transpose(resampled)])
    times, along = _times(model.values, lag), states.components(angles, interval)
    return [Process(Estimate(float(times[k]), float(errors[k])), float(along[k]), alike(model, known, k))
            for k in range(len(model.values))]


def alike(model: MarkovModel, known: MarkovModel | None, number: int) -> float:
    """Cosine of an eigenvector and the other model's of this number, by the other's stationary law."""
    if known is None or number >= min(len(model.values), len(known.values)):
        return float("nan")
    both, mine, true = np.intersect1d(model.states, known.states, return_indices=True)
    if len(both) < 2:
        return float("nan")
    weight = known.stationary[true]
    one, other = model.vectors[mine, number], known.vectors[true, number]
    norm = np.sqrt((weight * one**2).sum() * (weight * other**2).sum())
    return float(abs((weight * one * other).sum()) / norm) if norm > 0 else float("nan")


def _times(values: Array, lag: float) -> Array:
    """-lag / ln(value), (PROCESSES,); NaN where a value is not between 0 and 1, or there is none."""
    found, known = np.full(PROCESSES, np.nan), np.asarray(values, dtype=np.float64)[:PROCESSES]
    fine = (known > LEAST) & (known < 1 - LEAST)
    found[:len(known)][fine] = -lag / np.log(known[fine])
    return found
