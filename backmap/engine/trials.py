"""What became of proposals: accepted shares, changes of energy and free energies, by block, bead type and sweep."""
from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..model.parameters import BOLTZMANN
from .acceptance import Outcome

#: Steps in which free energies of sites are counted for their quartiles, kJ/mol, and where counting ends.
RESOLUTION, FARTHEST = 0.05, 1e6


class Trials:
    """Sums over all frames of a run.

    Attributes:
        sweeps: How many there are; temperature: K.
        counts: By (block, bead type): proposals, accepted ones and the sum of changes of energy (kJ/mol) of every
            sweep, (sweeps, 3).
        weights: By (block, bead type): number, sum and sum of squares of free energies of sites, kJ/mol, and sites
            without any possible candidate, in the last sweep, (4,).
        levels: By (block, bead type): sites by free energy, in steps of ``RESOLUTION`` counted from 0.
        costs: Change of each frame's energy by the projection at the end: number, sum and sum of squares.
    """

    def __init__(self, sweeps: int, temperature: float) -> None:
        self.sweeps, self.temperature = sweeps, temperature
        self.counts: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.weights: dict[tuple[str, str], NDArray[np.float64]] = {}
        self.levels: dict[tuple[str, str], Counter[int]] = {}
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
        steps = np.rint(np.clip(energy, -FARTHEST, FARTHEST) / RESOLUTION).astype(np.int64)
        self.levels.setdefault(key, Counter()).update(steps.tolist())

    def projected(self, change: NDArray[np.float64]) -> None:
        """Note what the projection at the end changed the energy of each frame by, kJ/mol, (W,)."""
        self.costs += len(change), change.sum(), (change**2).sum()

    def acceptance(self) -> list[dict[str, Any]]:
        """Of every block and bead type: share accepted in the first, the last and all sweeps, how many were tried, and
        the change of energy of a block in all sweeps together, kJ/mol."""
        found = []
        for (block, name), rows in sorted(self.counts.items()):
            tried, accepted, energy = rows.T
            share = accepted / np.maximum(tried, 1)
            found.append({"block": block, "bead_type": name, "first": float(share[0]), "last": float(share[-1]),
                          "all": float(accepted.sum() / max(tried.sum(), 1)), "tried": int(tried.sum()),
                          "energy": float(energy.sum() / max(tried[0], 1))})
        return found

    def table(self) -> Iterator[str]:
        """Lines for the user: one per block and bead type, first and last sweep and all of them."""
        if self.counts:
            yield (f"{'accepted of':<24}{'first sweep':>12}{'last sweep':>12}{'all sweeps':>12}"
                   f"{'energy per block, kJ/mol':>26}")
        for row in self.acceptance():
            yield (f"{row['block'] + ' of ' + row['bead_type']:<24}{row['first']:>12.1%}{row['last']:>12.1%}"
                   f"{row['all']:>12.1%}{row['energy']:>+26.2f}")
        yield from self.cost()

    def cost(self) -> Iterator[str]:
        """What the projection at the end did, if there was one."""
        n, total, square = self.costs
        if n:
            spread = math.sqrt(max(square / n - (total / n)**2, 0.0))
            yield f"projecting onto the beads changed the energy by {total / n:+.1f} +- {spread:.1f} kJ/mol per frame"

    def free_energies(self) -> list[dict[str, Any]]:
        """-kT ln <w> of every block and bead type, kJ/mol: quartiles over sites, mean and the standard error of that.

        A few sites that are crowded by their surroundings have energies without bounds, and the mean is theirs; the
        median is that of a typical site. Sites without any possible candidate are counted and left out.
        """
        found = []
        for (block, name), (n, total, square, impossible) in sorted(self.weights.items()):
            if n:
                variance = max(square / n - (total / n)**2, 0.0) / max(n - 1, 1)
                lower, median, upper = self._quartiles((block, name))
                found.append({"block": block, "bead_type": name, "median": median, "lower": lower, "upper": upper,
                              "mean": total / n, "error": math.sqrt(variance), "sites": int(n),
                              "impossible": int(impossible)})
        return found

    def _quartiles(self, key: tuple[str, str]) -> list[float]:
        """Free energies that a quarter, a half and three quarters of the sites are below, to the resolution."""
        steps = np.array(sorted(self.levels[key]))
        below = np.cumsum([self.levels[key][step] for step in steps.tolist()])
        places = np.searchsorted(below, np.array([0.25, 0.5, 0.75]) * below[-1])
        return (steps[places] * RESOLUTION).tolist()

    def memory(self) -> bytes:
        """Everything, so that an interrupted run goes on counting."""
        tables = [[[*key, value.tolist()] for key, value in known.items()] for known in (self.counts, self.weights)]
        levels = [[*key, sorted(counter.items())] for key, counter in self.levels.items()]
        return json.dumps([self.sweeps, self.temperature, *tables, levels, self.costs.tolist()]).encode()

    @classmethod
    def recall(cls, memory: bytes) -> Trials:
        """What ``memory`` wrote."""
        sweeps, temperature, counts, weights, levels, costs = json.loads(memory)
        trials = cls(sweeps, temperature)
        trials.counts = {(block, name): np.array(value) for block, name, value in counts}
        trials.weights = {(block, name): np.array(value) for block, name, value in weights}
        trials.levels = {(block, name): Counter(dict(value)) for block, name, value in levels}
        trials.costs = np.array(costs)
        return trials
