"""What became of proposals: accepted shares, changes of energy and free energies, by block, bead type and sweep."""
from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..model.parameters import BOLTZMANN
from .acceptance import Outcome


class Trials:
    """Sums over all frames of a run.

    Attributes:
        sweeps: How many there are; temperature: K.
        counts: By (block, bead type): proposals, accepted ones and the sum of changes of energy (kJ/mol) of every
            sweep, (sweeps, 3).
        weights: By (block, bead type): number, sum and sum of squares of free energies of sites, kJ/mol, and sites
            without any possible candidate, in the last sweep, (4,).
        costs: Change of each frame's energy by the projection at the end: number, sum and sum of squares.
    """

    def __init__(self, sweeps: int, temperature: float) -> None:
        self.sweeps, self.temperature = sweeps, temperature
        self.counts: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.weights: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.costs = np.zeros(3)

    def add(self, block: str, sweep: int, bead_types: NDArray[np.str_], outcome: Outcome) -> None:
        """Count the sites of a batch, whose bead types are (S,)."""
        for name in np.unique(bead_types).tolist():
            here = bead_types == name
            row = self.counts.setdefault((block, name), np.zeros((self.sweeps, 3)))
            row[sweep] += here.sum(), outcome.accepted[here].sum(), outcome.change[here].sum()
            if sweep == self.sweeps - 1:
                self._weigh((block, name), outcome.log_weight[here])

    def _weigh(self, key: tuple[str, str], log_weight: NDArray[np.float64]) -> None:
        possible = np.isfinite(log_weight).any(axis=1)
        mean = logsumexp(log_weight[possible], axis=1) - math.log(log_weight.shape[1])
        energy = -BOLTZMANN * self.temperature * mean
        sums = (possible.sum(), energy.sum(), (energy**2).sum(), (~possible).sum())
        self.weights[key] = self.weights.get(key, np.zeros(4)) + sums

    def projected(self, change: NDArray[np.float64]) -> None:
        """Note what the projection at the end changed the energy of each frame by, kJ/mol, (W,)."""
        self.costs += len(change), change.sum(), (change**2).sum()

    def table(self) -> Iterator[str]:
        """Lines for the user: one per block and bead type, first and last sweep and all of them."""
        if self.counts:
            yield (f"{'accepted of':<24}{'first sweep':>12}{'last sweep':>12}{'all sweeps':>12}"
                   f"{'energy per block, kJ/mol':>26}")
        for (block, name), rows in sorted(self.counts.items()):
            tried, accepted, energy = rows.T
            share = accepted / np.maximum(tried, 1)
            change = energy.sum() / max(tried[0], 1)
            yield (f"{block + ' of ' + name:<24}{share[0]:>12.1%}{share[-1]:>12.1%}"
                   f"{accepted.sum() / max(tried.sum(), 1):>12.1%}{change:>+26.2f}")
        n, total, square = self.costs
        if n:
            spread = math.sqrt(max(square / n - (total / n)**2, 0.0))
            yield f"projecting onto the beads changed the energy by {total / n:+.1f} +- {spread:.1f} kJ/mol per frame"

    def free_energies(self) -> list[dict[str, Any]]:
        """-kT ln <w> of every block and bead type, kJ/mol: its mean over sites and the standard error of that."""
        found = []
        for (block, name), (n, total, square, impossible) in sorted(self.weights.items()):
            if n:
                variance = max(square / n - (total / n)**2, 0.0) / max(n - 1, 1)
                found.append({"block": block, "bead_type": name, "mean": total / n, "error": math.sqrt(variance),
                              "sites": int(n), "impossible": int(impossible)})
        return found

    def memory(self) -> bytes:
        """Everything, so that an interrupted run goes on counting."""
        tables = [[[*key, value.tolist()] for key, value in known.items()] for known in (self.counts, self.weights)]
        return json.dumps([self.sweeps, self.temperature, *tables, self.costs.tolist()]).encode()

    @classmethod
    def recall(cls, memory: bytes) -> Trials:
        """What ``memory`` wrote."""
        sweeps, temperature, counts, weights, costs = json.loads(memory)
        trials = cls(sweeps, temperature)
        trials.counts = {(block, name): np.array(value) for block, name, value in counts}
        trials.weights = {(block, name): np.array(value) for block, name, value in weights}
        trials.costs = np.array(costs)
        return trials
