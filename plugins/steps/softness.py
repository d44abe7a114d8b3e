"""How far beads of a model are to be trusted: sigma of p(r | R) ~ exp(-U / kT) N(M r; R, sigma^2), by bead type.

The likelihood of the beads, the integral of that over the atoms, is largest where <|M r - R|^2> = 3 sigma^2 in what
sigma itself samples. For atoms whose bead would fluctuate by w without the given one, and beads that are off by tau,

    <|M r - R|^2> / 3 = sigma^2 - sigma^4 (sigma^2 - tau^2) / (sigma^2 + w^2)^2,

exactly so for Gaussians: near the fixed point sigma = tau both sides differ by little, and iterating one into the other
would hardly get on. Both unknowns are fitted to all that was measured, and what is tried next is the fitted tau.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backmap.engine.hamiltonian.moves import Frame, HamiltonianMoves
from backmap.engine.sites.schedule import per_bead
from backmap.model import box as periodic
from backmap.model.system import System, Window

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FIRST = 0.03  #: nm; the sigma that is tried first
LEAST = 0.002  #: nm; beads that are off by less are met
WIDEST = 0.1  #: nm; the largest sigma
USUAL, SPREAD = 0.03, 1.0  #: of w, nm, before anything is known: a log-normal
SETTLE, MEASURE, TRIALS = 3, 4, 6  #: sweeps before a measurement, and of it; how many are made at most
WAIT = 10  #: sweeps before the fixed point is looked for anew, twice as many each time
FALLEN = 0.1  #: share by which it must have fallen to be looked for once more
NEAR, ROUGH = 0.04, 0.1  #: relative change of every sigma below which no more are tried; at most, if errors are larger
FARTHEST = 3.0  #: factor by which a trial differs from the one before at most
ENOUGH = 600  #: beads by which sigma is told in large frames, at least


def fixed_point(sigma: Sequence[float], found: Sequence[float], count: int, most: float) -> tuple[float, float]:
    """Where <|M r - R|^2> = 3 sigma^2, and the standard error of that.

    Args:
        sigma: That were tried, nm, (n,).
        found: <|M r - R|^2> / 3 of each, nm^2, (n,); 0 where no bead could tell.
        count: Beads that were measured.
        most: The largest that is asked for, nm.

    Returns:
        tau and the standard error of tau^2, nm and nm^2; 0 and infinity where nothing was told.
    """
    told = np.asarray(found) > 0
    s, e = np.square(sigma)[told], np.asarray(found)[told]
    if not len(e):
        return 0.0, np.inf
    from scipy.optimize import least_squares  # late: not every run asks

    error = np.sqrt(2 / (3 * count))  # relative, of a mean square of as many Gaussians

    def model(tau: float, w: float) -> Array:
        return s - s**2 * (s - tau**2) / (s + w**2)**2

    def off(x: Array) -> Array:
        tau, w = x[0], np.exp(x[1])
        return np.append((e - model(tau, w)) / (error * e), (x[1] - np.log(USUAL)) / SPREAD)

    limits = [0.0, np.log(1e-4)], [2 * most, np.log(1.0)]
    fits = [least_squares(off, [start, np.log(USUAL)], bounds=limits, x_scale=[0.01, 1.0])
            for start in (0.1 * most, 0.5 * most, most)]
    best = min(fits, key=lambda fit: fit.cost)
    tau, w = best.x[0], np.exp(best.x[1])
    weight = (s**2 / (s + w**2)**2 / (error * e))**2
    return float(tau), float(1 / np.sqrt(weight.sum()))


@dataclass
class SigmaTuner:
    """Frames of a pilot on which the sigma of each bead type is looked for.

    Attributes:
        moves: Of soft beads; their sigma is changed.
        window: The frames of the pilot.
        begun: Makes each of them ready for moves, by its place in the window.
        stuck: Beads of a frame at a place that moves cannot lead to where they belong, (B,): they tell nothing.
        name: First words of the names of random numbers: seed and step.
        progress: Told the share of the work that is done, 0 to 1.
        measured: What was found, for people.
        sweeps: How many were made.
        part: Beads that are measured, (B,): some of those that are tied to their molecules in large frames, else all.
    """

    moves: HamiltonianMoves
    window: Window
    begun: Callable[[int], Frame]
    stuck: Callable[[Frame, int], Mask]
    name: tuple[int, int]
    progress: Callable[[float], None]
    measured: list[dict[str, Any]] = field(default_factory=list)
    sweeps: int = 0
    part: Mask = field(init=False)

    def __post_init__(self) -> None:
        system = self.moves.system
        drawn = [kind for kind in system.types if not (kind.given or kind.untied)]
        self.names = sorted({name for kind in drawn for name in kind.bead_types})
        self.kinds = per_bead(system, [np.array([self.names.index(name) if kind in drawn else -1
                                                 for name in kind.bead_types]) for kind in system.types])
        self.part = part_of(system)
        self.free = any(kind.untied for kind in system.types)

    def found(self, at_most: int) -> tuple[dict[str, float] | None, str]:
        """The sigma of each bead type, nm, or None where all beads are met exactly; and what could not be reached.

        What a start bends passes for beads that are off, until moves have straightened it: the fixed point is looked
        for anew after more and more sweeps, until it no longer falls.

        Args:
            at_most: Sweeps, after which it is not looked for once more.
        """
        if not self.names:
            return None, ""
        sigma = np.full(len(self.names), FIRST)
        self._held(sigma)
        frames = [self.begun(place) for place in range(self.window.size)]
        tau, error = self._fixed(frames, sigma)
        wait, falling = WAIT, True
        while falling and not (met := tau**2 < np.maximum(2 * error, LEAST**2)).all():
            if self.sweeps + wait + SETTLE + MEASURE > at_most:
                break
            chosen = _chosen(tau, error)
            self._held(chosen)
            self._swept(frames, wait, self.part if self.free else None)
            before = tau
            tau, error = self._fixed(frames, chosen)
            falling, wait = bool((tau < (1 - FALLEN) * before).any()), 2 * wait
        met = tau**2 < np.maximum(2 * error, LEAST**2)
        if met.all():
            return None, ""
        final = {name: float(f"{value:.3g}") for name, value in zip(self.names, _chosen(tau, error), strict=True)}
        remarks = []
        spread = np.array([usual_of(self.window, name) for name in self.names])
        for limit, which in (("half of the spread of their bonds", (tau >= spread) & (tau < WIDEST)),
                             (f"{WIDEST:g} nm, to which sigma is held", tau >= WIDEST)):
            if (which & ~met).any():
                found = ", ".join(name for name, there in zip(self.names, which & ~met, strict=True) if there)
                remarks.append(f"beads of type {found} are off by more than {limit}: the atoms of this force field do "
                               "not lie as these beads do")
        if falling:
            remarks.append(f"sigma still fell after {at_most} sweeps (at_most): part of it is the start, not the beads")
        return final, "; ".join(remarks)

    def _fixed(self, frames: Sequence[Frame], sigma: Array) -> tuple[Array, Array]:
        """The fixed point tau of each bead type, nm, looked for from ``sigma``, and the standard error of tau^2."""
        tried: list[Array] = []
        spread: list[Array] = []
        for trial in range(TRIALS):
            self.progress(trial / TRIALS)
            self._held(sigma)
            tried.append(sigma)
            found, counts = self._measured(frames)
            spread.append(found)
            fits = [fixed_point([s[k] for s in tried], [e[k] for e in spread], int(counts[k]), WIDEST)
                    for k in range(len(self.names))]
            tau, error = np.array(fits).T
            lost = np.isinf(error)  # all of its beads are stuck: it is taken to be as others are
            if not lost.all():
                tau[lost], error[lost] = np.median(tau[~lost]), np.median(error[~lost])
            self.measured += [{"sweeps": self.sweeps, "type": name, "sigma": float(sigma[k]),
                               "off": float(np.sqrt(spread[-1][k])), "fixed_point": float(tau[k])}
                              for k, name in enumerate(self.names)]
            wanted = np.clip(np.minimum(tau, WIDEST), np.maximum(sigma / FARTHEST, LEAST), FARTHEST * sigma)
            known = (tau**2 < 2 * error) & (trial > 0)  # as good as none, as far as so few beads can tell
            near = np.clip(error / (2 * np.maximum(tau, LEAST)**2), NEAR, ROUGH)
            if (known | (np.abs(wanted / sigma - 1) < near)).all():
                break
            sigma = np.where(known, sigma, wanted)
        return tau, error

    def _held(self, sigma: Array) -> None:
        self.moves.soften(np.where(self.kinds >= 0, sigma[self.kinds], FIRST))

    def _swept(self, frames: Sequence[Frame], count: int, only: Mask | None) -> None:
        """So many sweeps over every frame, or some of its beads."""
        for _ in range(count):
            self.sweeps += 1
            for place, frame in enumerate(frames):
                self.moves.sweep(frame, (*self.name, "sigma", int(self.window.frames[place]), self.sweeps), only)

    def _measured(self, frames: Sequence[Frame]) -> tuple[Array, Array]:
        """<|M r - R|^2> / 3 of each bead type with the sigma of now, nm^2, and of how many beads that is."""
        self._swept(frames, SETTLE, self.part)
        total, counts = np.zeros((2, len(self.names)))
        there = (self.kinds >= 0) & self.part
        telling = [there & ~self.stuck(frame, place) for place, frame in enumerate(frames)]
        for _ in range(MEASURE):
            self._swept(frames, 1, self.part)
            for frame, told in zip(frames, telling):
                squares = (frame.residual[told]**2).sum(axis=1) / 3
                total += np.bincount(self.kinds[told], squares, minlength=len(self.names))
                counts += np.bincount(self.kinds[told], minlength=len(self.names))
        return total / np.maximum(counts, 1), np.maximum(counts / MEASURE, 1)


def _chosen(tau: Array, error: Array) -> Array:
    """The sigma of each bead type, nm, by its fixed point and the standard error of its square.

    A type that is met as far as its beads can tell may be so because they are few: it gets what they would not have
    shown, at most what the others are off by.
    """
    met = tau**2 < np.maximum(2 * error, LEAST**2)
    known = np.minimum(tau, WIDEST)
    others = np.median(known[~met]) if not met.all() else LEAST
    return np.clip(np.where(met, np.minimum(np.sqrt(2 * error), others), known), LEAST, WIDEST)


def part_of(system: System) -> Mask:
    """Beads of some of the molecules of each type that is tied to its beads, at even distances, (B,)."""
    beads = sum(count * kind.n_beads for kind, count in system.blocks if not (kind.given or kind.untied))
    every, found = max(1, beads // ENOUGH), np.zeros(system.n_beads, dtype=bool)
    for group in system.groups:
        if not (group.type.given or group.type.untied):
            found[group.beads[::every]] = True
    return found


def usual_of(window: Window, name: str) -> float:
    """From which sigma on a bead type is said to be off, nm: half of the spread (95 %) of the narrowest of its bonds.

    Bonds that the model keeps at one length, as those of rings, do not say how far it is to be trusted.
    """
    lengths: dict[tuple[str, ...], list[Array]] = {}
    for group in window.system.groups:
        kind = group.type
        for i, j in () if kind.given else kind.bead_bonds:
            if name in (pair := (*sorted((kind.bead_types[i], kind.bead_types[j])), kind.name))[:2]:
                for place in range(window.size):
                    step = window.beads[place, group.beads[:, i]] - window.beads[place, group.beads[:, j]]
                    away = periodic.minimum_image(step, window.box(place))
                    lengths.setdefault(pair, []).append(np.linalg.norm(away, axis=1))
    spreads = [2 * np.concatenate(each).std() for each in lengths.values()]
    return float(min([*(spread for spread in spreads if spread > 2 * LEAST), WIDEST]))
